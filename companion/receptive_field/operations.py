"""Where the axes of a tensor go in a call of a `keras.ops` function, by its name."""

from companion.receptive_field.keras_rules import (
    axes_of,
    resized,
    side_by_side,
    sliding,
    transposed,
)
from companion.receptive_field.paths import (
    along,
    contracted,
    einsum,
    joined,
    keep,
    permuted,
    reshaped,
    same,
    straight,
)
from companion.receptive_field.rules import unknown
from companion.receptive_field.windows import Window

ELEMENT_WISE = """
Abs Absolute Add Arctan Arctan2 BroadcastTo Cast Ceil Celu Clip Copy Cos Cosh Divide
DivideNoNan Elu Equal Erf Exp Expm1 Floor FloorDivide FullLike Gelu Greater
GreaterEqual HardShrink HardSigmoid HardSilu HardTanh LeakyRelu Less LessEqual Log
Log10 Log1p Log2 Logaddexp LogicalAnd LogicalNot LogicalOr LogicalXor LogSigmoid
Maximum Minimum Mod Multiply NanToNum Negative NotEqual OnesLike Power Reciprocal Relu
Relu6 Round Rsqrt Selu Sigmoid Sign Silu Sin Sinh SoftShrink Softplus Softsign
SparsePlus SparseSigmoid Sqrt Square Squareplus StopGradient Subtract Tan Tanh
TanhShrink Threshold TrueDivide Where ZerosLike
"""
REDUCING = """
All Amax Amin Any Argmax Argmin CountNonzero Logsumexp Max Mean Median Min Norm Prod
Std Sum Var
"""
NORMALIZING = "LayerNorm LogSoftmax Normalize RMSNorm Softmax Sort Argsort Sparsemax"
CUMULATIVE = "Cumprod Cumsum"


def by_windows(windows):
    """The rule of an operation that keeps the rank and has windows (passage, size)."""

    def path(passage):
        if passage.place > 0:
            return {}  # a kernel, which every unit sees whole
        size = passage.shape[1:-1]
        found = windows(passage, size)
        return {axis: (window, axis) for axis, window in enumerate(found, start=1)}

    return path


def channel_wise(windows):
    """The same, for an operation that sees its own channel only."""

    def path(passage):
        last = passage.rank - 1
        own = same(passage.shape[last]), last
        return by_windows(windows)(passage) | {last: own}

    return path


def pooled(passage, size):
    pool = passage.layer
    return sliding(size, pool.pool_size, pool.strides or pool.pool_size, pool.padding)


def adapted(passage, size):
    target = passage.out_shape[1:-1]
    return [Window.adaptive(*axis) for axis in zip(size, target, strict=True)]


def convolved(passage, size):
    conv, kernel = passage.layer, passage.call.args[1]
    kernel_size = tuple(kernel.shape[: len(size)])
    return sliding(size, kernel_size, conv.strides, conv.padding, conv.dilation_rate)


def convolved_back(passage, size):
    return transposed(
        passage.layer, size, tuple(passage.call.args[1].shape[: len(size)])
    )


def interpolated(passage, size):
    return resized(passage.layer, size, passage.out_shape[1:-1])


def gathered(passage, size):
    block = passage.layer.block_size
    return sliding(size, block, block, "valid")


def spread(passage, size):
    block = passage.layer.block_size
    return [Window.resampled(units, units * block) for units in size]


def reduced(passage):
    operation = passage.layer
    axes = axes_of(operation.axis, passage.rank)
    if 0 in axes:
        passage.refuse(f"joins the images of a batch. Received: axis={operation.axis}")
    keepdims = len(passage.out_shape) == passage.rank
    left = [axis for axis in range(passage.rank) if keepdims or axis not in axes]
    places = {axis: to for to, axis in enumerate(left) if axis and axis not in axes}
    return keep(passage, places)


def normalized(passage):
    if passage.place > 0:
        return straight(passage)  # scale and offset
    operation = passage.layer
    return along(passage, axes_of(getattr(operation, "axis", -1), passage.rank))


def accumulated(passage):
    axes = axes_of(passage.layer.axis, passage.rank)
    if len(axes) > 1:
        passage.refuse("runs over all axes. Received: axis=None")
    return along(passage, axes, Window.past)


