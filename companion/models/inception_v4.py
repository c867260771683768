"""Inception-v4: one module for all maps of a size, and no residual connection.

Szegedy, Ioffe, Vanhoucke, Alemi. *Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning.* AAAI 2017. arXiv 1602.07261, 2016.

Inception-v3 still had the irregular widths of a network that was split over several
machines. Here three modules, A, B and C, are repeated 4, 7 and 3 times, and the stem
too halves its maps by a convolution and a pooling side by side.

The paper compares this network with two whose modules are added to their input. They
are in ``inception_resnet.py``: they have modules of their own and a stem of their own,
and share no more than the shape of Reduction-A, so that each file reads alone.

Where this file differs from the paper, it is the network that the authors released
with TensorFlow, as timm and pytorchcv have it:

- The order of 1x7 and 7x1, or 1x3 and 3x1, is that of the released network. The figures
  show it the other way round in the stem and in the long branches of B and C.
- Batch normalization adds 1e-3 to the variance.

It was born in TensorFlow: "same" padding except where the figures print V, and averages
that leave the padding out.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 75  # leaves 7x7, 3x3 and 1x1 in the three kinds of modules


def conv_bn(x, filters, size, name, stride=1, padding="same"):
    """Convolution without bias, batch normalization, ReLU."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    x = BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def project_average(x, filters, name):
    """Average pooling, then 1x1: the first branch in Figures 4 to 6."""
    x = layers.AveragePooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    return conv_bn(x, filters, 1, f"{name}_pool_proj")


def stem(x):
    """299x299 to 35x35, with three concatenations (Figure 3)."""
    x = conv_bn(x, 32, 3, "conv1", stride=2, padding="valid")
    x = conv_bn(x, 32, 3, "conv2", padding="valid")
    x = conv_bn(x, 64, 3, "conv3")

    a = layers.MaxPooling2D(3, strides=2, name="stem1_pool")(x)
    b = conv_bn(x, 96, 3, "stem1_3x3", stride=2, padding="valid")
    x = layers.Concatenate(name="stem1")([a, b])

    a = conv_bn(x, 64, 1, "stem2_3x3_reduce")
    a = conv_bn(a, 96, 3, "stem2_3x3", padding="valid")
    b = conv_bn(x, 64, 1, "stem2_7x7_reduce")
    b = conv_bn(b, 64, (1, 7), "stem2_7x7_1")
    b = conv_bn(b, 64, (7, 1), "stem2_7x7_2")
    b = conv_bn(b, 96, 3, "stem2_7x7_3", padding="valid")
    x = layers.Concatenate(name="stem2")([a, b])

    a = conv_bn(x, 192, 3, "stem3_3x3", stride=2, padding="valid")
    b = layers.MaxPooling2D(3, strides=2, name="stem3_pool")(x)
    return layers.Concatenate(name="stem3")([a, b])


def inception_a(x, name):
    """Module of the 35x35 maps (Figure 4)."""
    a = conv_bn(x, 96, 1, f"{name}_1x1")
    b = conv_bn(x, 64, 1, f"{name}_3x3_reduce")
    b = conv_bn(b, 96, 3, f"{name}_3x3")
    c = conv_bn(x, 64, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, 96, 3, f"{name}_double3x3_1")
    c = conv_bn(c, 96, 3, f"{name}_double3x3_2")
    d = project_average(x, 96, name)
    return layers.Concatenate(name=name)([a, b, c, d])


def reduction_a(x, name):
    """35x35 to 17x17 (Figure 7; Table 1: k, l, m, n = 192, 224, 256, 384)."""
    a = conv_bn(x, 384, 3, f"{name}_3x3", stride=2, padding="valid")
    b = conv_bn(x, 192, 1, f"{name}_double3x3_reduce")
    b = conv_bn(b, 224, 3, f"{name}_double3x3_1")
    b = conv_bn(b, 256, 3, f"{name}_double3x3_2", stride=2, padding="valid")
    c = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c])


