"""The largest curvature of a loss, from gradients alone."""

import numpy as np

from companion.arguments import integer, number
from companion.optimizers.arguments import as_parameters


def largest_curvature(gradient, theta, steps=20, epsilon=1e-4, seed=0):
    """Estimate the largest eigenvalue of the Hessian, which limits the step size.

    Lanczos' method: from a random direction v it builds the space of v, H v, H H v, ...
    and takes the largest curvature that occurs in it. H v needs no Hessian:

        H v = (gradient(theta + epsilon v) - gradient(theta - epsilon v)) / 2 epsilon

    Args:
        gradient: function of the parameters that returns the gradient there.
        theta: parameters, any shape.
        steps: dimensions of the space, an integer >= 1; each costs two gradients.
        epsilon: length of the steps to both sides, > 0.
        seed: decides the first direction.

    Returns:
        The eigenvalue, a float. With too few steps it is too small.

    Raises:
        ValueError: if `gradient` is no function, `steps` no positive integer, `epsilon`
            not positive, or `theta` not of real numbers.

    Example: curvatures 1 and 5.

    >>> h = np.array([1.0, 5.0])
    >>> round(largest_curvature(lambda theta: h * theta, np.zeros(2)), 6)
    5.0

    Lanczos 1950, "An iteration method for the solution of the eigenvalue problem";
    Pearlmutter 1994, "Fast exact multiplication by the Hessian", Section 2, for the
    finite difference.
    """
    if not callable(gradient):
        raise ValueError(
            "`gradient` must be a function of the parameters. "
            f"Received: gradient={gradient!r}"
        )
    theta, steps = as_parameters("theta", theta), integer("steps", steps)
    epsilon = number("epsilon", epsilon, above=0)
    v = np.random.default_rng(seed).normal(size=theta.size)
    basis = [v / np.linalg.norm(v)]
    diagonal, beside = [], []
    for _ in range(min(steps, theta.size)):
        step = epsilon * basis[-1].reshape(theta.shape)
        ahead, behind = gradient(theta + step), gradient(theta - step)
        bent = np.subtract(ahead, behind).ravel() / (2 * epsilon)
        diagonal.append(bent @ basis[-1])
        size = np.linalg.norm(bent)
        for _ in range(2):  # twice, against rounding
            bent = bent - np.array(basis).T @ (np.array(basis) @ bent)
        rest = np.linalg.norm(bent)
        if rest <= 1e-6 * size:
            break  # nothing new: the space is closed
        beside.append(rest)
        basis.append(bent / rest)
    beside = beside[: len(diagonal) - 1]
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(matrix)[-1])
