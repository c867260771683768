"""The largest curvature of a loss, from gradients alone."""

import numpy as np

from companion.arguments import integer, number
from companion.optimizers.arguments import as_parameters


def largest_curvature(gradient, theta, steps=30, epsilon=1e-4, seed=0):
    """Estimate the largest eigenvalue of the Hessian, which limits the step size.

    Power iteration: a random direction v is replaced by H v, again and again, and turns
    towards the eigenvector of the eigenvalue that is largest in size. H v needs no
    Hessian:

        H v = (gradient(theta + epsilon v) - gradient(theta - epsilon v)) / 2 epsilon

    Should that eigenvalue be negative, all are raised by its size and the iteration is
    repeated: what was largest then is largest in size too.

    Args:
        gradient: function of the parameters that returns the gradient there.
        theta: parameters, any shape.
        steps: how often v is replaced, an integer >= 1.
        epsilon: length of the steps to both sides, > 0.
        seed: decides the first direction.

    Returns:
        The eigenvalue, a float. Before the iteration has settled it is too small.

    Raises:
        ValueError: if `gradient` is no function, `steps` no positive integer, `epsilon`
            not positive, or `theta` not of real numbers.

    Example: curvatures 1 and 5.

    >>> h = np.array([1.0, 5.0])
    >>> round(largest_curvature(lambda theta: h * theta, np.zeros(2)), 6)
    5.0

    Pearlmutter 1994, "Fast exact multiplication by the Hessian", Section 2 (the finite
    difference); von Mises and Pollaczek-Geiringer 1929 (the iteration).
    """
    if not callable(gradient):
        raise ValueError(
            "`gradient` must be a function of the parameters. "
            f"Received: gradient={gradient!r}"
        )
    theta, steps = as_parameters("theta", theta), integer("steps", steps)
    epsilon = number("epsilon", epsilon, above=0)

    def bent(v):
        ahead, behind = gradient(theta + epsilon * v), gradient(theta - epsilon * v)
        return (np.asarray(ahead) - np.asarray(behind)) / (2 * epsilon)

    first = np.random.default_rng(seed).normal(size=theta.shape)
    value = _iterate(bent, first, steps)
    if value >= 0:
        return value
    return value + _iterate(lambda v: bent(v) - value * v, first, steps)


def _iterate(product, v, steps):
    """The eigenvalue that is largest in size, of the matrix behind `product`."""
    value = 0.0
    for _ in range(steps):
        length = np.sqrt((v**2).sum())
        if length == 0:
            return 0.0
        v = v / length
        longer = product(v)
        value, v = float((v * longer).sum()), longer
    return value
