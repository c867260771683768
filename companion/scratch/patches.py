"""Windows as rows of a matrix: convolution in one, two or three dimensions."""

import numpy as np

from companion.arguments import integers, real_numbers
from companion.scratch.windows import (
    accumulator,
    output_size,
    padding_amounts,
)


def im2col(x, kernel_size, *, stride=1, padding="valid", dilation=1):
    """Copy what a kernel sees at each place into one row.

    A convolution is a dot product at every place. With the places as rows, all of
    them are one matrix product::

        y = im2col(x, kernel_size) @ kernel.reshape(-1, C_out)

    because a row lists the taps in reading order, and at each tap all channels, as
    `kernel.reshape` does. Neighbouring windows overlap, so most numbers are copied
    prod(kernel_size) times: the matrix is that much larger than the map.

    Args:
        x: maps, (batch, *sides, C): one side for signals, two for images, three for
            videos and volumes.
        kernel_size: an integer, or one for each side.
        stride: an integer, or one for each side.
        padding: "valid", "same", an integer, or a sequence with one entry for each
            side: an integer or a pair (before, after).
        dilation: an integer, or one for each side.

    Returns:
        patches, (batch, *out_sides, prod(kernel_size) * C), in the dtype of `x`.

    Raises:
        ValueError: if `x` is no array of rank 3 to 5, the kernel does not fit into
            the padded input, or another argument is none of the above.

    Example: three windows of two cells.

    >>> im2col(np.array([1, 2, 4, 8]).reshape(1, 4, 1), kernel_size=2)
    array([[[1, 2],
            [2, 4],
            [4, 8]]])

    Chellapilla, Puri and Simard 2006, "High performance convolutional neural networks
    for document processing". The name is that of a function of MATLAB, made common by
    Jia et al. 2014, "Caffe", `im2col.cpp`.
    """
    x = _as_maps("x", x)
    out_size, pads, seen = place_taps(
        x.shape[1:-1], kernel_size, stride, padding, dilation
    )
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    patches = np.empty((len(x), *out_size, len(seen), x.shape[-1]), x.dtype)
    for tap, cells in enumerate(seen):
        patches[..., tap, :] = padded[:, *cells]
    return patches.reshape(len(x), *out_size, -1)


def col2im(patches, input_shape, kernel_size, *, stride=1, padding="valid", dilation=1):
    """Add every row back to the cells that `im2col` copied it from.

    A cell that lies in several windows collects one number from each, and what falls
    on the padding is dropped. This is not the inverse of `im2col` but its transpose:
    for all x and g the sums of `im2col(x) * g` and of `x * col2im(g)` are equal. So it
    is what sends the gradient of the rows back to the map.

    Args:
        patches: numbers shaped like the result of `im2col`.
        input_shape: (batch, *sides, C) of the map.
        kernel_size, stride, padding, dilation: as in `im2col`.

    Returns:
        The map of the sums, of `input_shape`, in the dtype of `patches`.

    Raises:
        ValueError: as in `im2col`, or if `patches` does not have the shape of its
            result or is not of floating-point numbers.

    Example: the two cells in the middle lie in two windows each.

    >>> x = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
    >>> col2im(im2col(x, 2), x.shape, 2).ravel()
    array([1., 4., 8., 8.])

    Jia et al. 2014, "Caffe", `im2col.cpp`.
    """
    batch, *sides, channels = _as_shape("input_shape", input_shape)
    out_size, pads, seen = place_taps(
        tuple(sides), kernel_size, stride, padding, dilation
    )
    patches = real_numbers("patches", patches)
    expected = (batch, *out_size, len(seen) * channels)
    if patches.shape != expected or not np.issubdtype(patches.dtype, np.floating):
        raise ValueError(
            f"`patches` must be a floating-point array of the shape {expected}. "
            f"Received: patches.shape={patches.shape}, patches.dtype={patches.dtype}"
        )
    patches = patches.reshape(batch, *out_size, len(seen), channels)
    padded = np.zeros(
        (batch, *(n + sum(p) for n, p in zip(sides, pads, strict=True)), channels),
        accumulator(patches.dtype),
    )
    for tap, cells in enumerate(seen):
        padded[:, *cells] += patches[..., tap, :]
    inside = [
        slice(before, before + n) for n, (before, _) in zip(sides, pads, strict=True)
    ]
    return padded[:, *inside].astype(patches.dtype, copy=False)


