"""Does a ReLU6 in the bottleneck hurt, and where should the shortcut be?

Section 6.4 of Sandler et al., arXiv 1801.04381, in miniature: a MobileNetV2 of seven
blocks learns 4000 pictures of Fashion-MNIST. Its bottlenecks are linear or end in
ReLU6; its shortcuts join the bottlenecks, the expansions, or are missing. Two widths of
the bottlenecks, three seeds. Without shortcuts bottlenecks of 4 channels end in ReLU
and in leaky ReLU too: the first has no ceiling, the second can be inverted. A network
of MobileNetV1's blocks stands beside them, for its depthwise kernels.

    python benchmarks/experiments/linear_bottleneck.py       five minutes of one core

writes `companion/results/linear_bottleneck.json`: one row for each training.
"""

import functools

import keras
import numpy as np
from keras import layers
from miniature import (
    accuracy,
    clothes,
    finish,
    options,
    quick_averages,
    record,
    train_to_zero,
)

from companion.complexity import count_macs, count_params
from companion.models import mobilenet_v1
from companion.models.mobilenet_v2 import conv_bn, conv_bn_relu6, depthwise_bn_relu6

BENDS = {"ReLU6": {"max_value": 6}, "ReLU": {}, "leaky": {"negative_slope": 0.1}}


def block(x, filters, stride, bottleneck, shortcut, wide, name):
    """The narrow output, and the wide map after the depthwise layer."""
    channels = x.shape[-1]
    y = conv_bn_relu6(x, 6 * channels, 1, 1, f"{name}_expand")
    y = depthwise_bn_relu6(y, stride, f"{name}_depthwise")
    if shortcut == "expansions" and wide is not None and wide.shape == y.shape:
        y = layers.Add(name=f"{name}_add")([y, wide])
    wide = y
    y = conv_bn(y, filters, 1, 1, f"{name}_project")
    if bottleneck != "linear":
        y = layers.ReLU(**BENDS[bottleneck], name=f"{name}_project_relu")(y)
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


def main():
    chosen = options(__doc__, epochs=5, seeds=3)
    (x, y), test = clothes(train=4000, test=1000)

    def train(bottleneck, shortcut, narrow, decay, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        if bottleneck == "MobileNetV1":
            net = separable()
        else:
            net = network(bottleneck, shortcut, narrow)
        adam = functools.partial(keras.optimizers.AdamW, weight_decay=decay)
        train_to_zero(
            quick_averages(net), x, y, chosen.epochs, rate=0.01, optimizer=adam
        )
        return {
            "bottleneck": bottleneck,
            "shortcut": shortcut,
            "narrow": narrow,
            "decay": decay,
            "seed": seed,
            "params": count_params(net),
            "macs": count_macs(net),
            "training": accuracy(net, x, y),
            "test": accuracy(net, *test),
            "dead_kernels": round(dead_kernels(net), 4),
        }

    networks = [
        (bottleneck, shortcut, narrow, 0.0)
        for narrow in (4, 8)
        for shortcut in ("none", "bottlenecks", "expansions")
        for bottleneck in ("linear", "ReLU6")
    ]
    networks += [("MobileNetV1", "none", 0, decay) for decay in (0.0, 0.1)]
    networks += [(bottleneck, "none", 4, 0.0) for bottleneck in ("ReLU", "leaky")]
    tasks = [(*network, seed) for network in networks for seed in range(chosen.seeds)]
    record(
        chosen,
        question="Linear bottlenecks against bent ones, and three kinds of shortcuts",
        images="Fashion-MNIST, 4000 for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
