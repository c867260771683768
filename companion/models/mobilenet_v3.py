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

from companion import arguments
from companion.layers import BatchNormalization, SqueezeExcite
from companion.models.registry import check_arguments, check_block, variant

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
    size, expanded, filters, stride = check_block(
        x, size=size, expanded=expanded, filters=filters, stride=stride
    )
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


def MobileNetV3(
    blocks,
    last_filters,
    last_units,
    activation,
    *,
    width=1.0,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="mobilenet_v3",
):
    """A full convolution, the blocks, the cheap end of Section 5.1, the classifier.

    A gate sees the whole image, so no unit behind one has a receptive field smaller
    than that.

    Args:
        blocks: kernel, expanded channels, channels, whether there are gates, activation
            and stride of each block.
        last_filters: filters of the last convolution, conv2.
        last_units: units of the wide layer behind the global pooling, fc1.
        activation: of the first and the last convolution and of fc1.
        width: width multiplier, a positive number: every layer has this many times
            the channels. Widths below 1 do not shrink fc1. Published are 0.75 and 1.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv2.
        classifier_activation: activation of ``fc2``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``width`` is not a positive number; if ``input_shape`` is not a
            triple or has no fixed number of channels; if ``classes`` is neither
            ``None`` nor a positive integer.

    Example:

    >>> blocks = [(3, 16, 16, True, "relu", 2), (5, 48, 24, False, "hard_silu", 1)]
    >>> small = MobileNetV3(blocks, 48, 64, "hard_silu", input_shape=(32, 32, 1))
    >>> small.get_layer("block2_project").output.shape
    (None, 8, 8, 24)

    Reference: Howard et al., arXiv 1905.02244, Tables 1 and 2 and Figure 4.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    arguments.number("width", width, above=0)
    inputs = keras.Input(input_shape, name="image")
    before = 16
    x = conv_bn_activation(
        inputs, make_divisible(before * width), 3, 2, activation, "conv1"
    )
    for number, (size, expanded, filters, *rest) in enumerate(blocks, start=1):
        wide = make_divisible(x.shape[-1] * expanded / before)
        narrow = make_divisible(filters * width)
        x = inverted_residual(x, size, wide, narrow, *rest, f"block{number}")
        before = filters
    last_filters = make_divisible(last_filters * width)
    x = conv_bn_activation(x, last_filters, 1, 1, activation, "conv2")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        last_units = make_divisible(last_units * max(1, width))
        x = layers.Dense(last_units, activation=activation, name="fc1")(x)
        x = layers.Dropout(0.2, name="drop")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc2")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    MobileNetV3,
    params=5_483_032,
    macs=216_589_760,
    feature_map=(7, 7, 960),
    source="keras.applications MobileNetV3Large (Keras 3.15), torchvision 0.28 "
    "mobilenet_v3_large and timm 1.0.31 tf_mobilenetv3_large_100 (paper, Table 3: 5.4 "
    "and 219 million)",
)
def MobileNetV3Large(*, name="mobilenet_v3_large", **options):
    """MobileNetV3-Large: 15 blocks, eight of them with squeeze and excitation.

    >>> model = MobileNetV3Large(classes=None)
    >>> model.get_layer("block7_expand").output.shape
    (None, 28, 28, 240)
    >>> model.output.shape
    (None, 7, 7, 960)

    Reference: Howard et al., arXiv 1905.02244, Table 1 and Figure 4.
    """
    return MobileNetV3(*TABLE["large"], name=name, **options)


@variant(
    MobileNetV3,
    params=2_542_856,
    macs=56_510_400,
    feature_map=(7, 7, 576),
    source="keras.applications MobileNetV3Small (Keras 3.15), torchvision 0.28 "
    "mobilenet_v3_small and timm 1.0.31 tf_mobilenetv3_small_100 (paper, Table 3: 2.5 "
    "and 56 million)",
)
def MobileNetV3Small(*, name="mobilenet_v3_small", **options):
    """MobileNetV3-Small: 11 blocks, nine of them with squeeze and excitation.

    >>> MobileNetV3Small(classes=None).get_layer("block1_project").output.shape
    (None, 56, 56, 16)

    Reference: Howard et al., arXiv 1905.02244, Table 2 and Figure 4.
    """
    return MobileNetV3(*TABLE["small"], name=name, **options)


@variant(
    MobileNetV3,
    params=3_924_288,
    macs=209_136_704,
    receptive_field=395,
    feature_map=(7, 7, 960),
    source="counts: keras.applications MobileNetV3Large(minimalistic=True) (Keras "
    "3.15) and timm 1.0.31 tf_mobilenetv3_large_minimal_100 (released code: 3.9 and "
    "209 million); field: measured on timm's network",
)
def MobileNetV3LargeMinimalistic(*, name="mobilenet_v3_large_minimalistic", **options):
    """MobileNetV3-Large for hardware that knows only 3x3 convolutions and ReLU.

    >>> model = MobileNetV3LargeMinimalistic(classes=None)
    >>> model.get_layer("block4_depthwise").kernel_size
    (3, 3)

    Reference: tensorflow/models, slim/nets/mobilenet/mobilenet_v3.py.
    """
    return MobileNetV3(*TABLE["large minimalistic"], name=name, **options)


@variant(
    MobileNetV3,
    params=2_044_736,
    macs=52_288_448,
    receptive_field=335,
    feature_map=(7, 7, 576),
    source="counts: keras.applications MobileNetV3Small(minimalistic=True) (Keras "
    "3.15) and timm 1.0.31 tf_mobilenetv3_small_minimal_100 (released code: 2.0 "
    "million parameters); field: measured on timm's network",
)
def MobileNetV3SmallMinimalistic(*, name="mobilenet_v3_small_minimalistic", **options):
    """MobileNetV3-Small for hardware that knows only 3x3 convolutions and ReLU.

    >>> model = MobileNetV3SmallMinimalistic(classes=None)
    >>> [layer.name for layer in model.layers if "excite" in layer.name]
    []

    Reference: tensorflow/models, slim/nets/mobilenet/mobilenet_v3.py.
    """
    return MobileNetV3(*TABLE["small minimalistic"], name=name, **options)
