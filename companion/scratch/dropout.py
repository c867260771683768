"""Dropout, forward and backward: Srivastava et al. (2014)."""

import numpy as np

from companion.arguments import number, real_numbers
from companion.scratch.windows import as_gradient


def dropout_forward(x, rate, generator, spatial=False):
    """Set each number to zero with the chance `rate`, and scale up what is left.

    The survivors are divided by 1 - rate, the chance to survive, so that the expected
    output is the input. At test time there is nothing to do: use `x` itself. The paper
    scales the weights at test time instead, which has the same expectation.

    Args:
        x: input, (batch, ..., channels), of rank 2 or more, floating point.
        rate: a number in [0, 1), the chance that a number is dropped. The `p` of the
            paper is the chance that it is kept.
        generator: a NumPy random generator.
        spatial: False draws for each number; True draws once for each sample and
            channel, so that a channel is dropped at all of its positions or at none.

    Returns:
        (y, mask): y of the shape and dtype of `x`; the mask holds 0 and 1 / (1 - rate)
        and has the shape of `x`, or (batch, 1, ..., 1, channels) if spatial.

    Raises:
        ValueError: if the rank or dtype of `x` does not fit, or the rate is outside
            [0, 1).

    Example:

    >>> generator = np.random.default_rng(0)
    >>> y, mask = dropout_forward(np.ones((1, 8)), 0.5, generator)
    >>> y
    array([[2., 0., 0., 0., 2., 2., 2., 2.]])

    Srivastava et al. 2014, "Dropout", section 4; with `spatial`, Tompson et al. 2015,
    "Efficient object localization using convolutional networks", section 3.2.
    """
    x = real_numbers("x", x)
    if x.ndim < 2 or not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            "`x` must be a floating-point array (batch, ..., channels). "
            f"Received: x.shape={x.shape}, x.dtype={x.dtype}"
        )
    rate = number("rate", rate, least=0, below=1)
    shape = (len(x), *[1] * (x.ndim - 2), x.shape[-1]) if spatial else x.shape
    kept = generator.random(shape) >= rate
    mask = (kept / (1 - rate)).astype(x.dtype)
    return x * mask, mask


def dropout_backward(grad, mask):
    """Send the gradient through the numbers that were kept, with their factor.

    Args:
        grad: gradient of the loss with respect to y, of the shape of the input.
        mask: what `dropout_forward` returned.

    Returns:
        The gradient with respect to x, of the shape and dtype of `grad`.

    Raises:
        ValueError: if the mask fits neither the gradient nor its samples and channels.

    Example:

    >>> dropout_backward(np.array([[3.0, 5.0]]), np.array([[0.0, 2.0]]))
    array([[ 0., 10.]])

    Srivastava et al. 2014, "Dropout", section 5.1.
    """
    mask, grad = real_numbers("mask", mask), real_numbers("grad", grad)
    between = [1] * (grad.ndim - 2)
    channels = (*grad.shape[:1], *between, *grad.shape[-1:])
    shape = grad.shape if mask.shape == channels else mask.shape
    grad = as_gradient(grad, shape)
    return (grad * mask).astype(grad.dtype, copy=False)
