"""Where the windows of a convolution or a pooling lie on a feature map."""

import numpy as np

from companion.arguments import integer, integers, real_numbers


def padding_amounts(n, kernel, stride=1, padding="valid", dilation=1):
    """Return how many cells are added before and after one axis.

    "same" is TensorFlow's rule: as much padding as ceil(n / stride) windows need, and
    where that is odd the extra cell goes after (bottom, right). With an odd kernel,
    stride 2 and an even `n` it is therefore asymmetric, unlike the padding of Caffe
    and PyTorch.

    Args:
        n: length of the axis.
        kernel: length of the kernel, or of the pool, along this axis.
        stride: step between neighbouring windows.
        padding: "valid" (none), "same", an integer (both sides) or a pair
            (before, after).
        dilation: step between neighbouring kernel taps.

    Returns:
        The pair (before, after).

    Raises:
        ValueError: if a length or step is not a positive integer, or the padding is
            none of the above.

    Example:

    >>> padding_amounts(224, 7, stride=2, padding="same")
    (2, 3)
    >>> padding_amounts(224, 7, stride=2, padding=3)
    (3, 3)

    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning",
    chapter 2.
    """
    sizes = {"n": n, "kernel": kernel, "stride": stride, "dilation": dilation}
    for name, value in sizes.items():
        integer(name, value)
    if isinstance(padding, str) and padding == "valid":
        return 0, 0
    if isinstance(padding, str) and padding == "same":
        last_start = (-(-n // stride) - 1) * stride
        total = max(last_start + dilation * (kernel - 1) + 1 - n, 0)
        return total // 2, total - total // 2
    amounts = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    try:
        before, after = (integer("padding", amount, least=0) for amount in amounts)
    except ValueError:
        raise ValueError(
            '`padding` must be "valid", "same", a non-negative integer or a pair of '
            f"non-negative integers for each axis. Received: padding={padding!r}"
        ) from None
    return before, after


def output_size(n, kernel, stride=1, padding="valid", dilation=1, rounding="floor"):
    """Return how many windows fit along one axis.

    With p = before + after the padding, and d the dilation::

        output = round((n + p - d * (kernel - 1) - 1) / stride) + 1

    "floor" drops the cells that are left over at the end; "ceil" gives them a last
    window that sticks out, as Caffe's pooling does. A "ceil" window that would start
    beyond the last input cell, with nothing but padding under it, is dropped again
    (as in PyTorch; Caffe drops it only where there is padding). A single "ceil" window
    may be longer than the padded input, by less than one stride.

    Args:
        n: length of the axis.
        kernel: length of the kernel, or of the pool, along this axis.
        stride: step between neighbouring windows.
        padding: "valid", "same", an integer or a pair (before, after).
        dilation: step between neighbouring kernel taps.
        rounding: "floor" or "ceil".

    Returns:
        The number of windows, at least 1.

    Raises:
        ValueError: if an argument is not one of the above, or the kernel does not fit
            into the padded input.

    Example: the first pooling of GoogLeNet, 56 in the paper.

    >>> output_size(112, kernel=3, stride=2, rounding="ceil")
    56
    >>> output_size(112, kernel=3, stride=2, rounding="floor")
    55

    Dumoulin and Visin 2016, chapters 2 and 3; Jia et al. 2014 (Caffe) for "ceil".
    """
    if not isinstance(rounding, str) or rounding not in ("floor", "ceil"):
        raise ValueError(
            f'`rounding` must be "floor" or "ceil". Received: rounding={rounding!r}'
        )
    before, after = padding_amounts(n, kernel, stride, padding, dilation)
    travel = n + before + after - dilation * (kernel - 1) - 1
    if rounding == "floor":
        size = travel // stride + 1
    else:
        size = -(-travel // stride) + 1
        if (size - 1) * stride >= n + before:
            size -= 1
    if size < 1:
        raise ValueError(
            "The kernel must fit into the padded input. "
            f"Received: n={n}, kernel={kernel}, dilation={dilation}, "
            f"padding={(before, after)}"
        )
    return size


def place_windows(input_shape, kernel_size, stride, padding, dilation, rounding):
    """Return ((out_h, out_w), ((top, bottom), (left, right))) of a feature map.

    The padding includes what the last "ceil" window needs beyond the one asked for.
    """
    sizes, pads = [], []
    axes = zip(
        input_shape[1:3], kernel_size, stride, per_axis(padding), dilation, strict=True
    )
    for n, kernel, step, amount, spread in axes:
        size = output_size(n, kernel, step, amount, spread, rounding)
        before, after = padding_amounts(n, kernel, step, amount, spread)
        end = (size - 1) * step + spread * (kernel - 1) + 1
        sizes.append(size)
        pads.append((before, max(after, end - before - n)))
    return tuple(sizes), tuple(pads)


def taps(kernel_size, stride, dilation, out_size):
    """Yield (i, j, rows, columns) for every kernel tap.

    `padded[:, rows, columns]` is what tap (i, j) sees in all windows at once.
    """
    for i, j in np.ndindex(*kernel_size):
        top, left = i * dilation[0], j * dilation[1]
        rows = slice(top, top + stride[0] * (out_size[0] - 1) + 1, stride[0])
        columns = slice(left, left + stride[1] * (out_size[1] - 1) + 1, stride[1])
        yield i, j, rows, columns


def pad(x, pads, value=0):
    """Surround the feature map by ((top, bottom), (left, right)) cells."""
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)


def crop(padded, pads, input_shape):
    """Cut the feature map of `input_shape` out of the padded one."""
    (top, _), (left, _) = pads
    return padded[:, top : top + input_shape[1], left : left + input_shape[2]]


def per_axis(padding):
    """Return the padding of the rows and the padding of the columns."""
    if not isinstance(padding, (tuple, list)):
        return padding, padding
    if len(padding) != 2:
        raise ValueError(
            "A `padding` sequence must have two entries, rows and columns. "
            f"Received: padding={padding!r}"
        )
    return tuple(padding)


def pair(value, name):
    """Return (rows, columns) from one positive integer or a pair of them."""
    return integers(name, value, count=2)


def accumulator(dtype):
    """The dtype to sum in: at least float32, because a sum of float16 may not fit."""
    return np.result_type(dtype, np.float32)


def as_feature_map(x, name):
    """Return `x` as an array after checking its rank, size and dtype."""
    x = real_numbers(name, x)
    if x.ndim != 4 or not x.size or not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"`{name}` must be a floating-point array of rank 4, not empty. "
            f"Received: {name}.shape={x.shape}, {name}.dtype={x.dtype}"
        )
    return x


def as_gradient(grad, shape):
    """Return `grad` as an array after checking that it fits the forward output."""
    grad = real_numbers("grad", grad)
    if grad.shape != tuple(shape) or not np.issubdtype(grad.dtype, np.floating):
        raise ValueError(
            f"`grad` must be a floating-point array of the output's shape "
            f"{tuple(shape)}. Received: grad.shape={grad.shape}, "
            f"grad.dtype={grad.dtype}"
        )
    return grad
