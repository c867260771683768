"""MobileNetV2: narrow maps between wide blocks, and shortcuts from narrow to narrow.

Sandler, Howard, Zhu, Zhmoginov, Chen. *MobileNetV2: Inverted Residuals and Linear
Bottlenecks.* CVPR 2018. arXiv 1801.04381.

ReLU loses information where there are few channels, and little where there are many.
So a block expands its input sixfold, filters it depthwise there, and projects it back
without an activation: a linear bottleneck. The shortcut joins the narrow ends, the
inverse of ResNet's block, and only the narrow maps need to be kept in memory.

Where the paper is silent, this file does what the released TensorFlow code does
(tensorflow/models, slim/nets/mobilenet), and keras.applications too:

- TensorFlow's padding "same": in a layer of stride 2 on an even side, one zero on the
  right and the bottom only. torchvision has a zero on every side: other values.
- Widths are rounded to multiples of 8, by ``make_divisible``.
- Normalization adds 1e-3 to the variance. Its moving averages have momentum 0.99, as
  the paper on MobileNetV3 says; the released code has 0.997, Keras 0.999.

The paper trains with dropout and gives no rate (Section 3.3); the released code drops
20 % of the numbers before ``fc``. This file, as keras.applications, has no dropout.
"""

import keras
from keras import layers

from companion import arguments
from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, check_block, register

TABLE = (  # expansion, channels, blocks, stride of the first      Table 2: t, c, n, s
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def bn(x, name):
    return BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)


def conv_bn(x, filters, size, stride, name):
    """Convolution and normalization; linear where nothing follows."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return bn(x, name)


def conv_bn_relu6(x, filters, size, stride, name):
    x = conv_bn(x, filters, size, stride, name)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def depthwise_bn_relu6(x, stride, name):
    """One 3x3 filter for each channel; nothing is mixed."""
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(bn(x, name))


def inverted_residual(x, filters, expansion, stride, name):
    """Expand, filter, project; a shortcut where the shapes agree (Table 1, Figure 4).

    An expansion of 1 needs no layer: the first block filters its input as it is.
    """
    filters, expansion, stride = check_block(
        x, filters=filters, expansion=expansion, stride=stride
    )
    y = x
    if expansion > 1:
        y = conv_bn_relu6(y, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    y = depthwise_bn_relu6(y, stride, f"{name}_depthwise")
    y = conv_bn(y, filters, 1, 1, f"{name}_project")
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add(name=f"{name}_add")([y, x])
    return y


def make_divisible(channels, divisor=8):
    """The nearest multiple of 8, or the next one above if that takes over 10 % away.

    >>> [make_divisible(channels) for channels in (3, 12, 33.6, 18)]
    [8, 16, 32, 24]
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


@register(
    params=3_504_872,
    macs=300_774_272,
    receptive_field=491,
    source="counts: keras.applications MobileNetV2 (Keras 3.15), torchvision 0.28 "
    "mobilenet_v2 and timm 1.0.31 mobilenetv2_100 (paper, Table 4: 3.4 and 300 "
    "million); field: measured on timm's network",
)
def MobileNetV2(
    *,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    rows=TABLE,
    name="mobilenet_v2",
):
    """MobileNetV2: 17 inverted residuals, ten of them with a shortcut.

    Args:
        width: width multiplier, a positive number: every layer has this many times
            the channels. As in the paper, widths below 1 do not shrink the last
            convolution of 1280 channels. Published are 0.35, 0.5, 0.75, 1, 1.3, 1.4.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv2.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        rows: expansion, channels, number of blocks and stride of the first, for
            networks of one's own; by default those of Table 2.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1280)``.

    Raises:
        ValueError: if ``width`` is not a positive number; if ``input_shape`` is not a
            triple or has no fixed number of channels; if ``classes`` is neither
            ``None`` nor a positive integer.

    Example:

    >>> model = MobileNetV2(classes=None)
    >>> model.get_layer("block3_1_expand").output.shape
    (None, 56, 56, 144)
    >>> model.get_layer("block3_1_project").output.shape
    (None, 28, 28, 32)

    Reference: Sandler et al., arXiv 1801.04381, Tables 1 and 2, Section 6.1.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    arguments.number("width", width, above=0)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu6(inputs, make_divisible(32 * width), 3, 2, "conv1")
    for row, (expansion, channels, count, first_stride) in enumerate(rows, start=1):
        filters = make_divisible(channels * width)
        for number in range(1, count + 1):
            stride = first_stride if number == 1 else 1
            x = inverted_residual(x, filters, expansion, stride, f"block{row}_{number}")
    x = conv_bn_relu6(x, make_divisible(1280 * max(1, width)), 1, 1, "conv2")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
