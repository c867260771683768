"""ShuffleNetV2: designed for measured speed, with half of the channels passed through.

Ma, Zhang, Zheng, Sun. *ShuffleNet V2: Practical Guidelines for Efficient CNN
Architecture Design.* ECCV 2018. arXiv 1807.11164.

Multiply-adds do not predict time: memory traffic and parallelism count as well. From
four guidelines (equal widths, few groups, few branches, few element-wise operations)
follows a unit that convolves half of the channels, at constant width and without
groups, passes the other half through, concatenates and shuffles.

What the paper leaves open, and where other implementations differ:

- In a unit of stride 2 the shortcut keeps the width of its input and the other branch
  makes the rest, as the authors released it (Megvii, ShuffleNet-Series): the 1x network
  then needs the 146 million multiply-adds of Table 5. In torchvision each branch makes
  one half, which gives 145.
- The classifier has no bias, as in the release; torchvision's and pytorchcv's has one.
- ``equal_branches=True`` is torchvision's network in both respects, for the weights
  that torchvision has published.
- A unit ends with the shuffle in two groups, as in Figure 3 and as torchvision has it.
  The release splits the next input into even and odd channels instead. That is the
  same network with filters in another order where both branches are equally wide, but
  not in stage 2, whose first unit has branches of 24 and (at 1x) 92 channels.
- pytorchcv's 1.5x and 2x networks are wider than those of Table 5.
- The release drops 20 % of the features before the classifier of the 2x network. The
  paper mentions no dropout, and there is none here.
"""

import keras
from keras import layers, ops

from companion.layers import BatchNormalization, ChannelShuffle
from companion.models.registry import check_arguments, check_block, register

TABLE = {  # width: channels of stage 2, stage 3, stage 4, conv5      Table 5
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
UNITS = (4, 8, 4)  # in stage 2, 3, 4; the first of each has stride 2


def batch_norm(x, name):
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def conv_bn_relu(x, filters, size, stride, name):
    """Convolution with (size - 1) / 2 zeros on every side, normalization, ReLU."""
    if size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides=stride,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = batch_norm(x, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def depthwise_bn(x, stride, name):
    """3x3, one kernel per channel, one zero on every side; no ReLU (Figure 3)."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, name=name)(x)
    return batch_norm(x, name)


def shuffle_unit(x, filters, stride, name, equal_branches=False):
    """Two branches, concatenated and shuffled (Figure 3, c and d).

    With stride 1 the channels are split: the first half passes through, the second is
    convolved. With stride 2 both branches see all channels, and the first one is
    convolved as well.

    Args:
        x: input, ``(batch, height, width, channels)``.
        filters: channels of the output; with stride 1 those of the input.
        stride: 1 or 2, of the depthwise convolutions.
        name: first part of the layers' names.
        equal_branches: with stride 2, whether each branch makes one half of the
            output; otherwise the shortcut keeps the width of the input.

    Shapes:
        ``(batch, height, width, channels)`` to
        ``(batch, height / stride, width / stride, filters)``, rounded up.

    Raises:
        ValueError: if ``stride`` is neither 1 nor 2; if with stride 1 ``filters`` are
            not the channels of ``x``, or with stride 2 not more; if ``filters`` are
            odd.

    Example:

    >>> image = keras.Input((28, 28, 116))
    >>> shuffle_unit(image, 116, stride=1, name="stage2_2").shape
    (None, 28, 28, 116)
    """
    filters, stride = check_block(x, filters=filters, stride=stride)
    fits = filters == x.shape[-1] if stride == 1 else filters > x.shape[-1]
    if stride > 2 or filters % 2 or not fits:
        raise ValueError(
            "A unit of stride 1 keeps the channels, one of stride 2 adds some, and "
            "their number is even. "
            f"Received: filters={filters}, stride={stride} for {x.shape[-1]} channels"
        )
    if stride == 1:
        shortcut, y = ops.split(x, 2, axis=-1)  # (b, h, w, channels / 2) each
    else:
        shortcut = depthwise_bn(x, stride, f"{name}_shortcut_1")
        kept = filters // 2 if equal_branches else x.shape[-1]
        shortcut = conv_bn_relu(shortcut, kept, 1, 1, f"{name}_shortcut_2")
        y = x
    y = conv_bn_relu(y, filters // 2, 1, 1, f"{name}_1")
    y = depthwise_bn(y, stride, f"{name}_2")
    y = conv_bn_relu(y, filters - shortcut.shape[-1], 1, 1, f"{name}_3")
    y = layers.Concatenate(name=f"{name}_concat")([shortcut, y])  # (b, h, w, filters)
    return ChannelShuffle(2, name=f"{name}_shuffle")(y)


@register(
    params=2_278_760,
    macs=145_814_296,
    receptive_field=527,
    source="counts: megvii-model/ShuffleNet-Series ShuffleNetV2 1.0x; multiply-adds "
    "also pytorchcv 0.0.74 shufflenetv2b_w1, which has a bias in the classifier; "
    "field: gradient of pytorchcv's network",
)
def ShuffleNetV2(
    *,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    equal_branches=False,
    name="shufflenet_v2",
):
    """ShuffleNetV2 1x, or another width of Table 5.

    Args:
        width: 0.5, 1, 1.5 or 2, the name of a column of Table 5; the channels are
            close to, but not exactly, this multiple.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        equal_branches: ``True`` for torchvision's network: both branches of a strided
            unit make one half of its output, and the classifier has a bias.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``width`` is none of these; if ``input_shape`` is not a triple
            or has no fixed number of channels; if ``classes`` is neither ``None`` nor
            a positive integer.

    Example:

    >>> model = ShuffleNetV2(classes=None)
    >>> tuple(model.get_layer("stage2_2_1").kernel.shape)  # half of 116 channels
    (1, 1, 58, 58)
    >>> model.output.shape
    (None, 7, 7, 1024)

    Reference: Ma et al., arXiv 1807.11164, Figure 3 and Table 5.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    if width not in tuple(TABLE):
        raise ValueError(
            f"`width` must be one of {tuple(TABLE)}. Received: width={width!r}"
        )
    *stages, last = TABLE[width]
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 24, 3, 2, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, (channels, units) in enumerate(zip(stages, UNITS, strict=True), start=2):
        for number in range(1, units + 1):
            stride = 2 if number == 1 else 1
            unit = f"stage{stage}_{number}"
            x = shuffle_unit(x, channels, stride, unit, equal_branches)
    x = conv_bn_relu(x, last, 1, 1, "conv5")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(
            classes,
            activation=classifier_activation,
            use_bias=equal_branches,
            name="fc",
        )(x)
    return keras.Model(inputs, x, name=name)
