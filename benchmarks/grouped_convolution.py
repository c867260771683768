"""How much faster does `GroupedConv2D` train on a CPU than `Conv2D(groups=g)`?

Forward and backward in one compiled function of the backend, both layers in turn in
every round, the fastest round of each. Only the ratios travel to other machines.

    python benchmarks/grouped_convolution.py           batches 1 and 32, five minutes
    python benchmarks/grouped_convolution.py --quick   batch 1, half a minute

`KERAS_BACKEND=jax` measures JAX; `--xla` lets TensorFlow compile with XLA.
"""

import argparse
import os
import platform
import time

import keras
import numpy as np
from keras import ops

from companion.layers import GroupedConv2D

SHAPES = {  # layer: (height and width, channels, filters, kernel, groups)
    "AlexNet conv2": (27, 96, 256, 5, 2),
    "AlexNet conv4": (13, 384, 384, 3, 2),
    "ResNeXt-50 stage 1": (56, 128, 128, 3, 32),
    "ShuffleNet v1 240 > 60": (28, 240, 60, 1, 3),
    "ShuffleNet v1 480 > 120": (14, 480, 120, 1, 3),
    "ShuffleNet v1 96 > 384": (28, 96, 384, 1, 8),
}

PATIENCE = 20  # seconds after which a row starts no further round


def training_function(layer, xla):
    """`(x, weights) -> gradients` of the sum of squares of the output, compiled."""

    def loss(x, weights):
        y, _ = layer.stateless_call(weights, [], x)
        return ops.sum(ops.square(y))

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.grad(loss, (0, 1)))
    import tensorflow as tf

    @tf.function(jit_compile=xla)
    def gradients(x, weights):
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            value = loss(x, weights)
        return tape.gradient(value, [x, weights])

    return gradients


def seconds(function, x, weights):
    start = time.perf_counter()
    d_x, d_weights = function(x, weights)
    for gradient in (d_x, *d_weights):
        ops.convert_to_numpy(gradient)
    return time.perf_counter() - start


def measure(shape, batch, rounds, xla):
    """Fastest seconds of Keras' layer and of ours, on the same numbers."""
    size, channels, filters, kernel, groups = shape
    generator = np.random.default_rng(0)
    x = generator.standard_normal((batch, size, size, channels)).astype("float32")
    x = ops.convert_to_tensor(x)
    functions, values = [], None
    for kind in (keras.layers.Conv2D, GroupedConv2D):
        layer = kind(filters, kernel, groups=groups, padding="same")
        layer.build(x.shape)
        values = values or [ops.convert_to_tensor(w) for w in layer.get_weights()]
        functions.append(training_function(layer, xla))
        seconds(functions[-1], x, values)  # compiles
    times, end = [], time.perf_counter() + PATIENCE
    while len(times) < rounds and (not times or time.perf_counter() < end):
        times.append([seconds(function, x, values) for function in functions])
    return np.min(times, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="batch 1")
    parser.add_argument("--xla", action="store_true", help="jit_compile=True")
    arguments = parser.parse_args()
    batches, rounds = ((1,), 5) if arguments.quick else ((1, 32), 10)

    backend = keras.backend.backend()
    version = __import__(backend).__version__
    how = f"{backend} {version}{', XLA' if arguments.xla else ''}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python", end=" ")
    print(f"{platform.python_version()}, Keras {keras.__version__}, {how}")
    print(
        f"Forward + backward, milliseconds, fastest of up to {rounds} rounds in turn\n"
    )
    print(
        f"{'layer':<24} {'batch':>5} {'Conv2D':>9} {'GroupedConv2D':>14} {'ratio':>7}"
    )
    for batch in batches:
        for name, shape in SHAPES.items():
            theirs, ours = 1000 * measure(shape, batch, rounds, arguments.xla)
            row = f"{name:<24} {batch:>5} {theirs:>9.1f} {ours:>14.2f}"
            print(f"{row} {theirs / ours:>7.1f}", flush=True)


if __name__ == "__main__":
    main()
