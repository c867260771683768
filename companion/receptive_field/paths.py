"""Where the axes of a tensor go in one call of a layer or an operation.

A path is a dict: it takes an axis of an input to (window, axis of the output), where
the axis of the output is None if the units end there, and it leaves out the axes that
every unit of the output sees whole. Axis 0 is the batch. A path that is None stands for
an input that is left out with the global context inside a layer.
"""

import dataclasses
import math

import keras

from companion.graph import Call
from companion.receptive_field.keras_rules import (
    axes_of,
    mixes_channels,
    side_by_side,
)
from companion.receptive_field.rules import (
    kernel_geometry,
    layer_windows,
    local_geometry,
    nearest,
)
from companion.receptive_field.windows import Window


@dataclasses.dataclass(frozen=True)
class Passage:
    """One input of a call on its way to one output.

    Args:
        call: the `Call`.
        number: which of the call's inputs.
        shape: shape of that input.
        output: which of the call's outputs.
        out_shape: shape of that output.
        placed: axes of the input along which the units of an axis of the image lie.
        geometry: `kernel_geometry` or `local_geometry`.
    """

    call: Call
    number: int
    shape: tuple
    output: int
    out_shape: tuple
    placed: frozenset
    geometry: object = kernel_geometry

    @property
    def layer(self):
        return self.call.operation

    @property
    def rank(self):
        return len(self.shape)

    @property
    def keyword(self):
        """The keyword that the input was passed by, such as "mask"; None by place."""
        keywords = [None] * len(_tensors(self.call.args))
        for key, value in sorted(self.call.kwargs.items()):
            keywords += [key] * len(_tensors(value))
        return keywords[self.number]

    @property
    def place(self):
        """Place of the input among the flat arguments: 1 for the kernel of a conv."""
        arguments = keras.tree.flatten((self.call.args, self.call.kwargs))
        return [i for i, x in enumerate(arguments) if _is_symbolic(x)][self.number]

    @property
    def is_mask(self):
        """Whether it is a Keras mask (batch, steps), which has no channels."""
        first = self.call.inputs[0]
        return self.keyword == "mask" and self.rank < len(first.shape)

    def refuse(self, what):
        raise ValueError(f"{self.layer.name!r} {what}")


def _is_symbolic(x):
    return isinstance(x, keras.KerasTensor)


def _tensors(arguments):
    return [x for x in keras.tree.flatten(arguments) if _is_symbolic(x)]


def same(units):
    """A window that sees its own unit."""
    return Window(((0,),), 1, units)


def keep(passage, moves):
    """The path that moves axes, {axis: new axis}, and sees one unit of each."""
    return {axis: (same(passage.shape[axis]), to) for axis, to in moves.items()}


def straight(passage):
    """The path of what works value by value: axes meet from the last one on."""
    shift = len(passage.out_shape) - passage.rank
    return keep(passage, {axis: axis + shift for axis in range(1, passage.rank)})


def along(passage, axes, window=None):
    """The path of what works along `axes` and value by value along the others."""
    path = straight(passage)
    for axis in set(axes) & set(path):
        if window is None:
            del path[axis]
        else:
            path[axis] = window(passage.shape[axis]), path[axis][1]
    return path


def joined(passage):
    """The path of a concatenation."""
    axes = axes_of(passage.layer.axis, len(passage.out_shape))
    if axes & passage.placed:
        raise ValueError(side_by_side(passage.layer))
    return straight(passage)


def reshaped(passage):
    """An axis stays if it has the same size, and as many values before it."""
    before, after = passage.shape[1:], passage.out_shape[1:]
    if None in after or math.prod(before) != math.prod(after):
        passage.refuse(
            "moves values between the batch and other axes: reshape within one image, "
            f"as keras.layers.Reshape does. Received: {before} to {after}"
        )
    places = {
        (math.prod(after[:i]), units): i + 1
        for i, units in reversed(list(enumerate(after)))
    }
    starts = [(math.prod(before[:i]), units) for i, units in enumerate(before)]
    return keep(
        passage,
        {axis: places[at] for axis, at in enumerate(starts, 1) if at in places},
    )


def permuted(passage, order):
    """The path of a transposition: output axis i is the input's axis ``order[i]``."""
    if order[0] != 0:
        passage.refuse(f"moves the batch. Received: axes={tuple(order)}")
    return keep(passage, {axis: to for to, axis in enumerate(order) if axis})


def contracted(passage, letters, out_letters):
    """The path of a sum of products: summed axes are seen whole."""
    return keep(
        passage,
        {
            axis: out_letters.index(letter)
            for axis, letter in enumerate(letters)
            if axis and letter in out_letters
        },
    )


