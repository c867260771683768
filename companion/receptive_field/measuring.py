"""Running a model on images, up to one of its layers."""

import inspect

import keras
import numpy as np
from keras import ops

from companion import graph
from companion.receptive_field.sizes import image_size
from companion.receptive_field.tables import find, numbered


def image_shape(model, input_size, images=None):
    """(height, width, channels) of the images to measure a model on.

    Raises:
        ValueError: if the model has several inputs, if its image size is unknown, or if
            `images` is no array of images that it reads.
    """
    model = graph.symbolic(model)
    if len(model.inputs) != 1:
        raise ValueError(
            "Only models with one input can be measured. "
            f"Received: {len(model.inputs)} inputs"
        )
    own = model.inputs[0].shape[1:]
    if images is not None:
        return _shape_of(images, own)
    size = image_size(model, input_size)
    if None in size:
        raise ValueError(
            f"{model.name!r} has no fixed image size: pass one. "
            "Received: input_size=None"
        )
    return *size, own[-1]


def _shape_of(images, own):
    try:
        images = np.asarray(images)
        numbers = np.issubdtype(images.dtype, np.number)
        numbers = numbers and not np.iscomplexobj(images) and np.isfinite(images).all()
    except (TypeError, ValueError):
        images, numbers = np.empty(0), False
    fits = images.ndim == len(own) + 1 and all(
        wanted in (None, have)
        for wanted, have in zip(own, images.shape[1:], strict=True)
    )
    if not numbers or not fits or not images.size:
        raise ValueError(
            f"images must be an array of finite numbers (samples, {_text(own)}). "
            f"Received: images of shape {images.shape} and type {images.dtype}"
        )
    return images.shape[1:]


def _text(shape):
    return ", ".join("any" if size is None else str(size) for size in shape)


def call_at_inference(operation, args, kwargs):
    """Call a layer or an operation as `model.predict` does."""
    if "training" in inspect.signature(operation.call).parameters:
        kwargs = kwargs | {"training": False}
    return operation(*args, **kwargs)


class _Arrived(Exception):
    """The layer that was asked for has been computed."""


def value_at(model, layer, images, call=call_at_inference):
    """The output of a layer for a batch of images; what lies behind is not computed.

    Args:
        model: functional or sequential model of one input.
        layer: layer or its name, as in `receptive_field`; None is the output.
        images: array (batch, height, width, channels).
        call: function (operation, args, kwargs) that calls an operation.

    Raises:
        ValueError: if there is no such layer, or it has several outputs.
    """
    wanted, output = (None, 0) if layer is None else _place_of(model, layer)
    visited = []

    def visit(asked, values, results=None):
        if results is None:
            args, kwargs = asked.arguments(values)
            results = keras.tree.flatten(call(asked.operation, args, kwargs))
        visited.append(asked)
        if len(visited) - 1 == wanted:
            raise _Arrived(results)
        return results

    try:
        results = graph.follow(model, [ops.convert_to_tensor(images)], visit)
    except _Arrived as arrived:
        (results,) = arrived.args
    if layer is None and len(results) != 1:
        raise ValueError(
            f"The model has {len(results)} outputs: say which layer. "
            "Received: layer=None"
        )
    return results[output]


def _place_of(model, layer):
    """(number of the call, number of its output) of a layer, in the order of visits."""
    places, visited = [], []

    def visit(call, values, results=None):
        outputs = len(call.outputs)
        for number in range(outputs):
            which = f" (output {number + 1})" if outputs > 1 else ""
            places.append((call.name + which, call.operation, (len(visited), number)))
        visited.append(call)
        return values[:1] * outputs if results is None else results

    graph.follow(model, [None], visit)
    names = numbered([name for name, _, _ in places])
    by_name = {name: place for name, (_, *place) in zip(names, places, strict=True)}
    name = find(layer, {name: operation for name, (operation, _) in by_name.items()})
    return by_name[name][1]
