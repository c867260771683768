"""MobileNetV3: blocks of MobileNetV2, chosen by a search, with two new ingredients.

Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam. *Searching
for MobileNetV3.* ICCV 2019. arXiv 1905.02244.

A search for fast networks on a telephone chose kernels, widths and places for squeeze
and excitation. By hand came h-swish, x * ReLU6(x + 3) / 6, a swish without exponentials
for the deeper half, and a cheaper end: the last wide layer works after the global
pooling, on one pixel instead of 49.

Where the paper is silent, this file does what the released TensorFlow code does
(tensorflow/models, slim/nets/mobilenet):

- TensorFlow's padding "same": in a layer of stride 2 on an even side, one zero more on
  the right and the bottom. torchvision pads evenly: other values.
- Normalization adds 1e-3 to the variance; its momentum, 0.99, is the paper's.
- The last wide layer of Small has 1024 units, which fits the 2.5 million parameters
  of the paper. Some implementations have 1280, and 2.9 million.
- The minimalistic networks are only in the released code.
- A width other than 1 scales all channels, those of conv1 too; only the last wide
  layer never shrinks. keras.applications keeps 16 channels in conv1 at every width,
  timm below 0.75. At the published widths, 0.75 and 1, all agree.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization, SqueezeExcite
from companion.models.registry import check_arguments, register

HS, RE = "hard_silu", "relu"

LARGE = (  # kernel, expanded to, out, squeeze and excite, nonlinearity, stride  Table 1
    (3, 16, 16, False, RE, 1),
    (3, 64, 24, False, RE, 2),
    (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2),
    (5, 120, 40, True, RE, 1),
    (5, 120, 40, True, RE, 1),
    (3, 240, 80, False, HS, 2),
    (3, 200, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 480, 112, True, HS, 1),
    (3, 672, 112, True, HS, 1),
    (5, 672, 160, True, HS, 2),
    (5, 960, 160, True, HS, 1),
    (5, 960, 160, True, HS, 1),
)
SMALL = (  # the same columns     Table 2
    (3, 16, 16, True, RE, 2),
    (3, 72, 24, False, RE, 2),
    (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2),
    (5, 240, 40, True, HS, 1),
    (5, 240, 40, True, HS, 1),
    (5, 120, 48, True, HS, 1),
    (5, 144, 48, True, HS, 1),
    (5, 288, 96, True, HS, 2),
    (5, 576, 96, True, HS, 1),
    (5, 576, 96, True, HS, 1),
)


def minimalistic(rows):
    """The same widths and strides, but only 3x3 kernels and ReLU, and no gates."""
    return tuple((3, *row[1:3], False, RE, row[5]) for row in rows)


TABLE = {  # blocks, last convolution, last wide layer, nonlinearity of both and conv1
    "large": (LARGE, 960, 1280, HS),
    "small": (SMALL, 576, 1024, HS),
    "large minimalistic": (minimalistic(LARGE), 960, 1280, RE),
    "small minimalistic": (minimalistic(SMALL), 576, 1024, RE),
}


def bn(x, name):
    return BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)


def conv_bn(x, filters, size, stride, name):
    """Convolution and normalization; linear where nothing follows."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return bn(x, name)


def conv_bn_activation(x, filters, size, stride, activation, name):
    x = conv_bn(x, filters, size, stride, name)
    return layers.Activation(activation, name=f"{name}_activation")(x)


