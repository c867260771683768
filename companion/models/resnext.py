"""ResNeXt: a bottleneck split into 32 equal paths, which is a grouped convolution.

Xie, Girshick, Dollár, Tu, He. *Aggregated Residual Transformations for Deep Neural
Networks.* CVPR 2017. arXiv 1611.05431.

Besides depth and width, a block has a cardinality: the number of parallel paths that
are added up. At equal cost, 32 paths of 4 channels ("32x4d") do better than one of 64.
The paths are equivalent to one 3x3 convolution in 32 groups (Figure 3c), as here.

Where this file differs from the paper: in nothing that changes an output. The stride
of conv3_1, conv4_1 and conv5_1 is in the 3x3 (Section 4).
"""

import keras
from keras import layers

from companion.arguments import integer
from companion.layers import BatchNormalization, GroupedConv2D
from companion.models.registry import (
    check_arguments,
    check_block,
    check_counts,
    variant,
)


def convolution(x, filters, size, stride, groups, name):
    """Convolution without bias, (size - 1) / 2 zeros on every side."""
    if stride > 1 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    kind = GroupedConv2D if groups > 1 else layers.Conv2D
    return kind(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def conv_bn(x, filters, size, stride, groups, name):
    x = convolution(x, filters, size, stride, groups, name)
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def conv_bn_relu(x, filters, size, stride, groups, name):
    x = conv_bn(x, filters, size, stride, groups, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def aggregated(x, filters, width, stride, cardinality, name):
    """1x1, 3x3 in groups, 1x1, shortcut (Figure 3c); `width` is that of all paths."""
    filters, width, stride, cardinality = check_block(
        x, filters=filters, width=width, stride=stride, cardinality=cardinality
    )
    if width % cardinality:
        raise ValueError(
            "`width` must be a multiple of `cardinality`. "
            f"Received: width={width}, cardinality={cardinality}"
        )
    y = conv_bn_relu(x, width, 1, 1, 1, f"{name}_1")
    y = conv_bn_relu(y, width, 3, stride, cardinality, f"{name}_2")
    y = conv_bn(y, filters, 1, 1, 1, f"{name}_3")
    if stride > 1 or x.shape[-1] != filters:
        x = conv_bn(x, filters, 1, stride, 1, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


TABLE = {  # depth: blocks in conv2_x, conv3_x, conv4_x, conv5_x      Table 1
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


def ResNeXt(
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnext",
    cardinality=32,
    path_width=4,
):
    """Four stages of blocks; each has twice the width of the one before it.

    Args:
        counts: number of blocks in conv2_x, conv3_x, conv4_x and conv5_x.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.
        cardinality: number of paths, the paper's C.
        path_width: channels of one path in conv2_x, the paper's d. With
            ``cardinality=1, path_width=64`` the network is ResNet-50 (v1.5).

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels, or if another number is not a positive integer.

    Example:

    >>> small = ResNeXt((1, 1, 1, 1), input_shape=(32, 32, 3), cardinality=8)
    >>> small.get_layer("conv2_1_2").filters, small.get_layer("conv2_1_2").groups
    (32, 8)

    Reference: Xie et al., arXiv 1611.05431, Table 1, Figure 3c and Section 5.1.
    """
    counts = check_counts(counts)
    input_shape, classes = check_arguments(input_shape, classes)
    cardinality = integer("cardinality", cardinality)
    path_width = integer("path_width", path_width)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 64, 7, 2, 1, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(counts, start=2):
        filters, width = 2**stage * 64, 2 ** (stage - 2) * cardinality * path_width
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            name_of_block = f"conv{stage}_{number}"
            x = aggregated(x, filters, width, stride, cardinality, name_of_block)
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    ResNeXt,
    params=25_028_904,
    macs=4_230_479_872,
    receptive_field=427,
    feature_map=(7, 7, 2048),
    source="counts: torchvision 0.28, timm 1.0.31, pytorchcv 0.0.74 resnext50_32x4d "
    "(paper, Table 1: 25.0 million, 4.2 billion); "
    "field: gradient of torchvision's network",
)
def ResNeXt50(*, name="resnext50", **options):
    """ResNeXt-50 (32x4d).

    >>> model = ResNeXt50(classes=None)
    >>> model.get_layer("conv2_1_2").count_params()  # 128 filters see 4 channels each
    4608
    >>> model.output.shape
    (None, 7, 7, 2048)
    """
    return ResNeXt(TABLE[50], name=name, **options)


@variant(
    ResNeXt,
    params=44_177_704,
    macs=7_969_996_800,
    receptive_field=971,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 and timm 1.0.31 resnext101_32x4d; "
    "field: gradient of pytorchcv's network",
)
def ResNeXt101(*, name="resnext101", **options):
    """ResNeXt-101 (32x4d); ``cardinality=64`` makes it the paper's largest (64x4d).

    >>> model = ResNeXt101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_relu").output.shape
    (None, 2, 2, 1024)
    """
    return ResNeXt(TABLE[101], name=name, **options)
