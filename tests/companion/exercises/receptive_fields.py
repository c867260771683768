"""Solutions of the chapter on receptive fields."""

import numpy as np

from companion.exercises import check_seen_pixels
from companion.receptive_field import compose


def as_in_the_chapter(layers, unit):
    first = last = unit
    for k, s, p, d in reversed(layers):
        first, last = first * s - p, last * s - p + (k - 1) * d
    return first, last


def all_units(layers, unit):
    """Every unit that is read, layer by layer."""
    seen = {unit}
    for k, s, p, d in layers[::-1]:
        seen = {u * s - p + tap * d for u in seen for tap in range(k)}
    return np.array([min(seen), max(seen)])


def recursive(layers, unit):
    if not layers:
        return [unit, unit]
    *below, (k, s, p, d) = layers
    start = unit * s - p
    return [recursive(below, start)[0], recursive(below, start + (k - 1) * d)[1]]


def size_jump_offset(layers, unit):
    """Another way than the one that is asked for, with the right answer."""
    field = compose(layers)
    first = field.offset + unit * field.stride
    return first, first + field.size - 1


def walk(step):
    def function(layers, unit):
        first = last = unit
        for layer in reversed(layers):
            first, last = step(first, last, *layer)
        return first, last

    return function


def image_first(layers, unit):
    return as_in_the_chapter(layers[::-1], unit)


def one_beyond(layers, unit):
    first, last = as_in_the_chapter(layers, unit)
    return first, last + 1


def size_second(layers, unit):
    first, last = as_in_the_chapter(layers, unit)
    return first, last - first + 1


def exchanged(layers, unit):
    return as_in_the_chapter(layers, unit)[::-1]


def clipped(layers, unit):
    return tuple(max(pixel, 0) for pixel in as_in_the_chapter(layers, unit))


def unit_0(layers, unit):
    return as_in_the_chapter(layers, 0)


def own_stride(layers, unit):
    size, jump, offset = 1, 1, 0
    for k, s, p, d in layers:
        jump *= s
        size += (k - 1) * d * jump
        offset -= p * jump
    return offset + unit * jump, offset + unit * jump + size - 1


def first_only(layers, unit):
    return as_in_the_chapter(layers, unit)[0]


def every_pixel(layers, unit):
    first, last = as_in_the_chapter(layers, unit)
    return list(range(first, last + 1))


def emptied(layers, unit):
    first = last = unit
    while layers:
        k, s, p, d = layers.pop()
        first, last = first * s - p, last * s - p + (k - 1) * d
    return first, last


def words(layers, unit):
    return f"{unit} to {unit}"


def nothing(layers, unit):
    as_in_the_chapter(layers, unit)


def without_unit(layers):
    return as_in_the_chapter(layers, 0)


EXERCISES = [
    {
        "label": "ex-rf-pixels",
        "checker": check_seen_pixels,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "all units that are read": all_units,
            "recursive": recursive,
            "from size, jump and offset": size_jump_offset,
        },
        "wrong": {
            "image first": (image_first, "the last layer comes first"),
            "no padding": (
                walk(lambda a, b, k, s, p, d: (a * s, b * s + (k - 1) * d)),
                "where is p?",
            ),
            "padding widens": (
                walk(lambda a, b, k, s, p, d: (a * s - p, b * s + p + (k - 1) * d)),
                "does not widen",
            ),
            "padding at one end": (
                walk(lambda a, b, k, s, p, d: (a * s - p, b * s + (k - 1) * d)),
                "The left end alone",
            ),
            "padding to the right": (
                walk(lambda a, b, k, s, p, d: (a * s + p, b * s + p + (k - 1) * d)),
                "not to the right",
            ),
            "no dilation": (
                walk(lambda a, b, k, s, p, d: (a * s - p, b * s - p + k - 1)),
                "lie d apart",
            ),
            "k steps": (
                walk(lambda a, b, k, s, p, d: (a * s - p, b * s - p + k * d)),
                "reaches k - 1 steps",
            ),
            "no stride": (
                walk(lambda a, b, k, s, p, d: (a - p, b - p + (k - 1) * d)),
                "where is s?",
            ),
            "taps stretched": (
                walk(lambda a, b, k, s, p, d: (a * s - p, (b + (k - 1) * d) * s - p)),
                "taps of one window stay",
            ),
            "padding times stride": (
                walk(lambda a, b, k, s, p, d: ((a - p) * s, (b - p) * s + (k - 1) * d)),
                "counted before the stride",
            ),
            "own stride counted": (own_stride, "keep the jump below it"),
            "one beyond": (one_beyond, "one beyond it"),
            "size second": (size_second, "is the size"),
            "exchanged": (exchanged, "comes second"),
            "clipped": (clipped, "do not clip"),
            "unit 0": (unit_0, "field of unit 0"),
            "the first alone": (first_only, "wrong shape, ()"),
            "every pixel": (every_pixel, "wrong shape, (1,)"),
            "list emptied": (emptied, "arguments of case"),
            "words": (words, "object of the type str"),
            "no return": (nothing, "returned None"),
            "no unit": (without_unit, "takes 1 positional argument"),
        },
    }
]
