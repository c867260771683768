"""Inception-v3: large windows taken apart into small and into one-dimensional ones.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. *Rethinking the Inception Architecture for
Computer Vision.* CVPR 2016. arXiv 1512.00567, 2015.

Two 3x3 convolutions replace a 5x5; on maps of 12 to 20 units a 1x7 and a 7x1 replace
a 7x7; and the map is halved by a convolution and a pooling side by side. The paper
reaches "Inception-v3" from its "Inception-v2" in four steps (Table 3): RMSProp, label
smoothing, a stem of 3x3 instead of 7x7, and a batch-normalized auxiliary head.

The widths inside the modules are not printed: the paper points to a file that came with
it. This is the network that the authors released with TensorFlow, where it differs
from Table 1 and from the figures:

- After the first pooling, Table 1 has 3x3/1 to 80 channels, 3x3/2 to 192, 3x3/1. The
  released network has 1x1 to 80, 3x3/1 to 192 and a second max pooling: also 35x35.
- The 35x35 modules keep one 5x5 convolution beside two 3x3, unlike Figure 5.
- Mixed 6b to 6e are four modules of Figure 6, not five: 6a halves the map.

It was born in TensorFlow: "same" padding inside the modules, none where the stride is
2, and averages that leave the padding out (torchvision's count its zeros, timm's too).
Batch normalization adds 1e-3 to the variance. It has a gamma here, as in torchvision;
the released network and ``keras.applications`` leave it out, because the convolution
after the ReLU can do its work: 17,216 parameters fewer.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 75  # leaves 7x7, 3x3 and 1x1 in the three kinds of modules
SMALLEST_SIDE_OF_HEAD = 299  # leaves 17x17 for its pooling and its 5x5 convolution


def conv_bn(x, filters, size, name, stride=1, padding="same"):
    """Convolution without bias, batch normalization, ReLU."""
    x = layers.Conv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, name=name
    )(x)
    x = BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def project_average(x, filters, name):
    """Average pooling, then 1x1: a branch of every module that keeps the size."""
    x = layers.AveragePooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    return conv_bn(x, filters, 1, f"{name}_pool_proj")


def inception_a(x, projection, name):
    """Module of the 35x35 maps: 5x5, and two 3x3 that see as much (Figures 4 and 5).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        projection: filters after the average pooling.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of the same height and width with 224 + ``projection`` channels.

    Example:

    >>> inception_a(keras.Input((35, 35, 192)), 32, "mixed_5b").shape
    (None, 35, 35, 256)
    """
    a = conv_bn(x, 64, 1, f"{name}_1x1")
    b = conv_bn(x, 48, 1, f"{name}_5x5_reduce")
    b = conv_bn(b, 64, 5, f"{name}_5x5")
    c = conv_bn(x, 64, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, 96, 3, f"{name}_double3x3_1")
    c = conv_bn(c, 96, 3, f"{name}_double3x3_2")
    d = project_average(x, projection, name)
    return layers.Concatenate(name=name)([a, b, c, d])


def reduction_a(x, name):
    """35x35 to 17x17: convolutions and pooling of stride 2 side by side (Figure 10).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of half the height and width, with 480 channels more.

    Example:

    >>> reduction_a(keras.Input((35, 35, 288)), "mixed_6a").shape
    (None, 17, 17, 768)
    """
    a = conv_bn(x, 384, 3, f"{name}_3x3", stride=2, padding="valid")
    b = conv_bn(x, 64, 1, f"{name}_double3x3_reduce")
    b = conv_bn(b, 96, 3, f"{name}_double3x3_1")
    b = conv_bn(b, 96, 3, f"{name}_double3x3_2", stride=2, padding="valid")
    c = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c])


def inception_b(x, width, name):
    """Module of the 17x17 maps: 7x7 as 1x7 and 7x1, once and twice (Figure 6).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        width: filters of the convolutions inside the two long branches.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of the same height and width with 768 channels.

    Example:

    >>> inception_b(keras.Input((17, 17, 768)), 128, "mixed_6b").shape
    (None, 17, 17, 768)
    """
    a = conv_bn(x, 192, 1, f"{name}_1x1")
    b = conv_bn(x, width, 1, f"{name}_7x7_reduce")
    b = conv_bn(b, width, (1, 7), f"{name}_7x7_1")
    b = conv_bn(b, 192, (7, 1), f"{name}_7x7_2")
    c = conv_bn(x, width, 1, f"{name}_double7x7_reduce")
    c = conv_bn(c, width, (7, 1), f"{name}_double7x7_1")
    c = conv_bn(c, width, (1, 7), f"{name}_double7x7_2")
    c = conv_bn(c, width, (7, 1), f"{name}_double7x7_3")
    c = conv_bn(c, 192, (1, 7), f"{name}_double7x7_4")
    d = project_average(x, 192, name)
    return layers.Concatenate(name=name)([a, b, c, d])


def reduction_b(x, name):
    """17x17 to 8x8, with a 7x7 taken apart before the second 3x3.

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of half the height and width, with 512 channels more.

    Example:

    >>> reduction_b(keras.Input((17, 17, 768)), "mixed_7a").shape
    (None, 8, 8, 1280)
    """
    a = conv_bn(x, 192, 1, f"{name}_3x3_reduce")
    a = conv_bn(a, 320, 3, f"{name}_3x3", stride=2, padding="valid")
    b = conv_bn(x, 192, 1, f"{name}_7x7_reduce")
    b = conv_bn(b, 192, (1, 7), f"{name}_7x7_1")
    b = conv_bn(b, 192, (7, 1), f"{name}_7x7_2")
    b = conv_bn(b, 192, 3, f"{name}_7x7_3", stride=2, padding="valid")
    c = layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c])


def inception_c(x, name):
    """Module of the 8x8 maps: 1x3 and 3x1 side by side, for a wide output (Figure 7).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of the same height and width with 2048 channels.

    Example:

    >>> inception_c(keras.Input((8, 8, 1280)), "mixed_7b").shape
    (None, 8, 8, 2048)
    """
    a = conv_bn(x, 320, 1, f"{name}_1x1")
    b = conv_bn(x, 384, 1, f"{name}_3x3_reduce")
    b1 = conv_bn(b, 384, (1, 3), f"{name}_3x3_1")
    b2 = conv_bn(b, 384, (3, 1), f"{name}_3x3_2")
    c = conv_bn(x, 448, 1, f"{name}_double3x3_reduce")
    c = conv_bn(c, 384, 3, f"{name}_double3x3")
    c1 = conv_bn(c, 384, (1, 3), f"{name}_double3x3_1")
    c2 = conv_bn(c, 384, (3, 1), f"{name}_double3x3_2")
    d = project_average(x, 192, name)
    return layers.Concatenate(name=name)([a, b1, b2, c1, c2, d])


TABLE = (  # module, its block, the width that varies      Table 1, the released network
    ("mixed_5b", inception_a, 32),
    ("mixed_5c", inception_a, 64),
    ("mixed_5d", inception_a, 64),
    ("mixed_6a", reduction_a),
    ("mixed_6b", inception_b, 128),
    ("mixed_6c", inception_b, 160),
    ("mixed_6d", inception_b, 160),
    ("mixed_6e", inception_b, 192),
    ("mixed_7a", reduction_b),
    ("mixed_7b", inception_c),
    ("mixed_7c", inception_c),
)


def stem(x):
    """299x299 to 35x35 by 3x3 convolutions; one of them is padded (Table 1)."""
    x = conv_bn(x, 32, 3, "conv1", stride=2, padding="valid")
    x = conv_bn(x, 32, 3, "conv2", padding="valid")
    x = conv_bn(x, 64, 3, "conv3")
    x = layers.MaxPooling2D(3, strides=2, name="pool3")(x)
    x = conv_bn(x, 80, 1, "conv4", padding="valid")
    x = conv_bn(x, 192, 3, "conv5", padding="valid")
    return layers.MaxPooling2D(3, strides=2, name="pool5")(x)


def auxiliary_head(x, classes, classifier_activation, name):
    """Classifier on the last 17x17 map, batch-normalized (Figure 8 and Section 10).

    Its 5x5 convolution stands for a dense layer: at 299 its input is 5x5.
    """
    x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = conv_bn(x, 128, 1, f"{name}_reduce")
    x = conv_bn(x, 768, 5, f"{name}_5x5", padding="valid")
    x = layers.GlobalAveragePooling2D(name=f"{name}_average")(x)
    return layers.Dense(classes, activation=classifier_activation, name=name)(x)


@register(
    params=23_834_568,
    macs=5_713_216_096,
    source="timm 1.0.31 inception_v3 and pytorchcv 0.0.74 inceptionv3",
)
def InceptionV3(
    *,
    input_shape=(299, 299, 3),
    classes=1000,
    classifier_activation="softmax",
    auxiliary=False,
    name="inception_v3",
):
    """Inception-v3: nine modules of three kinds, and two reductions between the kinds.

    The auxiliary head is for training: the paper found that it works as a regularizer.
    With it the network has 27,161,264 parameters.

    Args:
        input_shape: ``(height, width, channels)``, sides of 75 or more, or ``None``
            for images of any size.
        classes: length of each output; ``None`` stops at the feature map of 7c.
        classifier_activation: activation of each output; ``None`` gives logits.
        auxiliary: whether the model has two outputs, ``[main, 6e]``, instead of one.
            The sides must then be 299 or more.
        name: name of the model.

    Shapes:
        ``(batch, 299, 299, 3)`` to ``(batch, 1000)``, or with ``auxiliary=True`` to
        two of them; with ``classes=None`` to ``(batch, 8, 8, 2048)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below the smallest
            or no fixed number of channels; if ``classes`` is neither ``None`` nor a
            positive integer, or is ``None`` with ``auxiliary=True``.

    Example:

    >>> model = InceptionV3(classes=None)
    >>> [model.get_layer(f"mixed_{end}").output.shape for end in ("5d", "6e")]
    [(None, 35, 35, 288), (None, 17, 17, 768)]
    >>> model.output.shape
    (None, 8, 8, 2048)

    Reference: Szegedy et al., arXiv 1512.00567, Section 6, Table 1, Figures 5 to 10.
    """
    smallest = SMALLEST_SIDE_OF_HEAD if auxiliary else SMALLEST_SIDE
    input_shape, classes = check_arguments(input_shape, classes, smallest_side=smallest)
    if auxiliary and classes is None:
        raise ValueError(
            "The auxiliary head is a classifier: it needs `classes`. "
            f"Received: auxiliary={auxiliary}, classes=None"
        )
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs)
    for row, block, *width in TABLE:
        x = block(x, *width, row)
        if row == "mixed_6e" and auxiliary:
            head = auxiliary_head(x, classes, classifier_activation, "auxiliary_6e")
    if classes is None:
        return keras.Model(inputs, x, name=name)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(0.2, name="drop")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, [x, head] if auxiliary else x, name=name)
