"""The loop around a rule: gradient, step, gradient, step."""

import numpy as np


def minimize(optimizer, gradient, start, steps):
    """Take some steps from a starting point, and return the whole path.

    Args:
        optimizer: any rule of `companion.optimizers`. One that has made steps before
            goes on with its state.
        gradient: function of the parameters that returns the gradient there, exact or
            noisy.
        start: the first parameters, any shape.
        steps: how many steps, an integer >= 0.

    Returns:
        The trajectory, (steps + 1, *shape of `start`), float; row 0 is `start`.

    Raises:
        ValueError: if `steps` is not an integer >= 0, or as the optimizer's `step`.

    Example: half of the way to the minimum of x**2 in every step.

    >>> from companion.optimizers import SGD
    >>> minimize(SGD(0.25), lambda x: 2 * x, 8.0, steps=3)
    array([8., 4., 2., 1.])
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"`steps` must be an integer >= 0. Received: steps={steps!r}")
    theta = np.asarray(start)
    if not np.issubdtype(theta.dtype, np.floating):
        theta = theta.astype(np.float64)
    trajectory = [theta]
    for _ in range(steps):
        theta = optimizer.step(theta, gradient(theta))
        trajectory.append(theta)
    return np.stack(trajectory)
