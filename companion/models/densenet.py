"""DenseNet: every layer reads what all layers before it have written.

Huang, Liu, van der Maaten, Weinberger. *Densely Connected Convolutional Networks.*
CVPR 2017. arXiv 1608.06993, 2016.

Where ResNet adds, DenseNet concatenates: a layer writes k new channels, the growth
rate, beside all that it has read, so nothing is computed twice and k can be small. A
block of L layers has L (L + 1) / 2 connections. Between two blocks a transition halves
the sides. "B" are 1x1 bottlenecks before the 3x3 convolutions, "C" is compression: the
transition keeps only a part theta of the channels.

Where the paper is silent, or implementations differ from it:

- The max pooling of the ImageNet networks pads one zero on each side. The released
  Caffe networks round the size up instead: maps of 57x57, 8 % more multiply-adds.
- The networks for CIFAR without bottlenecks start with 16 filters (Section 3): so the
  parameters are those of Table 2. The authors' code has 2 k for all, as the paper has
  for "BC".
- Dropout of 0.2, used in Table 2 without data augmentation only, is left out.
- No convolution has a bias. Normalization adds 1e-5 to the variance and averages with
  momentum 0.9, as in torch; keras.applications adds 1.001e-5.
"""

import keras
from keras import layers

from companion import arguments
from companion.layers import BatchNormalization
from companion.models.registry import (
    check_arguments,
    check_block,
    check_counts,
    variant,
)


def convolution(x, filters, size, stride, name):
    """Convolution without bias, (size - 1) / 2 zeros on every side."""
    if stride > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def bn_relu(x, name):
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def bn_relu_conv(x, filters, size, name):
    """Normalization and ReLU come first: every reader of x scales it its own way."""
    return convolution(bn_relu(x, name), filters, size, 1, name)


def basic(x, growth, name):
    """A layer of the first DenseNets: a 3x3 convolution of k filters."""
    check_block(x, growth=growth)
    return bn_relu_conv(x, growth, 3, name)


def bottleneck(x, growth, name):
    """A layer of DenseNet-B: a 1x1 convolution of 4 k filters, then a 3x3 of k."""
    check_block(x, growth=growth)
    y = bn_relu_conv(x, 4 * growth, 1, f"{name}_1")
    return bn_relu_conv(y, growth, 3, f"{name}_2")


def dense_block(x, layer, count, growth, name):
    """Each layer adds k channels to all those before it.

    Args:
        x: what enters the block, ``(batch, height, width, k0)``.
        layer: ``basic`` or ``bottleneck``.
        count: number of layers.
        growth: the growth rate k.
        name: prefix of the names of the layers.

    Shapes:
        ``(batch, height, width, k0)`` to ``(batch, height, width, k0 + count * k)``.

    Raises:
        ValueError: if ``count`` or ``growth`` is not a positive integer.

    Example:

    >>> x = keras.Input((8, 8, 24))
    >>> dense_block(x, bottleneck, count=3, growth=12, name="block").shape
    (None, 8, 8, 60)
    """
    count, growth = check_block(x, count=count, growth=growth)
    for number in range(1, count + 1):
        y = layer(x, growth, f"{name}_{number}")  # (b, h, w, k)
        x = layers.Concatenate(name=f"{name}_{number}_concat")([x, y])
    return x


def transition(x, compression, name):
    """A 1x1 convolution keeps theta of the channels, 2x2 averages halve the sides.

    Args:
        x: what a block leaves, ``(batch, height, width, channels)``.
        compression: theta, at most 1; the product is rounded down, to 1 or more.
        name: prefix of the names of the layers.

    Shapes:
        ``(batch, height, width, channels)`` to
        ``(batch, height / 2, width / 2, theta * channels)``.

    Raises:
        ValueError: if ``compression`` is above 1 or leaves no channel.

    Example:

    >>> transition(keras.Input((8, 8, 60)), compression=0.5, name="transition").shape
    (None, 4, 4, 30)
    """
    check_block(x)
    channels = x.shape[-1]
    arguments.number("compression", compression, least=1 / channels, most=1)
    x = bn_relu_conv(x, int(compression * channels), 1, name)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)


