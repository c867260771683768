"""Solutions of the chapter on convolution."""

import numpy as np

from companion.exercises import check_symmetric_padding


def with_split(x):
    parts = np.split(x, 4, axis=-1)
    sides = [((1, 0), (1, 0)), ((1, 0), (0, 1)), ((0, 1), (1, 0)), ((0, 1), (0, 1))]
    return np.concatenate(
        [
            np.pad(part, ((0, 0), *side, (0, 0)))
            for part, side in zip(parts, sides, strict=True)
        ],
        axis=-1,
    )


def with_slices(x):
    n, height, width, channels = x.shape
    y = np.zeros((n, height + 1, width + 1, channels), x.dtype)
    q = channels // 4
    y[:, 1:, 1:, :q] = x[..., :q]
    y[:, 1:, :-1, q : 2 * q] = x[..., q : 2 * q]
    y[:, :-1, 1:, 2 * q : 3 * q] = x[..., 2 * q : 3 * q]
    y[:, :-1, :-1, 3 * q :] = x[..., 3 * q :]
    return y


def with_loops(x):
    n, height, width, channels = x.shape
    y = np.zeros((n, height + 1, width + 1, channels))
    for b, i, j, c in np.ndindex(x.shape):
        quarter = 4 * c // channels
        y[b, i + (quarter < 2), j + (quarter % 2 == 0), c] = x[b, i, j, c]
    return y


def with_rolls(x):
    """Pad all at one corner, then turn three quarters round to theirs."""
    y = np.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))
    q = x.shape[-1] // 4
    y[..., q : 2 * q] = np.roll(y[..., q : 2 * q], -1, axis=2)
    y[..., 2 * q : 3 * q] = np.roll(y[..., 2 * q : 3 * q], -1, axis=1)
    y[..., 3 * q :] = np.roll(y[..., 3 * q :], (-1, -1), axis=(1, 2))
    return y


def at_corners(x, corners, mode="constant"):
    parts = np.split(x, 4, axis=-1)
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (a, 1 - a), (b, 1 - b), (0, 0)), mode)
            for part, (a, b) in zip(parts, corners, strict=True)
        ],
        axis=-1,
    )


RIGHT = [(1, 1), (1, 0), (0, 1), (0, 0)]


def one_corner(x):
    return at_corners(x, [(0, 0)] * 4)


def other_corner(x):
    return at_corners(x, [(1, 1)] * 4)


def opposite(x):
    return at_corners(x, RIGHT[::-1])


def exchanged(x):
    return at_corners(x, [(1, 1), (0, 1), (1, 0), (0, 0)])


def every_fourth(x):
    y = np.zeros((len(x), x.shape[1] + 1, x.shape[2] + 1, x.shape[3]))
    for i, (above, left) in enumerate(RIGHT):
        rows = slice(above, above + x.shape[1])
        y[:, rows, left : left + x.shape[2], i::4] = x[..., i::4]
    return y


def rows_cut(x):
    height = x.shape[1]
    y = np.zeros((len(x), height + 1, x.shape[2] + 1, x.shape[3]))
    for i in range(height):
        quarter = next(q for q in range(4) if i < (q + 1) * height // 4)
        above, left = RIGHT[quarter]
        y[:, i + above, left : left + x.shape[2]] = x[:, i]
    return y


def both_sides(x):
    return np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])


def repeated(x):
    return at_corners(x, RIGHT, "edge")


def mirrored(x):
    return at_corners(x, RIGHT, "reflect")


def wrapped(x):
    return at_corners(x, RIGHT, "wrap")


def untouched(x):
    return x.copy()


def half(x):
    y = np.zeros((len(x), x.shape[1] + 1, x.shape[2] + 1, x.shape[3]))
    q = x.shape[-1] // 4
    y[:, 1:, 1:, :q] = x[..., :q]
    y[:, 1:, :-1, q : 2 * q] = x[..., q : 2 * q]
    return y


def ones(x):
    y = with_slices(np.ones_like(x))
    return np.where(y == 0, 1.0, with_slices(x))


def in_place(x):
    y = with_slices(x)
    x *= 0
    return y


def nothing(x):
    with_slices(x)


def channels_first(x):
    return with_slices(x).transpose(0, 3, 1, 2)


EXERCISES = [
    {
        "label": "ex-convolution-symmetric",
        "checker": check_symmetric_padding,
        "right": {
            "split, pad, join": with_split,
            "four slices": with_slices,
            "loops over cells": with_loops,
            "one corner, then rolls": with_rolls,
        },
        "wrong": {
            "one corner": (one_corner, "have their zeros below and at the right"),
            "the other corner": (
                other_corner,
                "have their zeros above and at the left",
            ),
            "opposite corners": (opposite, "in the opposite corners"),
            "rows and columns": (
                exchanged,
                "second and the third quarter are exchanged",
            ),
            "every fourth channel": (every_fourth, "not every fourth one"),
            "quarters of the rows": (rows_cut, "it is the channels that are"),
            "both sides": (both_sides, "Both sides were padded"),
            "edges repeated": (repeated, "The edges were repeated"),
            "edges mirrored": (mirrored, "The edges were mirrored"),
            "edges wrapped": (wrapped, "continued from the other side"),
            "nothing padded": (untouched, "Nothing was padded"),
            "half of the channels": (half, "Only half of the quarters"),
            "ones": (ones, "of the values of case 1 are wrong"),
            "the map changed": (in_place, "the caller still needs its arrays"),
            "no return": (nothing, "Is a `return` missing?"),
            "channels first": (channels_first, "results of the wrong shape"),
        },
    }
]
