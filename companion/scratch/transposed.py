"""The transposed convolution: the backward pass of a convolution as a layer."""

import numpy as np

from companion.arguments import integers, real_numbers
from companion.scratch.windows import (
    accumulator,
    as_feature_map,
    crop,
    padding_amounts,
    pair,
    per_axis,
    place_windows,
    taps,
)


def insert_zeros(x, stride):
    """Put stride - 1 zeros between neighbouring cells.

    On this grid a strided convolution is one of stride 1: its windows stand on the
    cells of `x`, and the places that the stride left out are zeros.

    Args:
        x: maps, (batch, height, width, C).
        stride: an integer or a pair (rows, columns).

    Returns:
        (batch, (height - 1) * stride + 1, (width - 1) * stride + 1, C), in the dtype
        of `x`.

    Raises:
        ValueError: if `x` is no floating-point array of rank 4 or `stride` is not
            positive.

    Example:

    >>> insert_zeros(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1), stride=2).ravel()
    array([1., 0., 2., 0., 3.])

    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning",
    section 4.5.
    """
    x = as_feature_map(x, "x")
    rows, columns = pair(stride, "stride")
    batch, height, width, channels = x.shape
    wide = np.zeros(
        (batch, (height - 1) * rows + 1, (width - 1) * columns + 1, channels), x.dtype
    )
    wide[:, ::rows, ::columns] = x
    return wide


def conv2d_transpose(
    x, kernel, bias=None, *, stride=1, padding="valid", output_padding=None, dilation=1
):
    """Do to a map what the backward pass of a convolution does to a gradient.

    Every cell of `x` lays its number times the kernel over a window of the output, and
    windows that overlap add up. So y.ravel() = C.T @ x.ravel(), where C is the
    `conv_matrix` of the convolution with the same kernel and arguments. It gives maps
    the shape of that convolution's input, not their values.

    On an axis of n cells, with P cells of padding in all and dilation d, the output
    has::

        (n - 1) * stride + d * (kernel - 1) + 1 - P + output_padding

    cells. A strided convolution makes n cells of as many input sizes as the stride;
    `output_padding` tells which of them is meant.

    Args:
        x: input, (batch, height, width, C_in).
        kernel: weights, (kh, kw, C_out, C_in): those of the convolution, which leads
            from C_out to C_in, as in Keras' `Conv2DTranspose`.
        bias: (C_out,), or None.
        stride: an integer or a pair (rows, columns).
        padding: of the convolution: "valid", "same", an integer, a pair (rows,
            columns), or ((top, bottom), (left, right)). As much is cut off here.
        output_padding: rows and columns added at the bottom and at the right, an
            integer or a pair, less than the stride. None means what Keras means: with
            "same" so many that the output has stride * n cells, with "valid" that it
            has at least as many, else 0. If it is given, with "same" and an even
            kernel, Keras makes one cell less than the formula above.
        dilation: an integer or a pair, the step between kernel taps.

    Returns:
        y, (batch, out_h, out_w, C_out), in the dtype of `x`.

    Raises:
        ValueError: if a rank or shape does not fit, nothing is left after the padding
            is cut off, `output_padding` is not less than the stride, or an argument is
            none of the above.

    Example: two numbers, each of which lays down three.

    >>> x = np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
    >>> kernel = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    >>> conv2d_transpose(x, kernel, stride=(1, 2)).ravel()
    array([ 1.,  2., 13., 20., 30.])

    Dumoulin and Visin 2016, chapter 4; Zeiler et al. 2010, "Deconvolutional networks".
    """
    x = as_feature_map(x, "x")
    kernel = as_feature_map(kernel, "kernel")
    if kernel.shape[3] != x.shape[3]:
        raise ValueError(
            "`kernel` must have shape (kh, kw, C_out, C_in). "
            f"Received: kernel.shape={kernel.shape}, C_in={x.shape[3]}"
        )
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    extra = (None, None)
    if output_padding is not None:
        extra = integers("output_padding", output_padding, count=2, least=0)
    per_side = (x.shape[1:3], kernel.shape[:2], stride, per_axis(padding), extra)
    axes = zip(*per_side, dilation, strict=True)
    sizes = tuple(_enlarged(*axis) for axis in axes)
    shape = (len(x), *sizes, kernel.shape[2])
    out_size, pads = place_windows(
        shape, kernel.shape[:2], stride, padding, dilation, "floor"
    )
    padded = np.zeros(
        (len(x), *(n + sum(p) for n, p in zip(sizes, pads, strict=True)), shape[3]),
        accumulator(x.dtype),
    )
    for i, j, rows, columns in taps(kernel.shape[:2], stride, dilation, out_size):
        padded[:, rows, columns] += x @ kernel[i, j].T
    y = crop(padded, pads, shape)
    if bias is not None:
        bias = real_numbers("bias", bias)
        if bias.shape != (shape[3],):
            raise ValueError(
                f"`bias` must have shape ({shape[3]},), one value per channel. "
                f"Received: bias.shape={bias.shape}"
            )
        y = y + bias
    return y.astype(x.dtype, copy=False)


def _enlarged(n, kernel, stride, padding, extra, dilation):
    """Return the size of an axis of n cells after a transposed convolution."""
    cut = sum(padding_amounts(n, kernel, stride, padding, dilation))
    if isinstance(padding, str) and padding == "same":
        least, default = (n - 1) * stride + 1, stride - 1
    else:
        span = dilation * (kernel - 1) + 1
        least = (n - 1) * stride + span - cut
        default = max(stride - span, 0) if padding == "valid" else 0
    extra = default if extra is None else extra
    if extra >= stride:
        raise ValueError(
            "`output_padding` must be less than the stride. "
            f"Received: output_padding={extra}, stride={stride}"
        )
    if least + extra < 1:
        raise ValueError(
            "A cell of the output must be left after the padding is cut off. "
            f"Received: padding={padding!r}, n={n}, kernel={kernel}, stride={stride}"
        )
    return least + extra
