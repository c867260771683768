"""Checkers of the chapter on GoogLeNet."""

import keras
import numpy as np
from keras import layers

from companion.conformance import check_block, check_function

__all__ = ["check_class_activation_map", "check_inception_module"]


def check_class_activation_map(function):
    """Name the mistake in a class activation map, bias included.

    Args:
        function: `(features, kernel, bias, label) -> map` of NumPy arrays, of shapes
            (height, width, channels), (channels, classes), (classes,); the map has
            the shape (height, width).

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_class_activation_map(lambda f, k, b, label: f @ k[:, label])
    ... except AssertionError as error:
    ...     print(str(error)[-53:])
    The bias is missing: the mean of the map is no score.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization" (arXiv
    1512.04150), Section 2.
    """
    rng = np.random.default_rng(15)
    cases = [
        (
            rng.normal(size=(height, width, channels)),
            rng.normal(size=(channels, classes)),
            rng.normal(size=classes),
            label,
        )
        for height, width, channels, classes, label in (
            (4, 3, 6, 5, 2),
            (5, 7, 4, 9, 8),
            (2, 6, 3, 4, 0),
        )
    ]
    check_function(function, activation_map, cases, mistakes=MAPS)


def activation_map(features, kernel, bias, label):
    return features @ kernel[:, label] + bias[label]


MAPS = {
    "The bias is missing: the mean of the map is no score.": (
        lambda f, k, b, label: f @ k[:, label]
    ),
    "That is the score, the mean of the map: the average has been taken too early.": (
        lambda f, k, b, label: np.mean(f @ k[:, label]) + b[label]
    ),
    "Those are the maps of all classes.": lambda f, k, b, label: f @ k + b,
    "Height and width have changed places.": (
        lambda f, k, b, label: (f @ k[:, label] + b[label]).T
    ),
    "The map is divided by the number of positions: its sum is the score, not its "
    "mean.": lambda f, k, b, label: activation_map(f, k, b, label) / f[..., 0].size,
    "A softmax over the positions stands at the end: a score may be negative.": (
        lambda f, k, b, label: _softmax(f @ k[:, label] + b[label], None)
    ),
    "A softmax over the classes stands at the end: the mean of probabilities is no "
    "score.": lambda f, k, b, label: _softmax(f @ k + b, -1)[..., label],
    "A ReLU stands at the end: a score may be negative.": (
        lambda f, k, b, label: np.maximum(activation_map(f, k, b, label), 0)
    ),
    "The label counts from one: classes count from zero.": (
        lambda f, k, b, label: activation_map(f, k, b, label - 1)
    ),
}


def _softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def check_inception_module(block):
    """Name the mistake in an Inception module with two 3x3 in place of its 5x5.

    Batch normalization between a convolution and its ReLU is as right as none, in all
    branches or nowhere; so are biases, and zeros from a layer of their own.

    Args:
        block: function `(x, widths, name) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_inception_module(module(project="none"))
    ... except AssertionError as error:
    ...     print(str(error)[-56:])
    No 1x1 follows the pooling, which passes on all it gets.

    Source: Szegedy et al., "Going Deeper with Convolutions" (arXiv 1409.4842), Figure
    2b, and "Rethinking the Inception Architecture" (arXiv 1512.00567), Figure 5.
    """
    case = (4, 3, 5, 2, 6, 7), "mine"
    written = freedoms(block, (9, 8, 10), case)
    mistakes = {
        sentence: module(**written, **options) for sentence, options in MODULES.items()
    }
    check_block(block, module(**written), (9, 8, 10), [case], mistakes=mistakes)


def freedoms(block, shape, case):
    """Biases, normalization and its epsilon, as a block has them."""
    try:
        image = keras.Input(shape)
        net = keras.Model(image, block(image, *case))
        layers_inside = list(net._flatten_layers(include_self=False))
        weights = net.weights
    except Exception:  # which `check_block` will report
        return {}
    kernels = sum(len(weight.shape) > 1 for weight in weights)
    vectors = len(weights) - kernels
    normalized = vectors >= 3 * kernels > 0
    found = {"normalized": normalized, "bias": vectors > 4 * kernels * normalized}
    for layer in layers_inside:
        if isinstance(layer, layers.BatchNormalization):
            found["epsilon"] = layer.epsilon
    return found


def module(
    *,
    normalized=False,
    epsilon=1e-3,
    bias=True,
    double=(3, 3),
    chained=True,
    reduce3=True,
    reduce5=True,
    thin_relu=True,
    between=True,
    relu=True,
    pool=layers.MaxPooling2D,
    project="after",
    merge="concatenate",
    order=(0, 1, 2, 3),
):
    """An Inception module with one thing or another done differently."""

    def conv(x, filters, size, activation=relu):
        x = layers.Conv2D(filters, size, padding="same", use_bias=bias)(x)
        x = layers.BatchNormalization(epsilon=epsilon)(x) if normalized else x
        return layers.ReLU()(x) if activation else x

    def block(x, widths, name):
        filters1, thin3, filters3, thin5, filters5, projection = widths
        a = conv(x, filters1, 1)
        b = conv(x, thin3, 1, relu and thin_relu) if reduce3 else x
        b = conv(b, filters3, 3)
        thin = conv(x, thin5, 1, relu and thin_relu) if reduce5 else x
        c = conv(thin, filters5, double[0], relu and (between or len(double) == 1))
        if not chained:
            c = layers.Add()([c, conv(thin, filters5, double[1])])
        elif len(double) == 2:
            c = conv(c, filters5, double[1])
        d = conv(x, projection, 1) if project == "before" else x
        d = pool(3, strides=1, padding="same")(d)
        d = conv(d, projection, 1) if project == "after" else d
        ends = [(a, b, c, d)[place] for place in order]
        if merge == "three":
            ends = ends[:3]
        return layers.Concatenate()(ends)

    return block


MODULES = {
    "The 5x5 is still there.": {"double": (5,)},
    "In place of the 5x5 stands a single 3x3, which sees less.": {"double": (3,)},
    "The two 3x3 stand side by side: only in sequence do they see 5x5.": {
        "chained": False
    },
    "Between the two 3x3 stands no ReLU.": {"between": False},
    "No 1x1 stands in front of the first 3x3.": {"reduce3": False},
    "No 1x1 stands in front of the two 3x3.": {"reduce5": False},
    "The reductions have no ReLU.": {"thin_relu": False},
    "No ReLU is anywhere.": {"relu": False},
    "The pooling takes means.": {"pool": layers.AveragePooling2D},
    "No 1x1 follows the pooling, which passes on all it gets.": {"project": "none"},
    "The 1x1 stands in front of the pooling, not after it.": {"project": "before"},
    "The branch of the pooling is missing.": {"merge": "three"},
    "The branches are concatenated in another order.": {"order": (3, 0, 1, 2)},
}
