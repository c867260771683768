"""VGG: nothing but 3x3 convolutions, as deep as they would train.

Simonyan, Zisserman. *Very Deep Convolutional Networks for Large-Scale Image
Recognition.* ICLR 2015. arXiv 1409.1556, 2014.

Two 3x3 convolutions see 5x5 pixels and three see 7x7, with fewer weights and more
ReLUs than one large kernel. Five stages, each ended by a 2x2 max pooling, hold 8 to 16
of them; three dense layers follow, and fc6 alone has most of the parameters.

Where this file differs from the paper:

- Configurations A, B, D and E are here. A-LRN (no gain, says the paper) and C (with
  1x1 convolutions) are not.
- Weights start as Glorot and Bengio propose. The authors grew the deeper networks from
  a trained A and found only later that this start makes it unnecessary (Section 3.1).
- At test time the paper makes convolutions of the dense layers and averages over
  positions and scales; the model takes one image.
"""

import keras
from keras import layers

from companion.models.registry import check_arguments, check_counts, variant

SMALLEST_SIDE = 32  # halved five times

TABLE = {  # layers with weights: convolutions in each stage      Table 1
    11: (1, 1, 2, 2, 2),  # A
    13: (2, 2, 2, 2, 2),  # B
    16: (2, 2, 3, 3, 3),  # D
    19: (2, 2, 4, 4, 4),  # E
}
WIDTHS = (64, 128, 256, 512, 512)
HIDDEN_UNITS = 4096


def convolution(x, filters, name):
    """3x3, stride 1, one zero on every side, bias, ReLU (Section 2.1)."""
    return layers.Conv2D(
        filters, 3, padding="same", activation="relu", name=f"conv{name}"
    )(x)


def hidden_dense(x, number):
    """ReLU units; dropout silences half of them in training (Section 3.1)."""
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name=f"fc{number}")(x)
    return layers.Dropout(0.5, name=f"drop{number}")(x)


def stages(x, counts):
    """One column of Table 1: five stages of convolutions, each halved at its end."""
    for stage, (count, width) in enumerate(zip(counts, WIDTHS, strict=True), start=1):
        for number in range(1, count + 1):
            x = convolution(x, width, f"{stage}_{number}")
        x = layers.MaxPooling2D(2, strides=2, name=f"pool{stage}")(x)
    return x


def VGG(
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="vgg",
):
    """Five stages of 3x3 convolutions, three dense layers.

    Args:
        counts: number of convolutions in each of the five stages.
        input_shape: ``(height, width, channels)``, sides of 32 or more. The weights of
            fc6 fix the size; with ``classes=None`` a side may be ``None``.
        classes: length of the output; ``None`` stops at the feature map ``pool5``.
        classifier_activation: activation of ``fc8``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``counts`` are not five positive integers; if ``input_shape`` is
            not a triple, has a side below 32 or no fixed number of channels, or has an
            unknown side while ``classes`` is given; if ``classes`` is neither ``None``
            nor a positive integer.

    Example:

    >>> small = VGG((1, 1, 1, 1, 1), input_shape=(64, 64, 3), classes=None)
    >>> small.output.shape
    (None, 2, 2, 512)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1.
    """
    counts = check_counts(counts)
    if len(counts) != len(WIDTHS):
        raise ValueError(
            f"`counts` must be five, one for each stage. Received: counts={counts}"
        )
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE, flattened=True
    )
    inputs = keras.Input(input_shape, name="image")
    x = stages(inputs, counts)
    if classes is not None:
        x = layers.Flatten(name="flatten")(x)  # (b, h / 32 * w / 32 * 512)
        x = hidden_dense(x, 6)
        x = hidden_dense(x, 7)
        x = layers.Dense(classes, activation=classifier_activation, name="fc8")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    VGG,
    params=132_863_336,
    macs=7_609_090_048,
    receptive_field=150,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 and pytorchcv 0.0.74 vgg11 (paper, Table 2: 133 "
    "million); field: Araujo et al., Distill 2019, vgg_a/pool5",
)
def VGG11(*, name="vgg11", **options):
    """VGG-11, configuration A: eight convolutions.

    >>> model = VGG11(classes=None)
    >>> [layer.name for layer in model.layers[1:5]]
    ['conv1_1', 'pool1', 'conv2_1', 'pool2']
    >>> model.output.shape
    (None, 7, 7, 512)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column A.
    """
    return VGG(TABLE[11], name=name, **options)


@variant(
    VGG,
    params=133_047_848,
    macs=11_308_466_176,
    receptive_field=156,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 and pytorchcv 0.0.74 vgg13 (paper, Table 2: 133 "
    "million); field: gradient of torchvision's network",
)
def VGG13(*, name="vgg13", **options):
    """VGG-13, configuration B: ten convolutions.

    >>> VGG13(classes=None).get_layer("pool3").output.shape
    (None, 28, 28, 256)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column B.
    """
    return VGG(TABLE[13], name=name, **options)


@variant(
    VGG,
    params=138_357_544,
    macs=15_470_264_320,
    receptive_field=212,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 vgg16 and keras.applications VGG16 (paper, Table "
    "2: 138 million); field: Araujo et al., Distill 2019, vgg_16/pool5",
)
def VGG16(*, name="vgg16", **options):
    """VGG-16, configuration D: thirteen convolutions.

    >>> VGG16(classes=None).count_params()  # of 138,357,544 with the dense layers
    14714688

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column D.
    """
    return VGG(TABLE[16], name=name, **options)


@variant(
    VGG,
    params=143_667_240,
    macs=19_632_062_464,
    receptive_field=268,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 vgg19 and keras.applications VGG19 (paper, Table "
    "2: 144 million); field: gradient of torchvision's network",
)
def VGG19(*, name="vgg19", **options):
    """VGG-19, configuration E: sixteen convolutions.

    >>> VGG19(classes=None).get_layer("conv5_4").output.shape
    (None, 14, 14, 512)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column E.
    """
    return VGG(TABLE[19], name=name, **options)
