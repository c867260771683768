"""DenseNet: every layer reads the maps of all layers before it.

Huang, Liu, van der Maaten, Weinberger. *Densely Connected Convolutional Networks.*
CVPR 2017. arXiv 1608.06993, 2016.

Where ResNet adds, DenseNet concatenates: a layer writes k new maps, the growth rate,
beside all that it has read, so nothing is computed twice and k can be small. A block of
L layers has L (L + 1) / 2 connections. Between two blocks a transition halves the
sides. "B" are 1x1 bottlenecks before the 3x3 convolutions, "C" is compression: the
transition keeps only a part theta of the maps.

Where the paper is silent, or implementations differ from it:

- The max pooling of the ImageNet networks pads one zero on each side. The released
  Caffe networks round the size up instead: 57x57 maps, 8 % more multiply-adds.
- The networks for CIFAR without bottlenecks start with 16 maps (Section 3): with that
  the parameters are those of Table 2. The authors' code has 2 k for all, as the paper
  has for "BC".
- Dropout of 0.2, used in Table 2 without data augmentation only, is left out.
- No convolution has a bias. Normalization adds 1e-5 to the variance and averages with
  momentum 0.9, as in torch; keras.applications adds 1.001e-5.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, register


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
    """A layer of the first DenseNets: one 3x3 convolution to k maps."""
    return bn_relu_conv(x, growth, 3, name)


def bottleneck(x, growth, name):
    """A layer of DenseNet-B: 4 k maps by a 1x1 convolution, then k maps by a 3x3."""
    y = bn_relu_conv(x, 4 * growth, 1, f"{name}_1")
    return bn_relu_conv(y, growth, 3, f"{name}_2")


def dense_block(x, layer, count, growth, name):
    """Each layer adds k maps to all those before it: k0 + count * k in the end.

    Args:
        x: the maps before the block, k0 of them.
        layer: ``basic`` or ``bottleneck``.
        count: number of layers.
        growth: the growth rate k.
        name: prefix of the names of the layers.

    Example:

    >>> x = keras.Input((8, 8, 24))
    >>> dense_block(x, bottleneck, count=3, growth=12, name="block").shape
    (None, 8, 8, 60)
    """
    for number in range(1, count + 1):
        y = layer(x, growth, f"{name}_{number}")
        x = layers.Concatenate(name=f"{name}_{number}_concat")([x, y])
    return x


def transition(x, compression, name):
    """A 1x1 convolution keeps theta of the maps, 2x2 averages halve their sides.

    Args:
        x: the maps after a block.
        compression: theta, between 0 and 1; the number of maps is rounded down.
        name: prefix of the names of the layers.

    Example:

    >>> transition(keras.Input((8, 8, 60)), compression=0.5, name="transition").shape
    (None, 4, 4, 30)
    """
    x = bn_relu_conv(x, int(compression * x.shape[-1]), 1, name)
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


TABLE = {  # stem, its maps, layer, layers in each block, k, theta     Tables 1 and 2
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
SMALLEST_SIDE = {imagenet_stem: 29, cifar_stem: 4}  # one unit is left in the last map


def build(row, input_shape, classes, classifier_activation, name):
    """Stem, blocks with transitions between them, a last normalization, classifier."""
    stem, maps, layer, counts, growth, compression = row
    smallest_side = SMALLEST_SIDE[stem]
    check_arguments(input_shape, None, smallest_side=smallest_side)  # global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs, maps)
    for block, count in enumerate(counts, start=1):
        if block > 1:
            x = transition(x, compression, f"transition{block - 1}")
        x = dense_block(x, layer, count, growth, f"block{block}")
    x = bn_relu(x, "last")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=7_978_856,
    macs=2_834_161_664,
    receptive_field=2071,
    source="counts: torchvision 0.28 densenet121, pytorchcv 0.0.74 densenet121 and "
    "keras.applications DenseNet121; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet121(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet121",
):
    """DenseNet-121: 58 bottleneck layers in four blocks, k = 32.

    Args:
        input_shape: ``(height, width, channels)``, sides of 29 or more; a side may be
            ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 29 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a
            positive integer.

    Example:

    >>> model = DenseNet121(classes=None)
    >>> model.get_layer("block1_6_concat").output.shape
    (None, 56, 56, 256)
    >>> model.get_layer("transition1_pool").output.shape
    (None, 28, 28, 128)

    Reference: Huang et al., arXiv 1608.06993, Table 1.
    """
    row = TABLE["121"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=28_681_000,
    macs=7_727_907_072,
    receptive_field=2967,
    source="counts: torchvision 0.28 densenet161 and pytorchcv 0.0.74 densenet161; "
    "field: measured on torchvision's DenseNet of these blocks",
)
def DenseNet161(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet161",
):
    """DenseNet-161: wider than the others, k = 48.

    The authors released it beside 121, 169 and 201; Table 1 of the last version of
    the paper has 264 in its place.

    Args:
        input_shape: as for ``DenseNet121``.
        classes: as for ``DenseNet121``.
        classifier_activation: as for ``DenseNet121``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2208)``.

    Raises:
        ValueError: as ``DenseNet121``.

    Example:

    >>> DenseNet161(input_shape=(64, 64, 3), classes=None).output.shape
    (None, 2, 2, 2208)

    Reference: Huang et al., arXiv 1608.06993, and
    liuzhuang13/DenseNet, models/densenet.lua.
    """
    row = TABLE["161"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=14_149_480,
    macs=3_359_843_328,
    receptive_field=3351,
    source="counts: torchvision 0.28 densenet169, pytorchcv 0.0.74 densenet169 and "
    "keras.applications DenseNet169; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet169(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet169",
):
    """DenseNet-169: 82 bottleneck layers, 32 of them in the third block, k = 32.

    Args:
        input_shape: as for ``DenseNet121``.
        classes: as for ``DenseNet121``.
        classifier_activation: as for ``DenseNet121``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1664)``.

    Raises:
        ValueError: as ``DenseNet121``.

    Example:

    >>> model = DenseNet169(input_shape=(64, 64, 3), classes=None)
    >>> model.get_layer("block3_31_concat").output.shape  # what its layer 32 reads
    (None, 4, 4, 1248)

    Reference: Huang et al., arXiv 1608.06993, Table 1.
    """
    row = TABLE["169"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=20_013_928,
    macs=4_291_365_888,
    receptive_field=3863,
    source="counts: torchvision 0.28 densenet201, pytorchcv 0.0.74 densenet201 and "
    "keras.applications DenseNet201; field: measured on torchvision's DenseNet of "
    "these blocks",
)
def DenseNet201(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet201",
):
    """DenseNet-201: 98 bottleneck layers, 48 of them in the third block, k = 32.

    Args:
        input_shape: as for ``DenseNet121``.
        classes: as for ``DenseNet121``.
        classifier_activation: as for ``DenseNet121``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1920)``.

    Raises:
        ValueError: as ``DenseNet121``.

    Example:

    >>> DenseNet201(input_shape=(64, 64, 3), classes=None).output.shape
    (None, 2, 2, 1920)

    Reference: Huang et al., arXiv 1608.06993, Table 1.
    """
    row = TABLE["201"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=33_337_704,
    macs=5_751_653_376,
    receptive_field=5399,
    source="counts: torchvision 0.28 DenseNet(32, (6, 12, 64, 48), 64); field: "
    "measured on torchvision's DenseNet of these blocks",
)
def DenseNet264(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="densenet264",
):
    """DenseNet-264: the deepest of Table 1, k = 32.

    Counted as the others are, the blocks of Table 1 make 265 layers, one more than the
    name says.

    Args:
        input_shape: as for ``DenseNet121``.
        classes: as for ``DenseNet121``.
        classifier_activation: as for ``DenseNet121``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2688)``.

    Raises:
        ValueError: as ``DenseNet121``.

    Example:

    >>> DenseNet264(input_shape=(64, 64, 3), classes=None).output.shape
    (None, 2, 2, 2688)

    Reference: Huang et al., arXiv 1608.06993, Table 1.
    """
    row = TABLE["264"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=1_019_722,
    macs=264_812_928,
    receptive_field=174,
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 maps "
    "at first, all of them kept (paper, Table 2: 1.0 million); field: measured on "
    "pytorchcv's densenet40_k12_cifar10",
)
def DenseNet40(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet40",
):
    """DenseNet for CIFAR, L = 40 and k = 12: no bottleneck, no compression.

    Args:
        input_shape: ``(height, width, channels)``, sides of 4 or more; a side may be
            ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 448)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 4 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a
            positive integer.

    Example:

    >>> model = DenseNet40(classes=None)
    >>> tuple(model.get_layer("transition1").kernel.shape)
    (1, 1, 160, 160)
    >>> model.output.shape
    (None, 8, 8, 448)

    Reference: Huang et al., arXiv 1608.06993, Sections 3 and 4.2, Table 2.
    """
    row = TABLE["L=40 k=12"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=6_979_642,
    macs=1_769_516_448,
    receptive_field=454,
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 maps "
    "at first, all of them kept (paper, Table 2: 7.0 million); field: measured on "
    "pytorchcv's densenet100_k12_cifar10",
)
def DenseNet100(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet100",
):
    """DenseNet for CIFAR, L = 100 and k = 12: no bottleneck, no compression.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 1168)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> DenseNet100(classes=None).output.shape
    (None, 8, 8, 1168)

    Reference: Huang et al., arXiv 1608.06993, Sections 3 and 4.2, Table 2.
    """
    row = TABLE["L=100 k=12"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=27_249_082,
    macs=6_889_347_744,
    receptive_field=454,
    source="counts: units of pytorchcv 0.0.74, assembled as Section 3 says: 16 maps "
    "at first, all of them kept (paper, Table 2: 27.2 million); field: measured on "
    "pytorchcv's densenet100_k12_cifar10",
)
def DenseNet100K24(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet100_k24",
):
    """DenseNet for CIFAR, L = 100 and k = 24: the widest without compression.

    Of its parameter counts with 16 and with 2 k maps at first, 27.25 and 28.07
    million, only the former is the paper's 27.2 million.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 2320)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> DenseNet100K24(classes=None).output.shape
    (None, 8, 8, 2320)

    Reference: Huang et al., arXiv 1608.06993, Sections 3 and 4.2, Table 2.
    """
    row = TABLE["L=100 k=24"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=599_050,
    macs=205_906_452,
    receptive_field=174,
    source="pytorchcv 0.0.74 densenet40_k12_cifar10; field: measured on the same "
    "network",
)
def DenseNetC40(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet_c40",
):
    """DenseNet-C for CIFAR, L = 40 and k = 12: compression without bottlenecks.

    The paper has it as a curve only (Figure 4, left). This is what the authors' code
    builds with ``-bottleneck false``, and what some libraries call DenseNet-40: 41 %
    fewer parameters than ``DenseNet40``. It starts with 24 maps, as that code does.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 258)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> tuple(DenseNetC40().get_layer("transition1").kernel.shape)
    (1, 1, 168, 84)

    Reference: Huang et al., arXiv 1608.06993, Figure 4, and
    liuzhuang13/DenseNet, models/densenet.lua.
    """
    row = TABLE["C L=40 k=12"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=769_162,
    macs=287_929_692,
    receptive_field=230,
    source="counts: pytorchcv 0.0.74 densenet100_k12_bc_cifar10 (paper, Table 2: 0.8 "
    "million); field: measured on the same network",
)
def DenseNetBC100(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet_bc100",
):
    """DenseNet-BC for CIFAR, L = 100 and k = 12: 48 bottleneck layers.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 342)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> model = DenseNetBC100(classes=None)
    >>> model.get_layer("block1_16_1").output.shape  # 4 k maps
    (None, 32, 32, 48)
    >>> model.output.shape
    (None, 8, 8, 342)

    Reference: Huang et al., arXiv 1608.06993, Section 3, Table 2.
    """
    row = TABLE["BC L=100 k=12"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=15_324_406,
    macs=5_418_785_724,
    receptive_field=580,
    source="counts: pytorchcv 0.0.74 densenet250_k24_bc_cifar10 (paper, Table 2: 15.3 "
    "million); field: measured on the same network",
)
def DenseNetBC250(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet_bc250",
):
    """DenseNet-BC for CIFAR, L = 250 and k = 24: the best without augmentation.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 1734)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> DenseNetBC250(classes=None).output.shape
    (None, 8, 8, 1734)

    Reference: Huang et al., arXiv 1608.06993, Section 3, Table 2.
    """
    row = TABLE["BC L=250 k=24"]
    return build(row, input_shape, classes, classifier_activation, name)


@register(
    params=25_624_430,
    macs=9_301_945_740,
    receptive_field=440,
    source="counts: pytorchcv 0.0.74 densenet190_k40_bc_cifar10 (paper, Table 2: 25.6 "
    "million); field: measured on the same network",
)
def DenseNetBC190(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="densenet_bc190",
):
    """DenseNet-BC for CIFAR, L = 190 and k = 40: the best with augmentation.

    Args:
        input_shape: as for ``DenseNet40``.
        classes: as for ``DenseNet40``.
        classifier_activation: as for ``DenseNet40``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 2190)``.

    Raises:
        ValueError: as ``DenseNet40``.

    Example:

    >>> DenseNetBC190(classes=None).output.shape
    (None, 8, 8, 2190)

    Reference: Huang et al., arXiv 1608.06993, Section 3, Table 2.
    """
    row = TABLE["BC L=190 k=40"]
    return build(row, input_shape, classes, classifier_activation, name)
