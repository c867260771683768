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

from companion.layers import BatchNormalization, GroupedConv2D
from companion.models.registry import check_arguments, register


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
    y = conv_bn_relu(x, width, 1, 1, 1, f"{name}_1")
    y = conv_bn_relu(y, width, 3, stride, cardinality, f"{name}_2")
    y = conv_bn(y, filters, 1, 1, 1, f"{name}_3")
    if x.shape[-1] != filters:
        x = conv_bn(x, filters, 1, stride, 1, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


TABLE = {  # depth: blocks in conv2_x, conv3_x, conv4_x, conv5_x      Table 1
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


def build(
    counts, cardinality, path_width, input_shape, classes, classifier_activation, name
):
    """One row of the table; a stage has twice the width of the one before it."""
    check_arguments(input_shape, None, smallest_side=1)  # any side: global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    for rule, number in (("cardinality", cardinality), ("path_width", path_width)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(
                f"`{rule}` must be a positive integer. Received: {rule}={number!r}"
            )
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


@register(
    params=25_028_904,
    macs=4_230_479_872,
    receptive_field=427,
    source="counts: torchvision 0.28, timm 1.0.31, pytorchcv 0.0.74 resnext50_32x4d "
    "(paper, Table 1: 25.0 million, 4.2 billion); "
    "field: gradient of torchvision's network",
)
def ResNeXt50(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnext50",
    cardinality=32,
    path_width=4,
):
    """ResNeXt-50 (32x4d).

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.
        cardinality: number of paths, the paper's C.
        path_width: channels of one path in conv2_x, the paper's d. With
            ``cardinality=1, path_width=64`` the network is ResNet-50 (v1.5).

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer; if
            ``cardinality`` or ``path_width`` is not a positive integer.

    Example:

    >>> model = ResNeXt50(classes=None)
    >>> model.get_layer("conv2_1_2").count_params()  # 128 filters see 4 channels each
    4608
    >>> model.output.shape
    (None, 7, 7, 2048)

    Reference: Xie et al., arXiv 1611.05431, Table 1 and Figure 3c.
    """
    return build(
        TABLE[50],
        cardinality,
        path_width,
        input_shape,
        classes,
        classifier_activation,
        name,
    )


@register(
    params=44_177_704,
    macs=7_969_996_800,
    receptive_field=971,
    source="counts: pytorchcv 0.0.74 and timm 1.0.31 resnext101_32x4d; "
    "field: gradient of pytorchcv's network",
)
def ResNeXt101(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnext101",
    cardinality=32,
    path_width=4,
):
    """ResNeXt-101 (32x4d); ``cardinality=64`` makes it the paper's largest (64x4d).

    Args:
        input_shape: as for ``ResNeXt50``.
        classes: as for ``ResNeXt50``.
        classifier_activation: as for ``ResNeXt50``.
        name: name of the model.
        cardinality: as for ``ResNeXt50``.
        path_width: as for ``ResNeXt50``.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: as ``ResNeXt50``.

    Example:

    >>> model = ResNeXt101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_relu").output.shape
    (None, 2, 2, 1024)

    Reference: Xie et al., arXiv 1611.05431, Section 5.1.
    """
    return build(
        TABLE[101],
        cardinality,
        path_width,
        input_shape,
        classes,
        classifier_activation,
        name,
    )
