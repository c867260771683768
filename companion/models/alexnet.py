"""AlexNet: the network that won ImageNet in 2012.

Krizhevsky, Sutskever, Hinton. *ImageNet Classification with Deep Convolutional
Neural Networks.* NIPS 2012.

Five convolutions with ReLU, then three dense layers with dropout. The network
was cut in two halves for two GPUs of 3 GB, so conv2, conv4 and conv5 see only the
channels of their own half: a convolution in two groups.

Two networks of this file are called AlexNet, with the same weights:

``AlexNetTwoCards``
    The authors'. Their code counts windows by rounding up, so 224x224 gives 55x55:
    1 + ceil((224 - 11) / 4). Each card normalizes the channels that it holds.
``AlexNet``
    Arranged as Caffe's bvlc_alexnet, with the paper's constants. Windows are counted
    by rounding down, which makes the image 227x227; at 224 the maps would have sides
    of 54, 26, 12, 5 instead of 55, 27, 13, 6. Normalization spans all channels, so
    neighbours in the middle belong to two cards.

Where both differ from the paper: at test time it averages ten crops, and these take
one. Where the layer file released with cuda-convnet2 in 2014 differs from the paper:
it normalizes before the ReLU, and once more across places after conv2.
"""

import keras
from keras import layers, ops

from companion.layers import GroupedConv2D, LocalResponseNormalization
from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 67  # conv1 to pool5 give 15, 7, 7, 3, 3, 3, 3, 1
LAST_WINDOW = 3  # zeros with which rounding down counts as rounding up: stride less 1
HIDDEN_UNITS = 4096

TABLE = (  # name, kernels, size, stride, padding, groups, first bias     Section 3.5
    ("conv1", 96, 11, 4, "valid", 1, 0.0),
    ("conv2", 256, 5, 1, "same", 2, 1.0),
    ("conv3", 384, 3, 1, "same", 1, 0.0),
    ("conv4", 384, 3, 1, "same", 2, 1.0),
    ("conv5", 256, 3, 1, "same", 2, 1.0),
)


def gaussian():
    """Every weight starts from N(0, 0.01) (Section 5)."""
    return keras.initializers.RandomNormal(stddev=0.01)


def convolution(x, filters, size, stride, padding, groups, bias, name):
    """Convolution in one or two groups, then ReLU (Sections 3.1 and 3.2)."""
    kind = GroupedConv2D if groups > 1 else layers.Conv2D
    return kind(
        filters,
        size,
        strides=stride,
        padding=padding,
        groups=groups,
        activation="relu",
        kernel_initializer=gaussian(),
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )(x)


def overlapping_pool(x, name):
    """3x3 windows, 2 apart: neighbours share a row of units (Section 3.4)."""
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def normalize_then_pool(x, number):
    """The paper's order after conv1 and conv2 (Sections 3.3 and 3.5)."""
    x = LocalResponseNormalization(
        depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75, name=f"norm{number}"
    )(x)
    return overlapping_pool(x, f"pool{number}")


def normalize_each_card_then_pool(x, number):
    """The same on two cards, each with half of the channels and without the other's."""
    halves = [
        LocalResponseNormalization(
            depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75, name=f"norm{number}{card}"
        )(half)
        for card, half in zip("ab", ops.split(x, 2, axis=-1), strict=True)
    ]
    x = layers.Concatenate(name=f"norm{number}")(halves)
    return overlapping_pool(x, f"pool{number}")


def pool_then_normalize(x, number):
    """CaffeNet's order, with Caffe's constants: k = 1, and alpha divided by n = 5."""
    x = overlapping_pool(x, f"pool{number}")
    return LocalResponseNormalization(
        depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75, name=f"norm{number}"
    )(x)


def hidden_dense(x, number):
    """ReLU units; dropout silences half of them in training (Section 4.2)."""
    x = layers.Dense(
        HIDDEN_UNITS,
        activation="relu",
        kernel_initializer=gaussian(),
        bias_initializer="ones",
        name=f"fc{number}",
    )(x)
    return layers.Dropout(0.5, name=f"drop{number}")(x)


