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

from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 32  # halved five times

TABLE = {  # layers with weights: convolutions in each stage      Table 1
    11: (1, 1, 2, 2, 2),  # A
    13: (2, 2, 2, 2, 2),  # B
    16: (2, 2, 3, 3, 3),  # D
    19: (2, 2, 4, 4, 4),  # E
}
WIDTHS = (64, 128, 256, 512, 512)


def convolution(x, filters, name):
    """3x3, stride 1, one zero on every side, bias, ReLU (Section 2.1)."""
    return layers.Conv2D(
        filters, 3, padding="same", activation="relu", name=f"conv{name}"
    )(x)


def hidden_dense(x, number):
    """4096 ReLU units; dropout silences half of them in training (Section 3.1)."""
    x = layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
    return layers.Dropout(0.5, name=f"drop{number}")(x)


def build(counts, input_shape, classes, classifier_activation, name):
    """One column of Table 1."""
    check_arguments(input_shape, classes, smallest_side=SMALLEST_SIDE)
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for stage, (count, width) in enumerate(zip(counts, WIDTHS, strict=True), start=1):
        for number in range(1, count + 1):
            x = convolution(x, width, f"{stage}_{number}")
        x = layers.MaxPooling2D(2, strides=2, name=f"pool{stage}")(x)
    if classes is not None:
        x = layers.Flatten(name="flatten")(x)
        x = hidden_dense(x, 6)
        x = hidden_dense(x, 7)
        x = layers.Dense(classes, activation=classifier_activation, name="fc8")(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=132_863_336,
    macs=7_609_090_048,
    receptive_field=150,
    source="counts: torchvision 0.28 and pytorchcv 0.0.74 vgg11 (paper, Table 2: 133 "
    "million); field: Araujo et al., Distill 2019, vgg_a/pool5",
)
def VGG11(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="vgg11",
):
    """VGG-11, configuration A: eight convolutions.

    Args:
        input_shape: ``(height, width, channels)``, sides of 32 or more. The weights of
            fc6 fix the size; with ``classes=None`` a side may be ``None``.
        classes: length of the output; ``None`` stops at the feature map ``pool5``.
        classifier_activation: activation of ``fc8``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 512)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 32 or no
            fixed number of channels, or has an unknown side while ``classes`` is
            given; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = VGG11(classes=None)
    >>> [layer.name for layer in model.layers[1:5]]
    ['conv1_1', 'pool1', 'conv2_1', 'pool2']
    >>> model.output.shape
    (None, 7, 7, 512)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column A.
    """
    return build(TABLE[11], input_shape, classes, classifier_activation, name)


@register(
    params=133_047_848,
    macs=11_308_466_176,
    receptive_field=156,
    source="counts: torchvision 0.28 and pytorchcv 0.0.74 vgg13 (paper, Table 2: 133 "
    "million); field: gradient of torchvision's network",
)
def VGG13(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="vgg13",
):
    """VGG-13, configuration B: ten convolutions.

    Args:
        input_shape: as for ``VGG11``.
        classes: as for ``VGG11``.
        classifier_activation: as for ``VGG11``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 512)``.

    Raises:
        ValueError: as ``VGG11``.

    Example:

    >>> VGG13(classes=None).get_layer("pool3").output.shape
    (None, 28, 28, 256)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column B.
    """
    return build(TABLE[13], input_shape, classes, classifier_activation, name)


@register(
    params=138_357_544,
    macs=15_470_264_320,
    receptive_field=212,
    source="counts: torchvision 0.28 vgg16 and keras.applications VGG16 (paper, Table "
    "2: 138 million); field: Araujo et al., Distill 2019, vgg_16/pool5",
)
def VGG16(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="vgg16",
):
    """VGG-16, configuration D: thirteen convolutions.

    Args:
        input_shape: as for ``VGG11``.
        classes: as for ``VGG11``.
        classifier_activation: as for ``VGG11``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 512)``.

    Raises:
        ValueError: as ``VGG11``.

    Example:

    >>> VGG16(classes=None).count_params()  # of 138,357,544 with the dense layers
    14714688

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column D.
    """
    return build(TABLE[16], input_shape, classes, classifier_activation, name)


@register(
    params=143_667_240,
    macs=19_632_062_464,
    receptive_field=268,
    source="counts: torchvision 0.28 vgg19 and keras.applications VGG19 (paper, Table "
    "2: 144 million); field: gradient of torchvision's network",
)
def VGG19(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="vgg19",
):
    """VGG-19, configuration E: sixteen convolutions.

    Args:
        input_shape: as for ``VGG11``.
        classes: as for ``VGG11``.
        classifier_activation: as for ``VGG11``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 512)``.

    Raises:
        ValueError: as ``VGG11``.

    Example:

    >>> VGG19(classes=None).get_layer("conv5_4").output.shape
    (None, 14, 14, 512)

    Reference: Simonyan, Zisserman, arXiv 1409.1556, Table 1, column E.
    """
    return build(TABLE[19], input_shape, classes, classifier_activation, name)
