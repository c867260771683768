"""What the tensors of a model's graph see of the image, call by call."""

import dataclasses
from typing import NamedTuple

import keras

from companion import graph
from companion.receptive_field.fields import AxisFields, ReceptiveField
from companion.receptive_field.operations import operation_path
from companion.receptive_field.paths import Passage, layer_path
from companion.receptive_field.rules import (
    kernel_geometry,
    layer_windows,
    load_keras_rules,
    local_geometry,
)
from companion.receptive_field.windows import Window


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the units of one tensor see.

    Args:
        tensor: the tensor as a `keras.KerasTensor`, at the image size asked for.
        axes: one `AxisFields` for each axis of the image; empty if the tensor does not
            depend on the image.
        places: for each axis of the image, the axis of the tensor along which its
            units lie; None if all units see the same.
        aligned: as in `ReceptiveField`.
        notes: as in `ReceptiveField`.
    """

    tensor: keras.KerasTensor
    axes: tuple = ()
    places: tuple = ()
    aligned: bool = True
    notes: tuple = ()

    @property
    def shape(self):
        """Shape of the tensor; sizes that Keras does not know are those of the axes."""
        shape = list(self.tensor.shape)
        for axis, place in zip(self.axes, self.places, strict=True):
            if place is not None:
                shape[place] = axis.units
        return tuple(shape)

    @property
    def is_local(self):
        """Whether the units see different parts along every axis of the image."""
        return all(axis.step for axis in self.axes)

    @property
    def field(self):
        """The `ReceptiveField`; None if the tensor does not depend on the image.

        What sees the whole image keeps the units of the map that it is arranged in.
        """
        if not self.axes:
            return None
        shape, free = self.shape, len(self.axes) == len(self.shape) - 2
        axes = []
        for number, (axis, place) in enumerate(
            zip(self.axes, self.places, strict=True), start=1
        ):
            if place is None and free and number not in self.places:
                place = number
            units = 1 if place is None else shape[place]
            axes.append(dataclasses.replace(axis, units=units))
        return ReceptiveField(*axes, aligned=self.aligned, notes=self.notes)


class Row(NamedTuple):
    """One output of one call of a layer inside a model.

    The shape is that of an image, without the batch. The field is None for a tensor
    that does not depend on the image.
    """

    name: str
    operation: object
    shape: tuple
    field: ReceptiveField | None


class UnequalBranches(ValueError):
    """Maps of different sizes meet: the model cannot read images of this size."""


AXIS_NAMES = {1: ["steps"], 2: ["rows", "columns"], 3: ["slices", "rows", "columns"]}


def image_of(tensor, size):
    """An input of the model, as an image of `size` whose pixels see themselves."""
    shape = (tensor.shape[0], *size, tensor.shape[-1])
    axes = tuple(AxisFields(((0, 0),), 1, pixels, pixels) for pixels in size)
    places = tuple(range(1, len(size) + 1))
    return Seen(keras.KerasTensor(shape, dtype=tensor.dtype), axes, places)


def no_image(tensor):
    """A tensor that does not depend on the image."""
    return Seen(keras.KerasTensor(tensor.shape, dtype=tensor.dtype))


def follow_fields(model, inputs, ignore_global):
    """Rows of all calls of a model, and what its outputs see.

    Args:
        model: functional or sequential model.
        inputs: one `Seen` for each input of the model.
        ignore_global: as in `receptive_field`.

    Returns:
        A list of `Row` and a list of `Seen`.

    Raises:
        TypeError: for a layer that is not registered.
        ValueError: where a field cannot be told.
    """
    load_keras_rules()
    rows = []

    def visit(call, seen, results=None):
        if results is None:
            results = through_call(call, seen, ignore_global)
        for number, result in enumerate(results, start=1):
            which = f" (output {number})" if len(results) > 1 else ""
            name = call.name + which
            rows.append(Row(name, call.operation, result.shape[1:], result.field))
        return results

    outputs = graph.follow(model, inputs, visit, as_one_layer=is_registered)
    return rows, outputs


def is_registered(model):
    """Whether a nested model has a rule of its own, and counts as one layer."""
    return type(model) in kernel_geometry.registry


def through_call(call, seen, ignore_global):
    """What each output of one call sees, from what its inputs see."""
    if isinstance(call.operation, keras.layers.TimeDistributed):
        return through_every_step(call, seen, ignore_global)
    tensors = output_tensors(call, seen)
    if not any(branch.axes for branch in seen):
        return [no_image(tensor) for tensor in tensors]
    refuse_channels_first(call, seen)
    return [
        through_inputs(call, seen, tensor, number, ignore_global)
        for number, tensor in enumerate(tensors)
    ]


def output_tensors(call, seen):
    """The outputs of a call at the image size asked for, from Keras itself."""
    try:
        return call.output_specs([branch.tensor for branch in seen])
    except Exception as error:
        explain(call, seen)
        raise ValueError(f"At {call.name!r}: {error}") from error


def explain(call, seen):
    """Say it in terms of windows and branches, where these show why a call fails."""
    branches = [(graph.made_by(x), s) for x, s in zip(call.inputs, seen, strict=True)]
    branches = [(name, branch) for name, branch in branches if branch.axes]
    if len({len(branch.shape) for _, branch in branches}) == 1:
        check_equal_units(call.name, branches)
    if isinstance(call.operation, keras.layers.Layer):
        for _, branch in branches:
            if None not in branch.places:
                with_name(call.name, layer_windows, call.operation, branch.shape[1:-1])


def with_name(name, function, *arguments):
    """The result of a function; its errors begin with the name of the layer."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"At {name!r}: {error}") from error


