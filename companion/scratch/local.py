"""Local windows without sharing: every place of a map has weights of its own."""

import numpy as np

from companion.arguments import real_numbers
from companion.scratch.windows import accumulator, as_feature_map


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
        ValueError: if `x` is no floating-point array of rank 4, or the shape of
            `kernels` or of `bias` does not fit.

    Example: a difference at the first place, a sum at the second.

    >>> x = np.array([1.0, 4.0, 9.0]).reshape(1, 1, 3, 1)
    >>> kernels = np.array([[-1.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 1, 2, 1, 1)
    >>> local2d_forward(x, kernels).ravel()
    array([ 3., 13.])

    LeCun 1989, "Generalization and network design strategies", network Net-3, whose
    windows are two cells apart.
    """
    x = as_feature_map(x, "x")
    kernels = real_numbers("kernels", kernels)
    _check_shape("kernels", kernels, _expected(x.shape, kernels))
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