def padded(passage):
    """Zeros beside the map; the batch gets none."""
    operation = passage.layer
    if operation.mode != "constant":
        passage.refuse(
            "pads with pixels of the image, which no window describes: only zeros can "
            f"be followed. Received: mode={operation.mode!r}"
        )
    widths = list(operation.pad_width)
    widths *= passage.rank if len(widths) == 1 else 1
    if tuple(widths[0]) != (0, 0):
        passage.refuse(f"pads the batch. Received: pad_width={operation.pad_width}")
    return {
        axis: (Window.sliding(passage.shape[axis], 1, 1, tuple(widths[axis])), axis)
        for axis in range(1, passage.rank)
    }


def transposed_axes(passage):
    axes = passage.layer.axes
    rank = passage.rank
    return permuted(passage, axes or range(rank)[::-1])


def swapped(passage):
    order = list(range(passage.rank))
    first, second = passage.layer.axis1, passage.layer.axis2
    order[first], order[second] = order[second], order[first]
    return permuted(passage, order)


def moved(passage):
    rank, operation = passage.rank, passage.layer
    places = {
        to % rank: axis % rank
        for axis, to in zip(operation.source, operation.destination, strict=True)
    }
    others = iter(axis for axis in range(rank) if axis not in places.values())
    return permuted(
        passage, [places[to] if to in places else next(others) for to in range(rank)]
    )


def expanded(passage):
    new = axes_of(passage.layer.axis, len(passage.out_shape))
    old = [axis for axis in range(len(passage.out_shape)) if axis not in new]
    return keep(passage, {axis: to for axis, to in enumerate(old) if axis})


def stacked(passage):
    rank = len(passage.out_shape)
    if axes_of(passage.layer.axis, rank) != {rank - 1}:
        raise ValueError(side_by_side(passage.layer))
    return expanded(passage)


def squeezed(passage):
    gone = axes_of(passage.layer.axis, passage.rank)
    left = [axis for axis in range(passage.rank) if axis not in gone]
    if passage.layer.axis is None:
        left = [0] + [a for a in range(1, passage.rank) if passage.shape[a] != 1]
    return keep(passage, {axis: to for to, axis in enumerate(left) if axis})


def split(passage):
    axes = axes_of(passage.layer.axis, passage.rank)
    if axes & passage.placed:
        passage.refuse(
            "cuts a map into pieces: cut them out with slices, one by one. "
            f"Received: axis={passage.layer.axis}"
        )
    return straight(passage)


def unstacked(passage):
    (axis,) = axes_of(passage.layer.axis, passage.rank)
    if axis == 0:
        passage.refuse("takes the batch apart. Received: axis=0")
    left = [a for a in range(passage.rank) if a != axis]
    path = keep(passage, {a: to for to, a in enumerate(left) if a})
    return path | {axis: (Window(((passage.output,),), 0, 1), None)}


def halved(passage):
    """A gate: each value of the first half times one of the second."""
    (axis,) = axes_of(passage.layer.axis, passage.rank)
    half = passage.out_shape[axis]
    return straight(passage) | {axis: (Window(((0, half),), 1, half), axis)}


def repeated(passage):
    operation = passage.layer
    if not isinstance(operation.repeats, int) or operation.axis is None:
        passage.refuse(
            "repeats every value a number of times of its own, or along all axes. "
            f"Received: repeats={operation.repeats}, axis={operation.axis}"
        )
    (axis,) = axes_of(operation.axis, passage.rank)
    units = passage.shape[axis]
    window = Window.resampled(units, units * operation.repeats)
    return straight(passage) | {axis: (window, axis)}


def multiplied(passage):
    """A matrix product: rows of the first, columns of the second operand stay."""
    ranks = [len(getattr(x, "shape", ())) for x in passage.call.args]
    if min(ranks) < 2:
        passage.refuse(f"multiplies with a vector. Received: ranks={ranks}")
    shift = len(passage.out_shape) - passage.rank
    summed = passage.rank - 1 - (passage.place > 0)
    axes = [axis for axis in range(1, passage.rank) if axis != summed]
    return keep(passage, {axis: axis + shift for axis in axes})


def einstein(passage):
    return einsum(passage, passage.layer.subscripts, passage.place)


