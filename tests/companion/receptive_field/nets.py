"""Small networks, and the comparison of computed fields with probed ones."""

import math

import keras
import numpy as np
from keras import layers, ops

from companion import receptive_field as rf

OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13)


def image_input(size=None, channels=1):
    height, width = size if isinstance(size, tuple) else (size, size)
    return keras.Input((height, width, channels))


def numbers(field):
    return field.size, field.stride, field.offset


def conv(x, kernel, stride=1, padding="same", dilation=1, name=None):
    return layers.Conv2D(1, kernel, stride, padding, dilation_rate=dilation, name=name)(
        x
    )


def pool(x, kernel, stride, padding="valid", name=None):
    return layers.MaxPooling2D(kernel, stride, padding, name=name)(x)


def padded(x, padding):
    return layers.ZeroPadding2D(padding)(x) if padding else x


def gated(x, name):
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply(name=name)([x, conv(gate, 1, name=f"{name}_gate")])


def assert_probe_agrees(model, layer=None, least=4):
    """Where a field lies inside the image, the probe finds exactly it; elsewhere the
    probe finds no pixel outside it. Returns how many fields lie inside."""
    field = rf.receptive_field(model, layer)
    probe = rf.probe_receptive_field(model, layer)
    assert field.units == (probe.rows.shape[1], probe.columns.shape[1])
    inside = [0, 0]
    axes = [(field.rows, probe.rows), (field.columns, probe.columns)]
    for i, (axis, reached) in enumerate(axes):
        assert axis.pixels == len(reached)
        for unit in range(axis.units):
            found = np.flatnonzero(reached[:, unit])
            first, last = axis.of(unit) or (0, -1)
            if 0 <= first <= last < axis.pixels:
                assert (first, last) == (found[0], found[-1]), (i, unit)
                inside[i] += 1
            else:
                assert all(first <= pixel <= last for pixel in found), (i, unit)
    assert math.prod(inside) >= least
    return math.prod(inside)


def assert_units_see(image, x, places, **options):
    """Every unit of `x` sees exactly the pixels that the model itself says.

    One pixel after the other is made NaN. The hull of the pixels that turn a unit NaN
    is its field, inside the image.

    Args:
        image: input of the model.
        x: output of the model.
        places: for each axis of the image, the axis of `x` along which its units lie
            (the batch is axis 0); None if all units see the same along it.
        options: passed to `receptive_field`.
    """
    model = keras.Model(image, x)
    field = rf.receptive_field(model, **options)
    size = tuple(image.shape[1:-1])
    images = np.full((math.prod(size), *image.shape[1:]), 0.5, "float32")
    for number, pixel in enumerate(np.ndindex(*size)):
        images[(number, *pixel)] = np.nan
    reached = np.isnan(ops.convert_to_numpy(model(images, training=False)))
    others = [n for n in range(1, reached.ndim) if n not in places]
    reached = reached.any(axis=tuple(others), keepdims=True)
    for unit in np.ndindex(*reached.shape[1:]):
        pixels = np.unravel_index(np.flatnonzero(reached[(..., *unit)]), size)
        asked = [0 if place is None else unit[place - 1] for place in places]
        found = [(p.min(), p.max()) for p in pixels]
        told = [
            (max(first, 0), min(last, pixels - 1))
            for (first, last), pixels in zip(
                (axis.of(n) for axis, n in zip(field.axes, asked, strict=True)),
                size,
                strict=True,
            )
        ]
        assert told == found, unit
    return field
