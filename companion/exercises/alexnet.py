"""Checkers of the chapter on AlexNet."""

import numpy as np
from keras import ops

from companion.conformance import check_block, check_function

__all__ = ["check_lrn", "check_top_k_error"]


def check_top_k_error(error):
    """Name the mistake in a top-k error.

    Args:
        error: function `(scores, labels, k)` of arrays, scores `(images, classes)`,
            labels `(images,)`; returns the share of images whose label is not among
            the k highest scores.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_top_k_error(lambda scores, labels, k: 1 - top_k(scores, labels, k))
    ... except AssertionError as complaint:
    ...     print(str(complaint)[-46:])
    It is an accuracy: one less what is asked for.

    Source: Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge"
    (IJCV 2015), Section 4.1.
    """
    random = np.random.default_rng(2012)
    cases = []
    for images, classes, k in ((40, 7, 1), (40, 7, 3), (30, 12, 5), (9, 4, 4)):
        scores = random.normal(size=(images, classes)).astype("float32")
        labels = random.integers(0, classes, images)
        cases += [(scores, labels, k), (3 * scores - 9, labels, k)]
    check_function(error, top_k, cases, mistakes=TOP_K_MISTAKES)


def top_k(scores, labels, k):
    """The right one."""
    own = scores[np.arange(len(labels)), labels]
    return float(np.mean((scores > own[:, None]).sum(1) >= k))


def guessed(order, labels):
    return (order == labels[:, None]).any(1)


def softmax(scores):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


TOP_K_MISTAKES = {
    "It is an accuracy: one less what is asked for.": (
        lambda s, y, k: 1 - top_k(s, y, k)
    ),
    "The scores are sorted the wrong way: these are the k lowest.": (
        lambda s, y, k: 1 - guessed(np.argsort(s, 1)[:, :k], y).mean()
    ),
    "There is one guess, whatever k is.": lambda s, y, k: top_k(s, y, 1),
    "Only the k-th guess counts, not the ones before it.": (
        lambda s, y, k: 1 - guessed(np.argsort(-s, 1)[:, k - 1 : k], y).mean()
    ),
    "There are k + 1 guesses.": lambda s, y, k: top_k(s, y, k + 1),
    "There are k - 1 guesses.": lambda s, y, k: top_k(s, y, k - 1),
    "It is the number of errors, not their share.": (
        lambda s, y, k: len(y) * top_k(s, y, k)
    ),
    "It is in per cent, and a share is asked for.": (
        lambda s, y, k: 100 * top_k(s, y, k)
    ),
    "The size of a score counts, and its sign does not.": (
        lambda s, y, k: top_k(np.abs(s), y, k)
    ),
    "The k highest are sought over the images, and each image has its own.": (
        lambda s, y, k: 1 - guessed(np.argsort(-s, 0)[:k].T[:1], y).mean()
    ),
    "It is how many of the k guesses are wrong; one right guess is enough.": (
        lambda s, y, k: (np.argsort(-s, 1)[:, :k] != y[:, None]).mean()
    ),
    "It is whether any image fails, not how many.": (
        lambda s, y, k: float(top_k(s, y, k) > 0)
    ),
    "It is one less the probability given to the label.": (
        lambda s, y, k: 1 - softmax(s)[np.arange(len(y)), y].mean()
    ),
}


def check_lrn(layer_class):
    """Name the mistake in a layer of local response normalization.

    Values and gradients are compared, with two choices of the constants. How the layer
    is saved, and whether it takes inputs of other ranks, is not asked.

    Args:
        layer_class: called as `layer_class(n=3, k=1.5, alpha=0.3, beta=0.5)`.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> from companion.layers import LocalResponseNormalization
    >>> check_lrn(lambda n, k, alpha, beta: LocalResponseNormalization(
    ...     (n - 1) // 2, bias=k, alpha=alpha, beta=beta))

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep
    Convolutional Neural Networks" (NIPS 2012), Section 3.3.
    """

    def block(a, n, k, alpha, beta):
        return layer_class(n=n, k=k, alpha=alpha, beta=beta)(a)

    cases = [(3, 1.5, 0.3, 0.5), (5, 2.0, 0.1, 0.75)]
    check_block(block, normalized, (5, 4, 7), cases, mistakes=LRN_MISTAKES)


