"""EfficientNet: a searched network, scaled in depth, width and resolution at once.

Tan, Le. *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks.*
ICML 2019. arXiv 1905.11946.

EfficientNet-B0 came out of an architecture search: inverted bottlenecks as in
MobileNetV2, with squeeze and excitation and silu. For 2**phi times the multiply-adds,
depth grows as 1.2**phi, width as 1.1**phi and the side of the image as 1.15**phi, for
1.2 * 1.1**2 * 1.15**2 is close to 2. B1 to B7 are such enlargements of B0.

Where the paper is silent, this file takes the network that its authors released
(tensorflow/tpu, models/official/efficientnet):

- ``SCALING`` holds the released coefficients. Up to B3 (phi = 0, 0.5, 1 and 2) they are
  the powers above, rounded; B4 to B7 are larger than phi = 3 to 6 would make them.
- Strides and padding are TensorFlow's: "same", one more zero at the bottom and on the
  right where the sum is odd. torchvision pads evenly, and its logits differ.
- The squeezed vector of a block has a quarter of the channels that entered the block,
  not of the six times as many that it gates.
- Widths are rounded to multiples of 8, depths are rounded up.
- In training a block with a shortcut is dropped with a chance that grows linearly from
  0 at the first block towards 0.2 behind the last: "survival probability 0.8".
- Batch normalization adds 1e-3 to the variance and averages with momentum 0.99.
- The model takes normalized images. That of ``keras.applications`` takes pixels from 0
  to 255 and begins with two layers that normalize them.
"""

import math

import keras
from keras import layers

from companion import arguments
from companion.layers import BatchNormalization, DropPath, SqueezeExcite
from companion.models.registry import check_arguments, check_block, variant

TABLE = (  # expansion, kernel, stride, channels, blocks      Table 1, stages 2 to 8
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)

SCALING = {  # width, depth, dropout before the classifier
    "B0": (1.0, 1.0, 0.2),
    "B1": (1.0, 1.1, 0.2),
    "B2": (1.1, 1.2, 0.3),
    "B3": (1.2, 1.4, 0.3),
    "B4": (1.4, 1.8, 0.4),
    "B5": (1.6, 2.2, 0.4),
    "B6": (1.8, 2.6, 0.5),
    "B7": (2.0, 3.1, 0.5),
}

DROP_RATE = 0.2  # of the deepest block: 1 - survival probability (Section 5.2)


