"""A fully connected layer, forward and backward."""

import numpy as np

from companion.arguments import real_numbers


def dense_forward(x, weights, bias=None):
    """Multiply every row of the batch by one matrix: y = W x + b.

    Args:
        x: a batch, one example in a row, (batch, n_in).
        weights: W, (n_out, n_in): a row for each output. Keras stores the transpose.
        bias: (n_out,), or None.

    Returns:
        y, (batch, n_out), in the dtype of `x`.

    Raises:
        ValueError: if an array is not of floating-point numbers or its shape does not
            fit.

    Example:

    >>> weights = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    >>> dense_forward(np.array([[1.0, 3.0, 2.0]]), weights, bias=np.array([0.0, 0.5]))
    array([[7. , 1.5]])

    Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating
    errors", equation 1.
    """
    x, weights = _as_matrices(x, weights)
    y = x @ weights.T
    if bias is not None:
        bias = real_numbers("bias", bias)
        if bias.shape != (len(weights),):
            raise ValueError(
                f"`bias` must have shape ({len(weights)},), one value per output. "
                f"Received: bias.shape={bias.shape}"
            )
        y = y + bias
    return y.astype(x.dtype, copy=False)


def dense_backward(grad, x, weights):
    """Send the gradient of y = W x + b back to x, W and b.

    Forward, the weight W[i, j] carries x[j] to y[i]. Backward the same line serves
    twice: x[j] gets grad[i] * W[i, j], and the weight gets grad[i] * x[j]. Whatever
    feeds several outputs, or several examples, adds up what it gets.

    Args:
        grad: gradient of the loss with respect to y, (batch, n_out).
        x: input of the forward pass, (batch, n_in).
        weights: W, (n_out, n_in).

    Returns:
        (grad_x, grad_weights, grad_bias), shaped like x, W and (n_out,).

    Raises:
        ValueError: as in `dense_forward`, or if `grad` does not have the shape of y.

    Example:

    >>> weights = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    >>> x, grad = np.array([[1.0, 3.0, 2.0]]), np.array([[10.0, 1.0]])
    >>> for gradient in dense_backward(grad, x, weights):
    ...     print(gradient.tolist())
    [[10.0, 21.0, -1.0]]
    [[10.0, 30.0, 20.0], [1.0, 3.0, 2.0]]
    [10.0, 1.0]

    Rumelhart, Hinton and Williams 1986, equations 6 and 7.
    """
    x, weights = _as_matrices(x, weights)
    grad = real_numbers("grad", grad)
    expected = (len(x), len(weights))
    if grad.shape != expected or not np.issubdtype(grad.dtype, np.floating):
        raise ValueError(
            f"`grad` must be a floating-point array of the output's shape {expected}. "
            f"Received: grad.shape={grad.shape}, grad.dtype={grad.dtype}"
        )
    return (
        (grad @ weights).astype(x.dtype, copy=False),
        (grad.T @ x).astype(weights.dtype, copy=False),
        grad.sum(axis=0),
    )


def _as_matrices(x, weights):
    x, weights = real_numbers("x", x), real_numbers("weights", weights)
    for name, array in (("x", x), ("weights", weights)):
        fits = array.ndim == 2 and array.size
        if not fits or not np.issubdtype(array.dtype, np.floating):
            raise ValueError(
                f"`{name}` must be a floating-point matrix, not empty. "
                f"Received: {name}.shape={array.shape}, {name}.dtype={array.dtype}"
            )
    if weights.shape[1] != x.shape[1]:
        raise ValueError(
            "`weights` must have shape (n_out, n_in). "
            f"Received: weights.shape={weights.shape}, n_in={x.shape[1]}"
        )
    return x, weights
