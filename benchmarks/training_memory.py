"""What does training keep in memory, and does the count predict it?

Small networks of 2 and of 6 equal blocks on maps of one size: a 3x3 convolution with
ReLU, with swish, without either, with batch normalization, with a shortcut. Linux tells
how much memory the process has, and has had at most:

- kept: after a forward pass under a tape, called layer by layer, while it waits for the
  backward pass;
- running: at most, in a compiled forward pass;
- training: at most, in a compiled step, whose order TensorFlow chooses.

Bytes an image are what 24 images more take, so that what does not depend on the batch
drops out.

    python benchmarks/training_memory.py            three minutes, Linux only
"""

import itertools
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
CALM = {  # memory goes back to the system as soon as it is freed
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_ARENA_MAX": "1",
}

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from measure import report  # noqa: E402

from companion.complexity import (  # noqa: E402
    complexity_table,
    inference_memory,
    training_memory,
)
from companion.layers import BatchNormalization  # noqa: E402

L = keras.layers
SIDE, WIDTH, DEPTHS = 128, 8, (2, 6)
BATCHES = 24, 48


def network(block, depth):
    x = image = keras.Input((SIDE, SIDE, 3))
    x = L.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
    for _ in range(depth):
        x = block(x)
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(image, L.Dense(10)(x))


def plain(activation):
    def block(x):
        return L.Conv2D(WIDTH, 3, padding="same", activation=activation)(x)

    return block


def normalized(x):
    x = L.Conv2D(WIDTH, 3, padding="same", use_bias=False)(x)
    return L.ReLU()(BatchNormalization()(x))


def residual(x):
    y = L.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
    y = L.Conv2D(WIDTH, 3, padding="same")(y)
    return L.ReLU()(L.Add()([x, y]))


BLOCKS = {
    "convolution alone": plain(None),
    "convolution, ReLU": plain("relu"),
    "convolution, swish": plain("silu"),
    "convolution, BN, ReLU": normalized,
    "residual block": residual,
}


def forward_of(model):
    return tf.function(lambda x, y: tf.reduce_sum(model(x, training=False)))


def step_of(model):
    """One step of gradient descent, compiled as Keras compiles it on a CPU."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(x, y):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        weights = model.trainable_variables
        gradients = tape.gradient(value, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(0.01 * gradient)
        return value

    return tf.function(step)


def status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")


def images(batch):
    x = tf.constant(np.ones((batch, SIDE, SIDE, 3), "float32"))
    return x, tf.constant(np.zeros(batch, "int32"))


def most_bytes(function, batch):
    """Bytes by which the process grows in one call at most, images included."""
    before = status("VmRSS")
    x, y = images(batch)
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest mark
    float(function(x, y))
    return status("VmHWM") - before


def kept_bytes(model, batch):
    """Bytes that wait for the backward pass, images included."""
    before = status("VmRSS")
    x, _ = images(batch)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(x, training=True))
    grown = status("VmRSS") - before
    tape.gradient(value, model.trainable_variables[-1:])
    return grown


def an_image(measure):
    """Bytes of one image more: the least of two calls on each batch."""
    least = []
    for batch in BATCHES:
        measure(batch)  # compiles
        least.append(min(measure(batch) for _ in range(2)))
    return (least[1] - least[0]) / (BATCHES[1] - BATCHES[0])


def main():
    if any(os.environ.get(name) != value for name, value in CALM.items()):
        os.environ.update(CALM)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    for name, depth in itertools.product(BLOCKS, DEPTHS):
        model = network(BLOCKS[name], depth)
        table = complexity_table(model)
        every_output = 1e6 * table["memory_MB"]["total"] - 4 * model.count_params()
        running, training = forward_of(model), step_of(model)
        counted = training_memory(model)
        measures = {
            "kept": (counted.kept, partial(kept_bytes, model)),
            "running": (
                inference_memory(model).maps,
                partial(most_bytes, running),
            ),
            "training": (counted.maps, partial(most_bytes, training)),
        }
        for quantity, (count, measure) in measures.items():
            rows.append(
                {
                    "block": name,
                    "depth": depth,
                    "quantity": quantity,
                    "every_output": round(every_output),
                    "counted": count,
                    "measured": an_image(measure),
                }
            )
            print(rows[-1], flush=True)
    report(
        "training_memory",
        "Bytes an image that wait for the backward pass, and that are held at most",
        rows,
        "python benchmarks/training_memory.py",
    )


if __name__ == "__main__":
    main()