def tensor_product(passage):
    """Axes that are not summed stay, those of the first operand first."""
    ranks = [len(x.shape) for x in passage.call.args]
    axes = passage.layer.axes
    if isinstance(axes, int):
        axes = [range(ranks[0] - axes, ranks[0]), range(axes)]
    summed = [
        axes_of(tuple(a) if not isinstance(a, int) else a, rank)
        for a, rank in zip(axes, ranks, strict=True)
    ]
    if passage.place > 0 or 0 in summed[0]:
        passage.refuse(
            "must have the images first and weights second, and sum over axes of one "
            f"image. Received: axes={passage.layer.axes}"
        )
    letters = "abcdefghijklmnopqrstuvwxyz"[: passage.rank]
    left = [a for i, a in enumerate(letters) if i not in summed[0]]
    return contracted(passage, letters, "".join(left))


def attended(passage):
    """Queries (batch, steps, heads, channels) beside keys and values."""
    path = keep(passage, {1: 1, 2: 2})
    if passage.place == 0:
        return path
    if passage.place > 2 or passage.layer.is_causal:
        passage.refuse("has a mask that cannot be followed. Received: a mask")
    return {2: path[2]}


def cut(passage):
    """``x[:, 1:, ::2, 0]``: crops and steps, single places, and new axes."""
    path, axis, to = {}, 0, 0
    for part in _full_key(passage):
        if part is None:
            to += 1
            continue
        window = _cut(passage, part, axis)
        single = not isinstance(part, slice)
        if axis:
            path[axis] = window, None if single else to
        axis, to = axis + 1, to + (not single)
    return path


def _full_key(passage):
    """One part for each axis of the input, besides None for new ones."""
    key = passage.call.args[1]
    key = list(key) if isinstance(key, tuple) else [key]
    if any(type(part) not in (int, slice, type(None), type(...)) for part in key):
        passage.refuse(
            f"picks places by an array or a tensor: use slices. Received: key={key}"
        )
    missing = passage.rank - sum(isinstance(part, (int, slice)) for part in key)
    gap = key.index(...) if ... in key else len(key)
    return [*key[:gap], *[slice(None)] * missing, *key[gap + 1 :]]


def _cut(passage, part, axis):
    if axis == 0:
        if part != slice(None):
            passage.refuse(f"picks images of the batch. Received: key={part}")
        return None
    units = passage.shape[axis]
    if isinstance(part, int):
        return Window(((part % units,),), 0, 1)
    places = range(*part.indices(units))
    if places.step < 0 or not places:
        passage.refuse(f"turns a map round or leaves nothing of it. Received: {part}")
    return Window(((places.start,),), places.step, len(places))


def _table(names, rule):
    return dict.fromkeys(names.split(), rule)


OPERATIONS = {
    **_table(ELEMENT_WISE, straight),
    **_table(REDUCING, reduced),
    **_table(NORMALIZING, normalized),
    **_table(CUMULATIVE, accumulated),
    **_table("MaxPool AveragePool", channel_wise(pooled)),
    **_table("AdaptiveMaxPool AdaptiveAveragePool", channel_wise(adapted)),
    **_table("Conv DepthwiseConv SeparableConv", by_windows(convolved)),
    "ConvTranspose": by_windows(convolved_back),
    "Resize": channel_wise(interpolated),
    "SpaceToDepth": by_windows(gathered),
    "DepthToSpace": by_windows(spread),
    "Pad": padded,
    "Reshape": reshaped,
    "Transpose": transposed_axes,
    "Swapaxes": swapped,
    "Moveaxis": moved,
    "ExpandDims": expanded,
    "Squeeze": squeezed,
    "Concatenate": joined,
    "Stack": stacked,
    "Split": split,
    "Unstack": unstacked,
    "Glu": halved,
    "Repeat": repeated,
    "Matmul": multiplied,
    "Einsum": einstein,
    "Tensordot": tensor_product,
    "DotProductAttention": attended,
    "GetItem": cut,
}


def operation_path(passage):
    """The path through an operation of `keras.ops`."""
    operation = passage.layer
    rule = OPERATIONS.get(type(operation).__name__)
    if rule is None or not type(operation).__module__.startswith("keras."):
        raise TypeError(unknown(operation))
    return rule(passage)
