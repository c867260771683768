"""Xception: Inception taken to its extreme, one spatial filter for each channel.

Chollet. *Xception: Deep Learning with Depthwise Separable Convolutions.* CVPR 2017.
arXiv 1610.02357, 2016.

An Inception module looks for patterns across channels with 1x1 and across space with
3x3, in three or four groups of channels. Here the separation is complete: a depthwise
3x3 filters every channel alone, a 1x1 convolution mixes the channels. Modules of such
convolutions are added to their input, as in ResNet.

- Depthwise comes first, 1x1 second, and nothing between: the paper found that a ReLU
  there trains worse (Section 4.7). The name describes the other order, which is the
  same in a stack of them.
- Where a module halves its map, a pooling does it on one way and a 1x1 convolution of
  stride 2 on the other.
- It was born in Keras and TensorFlow: "same" padding also where the stride is 2, none
  in the first two layers. Batch normalization has Keras' defaults, 1e-3 and 0.99.
- Dropout of one half before the classifier is the paper's (Section 4.3);
  ``keras.applications`` leaves it out.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, check_block, register

SMALLEST_SIDE = 7  # the first two layers leave 1x1

TABLE = (  # module: widths of its separable convolutions, size of the map      Figure 5
    ("block2", (128, 128), "halved"),
    ("block3", (256, 256), "halved"),
    ("block4", (728, 728), "halved"),
    *((f"block{number}", (728, 728, 728), "kept") for number in range(5, 13)),
    ("block13", (728, 1024), "halved"),
)


def conv_bn(x, filters, size, name, stride=1, padding="same"):
    """Convolution without bias and batch normalization."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    return BatchNormalization(name=f"{name}_bn")(x)


def relu(x, name):
    return layers.ReLU(name=f"{name}_relu")(x)


def separable(x, filters, name):
    """Depthwise separable convolution and batch normalization (Sections 1.2 and 4.7).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        filters: channels of the output; the depthwise part keeps their number.
        name: beginning of the layers' names.

    Returns:
        Feature map of the same height and width with ``filters`` channels.

    Example: 9 weights for each channel, then a 1x1 convolution.

    >>> image = keras.Input((19, 19, 728))
    >>> model = keras.Model(image, separable(image, 1024, "block13_2"))
    >>> model.get_layer("block13_2_depthwise").count_params() == 9 * 728
    True
    >>> model.get_layer("block13_2_pointwise").count_params() == 728 * 1024
    True
    """
    check_block(x, filters=filters)
    x = layers.DepthwiseConv2D(
        3, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    return conv_bn(x, filters, 1, f"{name}_pointwise")


def module(x, widths, size, name):
    """ReLU and separable convolution, two or three times, added to the input.

    block2 does not begin with a ReLU, because conv2 ends in one (Figure 5).
    """
    y = x
    for number, filters in enumerate(widths, start=1):
        if number > 1 or name != "block2":
            y = relu(y, f"{name}_{number}")
        y = separable(y, filters, f"{name}_{number}")
    if size == "halved":
        y = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(y)
        x = conv_bn(x, widths[-1], 1, f"{name}_shortcut", stride=2)
    return layers.Add(name=name)([y, x])


@register(
    params=22_855_952,
    macs=8_357_403_496,
    source="parameters: paper, Table 3; counts: timm 1.0.31 legacy_xception and "
    "pytorchcv 0.0.74 xception",
)
def Xception(
    *,
    input_shape=(299, 299, 3),
    classes=1000,
    classifier_activation="softmax",
    name="xception",
):
    """Xception: 36 convolutions in 14 modules, 34 of them separable.

    Args:
        input_shape: ``(height, width, channels)``, sides of 7 or more, or ``None`` for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of block14.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 299, 299, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 10, 10, 2048)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 7 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a positive
            integer.

    Example:

    >>> model = Xception(classes=None)
    >>> [model.get_layer(f"block{number}").output.shape for number in (2, 12)]
    [(None, 74, 74, 128), (None, 19, 19, 728)]
    >>> model.output.shape
    (None, 10, 10, 2048)

    Reference: Chollet, arXiv 1610.02357, Section 3 and Figure 5.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE
    )
    inputs = keras.Input(input_shape, name="image")
    x = relu(conv_bn(inputs, 32, 3, "conv1", stride=2, padding="valid"), "conv1")
    x = relu(conv_bn(x, 64, 3, "conv2", padding="valid"), "conv2")
    for row, widths, size in TABLE:
        x = module(x, widths, size, row)
    for number, filters in enumerate((1536, 2048), start=1):
        x = separable(x, filters, f"block14_{number}")
        x = relu(x, f"block14_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="average")(x)
        x = layers.Dropout(0.5, name="drop")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
