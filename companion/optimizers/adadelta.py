"""AdaDelta: Zeiler (2012)."""

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class AdaDelta:
    """Measures its steps by its steps: no step size to choose.

        E_g2 = rho * E_g2 + (1 - rho) * g**2
        dx = -sqrt(E_dx2 + epsilon) / sqrt(E_g2 + epsilon) * g
        E_dx2 = rho * E_dx2 + (1 - rho) * dx**2
        theta = theta + alpha * dx

    A gradient has the unit of the loss over that of the parameter. Divided by the root
    of its mean square it has no unit, and a step without unit cannot fit a parameter
    that has one. The root mean square of earlier steps brings the unit back. All starts
    from `epsilon`, which makes the first steps tiny.

    Args:
        alpha: factor of the step, > 0. The paper has none, which is 1; Keras has 0.001
            unless told otherwise.
        rho: decay rate of both averages, at least 0 and below 1.
        epsilon: >= 0. With zero the rule never starts.

    Attributes:
        E_g2: running mean of squared gradients, the paper's E[g**2].
        E_dx2: running mean of squared steps, E[dx**2].

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and E_g2 differ.

    Example: the first step is sqrt(epsilon / (1 - rho)) where the gradient is large.

    >>> AdaDelta(rho=0.99, epsilon=1e-6).step([0.0], [1000.0]).round(6)
    array([-0.01])

    Zeiler 2012, "ADADELTA: an adaptive learning rate method", arXiv 1212.5701,
    algorithm 1.
    """

    def __init__(self, alpha=1.0, rho=0.95, epsilon=1e-6):
        self.alpha = positive("alpha", alpha)
        self.rho = decay_rate("rho", rho)
        self.epsilon = not_negative("epsilon", epsilon)
        self.E_g2 = 0.0
        self.E_dx2 = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.E_g2)
        rho, epsilon = self.rho, self.epsilon
        self.E_g2 = rho * self.E_g2 + (1 - rho) * g**2
        dx = -np.sqrt((self.E_dx2 + epsilon) / (self.E_g2 + epsilon)) * g
        self.E_dx2 = rho * self.E_dx2 + (1 - rho) * dx**2
        return theta + self.alpha * dx
