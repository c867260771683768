"""Local windows without sharing: every place of a map has weights of its own."""

import numpy as np

from companion.arguments import real_numbers
from companion.scratch.windows import accumulator, as_feature_map, as_gradient


def local2d_forward(x, kernels, bias=None):
    """Look at the map through small windows, with other weights at each of them.

    A convolution without its second idea: a unit sees a window of k x k cells, as in
    `conv2d_forward`, but no two places share a weight. So the layer does not follow a
    picture that moves, and has as many kernels as places. With equal kernels at all
    places it is a convolution.

    Windows are one cell apart, and nothing is padded.

    Args:
        x: maps, (batch, height, width, C_in).
        kernels: weights, (out_height, out_width, kh, kw, C_in, C_out), where
            out_height is height - kh + 1 and out_width is width - kw + 1.
        bias: (out_height, out_width, C_out), or None.

    Returns:
        y, (batch, out_height, out_width, C_out), in the dtype of `x`.

    Raises:
        ValueError: if `x` is no floating-point array of rank 4, `kernels` are none of
            rank 6, or the shape of `kernels` or of `bias` does not fit.

    Example: a difference at the first place, a sum at the second.

    >>> x = np.array([1.0, 4.0, 9.0]).reshape(1, 1, 3, 1)
    >>> kernels = np.array([[-1.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 1, 2, 1, 1)
    >>> local2d_forward(x, kernels).ravel()
    array([ 3., 13.])

    LeCun 1989, "Generalization and network design strategies", network Net-3, whose
    windows are two cells apart.
    """
    x = as_feature_map(x, "x")
    kernels = _as_kernels(kernels, x.shape)
    high, wide = kernels.shape[:2]
    total = np.result_type(accumulator(x.dtype), kernels.dtype)
    y = np.zeros((len(x), high, wide, kernels.shape[5]), total)
    for i, j in np.ndindex(kernels.shape[2:4]):
        cells = x[:, i : i + high, j : j + wide]
        y += np.einsum("nhwc,hwcf->nhwf", cells, kernels[:, :, i, j])
    if bias is not None:
        bias = real_numbers("bias", bias)
        _check_shape("bias", bias, y.shape[1:])
        y += bias
    return y.astype(x.dtype, copy=False)


def local2d_backward(grad, x, kernels):
    """Send the gradient of the output back to the input, the kernels and the biases.

    As in `conv2d_backward`, every product of the forward pass is met once more. But no
    weight was used twice, so nothing is summed over places: each place has gradients
    of its own.

    Args:
        grad: gradient of the loss with respect to y, (batch, out_height, out_width,
            C_out).
        x: input of the forward pass, (batch, height, width, C_in).
        kernels: weights, (out_height, out_width, kh, kw, C_in, C_out).

    Returns:
        (grad_x, grad_kernels, grad_bias), shaped like x, kernels and (out_height,
        out_width, C_out), in the dtypes of x, kernels and grad.

    Raises:
        ValueError: if a shape does not fit, as in `local2d_forward`, or `grad` does not
            have the shape of the output.

    Example: the middle cell lies in both windows.

    >>> x = np.array([1.0, 4.0, 9.0]).reshape(1, 1, 3, 1)
    >>> kernels = np.array([[-1.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 1, 2, 1, 1)
    >>> grad_x, grad_kernels, _ = local2d_backward(np.ones((1, 1, 2, 1)), x, kernels)
    >>> grad_x.ravel(), grad_kernels.ravel()
    (array([-1.,  2.,  1.]), array([1., 4., 4., 9.]))

    LeCun 1989, as for `local2d_forward`.
    """
    x = as_feature_map(x, "x")
    kernels = _as_kernels(kernels, x.shape)
    high, wide = kernels.shape[:2]
    grad = as_gradient(grad, (len(x), high, wide, kernels.shape[5]))
    grad_x = np.zeros(x.shape, accumulator(x.dtype))
    grad_kernels = np.empty_like(kernels)
    for i, j in np.ndindex(kernels.shape[2:4]):
        seen = slice(None), slice(i, i + high), slice(j, j + wide)
        grad_kernels[:, :, i, j] = np.einsum("nhwc,nhwf->hwcf", x[seen], grad)
        grad_x[seen] += np.einsum("nhwf,hwcf->nhwc", grad, kernels[:, :, i, j])
    return grad_x.astype(x.dtype, copy=False), grad_kernels, grad.sum(0)


def _as_kernels(kernels, shape):
    kernels = real_numbers("kernels", kernels)
    if not np.issubdtype(kernels.dtype, np.floating):
        raise ValueError(
            f"`kernels` must be floating-point numbers. "
            f"Received: kernels.dtype={kernels.dtype}"
        )
    _check_shape("kernels", kernels, _expected(shape, kernels))
    return kernels


def _expected(shape, kernels):
    """The shape that kernels of their own size must have on this map, or None."""
    if kernels.ndim != 6 or not kernels.size:
        return None
    kh, kw, _, filters = kernels.shape[2:]
    places = shape[1] - kh + 1, shape[2] - kw + 1
    return (*places, kh, kw, shape[3], filters) if min(places) > 0 else None


def _check_shape(name, array, expected):
    if expected is None:
        raise ValueError(
            f"`{name}` must have the shape (out_height, out_width, kh, kw, C_in, "
            f"C_out), with windows that fit into the map. Received: "
            f"{name}.shape={array.shape}"
        )
    if array.shape != tuple(expected):
        raise ValueError(
            f"`{name}` must have the shape {tuple(expected)}. "
            f"Received: {name}.shape={array.shape}"
        )
