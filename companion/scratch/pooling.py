"""Max, average and global pooling, forward and backward, and max-unpooling."""

import numpy as np

from companion.arguments import integer, real_numbers
from companion.scratch.windows import (
    accumulator,
    as_feature_map,
    as_gradient,
    crop,
    output_size,
    pad,
    padding_amounts,
    pair,
    per_axis,
    place_windows,
    taps,
)


def max_pool2d_forward(x, pool_size, stride=None, padding="valid", rounding="floor"):
    """Keep the largest value of each window, and remember where it was.

    Padding never wins: it counts as minus infinity, not as zero. Of equal values the
    first in reading order wins, since a later one would have to be strictly larger;
    Caffe has the same `>`, and PyTorch and TensorFlow on a CPU choose the same cell.
    A NaN wins, as in PyTorch.

    Args:
        x: input, (batch, height, width, channels).
        pool_size: an integer or a pair (rows, columns).
        stride: an integer, a pair, or None for `pool_size`. Windows overlap where the
            stride is smaller than the pool.
        padding: "valid", "same", an integer, a pair (rows, columns), or
            ((top, bottom), (left, right)); each amount smaller than the pool.
        rounding: "floor" or "ceil" (Caffe), see `output_size`.

    Returns:
        (y, index), both (batch, out_h, out_w, channels). index is row * width + column
        of the winner in its own input plane: Caffe's `max_idx_`.

    Raises:
        ValueError: if the rank or dtype of `x` does not fit, the pool does not fit
            into the padded input, the padding is as large as the pool, or an argument
            is none of the above.

    Example:

    >>> x = np.array([[1.0, 5.0, 2.0], [3.0, 4.0, 5.0]]).reshape(1, 2, 3, 1)
    >>> y, index = max_pool2d_forward(x, 2, stride=1)
    >>> y.ravel(), index.ravel()
    (array([5., 5.]), array([1, 1]))

    Jia et al. 2014, "Caffe", `pooling_layer.cpp`; Krizhevsky et al. 2012, section 3.4,
    for overlapping windows.
    """
    x = as_feature_map(x, "x")
    pool_size, stride, out_size, pads = _place_pools(
        x.shape, pool_size, stride, padding, rounding
    )
    _, height, width, _ = x.shape
    padded = pad(x, pads, -np.inf)
    cells = pad(np.arange(height * width).reshape(1, height, width, 1), pads, -1)
    y = np.full((len(x), *out_size, x.shape[3]), -np.inf, x.dtype)
    index = np.full(y.shape, -1)
    for _, _, rows, columns in taps(pool_size, stride, (1, 1), out_size):
        seen = padded[:, rows, columns]
        wins = (seen > y) | (index < 0) | np.isnan(seen)
        np.copyto(y, seen, where=wins)
        np.copyto(index, cells[:, rows, columns], where=wins)
    return y, index


def max_pool2d_backward(grad, index, input_shape):
    """Send each gradient to the cell that won its window; the others get nothing.

    A cell that won several overlapping windows collects all their gradients, so the
    sum over the input equals the sum over the output.

    Args:
        grad: gradient of the loss with respect to y, (batch, out_h, out_w, channels).
        index: the one `max_pool2d_forward` returned, the same shape.
        input_shape: (batch, height, width, channels) of the forward input.

    Returns:
        grad_x, of `input_shape`, in the dtype of `grad`.

    Raises:
        ValueError: if `grad` and `index` differ in shape, `index` is not of integers
            inside the input plane, or batch or channels differ from `input_shape`.

    Example: the first 5 has won both windows.

    >>> x = np.array([[1.0, 5.0, 2.0], [3.0, 4.0, 5.0]]).reshape(1, 2, 3, 1)
    >>> y, index = max_pool2d_forward(x, 2, stride=1)
    >>> grad = np.array([0.25, 0.5]).reshape(y.shape)
    >>> max_pool2d_backward(grad, index, x.shape).reshape(2, 3)
    array([[0.  , 0.75, 0.  ],
           [0.  , 0.  , 0.  ]])

    Jia et al. 2014, "Caffe", `pooling_layer.cpp`.
    """
    input_shape = _as_feature_shape(input_shape, "input_shape")
    index = _as_index(index, input_shape)
    grad = as_gradient(grad, index.shape)
    grad_x = np.zeros(input_shape, grad.dtype)
    np.add.at(grad_x, _positions(index, input_shape), grad)
    return grad_x


