"""Batch normalization, forward and backward: Ioffe and Szegedy (2015)."""

import numpy as np

from companion.arguments import number, real_numbers
from companion.scratch.windows import accumulator, as_gradient


def batch_norm_forward(x, gamma, beta, epsilon=1e-3, *, mean=None, variance=None):
    """Give each channel mean 0 and variance 1, then scale and shift it.

    With m numbers in each channel of a batch (m = batch * height * width for a map)::

        x_hat = (x - mean) / sqrt(variance + epsilon)
        y = gamma * x_hat + beta

    In training mean and variance are those of the batch; the variance is the biased
    one, a sum of squares divided by m. At inference give the moving averages as `mean`
    and `variance`: then every sample is treated alone.

    Args:
        x: input, (batch, ..., channels), of rank 2 or more.
        gamma: scale, (channels,).
        beta: shift, (channels,).
        epsilon: a number >= 0 below the root. Keras has 1e-3, PyTorch 1e-5.
        mean: None for that of the batch, or (channels,).
        variance: None for that of the batch, or (channels,), >= 0. Both or neither.

    Returns:
        (y, mean, variance): y of the shape and dtype of `x`; the statistics that were
        used, (channels,), which moving averages are made of.

    Raises:
        ValueError: if the rank or dtype of `x` does not fit, a vector does not have the
            shape (channels,), one statistic is given without the other, a variance is
            negative, or variance + epsilon is zero for one of the channels.

    Example:

    >>> x = np.array([[1.0], [3.0], [3.0], [1.0]])
    >>> y, mean, variance = batch_norm_forward(x, [10.0], [5.0], epsilon=0)
    >>> y.ravel(), mean, variance
    (array([-5., 15., 15., -5.]), array([2.]), array([1.]))

    Ioffe and Szegedy 2015, "Batch normalization", algorithm 1 and, with statistics
    given, algorithm 2.
    """
    x, gamma, beta, mean, variance, epsilon, _ = _prepared(
        x, gamma, beta, epsilon, mean, variance
    )
    factor = gamma / np.sqrt(variance + epsilon)
    y = (x.astype(factor.dtype) - mean) * factor + beta
    return y.astype(x.dtype, copy=False), mean, variance


def batch_norm_backward(grad, x, gamma, epsilon=1e-3, *, mean=None, variance=None):
    """Send the gradient through the normalization, mean and variance included.

    With bars for means over the m numbers of a channel, and s the root of variance +
    epsilon::

        grad_x = gamma / s * (grad - bar(grad) - x_hat * bar(grad * x_hat))

    The two means that are taken off are the ways through the batch's mean and variance.
    At inference, with `mean` and `variance` given, they are constants and the two terms
    are missing.

    Args:
        grad: gradient of the loss with respect to y, of the shape of `x`.
        x, gamma, epsilon, mean, variance: as in `batch_norm_forward`.

    Returns:
        (grad_x, grad_gamma, grad_beta), of the shapes of x, gamma and beta, in the
        dtype of `grad`.

    Raises:
        ValueError: as in `batch_norm_forward`, or if `grad` does not fit `x`.

    Example: what arrives at a channel has the sum 0.

    >>> x = np.array([[1.0], [3.0], [2.0], [2.0]])
    >>> grad = np.array([[1.0], [0.0], [0.0], [0.0]])
    >>> grad_x, grad_gamma, grad_beta = batch_norm_backward(grad, x, [1.0], epsilon=0)
    >>> grad_x.ravel().round(3)
    array([ 0.354,  0.354, -0.354, -0.354])

    Ioffe and Szegedy 2015, "Batch normalization", section 3.
    """
    x, gamma, _, mean, variance, epsilon, of_batch = _prepared(
        x, gamma, np.zeros(np.shape(gamma)), epsilon, mean, variance
    )
    grad = as_gradient(grad, x.shape)
    g = grad.astype(mean.dtype)
    axes = tuple(range(x.ndim - 1))
    s = np.sqrt(variance + epsilon)
    x_hat = (x.astype(mean.dtype) - mean) / s
    grad_beta, grad_gamma = g.sum(axes), (g * x_hat).sum(axes)
    if of_batch:
        m = x.size // x.shape[-1]
        g = g - grad_beta / m - x_hat * grad_gamma / m
    results = gamma / s * g, grad_gamma, grad_beta
    return tuple(result.astype(grad.dtype, copy=False) for result in results)


def _prepared(x, gamma, beta, epsilon, mean, variance):
    """The arguments as arrays to compute with, and whether the statistics are the
    batch's."""
    x = real_numbers("x", x)
    if x.ndim < 2 or not x.size or not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            "`x` must be a floating-point array (batch, ..., channels), not empty. "
            f"Received: x.shape={x.shape}, x.dtype={x.dtype}"
        )
    epsilon = number("epsilon", epsilon, least=0)
    if (mean is None) != (variance is None):
        raise ValueError(
            "`mean` and `variance` are given together or not at all. "
            f"Received: mean={mean!r}, variance={variance!r}"
        )
    kind, of_batch = accumulator(x.dtype), mean is None
    if of_batch:
        axes, exact = tuple(range(x.ndim - 1)), x.astype(kind)
        mean, variance = exact.mean(axes), exact.var(axes)
    vectors = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for name, value in vectors.items():
        value = real_numbers(name, value)
        if value.shape != x.shape[-1:]:
            raise ValueError(
                f"`{name}` must have the shape (channels,), here {x.shape[-1:]}. "
                f"Received: {name}.shape={value.shape}"
            )
        vectors[name] = value.astype(kind)
    if (vectors["variance"] < 0).any() or not (vectors["variance"] + epsilon > 0).all():
        raise ValueError(
            "`variance` must not be negative, and variance + epsilon must be above 0. "
            f"Received: variance={variance}, epsilon={epsilon}"
        )
    return x, *vectors.values(), epsilon, of_batch
