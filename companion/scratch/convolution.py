"""Two-dimensional convolution (cross-correlation), forward and backward."""

import numpy as np

from companion.arguments import integer
from companion.scratch.patches import as_bias
from companion.scratch.windows import (
    accumulator,
    as_feature_map,
    as_gradient,
    crop,
    pad,
    pair,
    place_windows,
    taps,
)


def conv2d_forward(
    x, kernel, bias=None, *, stride=1, padding="valid", dilation=1, groups=1
):
    """Slide the kernel over the padded input.

    y[b, h, w, f] is the sum over the taps (i, j) and the channels c of
    x[b, h * stride + i * dilation, w * stride + j * dilation, c] * kernel[i, j, c, f],
    plus bias[f]. The kernel is not flipped. We loop over the taps: one tap is a matrix
    product for all positions at once.

    With `groups`, the channels and the filters are cut into as many equal parts, and
    a filter sees only the channels of its own part (AlexNet's two GPUs; groups = C_in
    is a depthwise convolution).

    Args:
        x: input, (batch, height, width, C_in).
        kernel: weights, (kh, kw, C_in / groups, C_out).
        bias: (C_out,), or None.
        stride: an integer or a pair (rows, columns).
        padding: "valid", "same", an integer, a pair (rows, columns), or
            ((top, bottom), (left, right)).
        dilation: an integer or a pair, the step between kernel taps.
        groups: number of groups.

    Returns:
        y, (batch, out_h, out_w, C_out), in the dtype of `x`.

    Raises:
        ValueError: if a rank or shape does not fit, channels or filters cannot be
            divided by `groups`, the kernel does not fit into the padded input, or
            stride, padding or dilation is none of the above.

    Example:

    >>> x = np.array([[1.0, 2.0, 4.0, 8.0]]).reshape(1, 1, 4, 1)
    >>> difference = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
    >>> conv2d_forward(x, difference).ravel()
    array([1., 2., 4.])

    LeCun et al. 1998, "Gradient-based learning applied to document recognition",
    section II; Krizhevsky et al. 2012, section 3.5, for the groups.
    """
    x = as_feature_map(x, "x")
    kernel = _as_kernel(kernel, x.shape[3], groups)
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    out_size, pads = place_windows(
        x.shape, kernel.shape[:2], stride, padding, dilation, "floor"
    )
    padded = pad(x, pads).astype(accumulator(x.dtype), copy=False)
    y = np.zeros((len(x), *out_size, kernel.shape[3]), padded.dtype)
    for i, j, rows, columns in taps(kernel.shape[:2], stride, dilation, out_size):
        for channels, filters in _group_slices(kernel, groups):
            seen = padded[:, rows, columns, channels]  # (b, out_h, out_w, c / g)
            weights = kernel[i, j, :, filters]  # (c / g, f / g)
            y[..., filters] += seen @ weights
    if bias is not None:
        y += as_bias(bias, kernel.shape[3])
    return y.astype(x.dtype, copy=False)


def conv2d_backward(
    grad, x, kernel, *, stride=1, padding="valid", dilation=1, groups=1
):
    """Send the gradient of the output back to the input, the kernel and the bias.

    Every product x * kernel of the forward pass is met once more, tap by tap. The
    weight of a tap collects (what it saw) * (gradient of what it produced); the cells
    it saw collect (gradient of what it produced) * (its weight); the bias, which is
    added everywhere, collects the sum. What falls on the padding is cut off.

    Args:
        grad: gradient of the loss with respect to y, (batch, out_h, out_w, C_out).
        x: input of the forward pass, (batch, height, width, C_in).
        kernel: weights, (kh, kw, C_in / groups, C_out).
        stride, padding, dilation, groups: as in `conv2d_forward`.

    Returns:
        (grad_x, grad_kernel, grad_bias), shaped like x, kernel and (C_out,), in the
        dtypes of x, kernel and grad.

    Raises:
        ValueError: as in `conv2d_forward`, or if `grad` does not have the shape of y.

    Example:

    >>> x = np.array([[1.0, 2.0, 4.0, 8.0]]).reshape(1, 1, 4, 1)
    >>> difference = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
    >>> grads = conv2d_backward(np.ones((1, 1, 3, 1)), x, difference)
    >>> [g.ravel().tolist() for g in grads]
    [[-1.0, 0.0, 0.0, 1.0], [7.0, 14.0], [3.0]]

    LeCun et al. 1998, section II; Bouvrie 2006, "Notes on convolutional neural
    networks", section 3.
    """
    x = as_feature_map(x, "x")
    kernel = _as_kernel(kernel, x.shape[3], groups)
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    out_size, pads = place_windows(
        x.shape, kernel.shape[:2], stride, padding, dilation, "floor"
    )
    grad = as_gradient(grad, (len(x), *out_size, kernel.shape[3]))
    padded = pad(x, pads).astype(accumulator(x.dtype), copy=False)
    grad_padded = np.zeros_like(padded)
    grad_kernel = np.zeros(kernel.shape, accumulator(kernel.dtype))
    for i, j, rows, columns in taps(kernel.shape[:2], stride, dilation, out_size):
        for channels, filters in _group_slices(kernel, groups):
            seen, produced = padded[:, rows, columns, channels], grad[..., filters]
            grad_kernel[i, j, :, filters] = _rows(seen).T @ _rows(produced)
            weights = kernel[i, j, :, filters]
            grad_padded[:, rows, columns, channels] += produced @ weights.T
    return (
        crop(grad_padded, pads, x.shape).astype(x.dtype, copy=False),
        grad_kernel.astype(kernel.dtype, copy=False),
        grad.sum(axis=(0, 1, 2)),
    )


def _rows(values):
    """Return (windows, channels): one row for each window of the whole batch."""
    return values.reshape(-1, values.shape[-1])


def _group_slices(kernel, groups):
    """Return the (channels, filters) that belong to each group."""
    c, f = kernel.shape[2], kernel.shape[3] // groups
    return [
        (slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(groups)
    ]


def _as_kernel(kernel, channels, groups):
    kernel = as_feature_map(kernel, "kernel")
    integer("groups", groups)
    if channels % groups or kernel.shape[3] % groups:
        raise ValueError(
            "Input channels and filters must be divisible by `groups`. "
            f"Received: groups={groups}, channels={channels}, "
            f"filters={kernel.shape[3]}"
        )
    if kernel.shape[2] * groups != channels:
        raise ValueError(
            "`kernel` must have shape (kh, kw, C_in / groups, C_out). "
            f"Received: kernel.shape={kernel.shape}, C_in={channels}, groups={groups}"
        )
    return kernel