def refuse_channels_first(call, seen):
    places = {place for branch in seen for place in branch.places} - {None}
    if getattr(call.operation, "data_format", None) == "channels_first" and places:
        raise ValueError(
            "receptive_field reads channels_last models only. "
            f"Received: {call.operation.name!r} with data_format='channels_first'"
        )


def through_inputs(call, seen, tensor, number, ignore_global):
    """What one output of a call sees through all inputs of the call."""
    whole, local, notes = [], [], []
    for i, branch in enumerate(seen):
        if not branch.axes:
            continue
        maker = graph.made_by(call.inputs[i])
        result = through_path(call, i, branch, tensor, number, kernel_geometry)
        whole.append((maker, result))
        if ignore_global:
            result = through_path(call, i, branch, tensor, number, local_geometry)
        if result is None or result.axes != whole[-1][1].axes:
            notes = [f"{call.name}: what it sees of the whole image was left out."]
        if result is not None:
            local.append((maker, result))
    merged = merge(call.name, local or whole, tensor, ignore_global)
    return dataclasses.replace(merged, notes=(*merged.notes, *(notes if local else [])))


def through_path(call, number, branch, tensor, output, geometry):
    """What an output sees through one input; None if it is left out."""
    placed = frozenset(branch.places) - {None}
    if not placed:
        return dataclasses.replace(branch, tensor=tensor)
    passage = Passage(
        call,
        number,
        branch.shape,
        output,
        tuple(tensor.shape),
        placed,
        geometry,
    )
    is_layer = isinstance(call.operation, keras.layers.Layer)
    path = with_name(call.name, layer_path if is_layer else operation_path, passage)
    if path is None:
        return None
    moved = [
        move(axis, place, path)
        for axis, place in zip(branch.axes, branch.places, strict=True)
    ]
    axes, places = zip(*moved, strict=True)
    return dataclasses.replace(branch, tensor=tensor, axes=axes, places=places)


def move(axis, place, path):
    """An axis of the image behind a call, and the axis of the output it lies along."""
    if place is None:
        return axis, None
    window, to = path[place] if place in path else (Window.everything(axis.units), None)
    axis = axis.through(window)
    return axis, to if axis.step else None