def inception_b(x, name):
    """Module of the 17x17 maps: 7x7 in one dimension after the other (Figure 5)."""
    a = conv_bn(x, 384, 1, f"{name}_1x1")
    b = conv_bn(x, 192, 1, f"{name}_7x7_reduce")
    b = conv_bn(b, 224, (1, 7), f"{name}_7x7_1")
    b = conv_bn(b, 256, (7, 1), f"{name}_7x7_2")
    c = conv_bn(x, 192, 1, f"{name}_double7x7_reduce")
    c = conv_bn(c, 192, (7, 1), f"{name}_double7x7_1")
    c = conv_bn(c, 224, (1, 7), f"{name}_double7x7_2")
    c = conv_bn(c, 224, (7, 1), f"{name}_double7x7_3")
    c = conv_bn(c, 256, (1, 7), f"{name}_double7x7_4")
    d = project_average(x, 128, name)
    return layers.Concatenate(name=name)([a, b, c, d])


def reduction_b(x, name):
    """17x17 to 8x8 (Figure 8)."""
    a = conv_bn(x, 192, 1, f"{name}_3x3_reduce")
    a = conv_bn(a, 192, 3, f"{name}_3x3", stride=2, padding="valid")
    b = conv_bn(x, 256, 1, f"{name}_7x7_reduce")
    b = conv_bn(b, 256, (1, 7), f"{name}_7x7_1")
    b = conv_bn(b, 320, (7, 1), f"{name}_7x7_2")
    b = conv_bn(b, 320, 3, f"{name}_7x7_3", stride=2, padding="valid")
    c = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c])


def inception_c(x, name):
    """Module of the 8x8 maps: branches that end in 1x3 and 3x1 (Figure 6)."""
    a = conv_bn(x, 256, 1, f"{name}_1x1")
    b = conv_bn(x, 384, 1, f"{name}_3x3_reduce")
    b1 = conv_bn(b, 256, (1, 3), f"{name}_3x3_1")
    b2 = conv_bn(b, 256, (3, 1), f"{name}_3x3_2")
    c = conv_bn(x, 384, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, 448, (3, 1), f"{name}_double3x3_1")
    c = conv_bn(c, 512, (1, 3), f"{name}_double3x3_2")
    c1 = conv_bn(c, 256, (1, 3), f"{name}_double3x3_3")
    c2 = conv_bn(c, 256, (3, 1), f"{name}_double3x3_4")
    d = project_average(x, 256, name)
    return layers.Concatenate(name=name)([a, b1, b2, c1, c2, d])


TABLE = (  # block, how often      Figure 9
    ("inception_a", inception_a, 4),
    ("reduction_a", reduction_a, 1),
    ("inception_b", inception_b, 7),
    ("reduction_b", reduction_b, 1),
    ("inception_c", inception_c, 3),
)


@register(
    params=42_679_816,
    macs=12_253_974_624,
    source="timm 1.0.31 inception_v4 and pytorchcv 0.0.74 inceptionv4",
)
def InceptionV4(
    *,
    input_shape=(299, 299, 3),
    classes=1000,
    classifier_activation="softmax",
    name="inception_v4",
):
    """Inception-v4: 4 + 7 + 3 modules that concatenate, none that adds.

    Args:
        input_shape: ``(height, width, channels)``, sides of 75 or more, or ``None``
            for images of any size.
        classes: length of the output; ``None`` stops at the feature map of the last
            module.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 299, 299, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 8, 8, 1536)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 75 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a positive
            integer.

    Example:

    >>> model = InceptionV4(input_shape=(75, 75, 3), classes=None)
    >>> model.get_layer("inception_b7").output.shape
    (None, 3, 3, 1024)
    >>> model.output.shape
    (None, 1, 1, 1536)

    Reference: Szegedy et al., arXiv 1602.07261, Figures 3 to 9.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE
    )
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs)
    for row, block, count in TABLE:
        for number in range(1, count + 1):
            x = block(x, row if count == 1 else f"{row}{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="average")(x)
        x = layers.Dropout(0.2, name="drop")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
