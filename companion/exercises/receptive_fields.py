"""Checker of the chapter on receptive fields."""

import numpy as np

from companion.conformance import check_function
from companion.receptive_field import compose

__all__ = ["check_seen_pixels"]

LAYERS = [(3, 2, 1, 1), (5, 1, 2, 2), (2, 2, 0, 1), (3, 1, 3, 3)]
CASES = [
    ([], 0),
    ([], 4),
    ([(9, 1, 0, 1)], 2),
    ([(9, 1, 4, 1)], 0),
    ([(3, 1, 2, 2)], 5),
    ([(3, 2, 0, 1), (3, 2, 1, 1)], 3),
    *((LAYERS[:count], unit) for count in (2, 3, 4) for unit in (0, 1, 7)),
]


def check_seen_pixels(seen):
    """Name the mistake in a function that walks from a unit back to its pixels.

    Args:
        seen: function `(layers, unit) -> (first, last)` of (kernel, stride, padding,
            dilation) of each layer, image first, and a unit of the last layer. Both
            pixels belong to the field, and may lie outside the image.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_seen_pixels(lambda layers, unit: (unit, unit))
    ... except AssertionError as error:
    ...     print(str(error)[:47])
    [values] 50% of the values of case 3 are wrong.

    Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
    networks" (doi 10.23915/distill.00021), section "Single-path networks".
    """
    check_function(seen, right, CASES, mistakes=MISTAKES)


def right(layers, unit):
    """By the recursion of the package, from the image up."""
    region = compose(layers).region(unit, unit)
    return np.array([region.top, region.bottom - 1])


def wrong(step=None, order=reversed, end=lambda first, last: (first, last)):
    """A walk with another step, in another order, or with another end."""

    def walk(layers, unit):
        first = last = unit
        for layer in order(list(layers)):
            first, last = (step or usual)(first, last, *layer)
        return np.array(end(first, last))

    return walk


def usual(first, last, k, s, p, d):
    return first * s - p, last * s - p + (k - 1) * d


def by_the_recursion(layers, unit):
    """Size, jump and offset, with the stride of a layer counted for itself."""
    size, jump, offset = 1, 1, 0
    for k, s, p, d in layers:
        jump *= s
        size, offset = size + (k - 1) * d * jump, offset - p * jump
    return np.array([offset + unit * jump, offset + unit * jump + size - 1])


MISTAKES = {
    "The walk begins at the image: the last layer comes first.": wrong(order=list),
    "The padding of a layer moves the window to the left: where is p?": wrong(
        lambda first, last, k, s, p, d: (first * s, last * s + (k - 1) * d)
    ),
    "Padding moves both ends to the left; it does not widen the field.": wrong(
        lambda first, last, k, s, p, d: (first * s - p, last * s + p + (k - 1) * d)
    ),
    "The left end alone is moved by the padding.": wrong(
        lambda first, last, k, s, p, d: (first * s - p, last * s + (k - 1) * d)
    ),
    "Padding moves the window to the left, not to the right.": wrong(
        lambda first, last, k, s, p, d: (first * s + p, last * s + p + (k - 1) * d)
    ),
    "The taps of a dilated kernel lie d apart.": wrong(
        lambda first, last, k, s, p, d: (first * s - p, last * s - p + k - 1)
    ),
    "A kernel of k reaches k - 1 steps beyond its first tap.": wrong(
        lambda first, last, k, s, p, d: (first * s - p, last * s - p + k * d)
    ),
    "Unit u begins u strides to the right: where is s?": wrong(
        lambda first, last, k, s, p, d: (first - p, last - p + (k - 1) * d)
    ),
    "The stride moves the windows; the taps of one window stay d apart.": wrong(
        lambda first, last, k, s, p, d: (
            first * s - p,
            (last + (k - 1) * d) * s - p,
        )
    ),
    "The padding is counted before the stride.": wrong(
        lambda first, last, k, s, p, d: (
            (first - p) * s,
            (last - p) * s + (k - 1) * d,
        )
    ),
    "A stride acts on later layers: a layer's own taps keep the jump below it.": (
        by_the_recursion
    ),
    "The last pixel is included: this is one beyond it.": wrong(
        end=lambda first, last: (first, last + 1)
    ),
    "The second number is the size, not the last pixel.": wrong(
        end=lambda first, last: (first, last - first + 1)
    ),
    "The last pixel comes second.": wrong(end=lambda first, last: (last, first)),
    "Pixels of the padding count: do not clip at the border of the image.": wrong(
        end=lambda first, last: (max(first, 0), max(last, 0))
    ),
    "This is the field of unit 0: which pixels does the given unit see?": (
        lambda layers, unit: wrong()(layers, 0)
    ),
}