def build(after_convolution, input_shape, classes, classifier_activation, name, edge=0):
    """Eight layers with weights, in the order of the paper's Figure 2."""
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE - edge, flattened=True
    )
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    if edge:  # zeros at the bottom and on the right, where the last window hangs over
        x = layers.ZeroPadding2D(((0, edge), (0, edge)), name="conv1_edge")(x)
    for row in TABLE:
        x = convolution(x, *row[1:], name=row[0])
        if row[0] in ("conv1", "conv2"):
            x = after_convolution(x, row[0][-1])
    x = overlapping_pool(x, "pool5")
    if classes is not None:
        x = layers.Flatten(name="flatten")(x)
        x = hidden_dense(x, 6)
        x = hidden_dense(x, 7)
        x = layers.Dense(
            classes,
            activation=classifier_activation,
            kernel_initializer=gaussian(),
            name="fc8",
        )(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=60_965_224,
    macs=724_406_816,
    receptive_field=195,
    source="counts: BVLC/caffe models/bvlc_alexnet/deploy.prototxt; "
    "field: Araujo et al., Distill 2019, alexnet_v2/pool5",
)
def AlexNet(
    *,
    input_shape=(227, 227, 3),
    classes=1000,
    classifier_activation="softmax",
    name="alexnet",
):
    """AlexNet in Caffe's arrangement: 227x227, and normalization over all channels.

    Groups, order and constants are the paper's: normalization comes before pooling,
    with k = 2 and alpha times the sum. ``AlexNetTwoCards`` is the authors' network.

    The weights of fc6 fix the size of the image: at 224x224 the last map is 5x5
    instead of 6x6, and the network has 49,430,888 parameters instead of 60,965,224.

    Args:
        input_shape: ``(height, width, channels)``, sides of 67 or more. With
            ``classes=None`` a side may be ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the feature map ``pool5``.
        classifier_activation: activation of fc8; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 227, 227, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 6, 6, 256)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 67 or no
            fixed number of channels, or has an unknown side while ``classes`` is
            given; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = AlexNet(classes=None)
    >>> model.get_layer("conv2").output.shape
    (None, 27, 27, 256)
    >>> model.output.shape
    (None, 6, 6, 256)

    Reference: Krizhevsky et al., NIPS 2012, Sections 3.5 and 5, Figure 2.
    """
    return build(normalize_then_pool, input_shape, classes, classifier_activation, name)


@register(
    params=60_965_224,
    macs=724_406_816,
    receptive_field=195,
    source="Sections 3.5 and 5 of the paper; akrizhevsky/cuda-convnet2 layer.py and "
    "layers/layers-imagenet-2gpu-model.cfg; counts: as AlexNet, for the same maps",
)
def AlexNetTwoCards(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="alexnet_two_cards",
):
    """AlexNet as its authors' code computes it: 224x224, and two normalizations of 48.

    Before conv3 no card knows what the other one holds: each normalizes its own half of
    the channels, conv1 over the whole image aside. In conv1 windows are counted by
    rounding up; where the last one hangs over the edge it reads zeros. The weights are
    those of ``AlexNet``, layer by layer.

    Args:
        input_shape: ``(height, width, channels)``, sides of 64 or more. With
            ``classes=None`` a side may be ``None``, for images of any size.
        classes: as for ``AlexNet``.
        classifier_activation: as for ``AlexNet``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 6, 6, 256)``.

    Raises:
        ValueError: as ``AlexNet``, with 64 as the smallest side.

    Example:

    >>> model = AlexNetTwoCards(classes=None)
    >>> model.get_layer("conv1").output.shape
    (None, 55, 55, 96)
    >>> model.get_layer("norm1a").output.shape
    (None, 55, 55, 48)

    Reference: Krizhevsky et al., NIPS 2012, and the authors' code, cuda-convnet2.
    """
    return build(
        normalize_each_card_then_pool,
        input_shape,
        classes,
        classifier_activation,
        name,
        edge=LAST_WINDOW,
    )


@register(
    params=60_965_224,
    macs=724_406_816,
    receptive_field=195,
    source="BVLC/caffe models/bvlc_reference_caffenet/deploy.prototxt",
)
def CaffeNet(
    *,
    input_shape=(227, 227, 3),
    classes=1000,
    classifier_activation="softmax",
    name="caffenet",
):
    """CaffeNet: AlexNet with pooling before normalization.

    Caffe's replication of the paper, and the source of many drawings that show
    AlexNet in this order. The shapes and counts are AlexNet's, the values are not.
    Normalization after pooling works on a quarter of the units. Its constants are
    Caffe's: k = 1 instead of 2, and alpha = 1e-4 divided by the 5 summed channels.

    Args:
        input_shape: as for ``AlexNet``.
        classes: as for ``AlexNet``.
        classifier_activation: as for ``AlexNet``.
        name: name of the model.

    Shapes:
        ``(batch, 227, 227, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 6, 6, 256)``.

    Raises:
        ValueError: as ``AlexNet``.

    Example:

    >>> [layer.name for layer in CaffeNet(classes=None).layers[1:4]]
    ['conv1', 'pool1', 'norm1']

    Reference: Jia et al., *Caffe*, ACM Multimedia 2014, and the model's readme.
    """
    return build(pool_then_normalize, input_shape, classes, classifier_activation, name)