def average_pool2d_forward(
    x,
    pool_size,
    stride=None,
    padding="valid",
    rounding="floor",
    count_include_padding=False,
):
    """Average each window.

    At the border the sum may be divided by the number of input cells in the window
    (Keras, TensorFlow: `count_include_padding=False`), or by the number of input and
    padding cells (Caffe and, unless told otherwise, PyTorch: True), which pulls the
    border towards zero. What a "ceil" window covers beyond the padding is never
    counted.

    Args:
        x, pool_size, stride, padding, rounding: as in `max_pool2d_forward`.
        count_include_padding: whether padding counts as cells of value zero.

    Returns:
        y, (batch, out_h, out_w, channels), in the dtype of `x`.

    Raises:
        ValueError: as in `max_pool2d_forward`.

    Example:

    >>> x = np.full((1, 1, 4, 1), 6.0)
    >>> average_pool2d_forward(x, (1, 3), 1, padding="same").ravel()
    array([6., 6., 6., 6.])
    >>> average_pool2d_forward(
    ...     x, (1, 3), 1, padding="same", count_include_padding=True
    ... ).ravel()
    array([4., 6., 6., 4.])

    LeCun et al. 1998, section II.A; Jia et al. 2014, "Caffe".
    """
    x = as_feature_map(x, "x")
    pool_size, stride, out_size, pads = _place_pools(
        x.shape, pool_size, stride, padding, rounding
    )
    counts = _count_cells(
        x.shape, pool_size, stride, padding, rounding, count_include_padding
    )
    padded = pad(x, pads)
    total = np.zeros((len(x), *out_size, x.shape[3]), accumulator(x.dtype))
    for _, _, rows, columns in taps(pool_size, stride, (1, 1), out_size):
        total += padded[:, rows, columns]
    return (total / counts.astype(total.dtype)).astype(x.dtype, copy=False)


def average_pool2d_backward(
    grad,
    input_shape,
    pool_size,
    stride=None,
    padding="valid",
    rounding="floor",
    count_include_padding=False,
):
    """Share each gradient equally among the cells of its window.

    The sum over the input equals the sum over the output, unless padding is counted:
    then the padding's shares fall outside the input and are lost.

    Args:
        grad, input_shape: as in `max_pool2d_backward`.
        pool_size, stride, padding, rounding, count_include_padding: as in
            `average_pool2d_forward`.

    Returns:
        grad_x, of `input_shape`, in the dtype of `grad`.

    Raises:
        ValueError: as in `average_pool2d_forward`, or if `grad` does not have the
            shape of y.

    Example: four gradients of 1, of which two lose a third to the padding.

    >>> grad = np.ones((1, 1, 4, 1))
    >>> average_pool2d_backward(grad, (1, 1, 4, 1), (1, 3), 1, "same").ravel()
    array([0.83333333, 1.16666667, 1.16666667, 0.83333333])
    >>> average_pool2d_backward(
    ...     grad, (1, 1, 4, 1), (1, 3), 1, "same", count_include_padding=True
    ... ).ravel()
    array([0.66666667, 1.        , 1.        , 0.66666667])

    LeCun et al. 1998, section II.A; Bouvrie 2006, section 3.
    """
    input_shape = _as_feature_shape(input_shape, "input_shape")
    pool_size, stride, out_size, pads = _place_pools(
        input_shape, pool_size, stride, padding, rounding
    )
    counts = _count_cells(
        input_shape, pool_size, stride, padding, rounding, count_include_padding
    )
    grad = as_gradient(grad, (input_shape[0], *out_size, input_shape[3]))
    share = grad / counts.astype(accumulator(grad.dtype))
    grad_padded = pad(np.zeros(input_shape, share.dtype), pads)
    for _, _, rows, columns in taps(pool_size, stride, (1, 1), out_size):
        grad_padded[:, rows, columns] += share
    return crop(grad_padded, pads, input_shape).astype(grad.dtype, copy=False)


