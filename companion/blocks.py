"""The building blocks of the networks, each under one name, for networks of your own.

A block is a function from a tensor to a tensor: it adds its layers to the graph of a
functional model. ``name`` is the beginning of their names. The code of each stands in
the file of its paper, below ``companion.models``.

| Block | Made of | From |
|---|---|---|
| ``basic(x, filters, stride, name)`` | two 3x3, shortcut | ResNet |
| ``bottleneck(x, filters, stride, name)`` | 1x1, 3x3, 1x1, shortcut | ResNet |
| ``preactivated(x, filters, stride, name)`` | the same, normalized first | ResNet v2 |
| ``aggregated(x, filters, width, stride, cardinality, name)`` | groups | ResNeXt |
| ``inception(x, widths, name)`` | four branches | GoogLeNet |
| ``separable(x, filters, name)`` | depthwise 3x3, 1x1 | Xception |
| ``dense_block(x, layer, count, growth, name)`` | concatenations | DenseNet |
| ``transition(x, compression, name)`` | 1x1, average pooling | DenseNet |
| ``dense_basic``, ``dense_bottleneck`` | layers of a dense block | DenseNet |
| ``sk_unit(x, filters, stride, name)`` | bottleneck, two kernels | SKNet |
| ``fire(x, squeeze1x1, expand1x1, expand3x3, name)`` | squeeze, expand | SqueezeNet |
| ``depthwise_separable(x, filters, stride, name)`` | with ReLU6 | MobileNet v1 |
| ``inverted_residual(x, filters, expansion, stride, name)`` | linear | MobileNet v2 |
| ``excited_inverted_residual(x, size, expanded, ...)`` | with gates | MobileNet v3 |
| ``mbconv(x, expansion, size, stride, filters, drop_rate, name)`` | | EfficientNet |
| ``shuffle_unit(x, filters, groups, stride, name)`` | grouped 1x1 | ShuffleNet v1 |
| ``split_shuffle_unit(x, filters, stride, name)`` | channel split | ShuffleNet v2 |

>>> import keras
>>> from companion.blocks import inverted_residual
>>> image = keras.Input((32, 32, 16))
>>> x = inverted_residual(image, filters=24, expansion=6, stride=2, name="block1")
>>> x.shape
(None, 16, 16, 24)
"""

import importlib

BLOCKS = {  # name here: file and name below companion.models
    "aggregated": "resnext.aggregated",
    "basic": "resnet.basic",
    "bottleneck": "resnet.bottleneck",
    "dense_basic": "densenet.basic",
    "dense_block": "densenet.dense_block",
    "dense_bottleneck": "densenet.bottleneck",
    "depthwise_separable": "mobilenet_v1.depthwise_separable",
    "excited_inverted_residual": "mobilenet_v3.inverted_residual",
    "fire": "squeezenet.fire",
    "inception": "googlenet.inception",
    "inverted_residual": "mobilenet_v2.inverted_residual",
    "mbconv": "efficientnet.mbconv",
    "preactivated": "resnet_v2.bottleneck",
    "separable": "xception.separable",
    "shuffle_unit": "shufflenet_v1.shuffle_unit",
    "sk_unit": "sknet.sk_unit",
    "split_shuffle_unit": "shufflenet_v2.shuffle_unit",
    "transition": "densenet.transition",
}
__all__ = sorted(BLOCKS)


def __getattr__(name):
    if name not in BLOCKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file, function = BLOCKS[name].split(".")
    return getattr(importlib.import_module(f"companion.models.{file}"), function)


def __dir__():
    return __all__
