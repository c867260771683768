"""The gradient by trying: what every backward function is checked against."""

import numpy as np

from companion.arguments import number, real_numbers


def numerical_gradient(f, x, *, upstream=None, eps=1e-5):
    """Estimate the gradient of `f` at `x` by central differences.

    Each entry of `x` is moved by +eps and by -eps, and the change of `f` is divided by
    2 * eps. The error falls with eps squared until rounding takes over, therefore all
    of it happens in float64, and `f` should compute in float64 too. Two evaluations
    per entry: for checking, not for training.

    Near a kink, such as two almost equal maxima of a pooling window, the
    estimate is meaningless: keep the values further apart than 2 * eps.

    Args:
        f: function of an array shaped like `x`. It returns a scalar, or an array if
            `upstream` is given.
        x: the point, any shape.
        upstream: None, or an array shaped like f(x): the gradient that arrives from
            above. Then the scalar is the sum of f(x) * upstream, and the result is
            what a backward function returns for `upstream`.
        eps: how far to move, > 0.

    Returns:
        The gradient, float64, shaped like `x`.

    Raises:
        ValueError: if `eps` is not positive, `f` no function, `x` or `upstream` not of
            real numbers, or f(x) neither a scalar nor shaped like `upstream`.

    Example:

    >>> numerical_gradient(lambda x: np.sum(x**2), [1.0, -3.0]).round(6)
    array([ 2., -6.])
    >>> numerical_gradient(np.square, [1.0, -3.0], upstream=[1.0, 10.0]).round(6)
    array([  2., -60.])

    Bishop 1995, "Neural networks for pattern recognition", section 4.8.
    """
    eps = number("eps", eps, above=0)
    if not callable(f):
        raise ValueError(f"`f` must be a function of an array. Received: f={f!r}")
    x = real_numbers("x", x).astype(np.float64)
    weights = 1.0 if upstream is None else upstream
    weights = real_numbers("upstream", weights).astype(np.float64)

    def scalar(moved):
        y = real_numbers("f(x)", f(moved)).astype(np.float64)
        if y.shape != weights.shape:
            raise ValueError(
                "`f` must return a scalar, or an array shaped like `upstream`. "
                f"Received: f(x).shape={y.shape}, upstream.shape={weights.shape}"
            )
        return np.sum(y * weights)

    gradient = np.zeros_like(x)
    for position in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[position] = eps
        gradient[position] = (scalar(x + step) - scalar(x - step)) / (2 * eps)
    return gradient
