"""Solutions of the chapter on ShuffleNetV2."""

import numpy as np
from keras import ops

from companion.exercises import check_next_halves
from companion.layers import ChannelShuffle


def in_the_chapter(ab):
    n = ab.shape[-1] // 2
    halves = []
    for start in (0, n // 2):
        a = ab[..., start : start + n // 2]
        b = ab[..., n + start : n + start + n // 2]
        halves.append(np.stack([a, b], axis=-1).reshape(*ab.shape[:-1], n))
    return halves


def by_index(ab):
    order = np.arange(ab.shape[-1]).reshape(2, -1).T.ravel()
    first, second = np.split(order, 2)
    return ab[..., first], ab[..., second]


def written_into(ab):
    n = ab.shape[-1] // 2
    halves = np.empty((2, *ab.shape[:-1], n))
    for i, half in enumerate(halves):
        half[..., ::2] = ab[..., i * n // 2 : (i + 1) * n // 2]
        half[..., 1::2] = ab[..., n + i * n // 2 : n + (i + 1) * n // 2]
    return tuple(halves)


def package(ab):
    return ops.split(ChannelShuffle(2, dtype="float64")(ab), 2, axis=-1)


def swapped(ab):
    return by_index(ab)[::-1]


def even_and_odd(ab):
    return ab[..., ::2], ab[..., 1::2]


def not_shuffled(ab):
    n = ab.shape[-1] // 2
    return ab[..., :n], ab[..., n:]


def not_split(ab):
    return np.concatenate(by_index(ab), axis=-1)


def not_alternating(ab):
    q = ab.shape[-1] // 4
    return [
        np.concatenate([ab[..., s : s + q], ab[..., s + 2 * q : s + 3 * q]], axis=-1)
        for s in (0, q)
    ]


def convolved_first(ab):
    n = ab.shape[-1] // 2
    return in_the_chapter(np.concatenate([ab[..., n:], ab[..., :n]], axis=-1))


def one_half(ab):
    return by_index(ab)[0]


def in_place(ab):
    halves = [half.copy() for half in by_index(ab)]
    ab[:] = 0
    return halves


EXERCISES = [
    {
        "label": "ex-shuffle2-code",
        "checker": check_next_halves,
        "right": {
            "as in the chapter": in_the_chapter,
            "an index": by_index,
            "written into place": written_into,
            "the package's layer": package,
        },
        "wrong": {
            "swapped": (swapped, "in the wrong order"),
            "even and odd": (even_and_odd, "the authors' release splits"),
            "not shuffled": (not_shuffled, "Nothing was shuffled"),
            "not split": (not_split, "Shuffled, and not split"),
            "returned as it came": (lambda ab: ab, "Nothing was done"),
            "not alternating": (not_alternating, "do not alternate"),
            "the convolved one first": (convolved_first, "should come second"),
            "one half only": (one_half, "wrong shape"),
            "changes its argument": (in_place, "were changed"),
            "returns nothing": (lambda ab: None, "returned None"),
            "takes nothing": (lambda: None, "takes 0 positional arguments"),
        },
    }
]
