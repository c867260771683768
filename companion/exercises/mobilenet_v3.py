"""Checker of the chapter on MobileNetV3."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_h_swish"]


def check_h_swish(function):
    """Name the mistake in h-swish: x ReLU6(x + 3) / 6, for arrays of any shape.

    Args:
        function: function of one array of floats.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_h_swish(lambda x: np.clip(x + 3, 0, 6) / 6)
    ... except AssertionError as error:
    ...     print(str(error)[-53:])
    That is the hard sigmoid: h-swish multiplies it by x.

    Source: Howard et al., "Searching for MobileNetV3" (arXiv 1905.02244), Section 5.2.
    """
    grid = np.linspace(-9, 9, 73)
    rng = np.random.default_rng(27)
    cases = [(grid,), (rng.normal(0, 3, size=(4, 5, 6)),)]
    check_function(function, h_swish, cases, mistakes=MISTAKES)


def gate(x):
    """The hard sigmoid."""
    return np.clip(x + 3, 0, 6) / 6


def h_swish(x):
    return x * gate(x)


def swish(x):
    return x / (1 + np.exp(-x))


MISTAKES = {
    "That is the hard sigmoid: h-swish multiplies it by x.": gate,
    "The sixth is missing: the gate must end at 1.": lambda x: 6 * h_swish(x),
    "The gate has no ceiling: above 3 h-swish is x.": (
        lambda x: x * np.maximum(x + 3, 0) / 6
    ),
    "The gate has no floor: below -3 h-swish is 0.": (
        lambda x: x * np.minimum(x + 3, 6) / 6
    ),
    "The middle piece is used everywhere.": lambda x: x * (x + 3) / 6,
    "The outer pieces are exchanged.": lambda x: np.where(
        x <= -3, x, np.where(x >= 3, 0, x * (x + 3) / 6)
    ),
    "The result is cut off at 6: only the gate has a ceiling.": (
        lambda x: np.minimum(h_swish(x), 6)
    ),
    "Between -3 and 0 h-swish is negative, not 0.": lambda x: np.maximum(h_swish(x), 0),
    "The ramp begins at 0: add 3 before you clip.": lambda x: x * np.clip(x, 0, 6) / 6,
    "That is swish itself: the sigmoid is to be replaced by a ramp.": swish,
    "That is ReLU6.": lambda x: np.clip(x, 0, 6),
    "That is ReLU.": lambda x: np.maximum(x, 0),
}