def depthwise_bn_activation(x, size, stride, activation, name):
    """One filter for each channel; nothing is mixed."""
    x = layers.DepthwiseConv2D(
        size, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return layers.Activation(activation, name=f"{name}_activation")(bn(x, name))


def inverted_residual(x, size, expanded, filters, excite, activation, stride, name):
    """Expand, filter, excite, project; a shortcut where the shapes agree (Figure 4).

    The gates multiply the wide map. They are computed from a quarter of its channels.
    """
    y = x
    if expanded != x.shape[-1]:
        y = conv_bn_activation(y, expanded, 1, 1, activation, f"{name}_expand")
    y = depthwise_bn_activation(y, size, stride, activation, f"{name}_depthwise")
    if excite:
        quarter = make_divisible(expanded / 4)
        y = SqueezeExcite(units=quarter, gate="hard_sigmoid", name=f"{name}_excite")(y)
    y = conv_bn(y, filters, 1, 1, f"{name}_project")
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add(name=f"{name}_add")([y, x])
    return y


def make_divisible(channels, divisor=8):
    """The nearest multiple of 8, or the next one above if that takes over 10 % away.

    >>> [make_divisible(channels) for channels in (3, 12, 33.6, 18)]
    [8, 16, 32, 24]
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def build(row, width, input_shape, classes, classifier_activation, name):
    """A full convolution, the blocks, the cheap end of Section 5.1, the classifier."""
    check_arguments(input_shape, None, smallest_side=1)  # any side: global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    if not (isinstance(width, (int, float)) and width > 0):
        raise ValueError(f"`width` must be a positive number. Received: width={width}")
    blocks, last_filters, last_units, nonlinearity = row
    inputs = keras.Input(input_shape, name="image")
    before = 16
    x = conv_bn_activation(
        inputs, make_divisible(before * width), 3, 2, nonlinearity, "conv1"
    )
    for number, (size, expanded, filters, *rest) in enumerate(blocks, start=1):
        wide = make_divisible(x.shape[-1] * expanded / before)
        narrow = make_divisible(filters * width)
        x = inverted_residual(x, size, wide, narrow, *rest, f"block{number}")
        before = filters
    last_filters = make_divisible(last_filters * width)
    x = conv_bn_activation(x, last_filters, 1, 1, nonlinearity, "conv2")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        last_units = make_divisible(last_units * max(1, width))
        x = layers.Dense(last_units, activation=nonlinearity, name="fc1")(x)
        x = layers.Dropout(0.2, name="drop")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc2")(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=5_483_032,
    macs=216_589_760,
    source="keras.applications MobileNetV3Large (Keras 3.15), torchvision 0.28 "
    "mobilenet_v3_large and timm 1.0.31 tf_mobilenetv3_large_100 (paper, Table 3: 5.4 "
    "and 219 million)",
)
def MobileNetV3Large(
    *,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="mobilenet_v3_large",
):
    """MobileNetV3-Large: 15 blocks, eight of them with squeeze and excitation.

    A gate sees the whole image, so no unit behind one has a receptive field smaller
    than that.

    Args:
        width: width multiplier, a positive number: every layer has this many times
            the channels. Widths below 1 do not shrink fc1. Published are 0.75 and 1.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv2.
        classifier_activation: activation of ``fc2``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 960)``.

    Raises:
        ValueError: if ``width`` is not a positive number; if ``input_shape`` is not a
            triple or has no fixed number of channels; if ``classes`` is neither
            ``None`` nor a positive integer.

    Example:

    >>> model = MobileNetV3Large(classes=None)
    >>> model.get_layer("block7_expand").output.shape
    (None, 28, 28, 240)
    >>> model.output.shape
    (None, 7, 7, 960)

    Reference: Howard et al., arXiv 1905.02244, Table 1 and Figure 4.
    """
    row = TABLE["large"]
    return build(row, width, input_shape, classes, classifier_activation, name)


@register(
    params=2_542_856,
    macs=56_510_400,
    source="keras.applications MobileNetV3Small (Keras 3.15), torchvision 0.28 "
    "mobilenet_v3_small and timm 1.0.31 tf_mobilenetv3_small_100 (paper, Table 3: 2.5 "
    "and 56 million)",
)
def MobileNetV3Small(
    *,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="mobilenet_v3_small",
):
    """MobileNetV3-Small: 11 blocks, nine of them with squeeze and excitation.

    Args:
        width: as for ``MobileNetV3Large``.
        input_shape: as for ``MobileNetV3Large``.
        classes: as for ``MobileNetV3Large``.
        classifier_activation: as for ``MobileNetV3Large``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 576)``.

    Raises:
        ValueError: as ``MobileNetV3Large``.

    Example:

    >>> MobileNetV3Small(classes=None).get_layer("block1_project").output.shape
    (None, 56, 56, 16)

    Reference: Howard et al., arXiv 1905.02244, Table 2 and Figure 4.
    """
    row = TABLE["small"]
    return build(row, width, input_shape, classes, classifier_activation, name)


@register(
    params=3_924_288,
    macs=209_136_704,
    receptive_field=395,
    source="counts: keras.applications MobileNetV3Large(minimalistic=True) (Keras "
    "3.15) and timm 1.0.31 tf_mobilenetv3_large_minimal_100 (released code: 3.9 and "
    "209 million); field: measured on timm's network",
)
def MobileNetV3LargeMinimalistic(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="mobilenet_v3_large_minimalistic",
):
    """MobileNetV3-Large for hardware that knows only 3x3 convolutions and ReLU.

    Args:
        input_shape: as for ``MobileNetV3Large``.
        classes: as for ``MobileNetV3Large``.
        classifier_activation: as for ``MobileNetV3Large``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 960)``.

    Raises:
        ValueError: as ``MobileNetV3Large``, but for the width, which is 1.

    Example:

    >>> model = MobileNetV3LargeMinimalistic(classes=None)
    >>> model.get_layer("block4_depthwise").kernel_size
    (3, 3)

    Reference: tensorflow/models, slim/nets/mobilenet/mobilenet_v3.py.
    """
    row = TABLE["large minimalistic"]
    return build(row, 1.0, input_shape, classes, classifier_activation, name)


@register(
    params=2_044_736,
    macs=52_288_448,
    receptive_field=335,
    source="counts: keras.applications MobileNetV3Small(minimalistic=True) (Keras "
    "3.15) and timm 1.0.31 tf_mobilenetv3_small_minimal_100 (released code: 2.0 "
    "million parameters); field: measured on timm's network",
)
def MobileNetV3SmallMinimalistic(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="mobilenet_v3_small_minimalistic",
):
    """MobileNetV3-Small for hardware that knows only 3x3 convolutions and ReLU.

    Args:
        input_shape: as for ``MobileNetV3Large``.
        classes: as for ``MobileNetV3Large``.
        classifier_activation: as for ``MobileNetV3Large``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 576)``.

    Raises:
        ValueError: as ``MobileNetV3Large``, but for the width, which is 1.

    Example:

    >>> model = MobileNetV3SmallMinimalistic(classes=None)
    >>> [layer.name for layer in model.layers if "excite" in layer.name]
    []

    Reference: tensorflow/models, slim/nets/mobilenet/mobilenet_v3.py.
    """
    row = TABLE["small minimalistic"]
    return build(row, 1.0, input_shape, classes, classifier_activation, name)
