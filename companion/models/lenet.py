"""LeNet-5: seven layers that read the digits on cheques.

LeCun, Bottou, Bengio, Haffner. *Gradient-Based Learning Applied to Document
Recognition.* Proceedings of the IEEE 86(11), 1998, Section II-B.

Convolutions share one small kernel over the image, sub-sampling makes the exact place
of a feature matter less, and both are trained together with the classifier. All layers
up to F6 squash their sums by 1.7159 tanh(2a/3), which maps 1 to 1 and -1 to -1.

``LeNet5`` is the network of the paper, which most code of that name is not:

- A map of C3 sees three, four or six of the six maps of S2 (Table I).
- S2 and S4 sum a window, multiply by a trained coefficient and add a trained bias.
- The output is the squared distance of the 84 units of F6 from a drawing of each
  digit, 7x12 pixels of -1 and 1 that are chosen and not trained.

Where this file differs from the paper:

- The paper's outputs are penalties, the smallest wins. Here they change their sign, and
  ``classifier_activation`` makes probabilities of them, as in every other model.
- Of the code words, drawings of the whole ASCII set, the ten digits are here. They were
  copied from Figure 3 by readers of the paper (mattwang44/LeNet-from-Scratch); the
  paper does not print their numbers.
- The weights of C3 start between -2.4/100 and 2.4/100. In the paper 100 is the number
  of weights of each map: 75, 100 or 150.

``LeNet5Modern`` is what later code made of it.
"""

import keras
from keras import layers, ops

from companion.layers import RadialBasis, Subsampling2D, TableConv2D
from companion.models.registry import check_arguments, register