def conv_nd(x, kernel, bias=None, *, stride=1, padding="valid", dilation=1):
    """Convolve signals, images or volumes: the windows as rows, times the kernel.

    The kernel slides along every side and is not flipped. All channels of its window
    go into every output; along the channels nothing slides.

    Args:
        x: maps, (batch, *sides, C_in), with one to three sides.
        kernel: weights, (*kernel_size, C_in, C_out), one size for each side of `x`.
        bias: (C_out,), or None.
        stride, padding, dilation: as in `im2col`.

    Returns:
        y, (batch, *out_sides, C_out), in the dtype of `x`.

    Raises:
        ValueError: as in `im2col`, or if `x` or `kernel` is not of floating-point
            numbers, or the shapes of `kernel` and `bias` do not fit.

    Example: a difference along a signal, and along the time of a video.

    >>> difference = np.array([-1.0, 1.0])
    >>> signal = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
    >>> conv_nd(signal, difference.reshape(2, 1, 1)).ravel()
    array([1., 2., 4.])
    >>> video = np.zeros((1, 5, 6, 6, 1))
    >>> conv_nd(video, difference.reshape(2, 1, 1, 1, 1)).shape
    (1, 4, 6, 6, 1)

    Chellapilla, Puri and Simard 2006; Ji et al. 2013, "3D convolutional
    neural networks for human action recognition", section 2.
    """
    x = _as_maps("x", x)
    kernel = as_kernel(kernel, x.ndim - 2)
    if kernel.shape[-2] != x.shape[-1]:
        raise ValueError(
            "`kernel` must have shape (*kernel_size, C_in, C_out). "
            f"Received: kernel.shape={kernel.shape}, C_in={x.shape[-1]}"
        )
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"`x` must be a floating-point array. Received: x.dtype={x.dtype}"
        )
    patches = im2col(
        x, kernel.shape[:-2], stride=stride, padding=padding, dilation=dilation
    )
    weights = kernel.reshape(-1, kernel.shape[-1])
    y = patches.astype(accumulator(x.dtype), copy=False) @ weights
    if bias is not None:
        y = y + as_bias(bias, kernel.shape[-1])
    return y.astype(x.dtype, copy=False)


def place_taps(sides, kernel_size, stride, padding, dilation):
    """Return (out_size, pads, seen): where the windows lie on a map of any rank.

    `seen` has an entry for each tap, in reading order: the slices of the padded map
    that this tap reads in all windows at once.
    """
    count = len(sides)
    kernel_size = integers("kernel_size", kernel_size, count)
    stride = integers("stride", stride, count)
    dilation = integers("dilation", dilation, count)
    amounts = _each_side(padding, count)
    axes = list(zip(sides, kernel_size, stride, amounts, dilation, strict=True))
    out_size = tuple(output_size(*axis) for axis in axes)
    pads = tuple(padding_amounts(*axis) for axis in axes)
    seen = [
        tuple(
            slice(t * d, t * d + s * (size - 1) + 1, s)
            for t, s, d, size in zip(tap, stride, dilation, out_size, strict=True)
        )
        for tap in np.ndindex(*kernel_size)
    ]
    return out_size, pads, seen


def as_kernel(kernel, sides):
    """Return `kernel` after checking that it has `sides` sizes, C_in and C_out."""
    kernel = real_numbers("kernel", kernel)
    fits = kernel.ndim == sides + 2 and kernel.size
    if not fits or not np.issubdtype(kernel.dtype, np.floating):
        raise ValueError(
            f"`kernel` must be a floating-point array of rank {sides + 2}, not empty: "
            f"one size for each side, C_in, C_out. Received: "
            f"kernel.shape={kernel.shape}, kernel.dtype={kernel.dtype}"
        )
    return kernel


def as_bias(bias, filters):
    """Return `bias` after checking that it has one number for each filter."""
    bias = real_numbers("bias", bias)
    if bias.shape != (filters,):
        raise ValueError(
            f"`bias` must have shape ({filters},), one value per filter. "
            f"Received: bias.shape={bias.shape}"
        )
    return bias


def _as_maps(name, x):
    x = real_numbers(name, x)
    if x.ndim not in (3, 4, 5) or not x.size:
        raise ValueError(
            f"`{name}` must be an array (batch, *sides, channels) of rank 3 to 5, not "
            f"empty. Received: {name}.shape={x.shape}"
        )
    return x


def _as_shape(name, shape):
    if not isinstance(shape, (tuple, list)) or len(shape) not in (3, 4, 5):
        raise ValueError(
            f"`{name}` must be (batch, *sides, channels) with one to three sides. "
            f"Received: {name}={shape!r}"
        )
    return integers(name, tuple(shape), len(shape))


def _each_side(padding, count):
    if not isinstance(padding, (tuple, list)):
        return (padding,) * count
    if len(padding) != count:
        raise ValueError(
            f"A `padding` sequence must have an entry for each side, {count}. "
            f"Received: padding={padding!r}"
        )
    return tuple(padding)