def imagenet_stem(x, filters):
    """7x7 convolution and 3x3 pooling, both of stride 2, as in ResNet."""
    x = convolution(x, filters, 7, 2, "conv1")
    x = bn_relu(x, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1")(x)


def cifar_stem(x, filters):
    """One 3x3 convolution; its normalization is that of the first layers."""
    return convolution(x, filters, 3, 1, "conv1")


TABLE = {  # stem, its filters, layer, layers in each block, k, theta   Tables 1 and 2
    "121": (imagenet_stem, 64, bottleneck, (6, 12, 24, 16), 32, 0.5),
    "161": (imagenet_stem, 96, bottleneck, (6, 12, 36, 24), 48, 0.5),
    "169": (imagenet_stem, 64, bottleneck, (6, 12, 32, 32), 32, 0.5),
    "201": (imagenet_stem, 64, bottleneck, (6, 12, 48, 32), 32, 0.5),
    "264": (imagenet_stem, 64, bottleneck, (6, 12, 64, 48), 32, 0.5),
    "L=40 k=12": (cifar_stem, 16, basic, (12, 12, 12), 12, 1.0),
    "L=100 k=12": (cifar_stem, 16, basic, (32, 32, 32), 12, 1.0),
    "L=100 k=24": (cifar_stem, 16, basic, (32, 32, 32), 24, 1.0),
    "C L=40 k=12": (cifar_stem, 24, basic, (12, 12, 12), 12, 0.5),
    "BC L=100 k=12": (cifar_stem, 24, bottleneck, (16, 16, 16), 12, 0.5),
    "BC L=250 k=24": (cifar_stem, 48, bottleneck, (41, 41, 41), 24, 0.5),
    "BC L=190 k=40": (cifar_stem, 80, bottleneck, (31, 31, 31), 40, 0.5),
}


def DenseNet(
    stem,
    filters,
    layer,
    counts,
    growth,
    compression,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet",
):
    """Stem, dense blocks with transitions between them, classifier.

    Args:
        stem: ``imagenet_stem`` or ``cifar_stem``.
        filters: number of channels that the stem makes.
        layer: ``basic`` or ``bottleneck``.
        counts: number of layers in each block.
        growth: the growth rate k, the channels that a layer adds.
        compression: theta, the part of the channels that a transition keeps.
        input_shape: ``(height, width, channels)``. Sides are 29 or more with the stem
            and the four blocks for ImageNet, 4 or more with those for CIFAR; a side
            may be ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if a number is not positive, ``compression`` is above 1, or
            ``input_shape`` is not a triple, has too short a side or no fixed number of
            channels.

    Example:

    >>> small = DenseNet(cifar_stem, 8, basic, (2, 2), 4, 0.5, input_shape=(32, 32, 3))
    >>> [small.get_layer(f"block{i}_2_concat").output.shape[-1] for i in (1, 2)]
    [16, 16]

    Reference: Huang et al., arXiv 1608.06993, Section 3, Table 1 for ImageNet and
    Table 2 for CIFAR.
    """
    counts = check_counts(counts)
    smallest_side = 2 ** (len(counts) - 1)  # each transition halves it
    if stem is imagenet_stem:
        smallest_side = 4 * smallest_side - 3  # halved twice, rounded up
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=smallest_side
    )
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs, filters)
    for block, count in enumerate(counts, start=1):
        if block > 1:
            x = transition(x, compression, f"transition{block - 1}")
        x = dense_block(x, layer, count, growth, f"block{block}")
    x = bn_relu(x, "last")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    DenseNet,
    params=7_978_856,
    macs=2_834_161_664,
    receptive_field=2071,
    feature_map=(7, 7, 1024),
    source="counts: torchvision 0.28 densenet121, pytorchcv 0.0.74 densenet121 and "
    "keras.applications DenseNet121; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet121(*, name="densenet121", **options):
    """DenseNet-121: 58 bottleneck layers in four blocks, k = 32.

    >>> model = DenseNet121(classes=None)
    >>> model.get_layer("block1_6_concat").output.shape
    (None, 56, 56, 256)
    >>> model.get_layer("transition1_pool").output.shape
    (None, 28, 28, 128)
    """
    return DenseNet(*TABLE["121"], name=name, **options)