def merge(name, branches, tensor, ignore_global):
    """The union of the fields of branches, with notes on what does not fit."""
    local = [(maker, branch) for maker, branch in branches if branch.is_local]
    notes = [note for _, branch in branches for note in branch.notes]
    if ignore_global and local:
        notes += [
            f"{name}: branch {maker!r}, which sees the whole image, was left out."
            for maker, branch in branches
            if not branch.is_local
        ]
        branches = local
    check_equal_units(name, local)
    misaligned = misalignment(name, local)
    axes, places = zip(
        *(union(name, branches, number, tensor) for number in range(axes_of(branches))),
        strict=True,
    )
    return Seen(
        tensor,
        axes,
        places,
        not misaligned and all(branch.aligned for _, branch in branches),
        tuple(dict.fromkeys(notes + misaligned)),
    )


def axes_of(branches):
    """Number of axes of the image."""
    return len(branches[0][1].axes)


def check_equal_units(name, branches):
    """Refuse branches of different sizes; one unit is spread over the others."""
    for number in range(axes_of(branches) if branches else 0):
        units = {branch.axes[number].units for _, branch in branches}
        if len(units - {1}) > 1:
            names = AXIS_NAMES.get(axes_of(branches), [])
            axis = names[number] if names else f"units along axis {number + 1}"
            raise UnequalBranches(
                f"At {name!r}: branches must have equally many {axis}. Received: "
                + ", ".join(f"{b!r} with {units_of(branch)}" for b, branch in branches)
            )


def units_of(branch):
    return tuple(axis.units for axis in branch.axes)


def misalignment(name, branches):
    """A list with one note if the centres of the branches differ; empty if not."""
    places = {
        tuple((axis.stride, axis.centre) for axis in branch.axes)
        for _, branch in branches
    }
    if len(places) < 2:
        return []
    told = "; ".join(
        f"{maker!r} has its first centre at {first_centre(branch)} and stride "
        f"{branch.field.stride}"
        for maker, branch in branches
    )
    return [f"{name}: branches are not aligned: {told}."]


def first_centre(branch):
    return "(" + ", ".join(f"{float(axis.centre):g}" for axis in branch.axes) + ")"


def union(name, branches, number, tensor):
    """An axis of the image behind a merge, and the axis of the tensor it lies along."""
    places = {branch.places[number] for _, branch in branches} - {None}
    if len(places) > 1:
        raise ValueError(
            f"At {name!r}: an axis of the image lies along different axes of the "
            f"branches. Received: axes {sorted(places)}"
        )
    place = places.pop() if places else None
    units = None if place is None else tensor.shape[place]
    first, *others = (branch.axes[number] for _, branch in branches)
    axis = first.union(others, units)
    return axis, place if axis.step else None


def through_every_step(call, seen, ignore_global):
    """A layer or model that works on every step of the first axis alike.

    The axis of the image along the steps waits outside.
    """
    inside = [one_step(branch) for branch in seen]
    layer = call.operation.layer
    if graph.has_graph(layer) and not is_registered(layer):
        _, results = follow_fields(layer, inside, ignore_global)
    else:
        tensors = tuple(branch.tensor for branch in inside)
        outputs = keras.tree.flatten(layer.compute_output_spec(*tensors))
        step = graph.Call(call.name, layer, tensors, tuple(outputs), tensors)
        results = through_call(step, inside, ignore_global)
    waiting = next((b.places.index(1) for b in seen if 1 in b.places), None)
    return [every_step(result, seen[0].shape[1], waiting) for result in results]


def one_step(branch):
    batch, _, *rest = branch.tensor.shape
    places = [None if place in (None, 1) else place - 1 for place in branch.places]
    tensor = keras.KerasTensor((batch, *rest), dtype=branch.tensor.dtype)
    return dataclasses.replace(branch, tensor=tensor, places=tuple(places))


def every_step(result, steps, waiting):
    batch, *rest = result.tensor.shape
    places = [place and place + 1 for place in result.places]
    if waiting is not None:
        places[waiting] = 1
    tensor = keras.KerasTensor((batch, steps, *rest), dtype=result.tensor.dtype)
    return dataclasses.replace(result, tensor=tensor, places=tuple(places))