TABLE = (  # maps of S2 that each of the sixteen maps of C3 sees      Table I
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (4, 5, 0),
    (5, 0, 1),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (3, 4, 5, 0),
    (4, 5, 0, 1),
    (5, 0, 1, 2),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

DRAWINGS = """\
.#####. ...##.. .#####. ####### .#####. .#####. ..####. ####### .#####. .#####.
....... ..###.. ....... .....## ....... ....... .##.... .....## ##...## ##..###
..###.. .####.. .#####. ....##. ....... ####### ##..... .....## ##...## ##...##
.##.##. ...##.. ##...## ...##.. .##..## ##..... ##..... ....##. ##...## ##...##
##...## ...##.. #....## ..####. .##..## ##..... ######. ...##.. .#####. ##..###
##...## ...##.. ....##. .....## ###..## .####.. ###..## ...##.. ##...## .######
##...## ...##.. ..###.. .....## ##...## ..####. ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ##...## .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## ##..### ##...## ###..## ..##... ##...## ....##.
..###.. .###### ####### .#####. .###### .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
....... ....... ....... ....... .....## ....... ....... ....... ....... .......
"""  # Figure 3, the digits


def code(digit):
    """The 84 numbers of a drawing, row by row: 1 for black, -1 for white."""
    rows = [line.split()[digit] for line in DRAWINGS.splitlines()]
    return [1 if pixel == "#" else -1 for row in rows for pixel in row]


@keras.saving.register_keras_serializable(package="companion")
def scaled_tanh(a):
    """1.7159 tanh(2a/3) (Equation 6 and Appendix A)."""
    return 1.7159 * ops.tanh(2 / 3 * a)


def uniform(fan_in):
    """Weights start between -2.4 / fan-in and 2.4 / fan-in (Appendix A)."""
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


def convolution(x, filters, name):
    """5x5, no padding; every map sees all maps."""
    return layers.Conv2D(
        filters,
        5,
        activation=scaled_tanh,
        kernel_initializer=uniform(25 * x.shape[-1]),
        name=name,
    )(x)


def subsampling(x, name):
    """2x2, two trained numbers for each map."""
    return Subsampling2D(
        2, activation=scaled_tanh, coefficient_initializer=uniform(4), name=name
    )(x)


@register(
    params=60_000,
    macs=326_520,
    receptive_field=32,
    source="LeCun et al. 1998, Section II-B: 60,000 trainable parameters, and 340,908 "
    "connections without those of biases, S2 and S4; a unit of C5 sees 32x32 pixels",
)
def LeNet5(
    *,
    input_shape=(32, 32, 1),
    classes=10,
    classifier_activation="softmax",
    name="lenet5",
):
    """LeNet-5 as in the paper: table, trained sub-sampling, code words.

    Digits of 28x28 pixels stand in the middle of the 32x32 image. In the paper white
    is -0.1 and black 1.175, so that the mean is about 0 and the variance about 1.

    The loss that the paper prefers (Equation 9) is the cross-entropy of these
    probabilities, apart from a constant j beside the ten penalties.

    Args:
        input_shape: ``(height, width, channels)``, sides of 32 or more. The weights of
            F6 fix the size; with ``classes=None`` a side may be ``None``.
        classes: length of the output, 10 or less, for there are ten code words;
            ``None`` stops at the feature map C5.
        classifier_activation: activation of the negative penalties; ``None`` gives
            the negative penalties.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 1)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 1, 1, 120)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 32 or no
            fixed number of channels, or has an unknown side while ``classes`` is
            given; if ``classes`` is neither ``None`` nor an integer from 1 to 10.

    Example:

    >>> model = LeNet5()
    >>> [layer.name for layer in model.layers[1:8]]
    ['C1', 'S2', 'C3', 'S4', 'C5', 'flatten', 'F6']
    >>> model.get_layer("C3").count_params()  # 2,416 if every map saw all six
    1516

    Reference: LeCun et al., 1998, Section II-B, Figures 2 and 3, Table I.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=32, flattened=True
    )
    if classes is not None and classes > 10:
        raise ValueError(
            "`classes` must be 10 or less: there are code words for ten digits. "
            f"Received: classes={classes}"
        )
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 6, "C1")
    x = subsampling(x, "S2")
    x = TableConv2D(
        TABLE, 5, activation=scaled_tanh, kernel_initializer=uniform(100), name="C3"
    )(x)
    x = subsampling(x, "S4")
    x = convolution(x, 120, "C5")
    if classes is not None:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(
            84, activation=scaled_tanh, kernel_initializer=uniform(120), name="F6"
        )(x)
        x = RadialBasis([code(digit) for digit in range(classes)], name="penalty")(x)
        x = layers.Rescaling(-1.0, name="negative")(x)
        x = layers.Activation(classifier_activation, name="output")(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=61_706,
    macs=416_520,
    receptive_field=16,
    source="by hand: C1 156, C3 2,416, C5 48,120, F6 10,164, output 850 parameters; "
    "multiply-adds 117,600, 240,000, 48,000, 10,080, 840; field 5, 6, 14, 16",
)
def LeNet5Modern(
    *,
    input_shape=(32, 32, 1),
    classes=10,
    classifier_activation="softmax",
    name="lenet5_modern",
):
    """LeNet-5 as it is usually programmed: 61,706 parameters instead of 60,000.

    Every map of C3 sees all six maps of S2. The windows are averaged, with nothing to
    train and no squashing. The squashing function is tanh, and a dense layer with
    softmax takes the place of the code words. Other versions have ReLU or maximum
    pooling: the counts stay.

    Images of 28x28 pixels give the same map S4 if two pixels are added on every side.

    Args:
        input_shape: ``(height, width, channels)``, sides of 16 or more. The weights of
            C5 fix the size; with ``classes=None`` a side may be ``None``.
        classes: length of the output; ``None`` stops at the feature map S4.
        classifier_activation: activation of the last layer; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 1)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 5, 5, 16)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 16 or no
            fixed number of channels, or has an unknown side while ``classes`` is
            given; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> LeNet5Modern().count_params()
    61706
    >>> LeNet5Modern(classes=None).output.shape
    (None, 5, 5, 16)

    Reference: LeCun et al., 1998, Figure 2, for the shapes.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=16, flattened=True
    )
    inputs = keras.Input(input_shape, name="image")
    x = layers.Conv2D(6, 5, activation="tanh", name="C1")(inputs)
    x = layers.AveragePooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="C3")(x)
    x = layers.AveragePooling2D(2, name="S4")(x)
    if classes is not None:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(120, activation="tanh", name="C5")(x)
        x = layers.Dense(84, activation="tanh", name="F6")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="output")(x)
    return keras.Model(inputs, x, name=name)
