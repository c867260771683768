"""Wide ResNet: fewer layers with more channels, as good and faster.

Zagoruyko, Komodakis. *Wide Residual Networks.* BMVC 2016. arXiv 1605.07146.

A residual network of a thousand thin layers learns little in most of its blocks. With
ten times the width, 28 layers do better, and wide convolutions keep a GPU busier than
many thin ones. WRN-28-10 has 28 layers, 10 times as wide as the CIFAR ResNets.

Where this file differs from the paper: in nothing that changes an output. Two families
share the title. For CIFAR the blocks are pre-activated 3x3 pairs; for ImageNet the
paper widens only the inner 3x3 of a ResNet-50 bottleneck, with the stride in the 3x3.
"""

import keras
from keras import layers

from companion.arguments import integer, number
from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, check_block, variant


def convolution(x, filters, size, stride, name):
    """Convolution without bias, (size - 1) / 2 zeros on every side."""
    if stride > 1 and size > 1:
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


def normalize(x, name):
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def relu(x, name):
    return layers.ReLU(name=f"{name}_relu")(x)


def wide_basic(x, filters, stride, dropout, name):
    """Two pre-activated 3x3 convolutions, dropout between them (Figure 1d)."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    number("dropout", dropout, least=0, below=1)
    active = relu(normalize(x, f"{name}_1"), f"{name}_1")
    y = convolution(active, filters, 3, stride, f"{name}_1")
    y = relu(normalize(y, f"{name}_2"), f"{name}_2")
    if dropout > 0:
        y = layers.Dropout(dropout, name=f"{name}_drop")(y)
    y = convolution(y, filters, 3, 1, f"{name}_2")
    if stride > 1 or x.shape[-1] != filters:
        x = convolution(active, filters, 1, stride, f"{name}_shortcut")
    return layers.Add(name=f"{name}_add")([y, x])


def wide_bottleneck(x, filters, widen, stride, name):
    """ResNet's bottleneck, its 3x3 `widen` times as wide (Section 3.4)."""
    filters, widen, stride = check_block(x, filters=filters, widen=widen, stride=stride)
    width = widen * filters // 4
    y = normalize(convolution(x, width, 1, 1, f"{name}_1"), f"{name}_1")
    y = relu(y, f"{name}_1")
    y = normalize(convolution(y, width, 3, stride, f"{name}_2"), f"{name}_2")
    y = relu(y, f"{name}_2")
    y = normalize(convolution(y, filters, 1, 1, f"{name}_3"), f"{name}_3")
    if stride > 1 or x.shape[-1] != filters:
        shortcut = f"{name}_shortcut"
        x = normalize(convolution(x, filters, 1, stride, shortcut), shortcut)
    return relu(layers.Add(name=f"{name}_add")([y, x]), name)


CIFAR_TABLE = ((2, 16, 1), (3, 32, 2), (4, 64, 2))  # group, width, stride     Table 1
IMAGENET_TABLE = (  # group, filters, blocks, stride
    (2, 256, 3, 1),
    (3, 512, 4, 2),
    (4, 1024, 6, 2),
    (5, 2048, 3, 2),
)


def classify(x, classes, classifier_activation):
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Dense(classes, activation=classifier_activation, name="fc")(x)


def CifarWideResNet(
    depth,
    widen,
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="cifar_wide_resnet",
    dropout=0.0,
):
    """Three groups of N = (depth - 4) / 6 blocks (Table 1).

    Args:
        depth: 6 N + 4, from 10 on. It counts the 3x3 convolutions and three shortcuts.
        widen: how many times as wide as the ResNets for CIFAR, the paper's k.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.
        dropout: part of the units silenced between the two convolutions of a block,
            below 1; the paper uses 0.3 on CIFAR.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``depth`` is not 6 N + 4, if ``dropout`` is not in [0, 1), if
            ``input_shape`` is not a triple or has no fixed number of channels, or if
            another number is not a positive integer.

    Example:

    >>> CifarWideResNet(10, 2, classes=None).output.shape
    (None, 8, 8, 128)

    Reference: Zagoruyko, Komodakis, arXiv 1605.07146, Table 1 and Section 3.3.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    widen = integer("widen", widen)
    if integer("depth", depth, least=10) % 6 != 4:
        raise ValueError(f"`depth` must be 6 N + 4. Received: depth={depth}")
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 16, 3, 1, "conv1")
    for group, width, first_stride in CIFAR_TABLE:
        for index in range(1, (depth - 4) // 6 + 1):
            stride = first_stride if index == 1 else 1
            block = f"conv{group}_{index}"
            x = wide_basic(x, widen * width, stride, dropout, block)
    x = relu(normalize(x, "post"), "post")
    if classes is not None:
        x = classify(x, classes, classifier_activation)
    return keras.Model(inputs, x, name=name)


def WideResNet(
    widen,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="wide_resnet",
):
    """ResNet-50 with wide bottlenecks (Section 3.4).

    Args:
        widen: how many times as wide the inner 3x3 convolutions are.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``widen`` is not a positive integer, if ``input_shape`` is not a
            triple or has no fixed number of channels, or if ``classes`` is not a
            positive integer.

    Example:

    >>> wide = WideResNet(3, input_shape=(32, 32, 3), classes=None)
    >>> wide.get_layer("conv2_1_2").filters
    192

    Reference: Zagoruyko, Komodakis, arXiv 1605.07146, Section 3.4.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 64, 7, 2, "conv1")
    x = relu(normalize(x, "conv1"), "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for group, filters, count, first_stride in IMAGENET_TABLE:
        for index in range(1, count + 1):
            stride = first_stride if index == 1 else 1
            x = wide_bottleneck(x, filters, widen, stride, f"conv{group}_{index}")
    if classes is not None:
        x = classify(x, classes, classifier_activation)
    return keras.Model(inputs, x, name=name)


@variant(
    WideResNet,
    params=68_883_240,
    macs=11_398_021_120,
    receptive_field=427,
    feature_map=(7, 7, 2048),
    source="counts: torchvision 0.28 and timm 1.0.31 wide_resnet50_2 (paper: 68.9 "
    "million); field: gradient of torchvision's network",
)
def WideResNet50_2(*, name="wide_resnet50_2", **options):
    """WRN-50-2-bottleneck: ResNet-50 with inner convolutions twice as wide.

    >>> model = WideResNet50_2(input_shape=(64, 64, 3), classes=None)
    >>> model.get_layer("conv2_1_2").filters, model.get_layer("conv2_1_3").filters
    (128, 256)
    >>> model.output.shape
    (None, 2, 2, 2048)
    """
    return WideResNet(widen=2, name=name, **options)


@variant(
    CifarWideResNet,
    params=36_479_194,
    macs=5_243_328_768,
    receptive_field=109,
    feature_map=(8, 8, 640),
    source="counts: pytorchcv 0.0.74 wrn28_10_cifar10 (paper, Table 4: 36.5 million); "
    "field: gradient of pytorchcv's network",
)
def WideResNet28_10(*, name="wide_resnet28_10", **options):
    """WRN-28-10 for CIFAR: twelve blocks, 160, 320 and 640 channels.

    >>> model = WideResNet28_10(classes=None)
    >>> model.get_layer("conv3_4_add").output.shape
    (None, 16, 16, 320)
    >>> model.output.shape
    (None, 8, 8, 640)
    """
    return CifarWideResNet(depth=28, widen=10, name=name, **options)
