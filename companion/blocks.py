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
>>> image = keras.Input((32, 32, 16))
>>> x = inverted_residual(image, filters=24, expansion=6, stride=2, name="block1")
>>> x.shape
(None, 16, 16, 24)
"""

from companion.models.densenet import basic as dense_basic
from companion.models.densenet import bottleneck as dense_bottleneck
from companion.models.densenet import dense_block, transition
from companion.models.efficientnet import mbconv
from companion.models.googlenet import inception
from companion.models.mobilenet_v1 import depthwise_separable
from companion.models.mobilenet_v2 import inverted_residual
from companion.models.mobilenet_v3 import inverted_residual as excited_inverted_residual
from companion.models.resnet import basic, bottleneck
from companion.models.resnet_v2 import bottleneck as preactivated
from companion.models.resnext import aggregated
from companion.models.shufflenet_v1 import shuffle_unit
from companion.models.shufflenet_v2 import shuffle_unit as split_shuffle_unit
from companion.models.sknet import sk_unit
from companion.models.squeezenet import fire
from companion.models.xception import separable

__all__ = [
    "aggregated",
    "basic",
    "bottleneck",
    "dense_basic",
    "dense_block",
    "dense_bottleneck",
    "depthwise_separable",
    "excited_inverted_residual",
    "fire",
    "inception",
    "inverted_residual",
    "mbconv",
    "preactivated",
    "separable",
    "shuffle_unit",
    "sk_unit",
    "split_shuffle_unit",
    "transition",
]
