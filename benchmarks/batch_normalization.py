"""What does the fused `BatchNormalization` take off a training step on a CPU?

The layer alone, forward and backward, and whole training steps of networks built once
with Keras' layer and once with ours. All contestants take turns; milliseconds.

    python benchmarks/batch_normalization.py            three minutes
    python benchmarks/batch_normalization.py --quick    the layer and MobileNetV2
"""

import argparse
from unittest import mock

import keras
import numpy as np
from measure import fastest, report

import companion
from companion.layers import BatchNormalization

try:
    import torch
except ImportError:
    torch = None

LAYERS = {  # batch, height, width, channels
    "32 x 28 x 28 x 256": (32, 28, 28, 256),
    "32 x 7 x 7 x 512": (32, 7, 7, 512),
    "8 x 112 x 112 x 32": (8, 112, 112, 32),
}
NETWORKS = {  # companion.models.<file>.<name>
    "MobileNetV2": "mobilenet_v2",
    "ResNet50": "resnet",
}
BATCH, SIDE = 8, 224


def layer_step(kind, x):
    import tensorflow as tf

    layer = kind()
    layer.build(x.shape)
    x = tf.constant(x)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(layer(x, training=True)))
        return tape.gradient(loss, [x, layer.gamma, layer.beta])

    return lambda: [gradient.numpy() for gradient in step()]


def torch_layer_step(x):
    layer = torch.nn.BatchNorm2d(x.shape[-1])
    x = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()

    def step():
        loss = layer(x).square().sum()
        return torch.autograd.grad(loss, [x, *layer.parameters()])

    return step


def network_step(name, kind):
    """One step of SGD on random images."""
    module = getattr(companion.models, NETWORKS[name])
    with mock.patch.object(module, "BatchNormalization", kind):
        model = getattr(module, name)(input_shape=(SIDE, SIDE, 3))
    assert any(type(layer) is kind for layer in model.layers)
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    images = np.random.default_rng(0).random((BATCH, SIDE, SIDE, 3), "float32")
    labels = np.arange(BATCH)
    return lambda: model.train_on_batch(images, labels)


def compare(what, batch, theirs, ours, rounds, third=None):
    steps = [theirs, ours] + [third] * (third is not None)
    best = [1000 * time for time in fastest(steps, rounds)]
    row = {"what": what, "batch": batch, "Keras": best[0], "ours": best[1]}
    row["torch"] = best[2] if third else None
    row["ours / Keras"] = best[1] / best[0]
    print(f"{what}: {row['ours / Keras']:.2f}", flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, one network")
    quick = parser.parse_args().quick
    rows = []
    for what, shape in LAYERS.items():
        x = np.random.default_rng(0).standard_normal(shape).astype("float32")
        steps = [
            layer_step(kind, x)
            for kind in (keras.layers.BatchNormalization, BatchNormalization)
        ]
        third = torch_layer_step(x) if torch else None
        rows.append(compare(what, shape[0], *steps, 5 if quick else 20, third))
    for name in list(NETWORKS)[: 1 if quick else None]:
        steps = [
            network_step(name, kind)
            for kind in (keras.layers.BatchNormalization, BatchNormalization)
        ]
        rows.append(compare(name, BATCH, *steps, 2 if quick else 10))
    report(
        "batch_normalization",
        "Batch normalization: forward + backward, and training steps, milliseconds",
        rows,
        "python benchmarks/batch_normalization.py",
    )


if __name__ == "__main__":
    main()
