"""Inception-ResNet: Inception modules whose output is added to their input.

Szegedy, Ioffe, Vanhoucke, Alemi. *Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning.* AAAI 2017. arXiv 1602.07261, 2016.

A cheap Inception module ends in a 1x1 convolution that restores the width of the input,
so that the two can be added. Very wide networks "died" early in training; multiplying
the module's output by 0.1 to 0.3 before the addition prevented it. The residual
networks trained faster than Inception-v3 and v4 and ended about as accurate.

The paper's network without additions is in ``inception_v4.py``: it has other modules.

Inception-ResNet-v1 is built from the figures. Implementations that descend from a
network for faces add a sixth module C and a dense layer of 512 units.

Inception-ResNet-v2 is the network that the authors released with TensorFlow. It differs
from the figures, whose sizes do not fit together (they add 1154 channels to 1152, and
2048 to 2144):

- 10, 20 and 10 modules A, B and C instead of 5, 10 and 5.
- The stem of Inception-v3 and one of its modules, 320 channels, instead of Figure 3.
- No scale and no ReLU in the last module C, and a 1x1 to 1536 channels after it.

For both, the released code says what the paper leaves open: scales of 0.17, 0.10 and
0.20, a bias and no batch normalization in the last 1x1 of a module, and 1e-3 added to
the variance. Both were born in TensorFlow: "same" padding except where the figures
print V, and averages that leave the padding out.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, variant

SMALLEST_SIDE = 75  # leaves 7x7, 3x3 and 1x1 in the three kinds of modules


def conv_bn(x, filters, size, name, stride=1, padding="same"):
    """Convolution without bias, batch normalization, ReLU."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    x = BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def conv_bn_valid(x, filters, size, name, stride=1):
    """Without padding: V in the figures."""
    return conv_bn(x, filters, size, name, stride=stride, padding="valid")


def add_residual(x, branches, scale, name, relu=True):
    """x + scale * 1x1(branches), then ReLU (Figure 20)."""
    y = layers.Concatenate(name=f"{name}_concat")(branches)
    y = layers.Conv2D(x.shape[-1], 1, name=f"{name}_expand")(y)
    y = layers.Rescaling(scale, name=f"{name}_scale")(y)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y) if relu else y


def inception_a(x, widths, name, scale=0.17):
    """Module of the 35x35 maps (Figures 10 and 16)."""
    filters, widest = widths
    a = conv_bn(x, 32, 1, f"{name}_1x1")
    b = conv_bn(x, 32, 1, f"{name}_3x3_reduce")
    b = conv_bn(b, 32, 3, f"{name}_3x3")
    c = conv_bn(x, 32, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, filters, 3, f"{name}_double3x3_1")
    c = conv_bn(c, widest, 3, f"{name}_double3x3_2")
    return add_residual(x, [a, b, c], scale, name)


def inception_b(x, widths, name, scale=0.10):
    """Module of the 17x17 maps (Figures 11 and 17)."""
    filters1, reduce7, filters7, widest = widths
    a = conv_bn(x, filters1, 1, f"{name}_1x1")
    b = conv_bn(x, reduce7, 1, f"{name}_7x7_reduce")
    b = conv_bn(b, filters7, (1, 7), f"{name}_7x7_1")
    b = conv_bn(b, widest, (7, 1), f"{name}_7x7_2")
    return add_residual(x, [a, b], scale, name)


def inception_c(x, widths, name, scale=0.20, relu=True):
    """Module of the 8x8 maps (Figures 13 and 19)."""
    filters, widest = widths
    a = conv_bn(x, 192, 1, f"{name}_1x1")
    b = conv_bn(x, 192, 1, f"{name}_3x3_reduce")
    b = conv_bn(b, filters, (1, 3), f"{name}_3x3_1")
    b = conv_bn(b, widest, (3, 1), f"{name}_3x3_2")
    return add_residual(x, [a, b], scale, name, relu)


def last_inception_c(x, widths, name):
    """The last module of the released v2: neither scaled nor followed by ReLU."""
    return inception_c(x, widths, name, scale=1.0, relu=False)


def reduction_a(x, widths, name):
    """35x35 to 17x17 (Figure 7); widths are k, l, m and n of Table 1."""
    reduce, filters, last, single = widths
    a = conv_bn_valid(x, single, 3, f"{name}_3x3", stride=2)
    b = conv_bn(x, reduce, 1, f"{name}_double3x3_reduce")
    b = conv_bn(b, filters, 3, f"{name}_double3x3_1")
    b = conv_bn_valid(b, last, 3, f"{name}_double3x3_2", stride=2)
    c = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c])


def reduction_b(x, widths, name):
    """17x17 to 8x8 (Figures 12 and 18)."""
    first, second, filters, last = widths
    a = conv_bn(x, 256, 1, f"{name}_3x3a_reduce")
    a = conv_bn_valid(a, first, 3, f"{name}_3x3a", stride=2)
    b = conv_bn(x, 256, 1, f"{name}_3x3b_reduce")
    b = conv_bn_valid(b, second, 3, f"{name}_3x3b", stride=2)
    c = conv_bn(x, 256, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, filters, 3, f"{name}_double3x3_1")
    c = conv_bn_valid(c, last, 3, f"{name}_double3x3_2", stride=2)
    d = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c, d])


def last_convolution(x, filters, name):
    """1x1 before the average of the released v2."""
    return conv_bn(x, filters, 1, name)