@variant(
    DenseNet,
    params=28_681_000,
    macs=7_727_907_072,
    receptive_field=2967,
    feature_map=(7, 7, 2208),
    source="counts: torchvision 0.28 densenet161 and pytorchcv 0.0.74 densenet161; "
    "field: measured on torchvision's DenseNet of these blocks",
)
def DenseNet161(*, name="densenet161", **options):
    """DenseNet-161: wider than the others, k = 48.

    The authors released it beside 121, 169 and 201; Table 1 of the last version of
    the paper has 264 in its place.

    Reference: Huang et al., arXiv 1608.06993, and
    liuzhuang13/DenseNet, models/densenet.lua.
    """
    return DenseNet(*TABLE["161"], name=name, **options)


@variant(
    DenseNet,
    params=14_149_480,
    macs=3_359_843_328,
    receptive_field=3351,
    feature_map=(7, 7, 1664),
    source="counts: torchvision 0.28 densenet169, pytorchcv 0.0.74 densenet169 and "
    "keras.applications DenseNet169; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet169(*, name="densenet169", **options):
    """DenseNet-169: 82 bottleneck layers, 32 of them in the third block, k = 32.

    >>> model = DenseNet169(input_shape=(64, 64, 3), classes=None)
    >>> model.get_layer("block3_31_concat").output.shape  # what its layer 32 reads
    (None, 4, 4, 1248)
    """
    return DenseNet(*TABLE["169"], name=name, **options)


@variant(
    DenseNet,
    params=20_013_928,
    macs=4_291_365_888,
    receptive_field=3863,
    feature_map=(7, 7, 1920),
    source="counts: torchvision 0.28 densenet201, pytorchcv 0.0.74 densenet201 and "
    "keras.applications DenseNet201; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet201(*, name="densenet201", **options):
    """DenseNet-201: 98 bottleneck layers, 48 of them in the third block, k = 32."""
    return DenseNet(*TABLE["201"], name=name, **options)


@variant(
    DenseNet,
    params=33_337_704,
    macs=5_751_653_376,
    receptive_field=5399,
    feature_map=(7, 7, 2688),
    source="counts: torchvision 0.28 DenseNet(32, (6, 12, 64, 48), 64); field: "
    "measured on torchvision's DenseNet of these blocks",
)
def DenseNet264(*, name="densenet264", **options):
    """DenseNet-264: the deepest of Table 1, k = 32.

    Counted as the others are, the blocks of Table 1 make 265 layers, one more than the
    name says.
    """
    return DenseNet(*TABLE["264"], name=name, **options)


@variant(
    DenseNet,
    params=1_019_722,
    macs=264_812_928,
    receptive_field=174,
    feature_map=(8, 8, 448),
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 filters "
    "at first, all of them kept (paper, Table 2: 1.0 million); field: measured on "
    "pytorchcv's densenet40_k12_cifar10",
)
def DenseNet40(*, input_shape=(32, 32, 3), classes=10, name="densenet40", **options):
    """DenseNet for CIFAR, L = 40 and k = 12: no bottleneck, no compression.

    >>> model = DenseNet40(classes=None)
    >>> tuple(model.get_layer("transition1").kernel.shape)
    (1, 1, 160, 160)
    """
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["L=40 k=12"], **options)


@variant(
    DenseNet,
    params=6_979_642,
    macs=1_769_516_448,
    receptive_field=454,
    feature_map=(8, 8, 1168),
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 filters "
    "at first, all of them kept (paper, Table 2: 7.0 million); field: measured on "
    "pytorchcv's densenet100_k12_cifar10",
)
def DenseNet100(*, input_shape=(32, 32, 3), classes=10, name="densenet100", **options):
    """DenseNet for CIFAR, L = 100 and k = 12: no bottleneck, no compression."""
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["L=100 k=12"], **options)


