"""Checker of the chapter on convolution."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_symmetric_padding"]

CORNERS = ((1, 1), (1, 0), (0, 1), (0, 0))  # zeros above, zeros at the left


def check_symmetric_padding(function):
    """Name the mistake in the padding that lets 2 x 2 kernels drift nowhere.

    Args:
        function: takes maps `(n, h, w, c)`, c divisible by 4, and returns
            `(n, h + 1, w + 1, c)`: the first quarter of the channels has its zeros
            above and at the left, the second above and at the right, the third below
            and at the left, the last below and at the right.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_symmetric_padding(
    ...         lambda x: np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))))
    ... except AssertionError as error:
    ...     print(str(error)[-53:])
    All channels have their zeros below and at the right.

    Source: Wu et al. 2019, "Convolution with even-sized kernels and symmetric padding"
    (arXiv 1903.08385), Section 3.
    """
    draw = np.random.default_rng(31).standard_normal
    cases = [(draw(shape),) for shape in ((2, 3, 5, 8), (1, 4, 4, 4), (1, 5, 2, 12))]
    check_function(function, symmetric, cases, mistakes=MISTAKES)


def padded(x, above, left, mode="constant"):
    """One row and one column more, at the sides named."""
    return np.pad(x, ((0, 0), (above, 1 - above), (left, 1 - left), (0, 0)), mode)


def quarters(x, corners=CORNERS, mode="constant"):
    parts = np.split(x, 4, axis=-1)
    return np.concatenate(
        [
            padded(part, *corner, mode)
            for part, corner in zip(parts, corners, strict=True)
        ],
        axis=-1,
    )


def symmetric(x):
    return quarters(x)


def interleaved(x):
    """Channel i at the corner i mod 4."""
    y = quarters(np.concatenate([x[..., i::4] for i in range(4)], axis=-1))
    parts = np.split(y, 4, axis=-1)
    return np.stack(parts, axis=-1).reshape(y.shape)


def of_rows(x):
    """Quarters of the rows, where quarters of the channels are asked for."""
    y = np.zeros((len(x), x.shape[1] + 1, x.shape[2] + 1, x.shape[3]))
    bounds = [q * x.shape[1] // 4 for q in range(5)]
    for (above, left), first, last in zip(
        CORNERS, bounds[:-1], bounds[1:], strict=True
    ):
        y[:, first + above : last + above, left : left + x.shape[2]] = x[:, first:last]
    return y


def all_sides(x):
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


MISTAKES = {
    "All channels have their zeros below and at the right.": (
        lambda x: padded(x, 0, 0)
    ),
    "All channels have their zeros above and at the left.": lambda x: padded(x, 1, 1),
    "The quarters have their zeros in the opposite corners.": (
        lambda x: quarters(x, CORNERS[::-1])
    ),
    "The second and the third quarter are exchanged.": (
        lambda x: quarters(x, [CORNERS[i] for i in (0, 2, 1, 3)])
    ),
    "A quarter is c / 4 channels in a row, not every fourth one.": interleaved,
    "The rows were cut into quarters: it is the channels that are.": of_rows,
    "Both sides were padded: one row and one column are to be added.": all_sides,
    "The edges were repeated: the padding is zeros.": (
        lambda x: quarters(x, mode="edge")
    ),
    "The edges were mirrored: the padding is zeros.": (
        lambda x: quarters(x, mode="reflect")
    ),
    "The edges were continued from the other side: the padding is zeros.": (
        lambda x: quarters(x, mode="wrap")
    ),
    "Nothing was padded.": lambda x: x,
    "Only half of the quarters are padded, the others are zero.": (
        lambda x: quarters(x) * (np.arange(x.shape[-1]) < x.shape[-1] // 2)
    ),
}