def first_layers(x):
    """Six layers that both stems begin with: 299x299 to 71x71."""
    x = conv_bn_valid(x, 32, 3, "conv1", stride=2)
    x = conv_bn_valid(x, 32, 3, "conv2")
    x = conv_bn(x, 64, 3, "conv3")
    x = layers.MaxPooling2D(3, strides=2, name="pool3")(x)
    x = conv_bn_valid(x, 80, 1, "conv4")
    return conv_bn_valid(x, 192, 3, "conv5")


def stem_v1(x):
    """299x299 to 35x35 with 256 channels (Figure 14)."""
    return conv_bn_valid(first_layers(x), 256, 3, "conv6", stride=2)


def stem_v2(x):
    """299x299 to 35x35 with 320 channels: as Inception-v3, with one wider module."""
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(first_layers(x))
    a = conv_bn(x, 96, 1, "mixed_1x1")
    b = conv_bn(x, 48, 1, "mixed_5x5_reduce")
    b = conv_bn(b, 64, 5, "mixed_5x5")
    c = conv_bn(x, 64, 1, "mixed_double3x3_reduce")
    c = conv_bn(c, 96, 3, "mixed_double3x3_1")
    c = conv_bn(c, 96, 3, "mixed_double3x3_2")
    d = layers.AveragePooling2D(3, strides=1, padding="same", name="mixed_pool")(x)
    d = conv_bn(d, 64, 1, "mixed_pool_proj")
    return layers.Concatenate(name="mixed")([a, b, c, d])


TABLE_V1 = (  # name, block, how often, the widths that vary      Figure 15
    ("inception_a", inception_a, 5, (32, 32)),
    ("reduction_a", reduction_a, 1, (192, 192, 256, 384)),
    ("inception_b", inception_b, 10, (128, 128, 128, 128)),
    ("reduction_b", reduction_b, 1, (384, 256, 256, 256)),
    ("inception_c", inception_c, 5, (192, 192)),
)
TABLE_V2 = (  # the released network
    ("inception_a", inception_a, 10, (48, 64)),
    ("reduction_a", reduction_a, 1, (256, 256, 384, 384)),
    ("inception_b", inception_b, 20, (192, 128, 160, 192)),
    ("reduction_b", reduction_b, 1, (384, 288, 288, 320)),
    ("inception_c", inception_c, 9, (224, 256)),
    ("last_inception_c", last_inception_c, 1, (224, 256)),
    ("conv7", last_convolution, 1, 1536),
)


def InceptionResNet(
    stem,
    table,
    *,
    input_shape=(299, 299, 3),
    classes=1000,
    classifier_activation="softmax",
    name="inception_resnet",
):
    """A stem, the modules of a table, a classifier.

    Args:
        stem: ``stem_v1`` or ``stem_v2``.
        table: name, block, number of repetitions and widths of each row.
        input_shape: ``(height, width, channels)``, sides of 75 or more, or ``None``
            for images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 75 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a positive
            integer.

    Example:

    >>> table = [("inception_a", inception_a, 2, (32, 32))]
    >>> small = InceptionResNet(stem_v1, table, input_shape=(75, 75, 3), classes=7)
    >>> small.get_layer("inception_a2_relu").output.shape
    (None, 7, 7, 256)

    Reference: Szegedy et al., arXiv 1602.07261, Figures 7 and 10 to 19.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE
    )
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs)
    for row, block, count, widths in table:
        for number in range(1, count + 1):
            x = block(x, widths, row if count == 1 else f"{row}{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="average")(x)
        x = layers.Dropout(0.2, name="drop")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    InceptionResNet,
    params=22_756_328,
    macs=6_206_361_696,
    feature_map=(8, 8, 1792),
    source="pytorchcv 0.0.74 inceptionresnetv1 with five modules C, as in the paper, "
    "and the paper's classifier instead of its dense layer of 512 units",
)
def InceptionResNetV1(*, name="inception_resnet_v1", **options):
    """Inception-ResNet-v1: 5 + 10 + 5 modules, about the cost of Inception-v3.

    >>> model = InceptionResNetV1(input_shape=(75, 75, 3), classes=None)
    >>> model.get_layer("inception_b10_relu").output.shape
    (None, 3, 3, 896)
    >>> model.get_layer("inception_a1_scale").scale
    0.17

    Reference: Szegedy et al., arXiv 1602.07261, Figures 7 and 10 to 15.
    """
    return InceptionResNet(stem_v1, TABLE_V1, name=name, **options)


@variant(
    InceptionResNet,
    params=55_843_464,
    macs=13_155_794_016,
    feature_map=(8, 8, 1536),
    source="timm 1.0.31 inception_resnet_v2 and pytorchcv 0.0.74 inceptionresnetv2",
)
def InceptionResNetV2(*, name="inception_resnet_v2", **options):
    """Inception-ResNet-v2 as released: 10 + 20 + 10 modules and ``conv7``.

    >>> model = InceptionResNetV2(input_shape=(75, 75, 3), classes=None)
    >>> model.get_layer("last_inception_c_add").output.shape
    (None, 1, 1, 2080)

    Reference: Szegedy et al., arXiv 1602.07261, Section 3.2 and Figures 16 to 19.
    """
    return InceptionResNet(stem_v2, TABLE_V2, name=name, **options)
