"""The arguments of every rule: what is refused, and how arrays are read."""

import numpy as np


def positive(**arguments):
    for name, value in arguments.items():
        if not value > 0:
            raise ValueError(f"`{name}` must be positive. Received: {name}={value!r}")


def not_negative(**arguments):
    for name, value in arguments.items():
        if not value >= 0:
            raise ValueError(
                f"`{name}` must not be negative. Received: {name}={value!r}"
            )


def decay_rates(**arguments):
    for name, value in arguments.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` must be at least 0 and below 1. Received: {name}={value!r}"
            )


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
        ValueError: if the shapes differ from one another or from that of the state.

    Example:

    >>> as_arrays([1, 2], [0.5, 0.25])
    (array([1., 2.]), array([0.5 , 0.25]))
    """
    theta = np.asarray(theta)
    if not np.issubdtype(theta.dtype, np.floating):
        theta = theta.astype(np.float64)
    g = np.asarray(gradient, theta.dtype)
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
