"""How fast does `GroupedConv2D` train on a CPU, against `Conv2D(groups=g)` and others?

Forward and backward in one compiled function, every contestant in turn in every round,
the fastest round of each, milliseconds. The contestants: Keras' `Conv2D(groups=g)`;
`split`, one ordinary convolution a group; `einsum`, one batched matrix product (1x1
only); PyTorch with channels last, where it is installed.

    python benchmarks/grouped_convolution.py             batches 1 and 32, ten minutes
    python benchmarks/grouped_convolution.py --quick     batch 1, half a minute

`KERAS_BACKEND=jax` measures JAX; `--xla` lets TensorFlow compile with XLA.
"""

import argparse

import keras
import numpy as np
from keras import ops
from measure import fastest, report

from companion.layers import GroupedConv2D

try:
    import torch
except ImportError:
    torch = None

SHAPES = {  # layer: (height and width, channels, filters, kernel, groups)
    "AlexNet conv2": (27, 96, 256, 5, 2),
    "AlexNet conv4": (13, 384, 384, 3, 2),
    "ResNeXt-50 stage 1": (56, 128, 128, 3, 32),
    "ResNeXt-50 stage 4": (7, 1024, 1024, 3, 32),
    "ShuffleNet v1 240 > 60": (28, 240, 60, 1, 3),
    "ShuffleNet v1 480 > 120": (14, 480, 120, 1, 3),
    "ShuffleNet v1 96 > 384": (28, 96, 384, 1, 8),
}


def split(x, kernel, groups):
    pairs = zip(ops.split(x, groups, -1), ops.split(kernel, groups, -1), strict=True)
    return ops.concatenate([ops.conv(a, b, padding="same") for a, b in pairs], -1)


def einsum(x, kernel, groups):
    batch, height, width, channels = x.shape
    x = ops.reshape(x, (batch, height, width, groups, channels // groups))
    kernel = ops.reshape(kernel, (channels // groups, groups, -1))
    return ops.reshape(
        ops.einsum("bhwgc,cgf->bhwgf", x, kernel), (batch, height, width, -1)
    )


def keras_layer(kind, arguments, shape):
    layer = kind(**arguments)
    layer.build(shape)
    return lambda x, w, b: layer.stateless_call([w, b], [], x)[0]


def contestants(shape, filters, kernel, groups):
    """Functions of input, kernel and bias."""
    arguments = {"filters": filters, "kernel_size": kernel, "groups": groups}
    arguments["padding"] = "same"
    yield "Conv2D", keras_layer(keras.layers.Conv2D, arguments, shape)
    yield "GroupedConv2D", keras_layer(GroupedConv2D, arguments, shape)
    yield "split", lambda x, w, b: split(x, w, groups) + b
    if kernel == 1:
        yield "einsum", lambda x, w, b: einsum(x, w, groups) + b


def training_step(forward, arrays, xla):
    """A compiled function of no arguments: loss and all gradients, waited for."""

    def loss(x, w, b):
        return ops.sum(ops.square(forward(x, w, b)))

    tensors = [ops.convert_to_tensor(array) for array in arrays]
    if keras.backend.backend() == "jax":
        import jax

        gradients = jax.jit(jax.grad(loss, (0, 1, 2)))
        return lambda: jax.block_until_ready(gradients(*tensors))
    import tensorflow as tf

    @tf.function(jit_compile=xla)
    def gradients(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = loss(*tensors)
        return tape.gradient(value, tensors)

    return lambda: [gradient.numpy() for gradient in gradients(*tensors)]


def torch_step(arrays, groups):
    """The same in PyTorch, channels last."""
    x, w, b = map(torch.from_numpy, arrays)
    x = x.permute(0, 3, 1, 2)
    w = w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    tensors = [tensor.detach().requires_grad_() for tensor in (x, w, b)]

    def step():
        y = torch.nn.functional.conv2d(*tensors, padding="same", groups=groups)
        return torch.autograd.grad(y.square().sum(), tensors)

    return step


def measure(name, batch, rounds, xla):
    size, channels, filters, kernel, groups = SHAPES[name]
    draw = np.random.default_rng(0).standard_normal
    arrays = [
        draw(shape).astype("float32")
        for shape in (
            (batch, size, size, channels),
            (kernel, kernel, channels // groups, filters),
            (filters,),
        )
    ]
    steps = {
        who: training_step(forward, arrays, xla)
        for who, forward in contestants(arrays[0].shape, filters, kernel, groups)
    }
    if torch:
        steps["torch"] = torch_step(arrays, groups)
    best = dict(zip(steps, fastest(list(steps.values()), rounds, 20), strict=True))
    ours = best["GroupedConv2D"]
    row = {"layer": name, "batch": batch}
    for who in ("Conv2D", "GroupedConv2D", "split", "einsum", "torch"):
        row[who] = 1000 * best[who] if who in best else None
    row["Conv2D / ours"] = best["Conv2D"] / ours
    plain = min(best[who] for who in ("split", "einsum") if who in best)
    row["ours / best plain"] = ours / plain
    row["ours / torch"] = ours / best["torch"] if torch else None
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="batch 1, five rounds")
    parser.add_argument("--xla", action="store_true", help="jit_compile=True")
    arguments = parser.parse_args()
    batches, rounds = ((1,), 5) if arguments.quick else ((1, 32), 10)
    how = keras.backend.backend() + "_xla" * arguments.xla
    rows = []
    for batch in batches:
        for name in SHAPES:
            rows.append(measure(name, batch, rounds, arguments.xla))
            print(f"{name}, batch {batch}: {rows[-1]['Conv2D / ours']:.1f}", flush=True)
    report(
        f"grouped_convolution_{how}",
        f"Grouped convolution, forward + backward on {how}, milliseconds",
        rows,
        f"python benchmarks/grouped_convolution.py{' --xla' * arguments.xla}",
    )


if __name__ == "__main__":
    main()
