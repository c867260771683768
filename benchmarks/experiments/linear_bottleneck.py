"""Does a ReLU6 in the bottleneck hurt, and where should the shortcut be?

Section 6.4 of Sandler et al., arXiv 1801.04381, in miniature: a MobileNetV2 of seven
blocks learns 4000 pictures of Fashion-MNIST. Its bottlenecks are linear or end in
ReLU6; its shortcuts join the bottlenecks, the expansions, or are missing. Two widths of
the bottlenecks, three seeds. A network of MobileNetV1's blocks stands beside them, for
its depthwise kernels.

    python benchmarks/experiments/linear_bottleneck.py       five minutes of one core

writes `companion/results/linear_bottleneck.json`: one row for each training.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from companion import data
from companion.complexity import count_macs, count_params
from companion.models import mobilenet_v1
from companion.models.mobilenet_v2 import conv_bn, conv_bn_relu6, depthwise_bn_relu6
from companion.results import FOLDER

FILE = FOLDER / "linear_bottleneck.json"


def block(x, filters, stride, bottleneck, shortcut, wide, name):
    """The narrow output, and the wide map after the depthwise layer."""
    channels = x.shape[-1]
    y = conv_bn_relu6(x, 6 * channels, 1, 1, f"{name}_expand")
    y = depthwise_bn_relu6(y, stride, f"{name}_depthwise")
    if shortcut == "expansions" and wide is not None and wide.shape == y.shape:
        y = layers.Add(name=f"{name}_add")([y, wide])
    wide = y
    y = conv_bn(y, filters, 1, 1, f"{name}_project")
    if bottleneck == "ReLU6":
        y = layers.ReLU(6.0, name=f"{name}_project_relu")(y)
    if shortcut == "bottlenecks" and stride == 1 and channels == filters:
        y = layers.Add(name=f"{name}_add")([y, x])
    return y, wide


def network(bottleneck, shortcut, narrow):
    image = keras.Input((28, 28, 1))
    x, wide = conv_bn_relu6(image, narrow, 3, 2, "conv1"), None
    rows = [(1, 2), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (2, 1)]
    for number, (times, stride) in enumerate(rows, start=1):
        filters = times * narrow
        x, wide = block(
            x, filters, stride, bottleneck, shortcut, wide, f"block{number}"
        )
    x = conv_bn_relu6(x, 96, 1, 1, "conv2")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


def separable():
    """MobileNetV1's blocks, which have no shortcut and no linear layer."""
    rows = ((1, 32), (2, 64), (1, 64), (1, 64), (2, 128), (1, 128))
    return mobilenet_v1.MobileNetV1(
        rows=rows, input_shape=(28, 28, 1), classes=10, classifier_activation=None
    )


def dead_kernels(net):
    """The share of depthwise kernels a hundred times smaller than the largest."""
    norms = [
        np.linalg.norm(keras.ops.convert_to_numpy(layer.kernel), axis=(0, 1)).ravel()
        for layer in net.layers
        if isinstance(layer, layers.DepthwiseConv2D)
    ]
    return float(np.mean(np.concatenate([n < n.max() / 100 for n in norms])))


def train(net, x, y, epochs, decay):
    for layer in net.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9
    rate = keras.optimizers.schedules.CosineDecay(0.01, epochs * len(x) // 100)
    net.compile(
        keras.optimizers.AdamW(rate, weight_decay=decay),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    net.fit(x, y, 100, epochs, verbose=0)


def accuracy(net, x, y):
    guesses = net.predict(x, batch_size=500, verbose=0).argmax(1)
    return round(float(np.mean(guesses == y)), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=4000, test=1000)
    mean, scale = clothes.x_train.mean(), clothes.x_train.std()
    x_train, x_test = ((x - mean) / scale for x in (clothes.x_train, clothes.x_test))
    tasks = [
        (bottleneck, shortcut, narrow, 0.0)
        for narrow in (4, 8)
        for shortcut in ("none", "bottlenecks", "expansions")
        for bottleneck in ("linear", "ReLU6")
    ]
    tasks += [("MobileNetV1", "none", 0, decay) for decay in (0.0, 0.1)]
    rows = []
    for bottleneck, shortcut, narrow, decay in tasks:
        for seed in range(chosen.seeds):
            keras.utils.set_random_seed(seed)
            if bottleneck == "MobileNetV1":
                net = separable()
            else:
                net = network(bottleneck, shortcut, narrow)
            row = {"bottleneck": bottleneck, "shortcut": shortcut, "narrow": narrow}
            row |= {"decay": decay, "seed": seed}
            row |= {"params": count_params(net), "macs": count_macs(net)}
            train(net, x_train, clothes.y_train, chosen.epochs, decay)
            row["training"] = accuracy(net, x_train, clothes.y_train)
            row["test"] = accuracy(net, x_test, clothes.y_test)
            row["dead_kernels"] = round(dead_kernels(net), 4)
            rows.append(row)
            print(row, flush=True)
            keras.utils.clear_session()
    record = {
        "question": "Linear bottlenecks against ReLU6, and three kinds of shortcuts",
        "command": "python benchmarks/experiments/linear_bottleneck.py "
        f"--epochs {chosen.epochs} --seeds {chosen.seeds}",
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "images": "Fashion-MNIST, 4000 for training and 1000 for testing",
        "rows": rows,
    }
    chosen.write.write_text(json.dumps(record, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
