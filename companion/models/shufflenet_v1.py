"""ShuffleNet: grouped 1x1 convolutions that still exchange channels.

Zhang, Zhou, Lin, Sun. *ShuffleNet: An Extremely Efficient Convolutional Neural Network
for Mobile Devices.* CVPR 2018. arXiv 1707.01083, 2017.

Where 3x3 convolutions are depthwise, the 1x1 convolutions are the cost: 93.4 % of a
ResNeXt unit. Here they are grouped too, and a shuffle deals the channels of each group
out to all groups of the next convolution. What the groups save pays for more channels.

What the paper leaves open, and where the network that its authors released (Megvii,
ShuffleNet-Series) goes another way:

- Multiplying every width gives 299.6 million multiply-adds at 1.5x in 3 groups, but
  the paper prints 292 (Table 5): that is with the 24 filters of conv1 unscaled, as in
  the release. ``STEM`` keeps to it, and like the release rounds conv1 up to a multiple
  of the groups (16 filters instead of 12 at 0.5x in 8 groups).
- Table 2 also reports 2 and 4 groups at 0.25x and 0.5x. Their bottlenecks do not divide
  into the groups and no rounding was published, so these combinations are refused. At
  0.25x it prints 13 million multiply-adds where the widths of Table 1 give 11.
- The classifier has a bias. In the release it has none.
- A unit of stride 2 concatenates the convolved channels, then the pooled ones, as
  pytorchcv does. The release has them the other way round, and shuffles by the inverse
  permutation, after the depthwise convolution: its weights do not fit as they are.
- The average pooling of the shortcut counts the padding zeros, as in both.
- Table 1 prints the multiply-adds of the convolutions without the classifier.
"""

import math

import keras
from keras import layers

from companion.layers import BatchNormalization, ChannelShuffle, GroupedConv2D
from companion.models.registry import check_arguments, check_block, register

