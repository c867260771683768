"""SENet: every channel of a block is scaled by a gate that has seen the whole map.

Hu, Shen, Sun. *Squeeze-and-Excitation Networks.* CVPR 2018. arXiv 1709.01507, 2017.

A convolution sees a neighbourhood and treats all images alike. Squeeze and excitation
(``companion.layers.SqueezeExcite``) averages every channel over the map and computes
from the averages one factor per channel. The paper puts it at the end of the blocks of
other networks, unchanged otherwise: SE-ResNet-50 comes close to the accuracy of
ResNet-101, with 10 % more parameters and less than 0.1 % more multiply-adds than
ResNet-50. A larger network of this kind, SENet-154, won ImageNet in 2017.

Where the paper is silent, this file takes what the authors' released networks show:

- The stride of conv3_1, conv4_1 and conv5_1 is in the first 1x1 convolution of an
  SE-ResNet and in the 3x3 of an SE-ResNeXt and of SENet-154.
- The max poolings of stride 2 pad nothing and round the size up, as Caffe does. At
  even sizes this is Keras' "same"; ``resnet.py`` pads one zero on each side instead.
- Both dense layers of a gate have biases; no other layer but the classifier has.
- SE-BN-Inception has gates after all ten modules, also after the two that halve the
  map. Its average poolings count the zeros of the padding.
- Batch normalization adds 1e-5 to the variance and averages with momentum 0.9.
"""

import keras
from keras import layers

from companion.arguments import number
from companion.layers import BatchNormalization, GroupedConv2D, SqueezeExcite
from companion.models.registry import (
    check_arguments,
    check_block,
    check_counts,
    register,
    variant,
)