def global_average_pool2d_forward(x):
    """Average each channel over the whole plane.

    Args:
        x: input, (batch, height, width, channels).

    Returns:
        y, (batch, channels), in the dtype of `x`.

    Raises:
        ValueError: if the rank or dtype of `x` does not fit.

    Example:

    >>> global_average_pool2d_forward(np.array([1.0, 2.0, 6.0]).reshape(1, 1, 3, 1))
    array([[3.]])

    Lin, Chen and Yan 2013, "Network in network", section 3.2.
    """
    return as_feature_map(x, "x").mean(axis=(1, 2))


def global_average_pool2d_backward(grad, input_shape):
    """Share each channel's gradient equally among all cells of its plane.

    Args:
        grad: gradient of the loss with respect to y, (batch, channels).
        input_shape: (batch, height, width, channels) of the forward input.

    Returns:
        grad_x, of `input_shape`, in the dtype of `grad`.

    Raises:
        ValueError: if `grad` does not have the shape (batch, channels).

    Example:

    >>> global_average_pool2d_backward(np.array([[6.0]]), (1, 1, 3, 1)).ravel()
    array([2., 2., 2.])

    Lin, Chen and Yan 2013, section 3.2.
    """
    batch, height, width, channels = _as_feature_shape(input_shape, "input_shape")
    grad = as_gradient(grad, (batch, channels))
    share = grad.astype(accumulator(grad.dtype)) / (height * width)
    share = share.astype(grad.dtype)[:, np.newaxis, np.newaxis, :]  # (b, 1, 1, c)
    return share.repeat(height, axis=1).repeat(width, axis=2)


def global_max_pool2d_forward(x):
    """Keep the largest value of each channel, and remember where it was.

    Of equal values the first in reading order wins, as in `max_pool2d_forward`.
    (Frameworks that write this as a plain maximum over two axes, as Keras does on
    TensorFlow, share the gradient among equal values instead.)

    Args:
        x: input, (batch, height, width, channels).

    Returns:
        (y, index), both (batch, channels); index is row * width + column.

    Raises:
        ValueError: if the rank or dtype of `x` does not fit.

    Example:

    >>> x = np.array([[1.0, 5.0, 2.0], [3.0, 4.0, 5.0]]).reshape(1, 2, 3, 1)
    >>> global_max_pool2d_forward(x)
    (array([[5.]]), array([[1]]))

    Oquab et al. 2015, "Is object localization for free?", section 3.
    """
    x = as_feature_map(x, "x")
    planes = x.reshape(len(x), -1, x.shape[3])  # (b, h w, c)
    return planes.max(axis=1), planes.argmax(axis=1)


def global_max_pool2d_backward(grad, index, input_shape):
    """Send each channel's gradient to the cell that won its plane.

    Args:
        grad, input_shape: as in `global_average_pool2d_backward`.
        index: the one `global_max_pool2d_forward` returned, (batch, channels).

    Returns:
        grad_x, of `input_shape`, in the dtype of `grad`.

    Raises:
        ValueError: if `grad` or `index` does not have the shape (batch, channels), or
            `index` is not of integers inside the input plane.

    Example:

    >>> global_max_pool2d_backward([[7.0]], [[1]], (1, 1, 3, 1)).ravel()
    array([0., 7., 0.])

    Oquab et al. 2015, section 3.
    """
    input_shape = _as_feature_shape(input_shape, "input_shape")
    grad = as_gradient(grad, (input_shape[0], input_shape[3]))
    index = real_numbers("index", index)
    if index.shape != grad.shape:
        raise ValueError(
            "`index` must have the shape of `grad`, (batch, channels). "
            f"Received: index.shape={index.shape}"
        )
    window = (slice(None), np.newaxis, np.newaxis)
    return max_pool2d_backward(grad[window], index[window], input_shape)


