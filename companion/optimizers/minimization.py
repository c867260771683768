"""The loop around a rule: gradient, step, gradient, step."""

import numpy as np

from companion.arguments import integer
from companion.optimizers.arguments import as_parameters


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
        ValueError: if `steps` is not an integer >= 0, `optimizer` no rule or `gradient`
            no function, or as the optimizer's `step`.

    Example: half of the way to the minimum of x**2 in every step.

    >>> from companion.optimizers import SGD
    >>> minimize(SGD(0.25), lambda x: 2 * x, 8.0, steps=3)
    array([8., 4., 2., 1.])
    """
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "step", None)):
        raise ValueError(
            "`optimizer` must be a rule of companion.optimizers, such as SGD(0.1). "
            f"Received: optimizer={optimizer!r}"
        )
    if not callable(gradient):
        raise ValueError(
            "`gradient` must be a function of the parameters. "
            f"Received: gradient={gradient!r}"
        )
    steps = integer("steps", steps, least=0)
    theta = as_parameters("start", start)
    trajectory = [theta]
    for _ in range(steps):
        slope = gradient(theta.copy())  # which may work in place
        theta = optimizer.step(theta, slope)
        trajectory.append(theta)
    return np.stack(trajectory)
