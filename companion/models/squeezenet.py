"""SqueezeNet: AlexNet's accuracy with a fiftieth of its parameters.

Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer. *SqueezeNet: AlexNet-level accuracy
with 50x fewer parameters and <0.5MB model size.* arXiv 1602.07360, 2016.

A "fire" module first squeezes its input to few channels with 1x1 kernels, then expands
it with 1x1 and 3x3 kernels side by side: the 3x3 kernels, the expensive ones, see few
channels. No dense layer anywhere: a 1x1 convolution scores every position for every
class, and the average over all positions is the answer.

Where this file follows the released Caffe network (forresti/SqueezeNet), and where not:

- Table 1 prints a 224x224 input, but its 111x111 maps after conv1 need the 227x227 of
  the released network, the default here. At 224 the chain is 109, 54, 27, 13.
- Caffe rounds the sizes of pooled maps up: the last window may stick out of the map.
- ReLU follows every convolution, the last one too: no logit is negative.
- The released v1.0 pads conv10 with a zero on every side, 15x15 positions of which 56
  see nothing but the bias. Table 1 says 13x13, as all other implementations and v1.1.
"""

import keras
from keras import layers

from companion.models.registry import check_arguments, check_block, variant


def convolution(x, filters, size, stride, padding, name):
    """Convolution with bias, then ReLU; Caffe's "xavier" initial weights."""
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding=padding,
        activation="relu",
        kernel_initializer="lecun_uniform",
        name=name,
    )(x)


def first_convolution(x, filters, size, name):
    """Stride 2, no padding."""
    return convolution(x, filters, size, 2, "valid", name)


def ceil_pool(x, name):
    """3x3 windows, 2 apart; the last one may stick out by one row and column.

    Those are filled with zeros, which win no maximum: after ReLU nothing is smaller.
    """
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def fire(x, squeeze1x1, expand1x1, expand3x3, name):
    """Squeeze, then expand in two branches (Section 3.2, Figure 1)."""
    squeeze1x1, expand1x1, expand3x3 = check_block(
        x, squeeze1x1=squeeze1x1, expand1x1=expand1x1, expand3x3=expand3x3
    )
    s = convolution(x, squeeze1x1, 1, 1, "valid", f"{name}_squeeze1x1")
    e1 = convolution(s, expand1x1, 1, 1, "valid", f"{name}_expand1x1")
    e3 = convolution(s, expand3x3, 3, 1, "same", f"{name}_expand3x3")
    return layers.Concatenate(name=f"{name}_concat")([e1, e3])


TABLE_1_0 = (  # layer, its sizes, its name     Table 1
    (first_convolution, 96, 7, "conv1"),
    (ceil_pool, "pool1"),
    (fire, 16, 64, 64, "fire2"),
    (fire, 16, 64, 64, "fire3"),
    (fire, 32, 128, 128, "fire4"),
    (ceil_pool, "pool4"),
    (fire, 32, 128, 128, "fire5"),
    (fire, 48, 192, 192, "fire6"),
    (fire, 48, 192, 192, "fire7"),
    (fire, 64, 256, 256, "fire8"),
    (ceil_pool, "pool8"),
    (fire, 64, 256, 256, "fire9"),
)
TABLE_1_1 = (  # smaller conv1, earlier pooling     SqueezeNet_v1.1/deploy.prototxt
    (first_convolution, 64, 3, "conv1"),
    (ceil_pool, "pool1"),
    (fire, 16, 64, 64, "fire2"),
    (fire, 16, 64, 64, "fire3"),
    (ceil_pool, "pool3"),
    (fire, 32, 128, 128, "fire4"),
    (fire, 32, 128, 128, "fire5"),
    (ceil_pool, "pool5"),
    (fire, 48, 192, 192, "fire6"),
    (fire, 48, 192, 192, "fire7"),
    (fire, 64, 256, 256, "fire8"),
    (fire, 64, 256, 256, "fire9"),
)


def smallest_side(rows):
    """The side that leaves one unit in the last map, from there back to the image."""
    side = 1
    for layer, *sizes in reversed(rows):
        if layer is ceil_pool:
            side = 2 * side
        if layer is first_convolution:
            side = 2 * (side - 1) + sizes[1]
    return side


def SqueezeNet(
    rows,
    *,
    input_shape=(227, 227, 3),
    classes=1000,
    classifier_activation="softmax",
    name="squeezenet",
):
    """The rows of a table, then a score for every class at every position.

    Args:
        rows: layer and its arguments, as in ``TABLE_1_0``.
        input_shape: ``(height, width, channels)``, sides of 21 or more for version
            1.0, of 17 or more for 1.1; a side may be ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of the average over ``conv10``; ``None``
            gives logits, none of which is negative.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has too short a side or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a
            positive integer.

    Example:

    >>> rows = [(first_convolution, 64, 3, "conv1"), (fire, 16, 64, 64, "fire2")]
    >>> SqueezeNet(rows, input_shape=(33, 33, 3), classes=None).output.shape
    (None, 16, 16, 128)

    Reference: Iandola et al., arXiv 1602.07360, Table 1 and Figures 1 and 2, left.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=smallest_side(rows)
    )
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for layer, *arguments in rows:
        x = layer(x, *arguments)
    if classes is not None:
        x = layers.Dropout(0.5, name="drop9")(x)
        x = layers.Conv2D(
            classes,
            1,
            activation="relu",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            name="conv10",
        )(x)
        x = layers.GlobalAveragePooling2D(name="pool10")(x)
        x = layers.Activation(classifier_activation or "linear", name="prob")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    SqueezeNet,
    params=1_248_424,
    macs=832_667_936,
    receptive_field=155,
    feature_map=(13, 13, 512),
    source="counts: torchvision 0.28 squeezenet1_0 and pytorchcv 0.0.74 "
    "squeezenet_v1_0 at 227x227, parameters also the paper, Table 1; "
    "field: measured on torchvision's network",
)
def SqueezeNet1_0(*, name="squeezenet1_0", **options):
    """SqueezeNet as in the paper: eight fire modules, pooling after 1, 4 and 8.

    >>> model = SqueezeNet1_0(classes=None)
    >>> model.get_layer("fire5_squeeze1x1").output.shape
    (None, 27, 27, 32)
    >>> model.get_layer("fire5_concat").output.shape
    (None, 27, 27, 256)
    """
    return SqueezeNet(TABLE_1_0, name=name, **options)


@variant(
    SqueezeNet,
    params=1_235_496,
    macs=387_747_520,
    receptive_field=207,
    feature_map=(14, 14, 512),
    source="counts: torchvision 0.28 squeezenet1_1 and pytorchcv 0.0.74 "
    "squeezenet_v1_1 at 227x227; field: measured on torchvision's network",
)
def SqueezeNet1_1(*, name="squeezenet1_1", **options):
    """SqueezeNet 1.1: less than half the multiply-adds, by pooling earlier.

    The authors released it after the paper: conv1 has 64 kernels of 3x3 instead of 96
    of 7x7, and the maps are halved after fire3 and fire5 instead of fire4 and fire8.

    Reference: forresti/SqueezeNet, SqueezeNet_v1.1/deploy.prototxt and README.md.
    """
    return SqueezeNet(TABLE_1_1, name=name, **options)
