"""Images of a known size, and of all sizes at once."""

import math
from fractions import Fraction

from companion import graph
from companion.arguments import integers
from companion.receptive_field.fields import AxisFields, ReceptiveField
from companion.receptive_field.following import (
    Row,
    UnequalBranches,
    follow_fields,
    image_of,
    no_image,
)

LARGE = 4096  # stands for "some image size"; its remainders are tried from here on
MOST_SIZES = 1024
OUTPUT = "(output of the model)"


def image_inputs(model):
    """The inputs of a model that are images: those of most axes, three at least."""
    rank = max(3, *(len(tensor.shape) for tensor in model.inputs))
    return [tensor for tensor in model.inputs if len(tensor.shape) == rank]


def image_size(model, input_size):
    """Sizes of the images that a model reads, such as (height, width); None: unknown.

    Raises:
        ValueError: if it reads none, or `input_size` is bad.
    """
    images = image_inputs(model)
    sizes = {tuple(image.shape[1:-1]) for image in images}
    if len(sizes) != 1 and (input_size is None or not sizes):
        nothing = "" if sizes else "; no unit of this one depends on an image"
        raise ValueError(
            "The model must read images (batch, height, width, channels), sequences or "
            f"volumes, all of one size{nothing}. "
            f"Received: input shapes {[tuple(x.shape) for x in model.inputs]}"
        )
    if input_size is None:
        return sizes.pop()
    return integers("input_size", input_size, count=len(images[0].shape) - 2)


def rows_at(model, size, ignore_global):
    """All calls of a model for images of a known size."""
    images = {id(image) for image in image_inputs(model)}
    inputs = [
        image_of(tensor, size) if id(tensor) in images else no_image(tensor)
        for tensor in model.inputs
    ]
    rows, outputs = follow_fields(model, inputs, ignore_global)
    ends = [Row(OUTPUT, None, seen.shape[1:], seen.field) for seen in outputs]
    return rows + ends


def all_rows(model, input_size, ignore_global):
    """`Row`s of all calls of a model, then one for each output of the model."""
    model = graph.symbolic(model)
    size = image_size(model, input_size)
    if None in size:
        return rows_at_all_sizes(model, size, ignore_global)
    return rows_at(model, size, ignore_global)


def rows_at_all_sizes(model, size, ignore_global):
    """All calls of a model whose image size is unknown: tried in all remainders.

    Where an image ends inside a "same" padded window of stride s depends on the
    remainder of its size modulo s, and on nothing else. Sizes at which the branches of
    the model do not fit together cannot be those of its images. One more size, twice
    as large, shows which fields grow with the image.
    """
    tried, last = [], MOST_SIZES
    for rest in range(2 * MOST_SIZES):
        if rest > last:
            break
        try:
            rows = rows_at(model, at_size(size, LARGE + rest), ignore_global)
        except UnequalBranches as error:
            misfit = error
            continue
        if not tried:
            first, repeats = rest, period(rows)
            last = rest + repeats
        tried.append(rows)
    if not tried:
        raise misfit
    twice = LARGE + first + repeats * -(-LARGE // repeats)
    larger = rows_at(model, at_size(size, twice), ignore_global)
    return [
        over_sizes(others, large, size)
        for *others, large in zip(*tried, larger, strict=True)
    ]


def at_size(size, pixels):
    return [known or pixels for known in size]


def period(rows):
    """After how many pixels all remainders have occurred."""
    axes = [axis for row in rows if row.field is not None for axis in row.field.axes]
    steps = {axis.step for axis in axes if len(axis.intervals) != axis.units}
    pixels = math.lcm(*steps - {0})
    if pixels > MOST_SIZES:
        raise ValueError(
            f"The fields of this model repeat only every {pixels} pixels: pass the "
            "image size. Received: input_size=None"
        )
    return pixels


def over_sizes(rows, larger, size):
    """One row for all image sizes: what depends on the size becomes unknown."""
    shapes = zip(*(row.shape for row in rows), strict=True)
    shape = tuple(n[0] if len(set(n)) == 1 else None for n in shapes)
    fields = [row.field for row in rows]
    if fields[0] is None:
        return rows[0]._replace(shape=shape)
    axes = [
        axis_over_sizes([field.axes[i] for field in fields], larger.field.axes[i])
        if pixels is None
        else max((field.axes[i] for field in fields), key=lambda axis: axis.size)
        for i, pixels in enumerate(size)
    ]
    aligned = all(field.aligned for field in fields)
    field = ReceptiveField(*axes, aligned=aligned, notes=notes_of(fields))
    return rows[0]._replace(shape=shape, field=field)


def axis_over_sizes(axes, larger):
    """The fields along one axis of an image whose size is unknown."""
    widest = max(axes, key=lambda axis: axis.size)
    if len({axis.stride for axis in axes}) > 1:
        raise ValueError(
            "A stride depends on the image size, as behind a resizing to a fixed "
            "size: pass the image size. Received: input_size=None"
        )
    if widest.step == 0:
        first = min(axis.intervals[0][0] for axis in axes)
        return AxisFields(((first, math.inf),), 0)
    if larger.size > widest.size:
        stride = Fraction(widest.step, len(widest.intervals))
        endless = ((0, math.inf),) * stride.denominator
        return AxisFields(endless, stride.numerator, fixed=False)
    same = len({(axis.intervals, axis.step) for axis in axes}) == 1
    return AxisFields(widest.intervals, widest.step, fixed=same)


def notes_of(fields):
    """The notes of the first size that has any."""
    noted = [field for field in fields if field.notes]
    if not noted:
        return ()
    pixels = tuple(axis.pixels for axis in noted[0].axes)
    return tuple(f"For {pixels} pixels: {note}" for note in noted[0].notes)
