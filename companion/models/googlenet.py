"""GoogLeNet: 22 layers with 7 million parameters, by 1x1 convolutions that save work.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. *Going
Deeper with Convolutions.* CVPR 2015. arXiv 1409.4842, 2014.

An Inception module looks at its input through 1x1, 3x3 and 5x5 windows and a pooling
at the same time and concatenates what they give. 1x1 convolutions make the input
narrow before the large windows see it. One global average replaces the hidden dense
layers that hold most of the parameters of AlexNet and VGG.

Where the paper is silent, this file does what the public weights were trained with
(BVLC/caffe, models/bvlc_googlenet):

- Response normalization, in Figure 3 but not in the text, has Caffe's constants: five
  channels, k = 1, alpha = 1e-4 divided by the five, beta = 0.75.
- conv1 pads three zeros on every side.
- Weights start with the variance 1 / inputs, and biases at 0.2.

Table 1 turns 112 into 56 with windows of 3: Figure 3 marks these poolings (S), "same".
At the even sizes of the paper Caffe's rounding up gives the same windows; rounding down
would give 55, 27, 13 and 6.

Not all numbers in the columns "params" and "ops" of Table 1 are those of this network.
Its conv1 has 9,408 weights and needs 118 million multiply-adds; the 2.7K and 34M that
are printed fit a depthwise-separable 7x7 with eight filters a colour, which the authors
used as a first layer. 4c has 509,440 weights (463K), 5a needs 51 million multiply-adds
(54M).

Two networks of this name are others: TF-Slim and torchvision compute 3x3 in the branch
called 5x5, without biases, with batch normalization and without response normalization.
"""

import keras
from keras import layers

from companion import arguments
from companion.layers import LocalResponseNormalization
from companion.models.registry import check_arguments, check_block, register

SMALLEST_SIDE_OF_HEADS = 65  # leaves 5x5 after 4a, one window of their pooling

TABLE = (  # #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj      Table 1
    ("inception_3a", (64, 96, 128, 16, 32, 32)),
    ("inception_3b", (128, 128, 192, 32, 96, 64)),
    ("pool3", None),
    ("inception_4a", (192, 96, 208, 16, 48, 64)),
    ("inception_4b", (160, 112, 224, 24, 64, 64)),
    ("inception_4c", (128, 128, 256, 24, 64, 64)),
    ("inception_4d", (112, 144, 288, 32, 64, 64)),
    ("inception_4e", (256, 160, 320, 32, 128, 128)),
    ("pool4", None),
    ("inception_5a", (256, 160, 320, 32, 128, 128)),
    ("inception_5b", (384, 192, 384, 48, 128, 128)),
)


def convolution(x, filters, size, name, stride=1):
    """Convolution with bias and ReLU, also in every reduction and projection."""
    if stride > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        activation="relu",
        kernel_initializer="lecun_uniform",
        bias_initializer=keras.initializers.Constant(0.2),
        name=name,
    )(x)


def halving_pool(x, name):
    """3x3 windows, 2 apart: half the size, rounded up."""
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def normalize(x, name):
    """Caffe's constants: alpha is divided by the 5 channels, for this layer sums."""
    return LocalResponseNormalization(
        depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75, name=name
    )(x)


def inception(x, widths, name):
    """Inception module with dimension reductions (Figure 2b).

    Args:
        x: feature map, ``(batch, height, width, channels)``.
        widths: the six numbers of a row of Table 1: filters of the 1x1 branch, of the
            3x3 branch's reduction and convolution, of the 5x5 branch's reduction and
            convolution, and of the projection after the pooling.
        name: name of the concatenation, and beginning of the others.

    Returns:
        Feature map of the same height and width. Its channels are those of the 1x1,
        the 3x3, the 5x5 and the projection, in this order.

    Example:

    >>> image = keras.Input((28, 28, 192))
    >>> inception(image, (64, 96, 128, 16, 32, 32), "inception_3a").shape
    (None, 28, 28, 256)
    """
    widths = arguments.integers("widths", widths, count=6)
    check_block(x)
    filters1, reduce3, filters3, reduce5, filters5, projection = widths
    a = convolution(x, filters1, 1, f"{name}_1x1")
    b = convolution(x, reduce3, 1, f"{name}_3x3_reduce")
    b = convolution(b, filters3, 3, f"{name}_3x3")
    c = convolution(x, reduce5, 1, f"{name}_5x5_reduce")
    c = convolution(c, filters5, 5, f"{name}_5x5")
    d = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    d = convolution(d, projection, 1, f"{name}_pool_proj")
    return layers.Concatenate(name=name)([a, b, c, d])


