"""Checkers of the chapter on Inception-v2 to v4."""

import itertools

import numpy as np
from keras import layers

from companion.conformance import check_block, check_function
from companion.exercises.googlenet import freedoms

__all__ = ["check_grid_reduction", "check_smoothed_labels"]


def check_smoothed_labels(function):
    """Name the mistake in targets with smoothed labels.

    Args:
        function: `(y, classes, eps) -> targets` with integers `y` of shape (batch,);
            the targets have the shape (batch, classes).

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> import numpy as np
    >>> try:
    ...     check_smoothed_labels(lambda y, classes, eps: np.eye(classes)[y])
    ... except AssertionError as error:
    ...     print(str(error)[-34:])
    Nothing is smoothed: where is eps?

    Source: Szegedy et al., "Rethinking the Inception Architecture" (arXiv 1512.00567),
    Section 7.
    """
    cases = [
        (np.array([2, 0]), 4, 0.2),
        (np.array([5, 1, 1, 6, 0]), 7, 0.1),
        (np.array([1]), 2, 0.5),
    ]
    check_function(function, smoothed, cases, mistakes=TARGETS)


def smoothed(y, classes, eps):
    return (1 - eps) * np.eye(classes)[y] + eps / classes


def _filled(label, others):
    def function(y, classes, eps):
        targets = np.full((len(y), classes), others(classes, eps))
        targets[np.arange(len(y)), y] = label(classes, eps)
        return targets

    return function


TARGETS = {
    "Nothing is smoothed: where is eps?": lambda y, classes, eps: np.eye(classes)[y],
    "eps is shared among the other classes: the uniform distribution has the true one "
    "as well.": _filled(lambda k, eps: 1 - eps, lambda k, eps: eps / (k - 1)),
    "A row does not add up to one: the true class gets eps/K as well.": _filled(
        lambda k, eps: 1 - eps, lambda k, eps: eps / k
    ),
    "A row adds up to more than one: the target is not scaled by 1 - eps.": (
        lambda y, classes, eps: np.eye(classes)[y] + eps / classes
    ),
    "eps is not divided among the classes.": (
        lambda y, classes, eps: (1 - eps) * np.eye(classes)[y] + eps
    ),
    "eps and 1 - eps have changed places.": lambda y, classes, eps: smoothed(
        y, classes, 1 - eps
    ),
    "The labels count from zero.": lambda y, classes, eps: smoothed(
        y - 1, classes, eps
    ),
    "Each label is a column, not a row.": lambda y, classes, eps: (
        smoothed(y, classes, eps).T
    ),
}


def check_grid_reduction(block):
    """Name the mistake in a 3x3 convolution and a pooling of stride 2, side by side.

    The convolution may have a bias, be normalized, and end in a ReLU; either of the two
    may come first in the output.

    Args:
        block: function `(x, name) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_grid_reduction(reduction(way="pool, then convolve"))
    ... except AssertionError as error:
    ...     print(str(error)[-60:])
    The pooling comes first: a bottleneck of the representation.

    Source: Szegedy et al., "Rethinking the Inception Architecture" (arXiv 1512.00567),
    Section 5 and Figure 10.
    """
    shape, case = (10, 8, 5), ("mine",)
    written = freedoms(block, shape, case)
    flags = itertools.product((False, True), repeat=2)
    ways = [{"relu": relu, "pool_first": first} | written for relu, first in flags]
    mistakes = {
        Sentence(sentence): reduction(**way, **options)
        for sentence, options in REDUCTIONS
        for way in ways
    }
    right = [reduction(**way) for way in ways]
    check_block(block, right, shape, [case], mistakes=mistakes)


class Sentence(str):
    """A key that a dictionary may hold twice."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


def reduction(
    *,
    way="side by side",
    bias=True,
    normalized=False,
    epsilon=1e-3,
    relu=False,
    pool_first=False,
    size=3,
    window=3,
    pool=layers.MaxPooling2D,
    merge="concatenate",
    stride=2,
):
    """A reduction of the grid with one thing or another done differently."""

    def conv(x, filters, stride=stride):
        x = layers.Conv2D(filters, size, stride, "same", use_bias=bias)(x)
        x = layers.BatchNormalization(epsilon=epsilon)(x) if normalized else x
        return layers.ReLU()(x) if relu else x

    def halved(x):
        return pool(window, 2, "same")(x)

    def block(x, name):
        k = x.shape[-1]
        if way == "convolve, then pool":
            return halved(conv(x, 2 * k, 1))
        if way == "pool, then convolve":
            return conv(halved(x), 2 * k, 1)
        if way == "pool, then convolve, and both":
            ends = [conv(halved(x), k, 1), halved(x)]
        elif way == "one convolution":
            return conv(x, 2 * k)
        elif way == "two convolutions":
            ends = [conv(x, k), conv(x, k)]
        elif way == "twice as many":
            ends = [conv(x, 2 * k), halved(x)]
        elif way == "reduced first":
            ends = [conv(layers.Conv2D(k, 1, use_bias=bias)(x), k), halved(x)]
        elif stride == 1:
            ends = [conv(x, k), pool(window, 1, "same")(x)]
        else:
            ends = [conv(x, k), halved(x)]
        if merge == "sum":
            return layers.Add()(ends)
        return layers.Concatenate()(ends[::-1] if pool_first else ends)

    return block


FULL_SIZE = "The convolution works at full size, which takes four times the work."
POOLED_FIRST = "The pooling comes first: a bottleneck of the representation."
NOT_POOLED = "Nothing is pooled: all channels come out of a convolution."
REDUCTIONS = [
    (FULL_SIZE, {"way": "convolve, then pool"}),
    (POOLED_FIRST, {"way": "pool, then convolve"}),
    (POOLED_FIRST, {"way": "pool, then convolve, and both"}),
    (NOT_POOLED, {"way": "one convolution"}),
    (NOT_POOLED, {"way": "two convolutions"}),
    ("The channels are three times as many, not twice.", {"way": "twice as many"}),
    ("The kernel is 1x1: three of four positions are never read.", {"size": 1}),
    ("The kernel is 5x5.", {"size": 5}),
    ("The pooling takes means.", {"pool": layers.AveragePooling2D}),
    ("The windows of the pooling are 2x2.", {"window": 2}),
    ("The two are added: concatenate them.", {"merge": "sum"}),
    ("Height and width are not halved.", {"stride": 1}),
    ("One convolution is enough: a 1x1 comes before it.", {"way": "reduced first"}),
]
