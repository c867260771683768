"""Checker of the chapter on grouped and separable convolutions."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_separable_convolution"]


def check_separable_convolution(function):
    """Name the mistake in a separable convolution of NumPy arrays.

    Args:
        function: takes images `(n, h, w, c)`, depthwise kernels `(k, k, c, r)`, k odd,
            and pointwise ones `(1, 1, c r, filters)`; stride 1 and zeros at the edges,
            so that the size stays.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_separable_convolution(
    ...         lambda x, depthwise, pointwise: separable(
    ...             x, depthwise[::-1, ::-1], pointwise))
    ... except AssertionError as error:
    ...     print(str(error)[-61:])
    The kernel was turned round: nothing is flipped in a network.

    Source: the definition in Keras' `DepthwiseConv2D`, whose output `c r + j` is made
    by filter j of channel c.
    """
    draw = np.random.default_rng(21).standard_normal
    cases = [
        (draw((n, h, w, c)), draw((k, k, c, r)), draw((1, 1, c * r, filters)))
        for n, h, w, c, k, r, filters in (
            (2, 6, 5, 3, 3, 2, 4),
            (1, 4, 7, 2, 5, 3, 7),
            (1, 5, 6, 4, 3, 1, 2),
        )
    ]
    check_function(function, separable, cases, mistakes=MISTAKES)


def filtered(x, depthwise, mode="constant"):
    """Every channel by its own filters: (n, h, w, c, r)."""
    k = len(depthwise)
    n, h, w, c = x.shape
    edge = k // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode)
    y = np.zeros((n, h, w, c, depthwise.shape[-1]))
    for i in range(k):
        for j in range(k):
            y += padded[:, i : i + h, j : j + w, :, None] * depthwise[i, j]
    return y


def combined(y, pointwise):
    """Channels side by side, times a matrix."""
    return y.reshape(*y.shape[:3], -1) @ pointwise[0, 0]


def separable(x, depthwise, pointwise):
    return combined(filtered(x, depthwise), pointwise)


def valid(x, depthwise, pointwise):
    edge = len(depthwise) // 2
    return separable(x, depthwise, pointwise)[:, edge:-edge, edge:-edge]


def shifted(x, depthwise, pointwise):
    """All zeros above and to the left."""
    edge = len(depthwise) // 2
    moved = np.pad(x, ((0, 0), (edge, 0), (edge, 0), (0, 0)))
    return separable(moved, depthwise, pointwise)[:, : x.shape[1], : x.shape[2]]


MISTAKES = {
    "The kernel was turned round: nothing is flipped in a network.": (
        lambda x, d, p: separable(x, d[::-1, ::-1], p)
    ),
    "Rows and columns of the depthwise kernel were exchanged.": (
        lambda x, d, p: separable(x, d.swapaxes(0, 1), p)
    ),
    "The r maps of one channel stand side by side: output c r + j is filter j of "
    "channel c.": lambda x, d, p: combined(filtered(x, d).swapaxes(3, 4), p),
    "A depthwise filter sees one channel only, and the sum over channels comes with "
    "the pointwise kernel.": (
        lambda x, d, p: separable(
            np.broadcast_to(x.sum(-1, keepdims=True), x.shape), d, p
        )
    ),
    "Only the first of the r filters of a channel was used.": (
        lambda x, d, p: separable(x, d * (np.arange(d.shape[-1]) == 0), p)
    ),
    "All channels were filtered by the kernels of the first one.": (
        lambda x, d, p: separable(x, np.broadcast_to(d[:, :, :1], d.shape), p)
    ),
    "The edges were left out: pad with zeros, so that height and width stay.": valid,
    "The zeros stand on one side only: half of them belong to the other.": shifted,
    "The edges were continued: the padding is zeros.": (
        lambda x, d, p: combined(filtered(x, d, "edge"), p)
    ),
    "The edges were mirrored: the padding is zeros.": (
        lambda x, d, p: combined(filtered(x, d, "reflect"), p)
    ),
    "The pointwise half is missing.": lambda x, d, p: filtered(x, d).reshape(
        *x.shape[:3], -1
    ),
    "Between the two halves stands a ReLU, and the exercise asks for none.": (
        lambda x, d, p: combined(np.maximum(filtered(x, d), 0), p)
    ),
}