def max_unpool2d(y, index, output_shape):
    """Put every value back where the maximum was, and zero everywhere else.

    Nothing is learned: `index` (the "switches") comes from the pooling layer that
    this one mirrors. Where overlapping windows had the same winner, its value is
    written once, not added up; if they disagree about it, the last in reading order
    stays.

    Args:
        y: values, (batch, out_h, out_w, channels).
        index: the one `max_pool2d_forward` returned, the same shape.
        output_shape: (batch, height, width, channels), the input shape of that
            pooling layer. Pooling forgets it: 4 and 5 rows both pool to 2.

    Returns:
        The unpooled map, of `output_shape`, in the dtype of `y`.

    Raises:
        ValueError: if `y` and `index` differ in shape, `index` is not of integers
            inside the output plane, or batch or channels differ from `output_shape`.

    Example:

    >>> x = np.array([[1.0, 2.0], [8.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> y, index = max_pool2d_forward(x, 2)
    >>> max_unpool2d(y, index, x.shape).reshape(2, 2)
    array([[0., 0.],
           [8., 0.]])

    Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks",
    section 2.1.
    """
    output_shape = _as_feature_shape(output_shape, "output_shape")
    y = as_feature_map(y, "y")
    index = _as_index(index, output_shape)
    if y.shape != index.shape:
        raise ValueError(
            "`y` and `index` must have the same shape. "
            f"Received: y.shape={y.shape}, index.shape={index.shape}"
        )
    unpooled = np.zeros(output_shape, y.dtype)
    unpooled[_positions(index, output_shape)] = y
    return unpooled


def _place_pools(input_shape, pool_size, stride, padding, rounding):
    """Return pool size and stride as pairs, and where the windows lie."""
    pool_size = pair(pool_size, "pool_size")
    stride = pool_size if stride is None else pair(stride, "stride")
    out_size, pads = place_windows(
        input_shape, pool_size, stride, padding, (1, 1), rounding
    )
    axes = zip(input_shape[1:3], pool_size, stride, per_axis(padding), strict=True)
    for n, pool, step, amount in axes:
        if max(padding_amounts(n, pool, step, amount)) >= pool:
            raise ValueError(
                "`padding` must be smaller than the pool, or a window would hold "
                "nothing but padding. "
                f"Received: padding={padding!r}, pool_size={pool_size}"
            )
    return pool_size, stride, out_size, pads


def _count_cells(input_shape, pool_size, stride, padding, rounding, include_padding):
    """Return the divisor of every window, (out_h, out_w, 1)."""
    counts = []
    axes = zip(input_shape[1:3], pool_size, stride, per_axis(padding), strict=True)
    for n, pool, step, amount in axes:
        before, after = padding_amounts(n, pool, step, amount)
        size = output_size(n, pool, step, amount, rounding=rounding)
        start = np.arange(size) * step - before
        first, end = (-before, n + after) if include_padding else (0, n)
        counts.append(np.minimum(start + pool, end) - np.maximum(start, first))
    return np.multiply.outer(*counts)[..., np.newaxis]


def _positions(index, shape):
    """Return (batch, row, column, channel) of every remembered cell."""
    batch = np.arange(shape[0]).reshape(-1, 1, 1, 1)
    return batch, index // shape[2], index % shape[2], np.arange(shape[3])


def _as_feature_shape(shape, name):
    sides = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else ()
    if len(sides) != 4:
        raise ValueError(
            f"`{name}` must be (batch, height, width, channels). "
            f"Received: {name}={shape!r}"
        )
    return tuple(integer(name, n) for n in sides)


def _as_index(index, shape):
    index = real_numbers("index", index)
    if not np.issubdtype(index.dtype, np.integer) or index.ndim != 4:
        raise ValueError(
            "`index` must be an integer array of rank 4. "
            f"Received: index.shape={index.shape}, index.dtype={index.dtype}"
        )
    batch, height, width, channels = shape
    if (index.shape[0], index.shape[3]) != (batch, channels):
        raise ValueError(
            f"`index` must have batch {batch} and {channels} channels, as the input. "
            f"Received: index.shape={index.shape}"
        )
    if index.min() < 0 or index.max() >= height * width:
        raise ValueError(
            f"`index` must lie in the input plane, 0 to {height * width - 1}. "
            f"Received: index from {index.min()} to {index.max()}"
        )
    return index
