"""Which pixels reach which units: asked of the model itself."""

import dataclasses

import keras
import numpy as np
from keras import ops

from companion import graph
from companion.arguments import integer
from companion.receptive_field.fields import Region
from companion.receptive_field.measuring import (
    call_at_inference,
    image_shape,
    value_at,
)
from companion.receptive_field.rules import nearest

__all__ = ["Probe", "probe_receptive_field"]


@dataclasses.dataclass(frozen=True)
class Probe:
    """Which pixels reach which units of a layer, as found by asking the model.

    Args:
        axes: one boolean array (pixels, units) for each axis of the image: whether a
            change of that row of pixels reaches that row of units. `rows` and
            `columns` are those of an image.
    """

    axes: tuple

    @property
    def rows(self):
        """Boolean array (image height, unit rows) of an image."""
        return self.axes[-2]

    @property
    def columns(self):
        """Boolean array (image width, unit columns) of an image."""
        return self.axes[-1]

    def region(self, *unit):
        """The pixels that reach one unit.

        Args:
            unit: the unit's place along each axis, such as its row and its column.

        Returns:
            A `Region`; for sequences and volumes a tuple of pairs (first, last + 1).

        Raises:
            ValueError: if there is no such unit, or no pixel reaches it.
        """
        units = tuple(reached.shape[1] for reached in self.axes)
        checked = len(unit) == len(units) and all(
            integer("unit", number, least=0) < have
            for number, have in zip(unit, units, strict=True)
        )
        if not checked:
            raise ValueError(f"The layer has {units} units. Received: {unit}")
        found = [
            np.flatnonzero(reached[:, number])
            for reached, number in zip(self.axes, unit, strict=True)
        ]
        if not all(map(len, found)):
            raise ValueError(f"No pixel reaches this unit. Received: {unit}")
        edges = [(int(pixels[0]), int(pixels[-1]) + 1) for pixels in found]
        if len(edges) != 2:
            return tuple(edges)
        (top, bottom), (left, right) = edges
        return Region(top, left, bottom, right)


def probe_receptive_field(model, layer=None, input_size=None):
    """Find the pixels that reach each unit by making them NaN, one row at a time.

    NaN plus or times anything is NaN, so a unit turns NaN exactly if it depends on the
    changed row of pixels, whatever the weights. Nothing here knows kernel sizes,
    strides or padding: this is the independent check of `receptive_field`. Max pooling
    runs as average pooling over the same windows, because TensorFlow's skips NaN; on
    JAX, a smooth resizing is a product with a matrix that spreads NaN everywhere, and
    so does attention with a mask, which multiplies by 0. The probe costs one forward
    pass per row and per column of the image: use small images. Where the layer has not
    as many axes as the image, all its units are asked together.

    Args:
        model: Functional or Sequential Keras model with one input.
        layer: layer of this model or its name, as in `receptive_field`; None is the
            model's output.
        input_size: side or (height, width) of the image, if the model leaves it open.

    Returns:
        A `Probe`.

    Raises:
        TypeError: for a subclassed model.
        ValueError: if the layer or the image size cannot be found.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((9, 9, 1)),
    ...     keras.layers.Conv2D(1, 3, strides=2)])
    >>> probe_receptive_field(model).region(1, 2)
    Region(top=2, left=4, bottom=5, right=7)
    """
    model, shape = graph.symbolic(model), image_shape(model, input_size)
    axes = range(1, len(shape))
    return Probe(tuple(_reached(model, layer, shape, axis) for axis in axes))


def _reached(model, layer, shape, axis, batch=8):
    """Boolean array (pixels, units) along one axis of the image."""
    reached = []
    for start in range(0, shape[axis - 1], batch):
        lines = np.arange(start, min(start + batch, shape[axis - 1]))
        images = np.full((len(lines), *shape), 0.5, "float32")
        np.moveaxis(images, axis, 1)[np.arange(len(lines)), lines] = np.nan
        outputs = value_at(model, layer, images, _call_passing_nan_on)
        found = np.isnan(ops.convert_to_numpy(outputs))
        same_axes = found.ndim == images.ndim
        others = [i for i in range(1, found.ndim) if not (same_axes and i == axis)]
        found = found.any(axis=tuple(others))
        reached.append(found.reshape(len(lines), -1))
    return np.concatenate(reached)


def _call_passing_nan_on(operation, args, kwargs):
    """Call an operation at inference, or one of the same reach that keeps all NaN.

    TensorFlow's max pooling skips NaN and its softmax turns it into 0, so these become
    average pooling over the same windows and exp(log_softmax).
    """
    kind = type(operation).__name__
    if isinstance(operation, keras.layers.TimeDistributed):
        return _at_every_step(operation.layer, *args)
    if kind == "MaxPool" or nearest(MAX_POOLING, operation):
        size, strides = operation.pool_size, operation.strides
        return ops.average_pool(args[0], size, strides, operation.padding)
    if kind.startswith("AdaptiveMaxPool"):
        return ops.adaptive_average_pool(args[0], operation.output_size)
    if kind in ("Softmax", "LogSoftmax") and isinstance(operation.axis, int):
        return ops.exp(ops.log_softmax(args[0], operation.axis))
    return call_at_inference(operation, args, kwargs)


MAX_POOLING = {
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D,
}


def _at_every_step(layer, sequences):
    """All steps of all sequences as one batch."""
    batch, steps = sequences.shape[:2]
    images = ops.reshape(sequences, (batch * steps, *sequences.shape[2:]))
    if graph.has_graph(layer):
        output = value_at(layer, None, images, _call_passing_nan_on)
    else:
        output = _call_passing_nan_on(layer, (images,), {})
    return ops.reshape(output, (batch, steps, *output.shape[1:]))
