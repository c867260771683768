"""The arguments of every rule: what is refused, and how arrays are read."""

import numpy as np

from companion.arguments import number, real_numbers


def positive(name, value):
    """Return a finite number above 0, such as a step size."""
    return number(name, value, above=0)


def not_negative(name, value):
    """Return a finite number from 0 on, such as epsilon."""
    return number(name, value, least=0)


def decay_rate(name, value):
    """Return the share that an average keeps, at least 0 and below 1."""
    return number(name, value, least=0, below=1)


def as_parameters(name, values):
    """Return parameters as an array of floating-point numbers.

    Integers become float64. float16 is refused: an epsilon of 1e-8 is zero in it, and
    the square of 256 infinite.
    """
    array = real_numbers(name, values)
    if array.dtype == np.float16:
        raise ValueError(
            f"`{name}` must be float32 or float64: squares of gradients do not fit "
            f"into float16. Received: {name}.dtype=float16"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def as_arrays(theta, gradient, state=0.0):
    """Return theta and the gradient as arrays of one shape and one float dtype.

    Args:
        theta: parameters, any shape; integers become float64.
        gradient: shaped like `theta`; it is cast to the dtype of `theta`.
        state: what the optimizer remembers of earlier steps: a scalar before the
            first, then an array.

    Returns:
        (theta, g), arrays.

    Raises:
        ValueError: if one of them is not of real numbers, if theta is float16, or if
            the shapes differ from one another or from that of the state.

    Example:

    >>> as_arrays([1, 2], [0.5, 0.25])
    (array([1., 2.]), array([0.5 , 0.25]))
    """
    theta = as_parameters("theta", theta)
    g = real_numbers("gradient", gradient).astype(theta.dtype)
    if g.shape != theta.shape:
        raise ValueError(
            "`gradient` must have the shape of `theta`. "
            f"Received: gradient.shape={g.shape}, theta.shape={theta.shape}"
        )
    if np.ndim(state) and np.shape(state) != theta.shape:
        raise ValueError(
            "An optimizer belongs to one array of parameters, since it remembers its "
            f"gradients. Received: theta.shape={theta.shape} after {np.shape(state)}"
        )
    return theta, g