def einsum(passage, equation, operand):
    """The path of one operand of an Einstein sum."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    letters = inputs.split(",")[operand]
    if "." in equation or not output or letters[0] != output[0]:
        passage.refuse(
            "is an Einstein sum whose axes cannot be followed: write all axes, the "
            f"batch first, and the output. Received: equation={equation!r}"
        )
    return contracted(passage, letters, output)


# --- Layers --------------------------------------------------------------------------


def by_geometry(passage):
    """The path of a layer by the rule that is registered for it."""
    size = passage.shape[1:] if passage.is_mask else passage.shape[1:-1]
    windows = layer_windows(passage.layer, size, passage.geometry)
    path = dict(_places(passage, windows))
    last = passage.rank - 1
    in_channels = last in passage.placed and not passage.is_mask
    if in_channels and not mixes_channels(passage.layer, passage.rank):
        path[last] = same(passage.shape[last]), len(passage.out_shape) - 1
    return path


def _places(passage, windows):
    """The axes of the output that the windows of the axes 1, 2, ... belong to."""
    out_size = passage.out_shape[1:-1]
    numbered = list(enumerate(windows, start=1))
    if len(windows) != len(out_size):
        if passage.output > 0 and not out_size:
            return []  # the last state of a recurrent layer has seen all
        numbered = [(axis, w) for axis, w in numbered if w.step or w.units > 1]
    units = [window.units for _, window in numbered]
    fit = len(units) == len(out_size) and all(
        n in (None, have) for n, have in zip(out_size, units, strict=True)
    )
    if not fit:
        kind = type(passage.layer).__name__
        raise ValueError(
            f"The geometry registered for {kind} does not match what the layer gives. "
            f"Received: windows of {tuple(units)} units for an input of shape "
            f"{passage.shape}, and an output of shape {passage.out_shape}"
        )
    return [(axis, (window, to)) for to, (axis, window) in enumerate(numbered, start=1)]


def by_permute(passage):
    return permuted(passage, (0, *passage.layer.dims))


def by_repeat_vector(passage):
    return keep(passage, {1: 2})


def by_dot(passage):
    """Axes but the batch that are not summed stay, those of the first input first."""
    axes = passage.layer.axes
    axes = (axes, axes) if isinstance(axes, int) else axes
    ranks = [len(x.shape) for x in passage.call.inputs]
    summed = [axis % rank for axis, rank in zip(axes, ranks, strict=True)]
    left = [
        [axis for axis in range(1, rank) if axis != gone]
        for rank, gone in zip(ranks, summed, strict=True)
    ]
    start = 1 + (len(left[0]) if passage.number else 0)
    return keep(
        passage, {axis: start + i for i, axis in enumerate(left[passage.number])}
    )


def by_recurrence(passage):
    """States are seen whole; sequences and their masks by the layer's rule."""
    if passage.number and not passage.is_mask:
        return {}
    return by_geometry(passage)


def by_attention(passage):
    """Queries are seen step by step; along the axes of attention all keys are seen."""
    keyword = passage.keyword or ""
    rank = passage.rank + ("mask" in keyword)  # masks have no channels
    path = keep(passage, {axis: axis for axis in range(1, rank - 1)})
    to_itself = len({id(x) for x in passage.call.inputs[:2]}) == 1
    is_query = "query" in keyword or (passage.place == 0 and not keyword)
    is_local = passage.geometry is local_geometry
    if is_query and (is_local or not to_itself):
        return path
    if is_local:
        return None
    axes = passage.layer.get_config().get("attention_axes")
    axes = set(range(1, rank - 1)) if axes is None else axes_of(axes, rank)
    causal = passage.call.kwargs.get("use_causal_mask", False)
    if causal and axes != {1}:
        passage.refuse(
            "has a causal mask over several axes. Received: attention_axes="
            f"{tuple(axes)}"
        )
    for axis in axes & set(path):
        if causal:
            steps = passage.out_shape[axis]
            path[axis] = Window.past(passage.shape[axis], steps), axis
        else:
            del path[axis]
    return path


def by_equation(passage):
    return einsum(passage, passage.layer.equation, 0)


LAYER_PATHS = {
    keras.layers.Concatenate: joined,
    keras.layers.Dot: by_dot,
    keras.layers.EinsumDense: by_equation,
    keras.layers.Flatten: reshaped,
    keras.layers.Permute: by_permute,
    keras.layers.RepeatVector: by_repeat_vector,
    keras.layers.Reshape: reshaped,
    **dict.fromkeys(
        (
            keras.layers.Add,
            keras.layers.Average,
            keras.layers.Maximum,
            keras.layers.Minimum,
            keras.layers.Multiply,
            keras.layers.Subtract,
        ),
        straight,
    ),
    **dict.fromkeys(
        (
            keras.layers.Bidirectional,
            keras.layers.GRU,
            keras.layers.LSTM,
            keras.layers.RNN,
            keras.layers.SimpleRNN,
        ),
        by_recurrence,
    ),
    **dict.fromkeys(
        (
            keras.layers.AdditiveAttention,
            keras.layers.Attention,
            keras.layers.GroupQueryAttention,
            keras.layers.MultiHeadAttention,
        ),
        by_attention,
    ),
}


def layer_path(passage):
    """The path through a layer."""
    rule = LAYER_PATHS.get(nearest(LAYER_PATHS, passage.layer), by_geometry)
    return rule(passage)
