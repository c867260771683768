"""Which layers does this CPU compute, and for which does it wait for its memory?

One core. The two rates of the machine: products of two matrices, and copies and sums of
vectors that no cache holds. Then real layers, one at a time, forward, as a compiled
graph, on batches whose maps no cache holds either. Everything takes turns in every
round. Medians of processor time count: the turns of other programs do not, though they
share cache and memory.

A layer that writes a large map asks the system for memory, and gets it page by page,
filled with zeros. So everything runs twice: as it is (`seconds`), and in a process that
never gives memory back (`kept_seconds`), so that maps are written over old ones.

    python benchmarks/roofline.py            two minutes
    python benchmarks/roofline.py --quick    five rounds
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf
from measure import keep, machine

from companion.complexity import (
    arithmetic_intensity,
    bytes_moved,
    count_macs,
    count_operations,
    measure_latency,
)

L = keras.layers
SIDE = 2048  # of the square matrices
VALUES = 1 << 25  # in each vector: 134 MB


def image(side, channels):
    return (side, side, channels)


def conv(filters, size):
    return lambda: L.Conv2D(filters, size, padding="same", use_bias=False)


LAYERS = {  # name: (input of one image, batch, layer)
    "3×3, 64 ch, 112²": (image(112, 64), 8, conv(64, 3)),
    "3×3, 256 ch, 28²": (image(28, 256), 32, conv(256, 3)),
    "1×1, 512 ch, 28²": (image(28, 512), 32, conv(512, 1)),
    "1×1, 128 ch, 56²": (image(56, 128), 32, conv(128, 1)),
    "1×1, 32 ch, 112²": (image(112, 32), 32, conv(32, 1)),
    "1×1, 8 ch, 224²": (image(224, 8), 32, conv(8, 1)),
    "depthwise 3×3, 112²": (
        image(112, 64),
        16,
        lambda: L.DepthwiseConv2D(3, padding="same", use_bias=False),
    ),
    "depthwise 3×3, 28²": (
        image(28, 256),
        64,
        lambda: L.DepthwiseConv2D(3, padding="same", use_bias=False),
    ),
    "dense, batch 1": ((4096,), 1, lambda: L.Dense(4096, use_bias=False)),
    "dense, batch 32": ((4096,), 32, lambda: L.Dense(4096, use_bias=False)),
    "dense, batch 512": ((4096,), 512, lambda: L.Dense(4096, use_bias=False)),
    "max pool 2×2": (image(112, 64), 16, lambda: L.MaxPooling2D(2)),
    "global mean": (image(112, 64), 16, L.GlobalAveragePooling2D),
    "batch norm": (image(112, 64), 16, L.BatchNormalization),
    "ReLU": (image(112, 64), 16, L.ReLU),
}


def rates():
    """{name: (function, operations, bytes)} of what measures the machine."""
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.standard_normal((SIDE, SIDE)), "float32") for _ in range(2))
    product = tf.function(tf.matmul).get_concrete_function(a, b)
    x, y, z = (np.ones(VALUES, "float32") for _ in range(3))
    return {
        "matrix product": (lambda: product(a, b), 2 * SIDE**3, 12 * SIDE**2),
        "copy": (lambda: np.copyto(y, x), 0, 8 * VALUES),
        "sum of two vectors": (lambda: np.add(x, y, out=z), VALUES, 12 * VALUES),
    }


def network(name):
    shape, batch, make = LAYERS[name]
    start = keras.Input(shape)
    return keras.Model(start, make()(start)), batch


def forward(model, batch):
    x = np.random.default_rng(0).standard_normal((batch, *model.input_shape[1:]))
    x = tf.constant(x, "float32")
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(x)
    return lambda: graph(x)


KEEPS = {  # glibc: one heap, never mapped anew, never trimmed
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "MALLOC_ARENA_MAX": "1",
}


def measure(rounds):
    """{name: median, fastest and spread} of everything, in this process."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    functions = {name: function for name, (function, *_) in rates().items()}
    functions |= {name: forward(*network(name)) for name in LAYERS}
    times = measure_latency(
        functions, rounds=rounds, warm_up=2, clock=time.process_time
    )
    return {name: asdict(taken) for name, taken in times.items()}


def in_a_process(rounds, settings):
    command = [sys.executable, __file__, "--child", str(rounds)]
    environment = os.environ | settings
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="five rounds")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child)))
        return
    rounds = 5 if options.quick else 15
    times, kept = (in_a_process(rounds, settings) for settings in ({}, KEEPS))

    def row(name, **facts):
        taken = times[name]
        return (
            {"name": name}
            | facts
            | {
                "seconds": taken["median"],
                "spread": taken["spread"],
                "kept_seconds": kept[name]["median"],
                "kept_spread": kept[name]["spread"],
            }
        )

    networks = {name: network(name) for name in LAYERS}
    rows = [
        row(
            name,
            batch=batch,
            macs=batch * count_macs(model),
            operations=batch * count_operations(model),
            bytes=bytes_moved(model, batch_size=batch),
            intensity=arithmetic_intensity(model, batch_size=batch),
        )
        for name, (model, batch) in networks.items()
    ]
    record = {
        "question": "Layers on the roofline of one core, forward, single precision",
        "command": "python benchmarks/roofline.py",
        **machine(),
        "threads": 1,
        "clock": "processor time",
        "rounds": rounds,
        "rates": [
            row(name, operations=operations, bytes=moved)
            for name, (_, operations, moved) in rates().items()
        ],
        "rows": rows,
    }
    keep("roofline", record)
    for each in record["rates"] + rows:
        print(
            f"{each['name']:22} {1e3 * each['seconds']:8.2f} ms"
            f"  kept {1e3 * each['kept_seconds']:8.2f} ms"
            f"  {each['operations'] / each['kept_seconds'] / 1e9:7.1f} Gop/s"
            f"  {each['bytes'] / each['kept_seconds'] / 1e9:6.1f} GB/s"
            f"  spread {each['spread']:.2f} {each['kept_spread']:.2f}"
        )


if __name__ == "__main__":
    main()