def initializer():
    """N(0, 2 / fan out); of a depthwise kernel Keras takes one output channel."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def batch_norm(x, name):
    return BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)


def conv_bn(x, filters, size, stride, name):
    x = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer(),
        name=name,
    )(x)
    return batch_norm(x, name)


def conv_bn_silu(x, filters, size, stride, name):
    x = conv_bn(x, filters, size, stride, name)
    return layers.Activation("silu", name=f"{name}_silu")(x)


def depthwise_bn_silu(x, size, stride, name):
    x = layers.DepthwiseConv2D(
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=initializer(),
        name=name,
    )(x)
    x = batch_norm(x, name)
    return layers.Activation("silu", name=f"{name}_silu")(x)


def mbconv(x, expansion, size, stride, filters, drop_rate, name):
    """1x1 to expand, depthwise, squeeze and excitation, linear 1x1, shortcut.

    Args:
        x: input, ``(batch, height, width, channels)``.
        expansion: factor on the channels; with 1 there is no first convolution.
        size: side of the depthwise kernels.
        stride: of the depthwise convolution.
        filters: channels of the output. The shortcut exists where they are those of
            the input, and the stride is 1.
        drop_rate: chance that a sample takes only the shortcut, in training.
        name: first part of the layers' names.

    Shapes:
        ``(batch, height, width, channels)`` to
        ``(batch, height / stride, width / stride, filters)``, rounded up.

    Raises:
        ValueError: if an argument that counts is not a positive integer, or if
            ``x`` has less than 4 channels or ``drop_rate`` is not below 1.

    Example:

    >>> image = keras.Input((28, 28, 16))
    >>> mbconv(image, 6, 3, 2, 24, drop_rate=0.2, name="stage3_1").shape
    (None, 14, 14, 24)
    """
    expansion, size, stride, filters = check_block(
        x, expansion=expansion, size=size, stride=stride, filters=filters
    )
    arguments.number("drop_rate", drop_rate, least=0, below=1)
    channels = arguments.integer("channels of x", x.shape[-1], least=4)
    y = x
    if expansion > 1:
        y = conv_bn_silu(y, expansion * channels, 1, 1, f"{name}_expand")
    y = depthwise_bn_silu(y, size, stride, f"{name}_depthwise")
    y = SqueezeExcite(units=channels // 4, activation="silu", name=f"{name}_se")(y)
    y = conv_bn(y, filters, 1, 1, f"{name}_project")
    if stride == 1 and filters == channels:
        y = DropPath(drop_rate, name=f"{name}_drop")(y)
        y = layers.Add(name=f"{name}_add")([y, x])
    return y


def round_width(channels, width):
    """The nearest multiple of 8, unless it takes away more than a tenth."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def EfficientNet(
    width,
    depth,
    dropout,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="efficientnet",
):
    """B0 scaled in width and depth: the rows of ``TABLE`` between two convolutions.

    Args:
        width: factor on the channels of B0, a positive number; they are rounded to
            multiples of 8.
        depth: factor on the blocks of each stage, a positive number; rounded up.
        dropout: rate of the dropout before the classifier, below 1.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of stage 9.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if a factor is not a positive number; if ``input_shape`` is not a
            triple or has no fixed number of channels; if ``classes`` is neither
            ``None`` nor a positive integer.

    Example:

    >>> EfficientNet(0.25, 0.5, 0.2, input_shape=(32, 32, 3), classes=7).output.shape
    (None, 7)

    Reference: Tan and Le, arXiv 1905.11946, Tables 1 and 2.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    arguments.number("width", width, above=0)
    arguments.number("depth", depth, above=0)
    arguments.number("dropout", dropout, least=0, below=1)
    counts = [math.ceil(row[-1] * depth) for row in TABLE]
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_silu(inputs, round_width(32, width), 3, 2, "stage1")
    done = 0
    rows = zip(TABLE, counts, strict=True)
    for stage, ((expansion, size, stride, channels, _), count) in enumerate(rows, 2):
        for number in range(1, count + 1):
            x = mbconv(
                x,
                expansion,
                size,
                stride if number == 1 else 1,
                round_width(channels, width),
                DROP_RATE * done / sum(counts),
                f"stage{stage}_{number}",
            )
            done += 1
    x = conv_bn_silu(x, round_width(1280, width), 1, 1, "stage9")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    EfficientNet,
    params=5_288_548,
    macs=385_814_752,
    feature_map=(7, 7, 1280),
    source="timm 1.0.31 tf_efficientnet_b0 and torchvision 0.28 efficientnet_b0 "
    "(paper, Table 2: 5.3 million, 0.39 billion)",
)
def EfficientNetB0(*, name="efficientnet_b0", **options):
    """EfficientNet-B0: the network that the search found, 16 blocks.

    >>> model = EfficientNetB0(classes=None)
    >>> model.get_layer("stage3_1_se").reduce.units  # 16 / 4, for 96 channels
    4
    >>> model.output.shape
    (None, 7, 7, 1280)

    Reference: Tan and Le, arXiv 1905.11946, Table 1.
    """
    return EfficientNet(*SCALING["B0"], name=name, **options)


@variant(
    EfficientNet,
    params=7_794_184,
    macs=686_802_832,
    feature_map=(8, 8, 1280),
    source="timm 1.0.31 tf_efficientnet_b1 and torchvision 0.28 efficientnet_b1 "
    "(paper, Table 2: 7.8 million, 0.70 billion)",
)
def EfficientNetB1(*, input_shape=(240, 240, 3), name="efficientnet_b1", **options):
    """EfficientNet-B1: B0 with 23 blocks and an image of 240 x 240.

    The width is B0's: 1.1**0.5 is rounded to 1.0.

    >>> model = EfficientNetB1(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("stage7_5_add").output.shape  # B0 has four blocks here
    (None, 1, 1, 192)
    """
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B1"], **options)


@variant(
    EfficientNet,
    params=9_109_994,
    macs=993_561_872,
    feature_map=(9, 9, 1408),
    source="timm 1.0.31 tf_efficientnet_b2 and torchvision 0.28 efficientnet_b2 "
    "(paper, Table 2: 9.2 million, 1.0 billion)",
)
def EfficientNetB2(*, input_shape=(260, 260, 3), name="efficientnet_b2", **options):
    """EfficientNet-B2: phi = 1, 1.1 times as wide as B0 and 1.2 times as deep."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B2"], **options)