def band(channels, below, above):
    """1 where channel j, a row, is a neighbour of channel i, a column."""
    step = np.subtract.outer(np.arange(channels), np.arange(channels))
    return ((-below <= step) & (step <= above)).astype("float32")


def normalized(a, n, k, alpha, beta, *, window=None, power=2, divisor=None):
    """b = a / (k + alpha * sum of squares) ** beta, or something like it."""
    channels = a.shape[-1]
    if window is None:
        window = band(channels, n // 2, n // 2)
    near = ops.matmul(a**2 if power == 2 else ops.absolute(a), window)
    if divisor is None:
        return a / (k + alpha * near) ** beta
    return a / divisor(near, n, k, alpha, beta)


def variant(window=None, **options):
    """`window(channels, n)`, and other options of `normalized`."""

    def block(a, n, k, alpha, beta):
        made = None if window is None else window(a.shape[-1], n)
        return normalized(a, n, k, alpha, beta, window=made, **options)

    return block


def circle(channels, n):
    """Neighbours on a ring: the last channel stands beside the first."""
    step = np.subtract.outer(np.arange(channels), np.arange(channels))
    away = np.minimum(step % channels, -step % channels)
    return (away <= n // 2).astype("float32")


def over_places(a, n, k, alpha, beta):
    """The neighbours of a number are those to its left and right in the map."""
    turned = ops.swapaxes(a, 2, 3)
    return ops.swapaxes(normalized(turned, n, k, alpha, beta), 2, 3)


LRN_MISTAKES = {
    "Alpha multiplies the sum. You take the mean, as Caffe and PyTorch do.": variant(
        divisor=lambda s, n, k, alpha, beta: (k + alpha / n * s) ** beta
    ),
    "n is the whole window, not its reach to one side.": variant(
        window=lambda channels, n: band(channels, n, n)
    ),
    "The window ends one channel early.": variant(
        window=lambda channels, n: band(channels, n // 2, n // 2 - 1)
    ),
    "The window begins one channel late.": variant(
        window=lambda channels, n: band(channels, n // 2 - 1, n // 2)
    ),
    "The channel itself belongs to the sum.": variant(
        window=lambda channels, n: (
            band(channels, n // 2, n // 2) - np.eye(channels, dtype="float32")
        )
    ),
    "The window goes round: at the first and last channel it is cut.": variant(
        window=circle
    ),
    "The sum is over all channels.": variant(
        window=lambda channels, n: np.ones((channels, channels), "float32")
    ),
    "The sum is over neighbouring places, not over neighbouring channels.": (
        over_places
    ),
    "The activations are summed without being squared.": variant(power=1),
    "The power beta is missing.": variant(
        divisor=lambda s, n, k, alpha, beta: k + alpha * s
    ),
    "The power belongs to k + alpha * sum, not to the sum alone.": variant(
        divisor=lambda s, n, k, alpha, beta: k + (alpha * s) ** beta
    ),
    "k is missing.": variant(divisor=lambda s, n, k, alpha, beta: (alpha * s) ** beta),
    "k is multiplied by alpha as well.": variant(
        divisor=lambda s, n, k, alpha, beta: (alpha * (k + s)) ** beta
    ),
    "It multiplies where it should divide.": variant(
        divisor=lambda s, n, k, alpha, beta: (k + alpha * s) ** -beta
    ),
    "The arguments do nothing: these are the paper's constants.": (
        lambda a, n, k, alpha, beta: normalized(a, 5, 2.0, 1e-4, 0.75)
    ),
}