def conv_bn(x, filters, size, stride, name, groups=1):
    """Convolution, (size - 1) / 2 zeros on every side, and batch normalization."""
    if stride > 1 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    kind = GroupedConv2D if groups > 1 else layers.Conv2D
    x = kind(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def conv_bn_relu(x, filters, size, stride, name, groups=1):
    x = conv_bn(x, filters, size, stride, name, groups)
    return layers.ReLU(name=f"{name}_relu")(x)


def halving_pool(x, name):
    """3x3 windows, 2 apart; the size is rounded up."""
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


# Where the gates stand in a residual block (Section 6.5, Figure 5). All four functions
# take the input, a function for the residual branch and one for the shortcut.


def add_and_relu(y, x, name):
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def standard(x, branch, shortcut, name):
    """The gates scale the residual, then comes the addition: all networks below."""
    y = SqueezeExcite(ratio=16, name=f"{name}_se")(branch(x))
    return add_and_relu(y, shortcut(x), name)


def pre(x, branch, shortcut, name):
    """The gates scale what the branch sees."""
    y = branch(SqueezeExcite(ratio=16, name=f"{name}_se")(x))
    return add_and_relu(y, shortcut(x), name)


def post(x, branch, shortcut, name):
    """The gates scale the sum, and with it the shortcut: the paper's worst."""
    y = add_and_relu(branch(x), shortcut(x), name)
    return SqueezeExcite(ratio=16, name=f"{name}_se")(y)


def identity(x, branch, shortcut, name):
    """The gates scale the shortcut."""
    x, y = shortcut(x), branch(x)
    x = SqueezeExcite(ratio=16, name=f"{name}_se")(x)
    return add_and_relu(y, x, name)


# The blocks of SE-ResNet, SE-ResNeXt and SENet-154


def project(x, filters, size, stride, name):
    """The input, or a convolution of it where the shapes differ."""
    if stride == 1 and x.shape[-1] == filters:
        return x
    return conv_bn(x, filters, size, stride, f"{name}_shortcut")


def bottleneck(x, filters, stride, name, place):
    """ResNet: 1x1 to reduce, 3x3, 1x1 to restore."""
    filters, stride = check_block(x, filters=filters, stride=stride)

    def branch(x):
        y = conv_bn_relu(x, filters, 1, stride, f"{name}_1")
        y = conv_bn_relu(y, filters, 3, 1, f"{name}_2")
        return conv_bn(y, 4 * filters, 1, 1, f"{name}_3")

    def shortcut(x):
        return project(x, 4 * filters, 1, stride, name)

    return place(x, branch, shortcut, name)


def aggregated(x, filters, stride, name, place):
    """ResNeXt: twice as wide inside, the 3x3 in 32 groups."""
    filters, stride = check_block(x, filters=filters, stride=stride)

    def branch(x):
        y = conv_bn_relu(x, 2 * filters, 1, 1, f"{name}_1")
        y = conv_bn_relu(y, 2 * filters, 3, stride, f"{name}_2", groups=32)
        return conv_bn(y, 4 * filters, 1, 1, f"{name}_3")

    def shortcut(x):
        return project(x, 4 * filters, 1, stride, name)

    return place(x, branch, shortcut, name)


def aggregated_64(x, filters, stride, name, place):
    """SENet-154: a 3x3 in 64 groups, half of its width before it, 3x3 shortcuts."""
    filters, stride = check_block(x, filters=filters, stride=stride)

    def branch(x):
        y = conv_bn_relu(x, 2 * filters, 1, 1, f"{name}_1")
        y = conv_bn_relu(y, 4 * filters, 3, stride, f"{name}_2", groups=64)
        return conv_bn(y, 4 * filters, 1, 1, f"{name}_3")

    def shortcut(x):
        size = 1 if stride == 1 else 3
        return project(x, 4 * filters, size, stride, name)

    return place(x, branch, shortcut, name)


def stem(x):
    return conv_bn_relu(x, 64, 7, 2, "conv1")


def stem_of_three(x):
    """SENet-154: three 3x3 convolutions in the place of the 7x7."""
    x = conv_bn_relu(x, 64, 3, 2, "conv1_1")
    x = conv_bn_relu(x, 64, 3, 1, "conv1_2")
    return conv_bn_relu(x, 128, 3, 1, "conv1_3")


# The modules of SE-BN-Inception


def pool_and_project(x, pooling, filters, name):
    if pooling == "average":
        x = layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
        x = layers.AveragePooling2D(3, strides=1, name=f"{name}_pool")(x)
    else:
        x = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    return conv_bn_relu(x, filters, 1, 1, f"{name}_pool_proj")


def inception(x, widths, pooling, name):
    """Four branches, or three that halve the map; the gates scale all of them.

    ``pooling`` is that of the last branch: "average", "max", or "pass through" in a
    module that halves the map.
    """
    check_block(x)
    if pooling not in ("average", "max", "pass through"):
        raise ValueError(
            "`pooling` must be 'average', 'max' or 'pass through'. "
            f"Received: pooling={pooling!r}"
        )
    filters1, reduce3, filters3, reduce_double, filters_double, projection = widths
    stride = 2 if pooling == "pass through" else 1
    three = conv_bn_relu(x, reduce3, 1, 1, f"{name}_3x3_reduce")
    three = conv_bn_relu(three, filters3, 3, stride, f"{name}_3x3")
    double = conv_bn_relu(x, reduce_double, 1, 1, f"{name}_double3x3_reduce")
    double = conv_bn_relu(double, filters_double, 3, 1, f"{name}_double3x3_1")
    double = conv_bn_relu(double, filters_double, 3, stride, f"{name}_double3x3_2")
    if pooling == "pass through":
        branches = [three, double, halving_pool(x, f"{name}_pool")]
    else:
        one = conv_bn_relu(x, filters1, 1, 1, f"{name}_1x1")
        branches = [one, three, double, pool_and_project(x, pooling, projection, name)]
    x = layers.Concatenate(name=name)(branches)  # (b, h, w, sum of the branches)
    return SqueezeExcite(ratio=16, name=f"{name}_se")(x)


TABLE = {  # stem, block, blocks in conv2_x to conv5_x, dropout     Table 1, Appendix
    "SE-ResNet-50": (stem, bottleneck, (3, 4, 6, 3), 0.0),
    "SE-ResNet-101": (stem, bottleneck, (3, 4, 23, 3), 0.0),
    "SE-ResNet-152": (stem, bottleneck, (3, 8, 36, 3), 0.0),
    "SE-ResNeXt-50": (stem, aggregated, (3, 4, 6, 3), 0.0),
    "SE-ResNeXt-101": (stem, aggregated, (3, 4, 23, 3), 0.0),
    "SENet-154": (stem_of_three, aggregated_64, (3, 8, 36, 3), 0.2),
}
MODULES = (  # #1x1, #3x3 reduce, #3x3, double reduce, double #3x3, proj; the prototxt
    ("inception_3a", (64, 64, 64, 64, 96, 32), "average"),
    ("inception_3b", (64, 64, 96, 64, 96, 64), "average"),
    ("inception_3c", (0, 128, 160, 64, 96, 0), "pass through"),
    ("inception_4a", (224, 64, 96, 96, 128, 128), "average"),
    ("inception_4b", (192, 96, 128, 96, 128, 128), "average"),
    ("inception_4c", (160, 128, 160, 128, 160, 128), "average"),
    ("inception_4d", (96, 128, 192, 160, 192, 128), "average"),
    ("inception_4e", (0, 128, 192, 192, 256, 0), "pass through"),
    ("inception_5a", (352, 192, 320, 160, 224, 128), "average"),
    ("inception_5b", (352, 192, 320, 192, 224, 128), "max"),
)


def finish(inputs, x, dropout, classes, classifier_activation, name):
    """Global pooling and classifier, unless the feature map is wanted."""
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        if dropout:
            x = layers.Dropout(dropout, name="drop5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


def SENet(
    stem,
    block,
    counts,
    dropout,
    place=standard,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="senet",
):
    """Four stages of blocks, with the gates where ``place`` puts them.

    Args:
        stem: ``stem`` or ``stem_of_three``.
        block: ``bottleneck``, ``aggregated`` or ``aggregated_64``.
        counts: number of blocks in conv2_x, conv3_x, conv4_x and conv5_x.
        dropout: rate of the dropout before the classifier; 0 for none.
        place: ``standard``, ``pre``, ``post`` or ``identity``.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``counts`` is not a tuple of positive integers, if ``dropout`` is
            not in [0, 1), if ``input_shape`` is not a triple or has no fixed number of
            channels, or if ``classes`` is not a positive integer.

    Example:

    >>> small = SENet(stem, bottleneck, (1, 1, 1, 1), 0, input_shape=(32, 32, 3))
    >>> small.get_layer("conv5_1_se").output.shape
    (None, 1, 1, 2048)

    Reference: Hu et al., arXiv 1709.01507, Tables 1 and 2, Figure 3.
    """
    counts = check_counts(counts)
    number("dropout", dropout, least=0, below=1)
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = halving_pool(stem(inputs), "pool1")
    for stage, count in enumerate(counts, start=2):
        for index in range(1, count + 1):
            stride = 2 if index == 1 and stage > 2 else 1
            x = block(x, 2**stage * 16, stride, f"conv{stage}_{index}", place)
    return finish(inputs, x, dropout, classes, classifier_activation, name)


@variant(
    SENet,
    params=28_088_024,
    macs=3_860_488_192,
    feature_map=(7, 7, 2048),
    source="hujie-frank/SENet SE-ResNet-50.prototxt, timm 1.0.31 legacy_seresnet50 and "
    "pytorchcv 0.0.74 seresnet50 (paper, Table 2: 3.87 billion)",
)
def SEResNet50(*, name="se_resnet50", **options):
    """SE-ResNet-50: ``ResNet50`` with sixteen gates, 2,530,992 more parameters.

    >>> model = SEResNet50(classes=None)
    >>> gates = model.get_layer("conv5_3_se")  # 2 * 2048**2 / 16 weights, 2176 biases
    >>> gates.count_params(), model.output.shape
    (526464, (None, 7, 7, 2048))

    Reference: Hu et al., arXiv 1709.01507, Figure 3 and Table 1, middle.
    """
    return SENet(*TABLE["SE-ResNet-50"], name=name, **options)


@variant(
    SENet,
    params=49_326_872,
    macs=7_574_937_600,
    feature_map=(7, 7, 2048),
    source="timm 1.0.31 legacy_seresnet101 and pytorchcv 0.0.74 seresnet101",
)
def SEResNet101(*, name="se_resnet101", **options):
    """SE-ResNet-101: 23 instead of 6 blocks in conv4_x.

    >>> model = SEResNet101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_se").output.shape
    (None, 2, 2, 1024)
    """
    return SENet(*TABLE["SE-ResNet-101"], name=name, **options)


@variant(
    SENet,
    params=66_821_848,
    macs=11_288_993_792,
    feature_map=(7, 7, 2048),
    source="hujie-frank/SENet SE-ResNet-152.prototxt, timm 1.0.31 legacy_seresnet152 "
    "and pytorchcv 0.0.74 seresnet152",
)
def SEResNet152(*, name="se_resnet152", **options):
    """SE-ResNet-152: 8 blocks in conv3_x and 36 in conv4_x.

    >>> model = SEResNet152(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv3_8_se").output.shape
    (None, 4, 4, 512)
    """
    return SENet(*TABLE["SE-ResNet-152"], name=name, **options)


@variant(
    SENet,
    params=27_559_896,
    macs=4_232_994_816,
    feature_map=(7, 7, 2048),
    source="hujie-frank/SENet SE-ResNeXt-50.prototxt, timm 1.0.31 "
    "legacy_seresnext50_32x4d and pytorchcv 0.0.74 seresnext50_32x4d",
)
def SEResNeXt50(*, name="se_resnext50", **options):
    """SE-ResNeXt-50 (32x4d): ``ResNeXt50`` with sixteen gates.

    >>> model = SEResNeXt50(classes=None)
    >>> tuple(model.get_layer("conv2_1_2").kernel.shape)  # 128 filters see 4 channels
    (3, 3, 4, 128)
    >>> model.get_layer("conv2_1_se").output.shape
    (None, 56, 56, 256)

    Reference: Hu et al., arXiv 1709.01507, Table 1, right.
    """
    return SENet(*TABLE["SE-ResNeXt-50"], name=name, **options)


@variant(
    SENet,
    params=48_955_416,
    macs=7_974_739_968,
    feature_map=(7, 7, 2048),
    source="timm 1.0.31 legacy_seresnext101_32x4d and pytorchcv 0.0.74 "
    "seresnext101_32x4d",
)
def SEResNeXt101(*, name="se_resnext101", **options):
    """SE-ResNeXt-101 (32x4d).

    >>> model = SEResNeXt101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_se").output.shape
    (None, 2, 2, 1024)
    """
    return SENet(*TABLE["SE-ResNeXt-101"], name=name, **options)


@variant(
    SENet,
    params=115_088_984,
    macs=20_688_363_520,
    feature_map=(7, 7, 2048),
    source="timm 1.0.31 legacy_senet154 and pytorchcv 0.0.74 senet154",
)
def SENet154(*, name="senet154", **options):
    """SENet-154: the winner of 2017, an SE-ResNeXt-152 (64x4d) with other edges.

    The stem has three 3x3 convolutions, shortcuts that halve the map are 3x3, the first
    1x1 of a block has half the usual width, and dropout precedes the classifier.

    >>> model = SENet154(input_shape=(32, 32, 3), classes=None)
    >>> [model.get_layer(f"conv2_1_{i}").output.shape[-1] for i in (1, 2, 3)]
    [128, 256, 256]

    Reference: Hu et al., arXiv 1709.01507, Appendix.
    """
    return SENet(*TABLE["SENet-154"], name=name, **options)


@register(
    params=11_931_622,
    macs=2_033_239_424,
    feature_map=(7, 7, 1024),
    source="hujie-frank/SENet SE-BN-Inception.prototxt; pytorchcv 0.0.74 bninception "
    "without its biases, and 2 C**2 / 16 + C / 16 + C for its ten modules",
)
def SEInception(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="se_inception",
):
    """SE-BN-Inception: ``InceptionV2`` with ten gates, and without idle biases.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of 5b.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = SEInception(classes=None)
    >>> model.get_layer("inception_3c_se").output.shape
    (None, 14, 14, 576)
    >>> model.get_layer("inception_4e_se").output.shape
    (None, 7, 7, 1056)

    Reference: Hu et al., arXiv 1709.01507, Figure 2 and Table 2.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 64, 7, 2, "conv1")
    x = halving_pool(x, "pool1")
    x = conv_bn_relu(x, 64, 1, 1, "conv2_reduce")
    x = conv_bn_relu(x, 192, 3, 1, "conv2")
    x = halving_pool(x, "pool2")
    for row, widths, pooling in MODULES:
        x = inception(x, widths, pooling, row)
    return finish(inputs, x, 0.0, classes, classifier_activation, name)