@variant(
    EfficientNet,
    params=12_233_232,
    macs=1_827_141_392,
    feature_map=(10, 10, 1536),
    source="timm 1.0.31 tf_efficientnet_b3 and torchvision 0.28 efficientnet_b3 "
    "(paper, Table 2: 12 million, 1.8 billion)",
)
def EfficientNetB3(*, input_shape=(300, 300, 3), name="efficientnet_b3", **options):
    """EfficientNet-B3: 1.2 times as wide as B0 and 1.4 times as deep."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B3"], **options)


@variant(
    EfficientNet,
    params=19_341_616,
    macs=4_393_771_024,
    feature_map=(12, 12, 1792),
    source="timm 1.0.31 tf_efficientnet_b4 and torchvision 0.28 efficientnet_b4 "
    "(paper, Table 2: 19 million, 4.2 billion)",
)
def EfficientNetB4(*, input_shape=(380, 380, 3), name="efficientnet_b4", **options):
    """EfficientNet-B4: 1.4 times as wide as B0 and 1.8 times as deep."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B4"], **options)


@variant(
    EfficientNet,
    params=30_389_784,
    macs=10_266_384_752,
    feature_map=(15, 15, 2048),
    source="timm 1.0.31 tf_efficientnet_b5 and torchvision 0.28 efficientnet_b5 "
    "(paper, Table 2: 30 million, 9.9 billion)",
)
def EfficientNetB5(*, input_shape=(456, 456, 3), name="efficientnet_b5", **options):
    """EfficientNet-B5: 1.6 times as wide as B0 and 2.2 times as deep."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B5"], **options)


@variant(
    EfficientNet,
    params=43_040_704,
    macs=19_067_593_536,
    feature_map=(17, 17, 2304),
    source="timm 1.0.31 tf_efficientnet_b6 and torchvision 0.28 efficientnet_b6 "
    "(paper, Table 2: 43 million, 19 billion)",
)
def EfficientNetB6(*, input_shape=(528, 528, 3), name="efficientnet_b6", **options):
    """EfficientNet-B6: 1.8 times as wide as B0 and 2.6 times as deep."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B6"], **options)


@variant(
    EfficientNet,
    params=66_347_960,
    macs=37_745_884_192,
    feature_map=(19, 19, 2560),
    source="timm 1.0.31 tf_efficientnet_b7 and torchvision 0.28 efficientnet_b7 "
    "(paper, Table 2: 66 million, 37 billion)",
)
def EfficientNetB7(*, input_shape=(600, 600, 3), name="efficientnet_b7", **options):
    """EfficientNet-B7: twice as wide as B0 and 3.1 times as deep, 55 blocks."""
    options |= {"input_shape": input_shape, "name": name}
    return EfficientNet(*SCALING["B7"], **options)
