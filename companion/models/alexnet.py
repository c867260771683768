"""AlexNet: the network that won ImageNet in 2012.

Krizhevsky, Sutskever, Hinton. *ImageNet Classification with Deep Convolutional
Neural Networks.* NIPS 2012.

Five convolutions with ReLU, then three dense layers with dropout. The network
was cut in two halves for two GPUs of 3 GB, so conv2, conv4 and conv5 see only the
channels of their own half: a convolution in two groups.

Where this file differs from the paper:

- The paper prints a 224x224 input, which conv1 (11x11, stride 4, no padding) does
  not cut evenly: (224 - 11) / 4 = 53.25. Its own 55x55 maps need 227x227, the
  default here. At 224 the chain is 54, 26, 12, 5 instead of 55, 27, 13, 6.
- At test time the paper averages ten crops; the model takes one.
"""

import keras
from keras import layers

from companion.layers import GroupedConv2D, LocalResponseNormalization
from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 67  # conv1 to pool5 give 15, 7, 7, 3, 3, 3, 3, 1
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


def build(after_convolution, input_shape, classes, classifier_activation, name):
    """Eight layers with weights, in the order of the paper's Figure 2."""
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE, flattened=True
    )
    inputs = keras.Input(input_shape, name="image")
    x = inputs
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
    """AlexNet as in the paper: two groups, normalization before pooling.

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