@variant(
    DenseNet,
    params=27_249_082,
    macs=6_889_347_744,
    receptive_field=454,
    feature_map=(8, 8, 2320),
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 filters "
    "at first, all of them kept (paper, Table 2: 27.2 million); field: measured on "
    "pytorchcv's densenet100_k12_cifar10",
)
def DenseNet100K24(
    *, input_shape=(32, 32, 3), classes=10, name="densenet100_k24", **options
):
    """DenseNet for CIFAR, L = 100 and k = 24: the widest without compression.

    Of its parameter counts with 16 and with 2 k filters at first, 27.25 and 28.07
    million, only the former is the paper's 27.2 million.
    """
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["L=100 k=24"], **options)


@variant(
    DenseNet,
    params=599_050,
    macs=205_906_452,
    receptive_field=174,
    feature_map=(8, 8, 258),
    source="pytorchcv 0.0.74 densenet40_k12_cifar10; field: measured on the same "
    "network",
)
def DenseNetC40(*, input_shape=(32, 32, 3), classes=10, name="densenet_c40", **options):
    """DenseNet-C for CIFAR, L = 40 and k = 12: compression without bottlenecks.

    The paper has it as a curve only (Figure 4, left). This is what the authors' code
    builds with ``-bottleneck false``, and what some libraries call DenseNet-40: 41 %
    fewer parameters than ``DenseNet40``. It starts with 24 filters, as that code does.

    >>> tuple(DenseNetC40().get_layer("transition1").kernel.shape)
    (1, 1, 168, 84)

    Reference: Huang et al., arXiv 1608.06993, Figure 4, and
    liuzhuang13/DenseNet, models/densenet.lua.
    """
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["C L=40 k=12"], **options)


@variant(
    DenseNet,
    params=769_162,
    macs=287_929_692,
    receptive_field=230,
    feature_map=(8, 8, 342),
    source="counts: pytorchcv 0.0.74 densenet100_k12_bc_cifar10 (paper, Table 2: 0.8 "
    "million); field: measured on the same network",
)
def DenseNetBC100(
    *, input_shape=(32, 32, 3), classes=10, name="densenet_bc100", **options
):
    """DenseNet-BC for CIFAR, L = 100 and k = 12: 48 bottleneck layers.

    >>> model = DenseNetBC100(classes=None)
    >>> model.get_layer("block1_16_1").output.shape  # 4 k channels
    (None, 32, 32, 48)
    """
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["BC L=100 k=12"], **options)


@variant(
    DenseNet,
    params=15_324_406,
    macs=5_418_785_724,
    receptive_field=580,
    feature_map=(8, 8, 1734),
    source="counts: pytorchcv 0.0.74 densenet250_k24_bc_cifar10 (paper, Table 2: 15.3 "
    "million); field: measured on the same network",
)
def DenseNetBC250(
    *, input_shape=(32, 32, 3), classes=10, name="densenet_bc250", **options
):
    """DenseNet-BC for CIFAR, L = 250 and k = 24: the best without augmentation."""
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["BC L=250 k=24"], **options)


@variant(
    DenseNet,
    params=25_624_430,
    macs=9_301_945_740,
    receptive_field=440,
    feature_map=(8, 8, 2190),
    source="counts: pytorchcv 0.0.74 densenet190_k40_bc_cifar10 (paper, Table 2: 25.6 "
    "million); field: measured on the same network",
)
def DenseNetBC190(
    *, input_shape=(32, 32, 3), classes=10, name="densenet_bc190", **options
):
    """DenseNet-BC for CIFAR, L = 190 and k = 40: the best with augmentation."""
    options |= {"input_shape": input_shape, "classes": classes, "name": name}
    return DenseNet(*TABLE["BC L=190 k=40"], **options)
