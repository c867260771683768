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

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, register


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
    active = relu(normalize(x, f"{name}_1"), f"{name}_1")
    y = convolution(active, filters, 3, stride, f"{name}_1")
    y = relu(normalize(y, f"{name}_2"), f"{name}_2")
    if dropout > 0:
        y = layers.Dropout(dropout, name=f"{name}_drop")(y)
    y = convolution(y, filters, 3, 1, f"{name}_2")
    if x.shape[-1] != filters:
        x = convolution(active, filters, 1, stride, f"{name}_shortcut")
    return layers.Add(name=f"{name}_add")([y, x])


def wide_bottleneck(x, filters, widen, stride, name):
    """ResNet's bottleneck, its 3x3 `widen` times as wide (Section 3.4)."""
    width = widen * filters // 4
    y = normalize(convolution(x, width, 1, 1, f"{name}_1"), f"{name}_1")
    y = relu(y, f"{name}_1")
    y = normalize(convolution(y, width, 3, stride, f"{name}_2"), f"{name}_2")
    y = relu(y, f"{name}_2")
    y = normalize(convolution(y, filters, 1, 1, f"{name}_3"), f"{name}_3")
    if x.shape[-1] != filters:
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


def build_cifar(
    depth, widen, dropout, input_shape, classes, classifier_activation, name
):
    """Three groups of N = (depth - 4) / 6 blocks (Table 1)."""
    check_arguments(input_shape, None, smallest_side=1)  # any side: global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 16, 3, 1, "conv1")
    for group, width, first_stride in CIFAR_TABLE:
        for number in range(1, (depth - 4) // 6 + 1):
            stride = first_stride if number == 1 else 1
            block = f"conv{group}_{number}"
            x = wide_basic(x, widen * width, stride, dropout, block)
    x = relu(normalize(x, "post"), "post")
    if classes is not None:
        x = classify(x, classes, classifier_activation)
    return keras.Model(inputs, x, name=name)


def build_imagenet(widen, input_shape, classes, classifier_activation, name):
    """ResNet-50 with wide bottlenecks."""
    check_arguments(input_shape, None, smallest_side=1)  # any side: global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 64, 7, 2, "conv1")
    x = relu(normalize(x, "conv1"), "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for group, filters, count, first_stride in IMAGENET_TABLE:
        for number in range(1, count + 1):
            stride = first_stride if number == 1 else 1
            x = wide_bottleneck(x, filters, widen, stride, f"conv{group}_{number}")
    if classes is not None:
        x = classify(x, classes, classifier_activation)
    return keras.Model(inputs, x, name=name)


@register(
    params=68_883_240,
    macs=11_398_021_120,
    receptive_field=427,
    source="counts: torchvision 0.28 and timm 1.0.31 wide_resnet50_2 (paper: 68.9 "
    "million); field: gradient of torchvision's network",
)
def WideResNet50_2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="wide_resnet50_2",
):
    """WRN-50-2-bottleneck: ResNet-50 with inner convolutions twice as wide.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = WideResNet50_2(input_shape=(64, 64, 3), classes=None)
    >>> model.get_layer("conv2_1_2").filters, model.get_layer("conv2_1_3").filters
    (128, 256)
    >>> model.output.shape
    (None, 2, 2, 2048)

    Reference: Zagoruyko, Komodakis, arXiv 1605.07146, Section 3.4.
    """
    return build_imagenet(2, input_shape, classes, classifier_activation, name)


@register(
    params=36_479_194,
    macs=5_243_328_768,
    receptive_field=109,
    source="counts: pytorchcv 0.0.74 wrn28_10_cifar10 (paper, Table 4: 36.5 million); "
    "field: gradient of pytorchcv's network",
)
def WideResNet28_10(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="wide_resnet28_10",
    dropout=0.0,
):
    """WRN-28-10 for CIFAR: twelve blocks, 160, 320 and 640 channels.

    Args:
        input_shape: as for ``WideResNet50_2``.
        classes: as for ``WideResNet50_2``.
        classifier_activation: as for ``WideResNet50_2``.
        name: name of the model.
        dropout: part of the units silenced between the two convolutions of a block;
            the paper uses 0.3 on CIFAR.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 640)``.

    Raises:
        ValueError: as ``WideResNet50_2``; if ``dropout`` is not in [0, 1).

    Example:

    >>> model = WideResNet28_10(classes=None)
    >>> model.get_layer("conv3_4_add").output.shape
    (None, 16, 16, 320)
    >>> model.output.shape
    (None, 8, 8, 640)

    Reference: Zagoruyko, Komodakis, arXiv 1605.07146, Table 1 and Section 3.3.
    """
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout}")
    return build_cifar(
        28, 10, dropout, input_shape, classes, classifier_activation, name
    )