TABLE = {  # groups: channels of stage 2, stage 3, stage 4      Table 1
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
UNITS = (4, 8, 4)  # in stage 2, 3, 4; the first of each has stride 2

# Width: filters of conv1
STEM = {0.25: 6, 0.5: 12, 0.75: 18, 1.0: 24, 1.5: 24, 2.0: 48}


def batch_norm(x, name):
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def pointwise_bn(x, filters, groups, name):
    """1x1 convolution in groups: no filter sees the channels of another group."""
    x = GroupedConv2D(
        filters,
        1,
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return batch_norm(x, name)


def depthwise_bn(x, stride, name):
    """3x3, one kernel per channel, one zero on every side; no ReLU (Section 3.2)."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, name=name)(x)
    return batch_norm(x, name)


def shuffle_unit(x, filters, groups, stride, name, first_groups=None):
    """1x1, shuffle, 3x3 depthwise, 1x1, shortcut (Figure 2, b and c).

    The unit of stride 1 adds its input. The unit of stride 2 concatenates the pooled
    input, so the convolutions only have to make the channels that are missing.

    Args:
        x: input, ``(batch, height, width, channels)``.
        filters: channels of the output; the bottleneck has a quarter of them.
        groups: groups of the 1x1 convolutions.
        stride: 1 or 2, of the depthwise convolution.
        name: first part of the layers' names.
        first_groups: groups of the first 1x1 convolution, if others.

    Shapes:
        ``(batch, height, width, channels)`` to
        ``(batch, height / stride, width / stride, filters)``, rounded up.

    Raises:
        ValueError: if ``stride`` is neither 1 nor 2; if with stride 1 ``filters`` are
            not the channels of ``x``, or with stride 2 not more; if a number is not a
            positive integer.

    Example:

    >>> image = keras.Input((28, 28, 24))
    >>> shuffle_unit(image, 240, groups=3, stride=2, name="stage2_1").shape
    (None, 14, 14, 240)
    """
    filters, groups, stride = check_block(
        x, filters=filters, groups=groups, stride=stride
    )
    made = filters if stride == 1 else filters - x.shape[-1]
    if (stride, made) != (1, x.shape[-1]) and (stride != 2 or made < 1):
        raise ValueError(
            "A unit of stride 1 keeps the channels, one of stride 2 adds some. "
            f"Received: filters={filters}, stride={stride} for {x.shape[-1]} channels"
        )
    y = pointwise_bn(x, filters // 4, first_groups or groups, f"{name}_compress")
    y = layers.ReLU(name=f"{name}_compress_relu")(y)
    y = ChannelShuffle(groups, name=f"{name}_shuffle")(y)
    y = depthwise_bn(y, stride, f"{name}_depthwise")
    y = pointwise_bn(y, made, groups, f"{name}_expand")
    if stride == 1:
        y = layers.Add(name=f"{name}_add")([y, x])
    else:
        x = layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
        x = layers.AveragePooling2D(3, strides=2, name=f"{name}_pool")(x)
        y = layers.Concatenate(name=f"{name}_concat")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def widths(groups, width):
    """Filters of conv1, and channels of the three stages."""
    if groups not in tuple(TABLE):
        raise ValueError(
            f"`groups` must be one of {tuple(TABLE)}. Received: groups={groups!r}"
        )
    if width not in tuple(STEM):
        raise ValueError(
            f"`width` must be one of {tuple(STEM)}. Received: width={width!r}"
        )
    bottleneck = TABLE[groups][0] * width / 4
    if bottleneck % groups:
        raise ValueError(
            "The bottleneck, a quarter of the channels, must divide into the groups, "
            f"and in stage 2 it has {bottleneck:g} channels. "
            f"Received: groups={groups}, width={width}"
        )
    stem = math.ceil(STEM[width] / groups) * groups
    return stem, [int(channels * width) for channels in TABLE[groups]]


@register(
    params=1_865_728,
    macs=137_460_672,
    receptive_field=527,
    source="counts: pytorchcv 0.0.74 shufflenet_g3_w1; multiply-adds also megvii-model/"
    "ShuffleNet-Series ShuffleNetV1 1.0x, which has no bias in the classifier; "
    "field: gradient of pytorchcv's network",
)
def ShuffleNetV1(
    *,
    groups=3,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="shufflenet_v1",
):
    """ShuffleNet 1x in 3 groups, or another of the paper's networks.

    The numbers of channels grow with the groups so that all cost about 140 million
    multiply-adds at 1x. With one group it is the paper's "Xception-like" network.

    Args:
        groups: groups of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        width: factor on the number of channels: 0.25, 0.5, 0.75, 1, 1.5 or 2. The
            cost grows with its square.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of stage 4.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 960)``.

    Raises:
        ValueError: if ``groups`` or ``width`` is none of these, or if the bottlenecks
            do not divide into the groups, as with 2 or 4 groups at some widths; if
            ``input_shape`` is not a triple or has no fixed number of channels; if
            ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = ShuffleNetV1(classes=None)
    >>> tuple(model.get_layer("stage3_1_expand").kernel.shape)  # 40 of 120 channels
    (1, 1, 40, 240)
    >>> model.output.shape
    (None, 7, 7, 960)

    Reference: Zhang et al., arXiv 1707.01083, Figure 2 and Table 1.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    stem, stages = widths(groups, width)
    inputs = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(1, name="conv1_pad")(inputs)
    x = layers.Conv2D(
        stem,
        3,
        strides=2,
        use_bias=False,
        kernel_initializer="he_normal",
        name="conv1",
    )(x)
    x = batch_norm(x, "conv1")
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, (channels, units) in enumerate(zip(stages, UNITS, strict=True), start=2):
        for number in range(1, units + 1):
            x = shuffle_unit(
                x,
                channels,
                groups,
                stride=2 if number == 1 else 1,
                name=f"stage{stage}_{number}",
                first_groups=1 if (stage, number) == (2, 1) else groups,
            )
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