def auxiliary_head(x, classes, classifier_activation, name):
    """The classifier beside the trunk, used in training only (Section 5, end)."""
    x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = convolution(x, 128, 1, f"{name}_conv")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(
        1024,
        activation="relu",
        kernel_initializer="lecun_uniform",
        bias_initializer=keras.initializers.Constant(0.2),
        name=f"{name}_fc",
    )(x)
    x = layers.Dropout(0.7, name=f"{name}_drop")(x)
    return layers.Dense(classes, activation=classifier_activation, name=name)(x)


def stem(x):
    """The first four rows of Table 1, and the normalization of Figure 3."""
    x = convolution(x, 64, 7, "conv1", stride=2)
    x = halving_pool(x, "pool1")
    x = normalize(x, "norm1")
    x = convolution(x, 64, 1, "conv2_reduce")
    x = convolution(x, 192, 3, "conv2")
    x = normalize(x, "norm2")
    return halving_pool(x, "pool2")


@register(
    params=6_998_552,
    macs=1_582_671_872,
    source="BVLC/caffe models/bvlc_googlenet/deploy.prototxt",
)
def GoogLeNet(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    auxiliary=False,
    name="googlenet",
):
    """GoogLeNet, also called Inception-v1: nine Inception modules.

    Two auxiliary heads, on 4a and 4d, can be added for training. The paper adds their
    losses to the main loss, 0.3 of each, and removes them afterwards:
    ``loss_weights=[1, 0.3, 0.3]``. With them the network has 13,378,280 parameters.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for images
            of any size, unless there are auxiliary heads.
        classes: length of each output; ``None`` stops at the feature map of 5b.
        classifier_activation: activation of each output; ``None`` gives logits.
        auxiliary: whether the model has three outputs, ``[main, 4a, 4d]``, instead of
            one. The sides must then be 65 or more.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``, or with ``auxiliary=True`` to
        three of them; with ``classes=None`` to ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer; with
            ``auxiliary=True`` if ``classes`` is ``None`` or a side is unknown or
            below 65.

    Example:

    >>> model = GoogLeNet(classes=None)
    >>> model.get_layer("inception_4a").output.shape
    (None, 14, 14, 512)
    >>> GoogLeNet(auxiliary=True).output_names
    ['fc', 'auxiliary_4a', 'auxiliary_4d']

    Reference: Szegedy et al., arXiv 1409.4842, Section 5, Table 1 and Figure 3.
    """
    input_shape, classes = check_arguments(
        input_shape,
        classes,
        smallest_side=SMALLEST_SIDE_OF_HEADS if auxiliary else 1,
        flattened=auxiliary,
    )
    if auxiliary and classes is None:
        raise ValueError(
            "Auxiliary heads are classifiers: they need `classes`. "
            f"Received: auxiliary={auxiliary}, classes=None"
        )
    inputs = keras.Input(input_shape, name="image")
    x = stem(inputs)
    heads = []
    for row, widths in TABLE:
        x = halving_pool(x, row) if widths is None else inception(x, widths, row)
        if auxiliary and row in ("inception_4a", "inception_4d"):
            head = row.replace("inception", "auxiliary")
            heads.append(auxiliary_head(x, classes, classifier_activation, head))
    if classes is None:
        return keras.Model(inputs, x, name=name)
    x = layers.GlobalAveragePooling2D(name="pool5")(x)
    x = layers.Dropout(0.4, name="drop5")(x)
    x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, [x, *heads] if auxiliary else x, name=name)
