"""Solutions of the chapter on MobileNetV3."""

import keras
import numpy as np

from companion.exercises import check_h_swish


def as_in_the_chapter(x):
    middle = x * (x + 3) / 6
    return np.where(x <= -3, 0, np.where(x >= 3, x, middle))


def by_select(x):
    return np.select([x < -3, x > 3], [np.zeros_like(x), x], x * (x + 3) / 6)


def by_masks(x):
    y = np.zeros_like(x)
    inside = (x > -3) & (x < 3)
    y[inside] = x[inside] * (x[inside] + 3) / 6
    y[x >= 3] = x[x >= 3]
    return y


def by_product(x):
    return x * (x > -3) * np.minimum((x + 3) / 6, 1)


def in_keras(x):
    return keras.activations.hard_silu(x)


def piecewise(x):
    return np.piecewise(
        x, [x <= -3, x >= 3], [0, lambda z: z, lambda z: z * (z + 3) / 6]
    )


def pieces(low, middle, high):
    return lambda x: np.where(x <= -3, low(x), np.where(x >= 3, high(x), middle(x)))


def ramp(x):
    return x * (x + 3) / 6


def itself(x):
    return x


def zero(x):
    return 0 * x


def no_return(x):
    as_in_the_chapter(x)


def one_number(x):
    return float(as_in_the_chapter(x).sum())


def a_word(x):
    return "h-swish"


def two_arguments(x, y):
    return as_in_the_chapter(x)


def in_place(x):
    x *= np.clip(x + 3, 0, 6) / 6
    return x


EXERCISES = [
    {
        "label": "ex-v3-hswish",
        "checker": check_h_swish,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "with select": by_select,
            "with masks": by_masks,
            "as a product": by_product,
            "with piecewise": piecewise,
            "Keras' own": in_keras,
        },
        "wrong": {
            "the gate alone": (
                pieces(zero, lambda x: (x + 3) / 6, lambda x: 1 + 0 * x),
                "That is the hard sigmoid",
            ),
            "no sixth": (
                pieces(zero, lambda x: 6 * ramp(x), lambda x: 6 * x),
                "The sixth is missing",
            ),
            "no ceiling": (pieces(zero, ramp, ramp), "The gate has no ceiling"),
            "no floor": (pieces(ramp, ramp, itself), "The gate has no floor"),
            "one piece": (ramp, "used everywhere"),
            "exchanged": (pieces(itself, ramp, zero), "pieces are exchanged"),
            "cut off at 6": (
                pieces(zero, ramp, lambda x: np.minimum(x, 6)),
                "cut off at 6",
            ),
            "never negative": (
                pieces(zero, lambda x: np.maximum(ramp(x), 0), itself),
                "h-swish is negative",
            ),
            "no shift": (lambda x: x * np.clip(x, 0, 6) / 6, "add 3 before you clip"),
            "swish": (lambda x: x / (1 + np.exp(-x)), "That is swish itself"),
            "ReLU6": (lambda x: np.clip(x, 0, 6), "That is ReLU6."),
            "ReLU": (lambda x: np.maximum(x, 0), "That is ReLU."),
            "no return": (no_return, "returned None"),
            "a number": (one_number, "[shape]"),
            "a word": (a_word, "It must return numbers"),
            "two arguments": (two_arguments, "[runs]"),
            "in place": (in_place, "arguments of case 1 were changed"),
        },
    }
]
