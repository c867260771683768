"""RMSProp: Tieleman and Hinton (2012)."""

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class RMSProp:
    """Divides the gradient by a running root mean square of itself.

        S = rho * S + (1 - rho) * g**2
        theta = theta - alpha * g / (sqrt(S) + epsilon)

    S forgets, where AdaGrad's sum does not: the steps do not vanish. The lecture prints
    no epsilon, and then a parameter whose gradients were all zero becomes 0 / 0.

    With momentum the divided gradients drive a heavy ball,
    b = momentum * b + alpha * g / (...), theta = theta - b. The centered form divides
    by the deviation instead, sqrt(S - mean**2), with the running mean of gradients.

    Args:
        alpha: the step size, > 0.
        rho: decay rate of the averages, at least 0 and below 1.
        epsilon: >= 0; zero is the rule as the lecture prints it.
        momentum: the share of b that is kept, at least 0 and below 1.
        centered: divide by the deviation of the gradients.
        epsilon_inside: divide by sqrt(S + epsilon), as Keras does. PyTorch does not.

    Attributes:
        S: running mean of squared gradients.
        mean: running mean of gradients, used by the centered form.
        b: the velocity of the momentum.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and S differ.

    Example: the first step is alpha / sqrt(1 - rho).

    >>> RMSProp(alpha=0.1, rho=0.75).step([0.0, 0.0], [50.0, -0.5]).round(6)
    array([-0.2,  0.2])

    Tieleman, Hinton 2012, "Lecture 6.5, rmsprop", Coursera: Neural networks for machine
    learning; Graves 2013, "Generating sequences with recurrent neural networks", arXiv
    1308.0850, equations 38 to 41, for the centered form with momentum.
    """

    def __init__(
        self,
        alpha=0.001,
        rho=0.9,
        epsilon=1e-8,
        *,
        momentum=0.0,
        centered=False,
        epsilon_inside=False,
    ):
        self.alpha = positive("alpha", alpha)
        self.rho = decay_rate("rho", rho)
        self.epsilon = not_negative("epsilon", epsilon)
        self.momentum = decay_rate("momentum", momentum)
        self.centered = centered
        self.epsilon_inside = epsilon_inside
        self.S = self.mean = self.b = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.S)
        self.S = self.rho * self.S + (1 - self.rho) * g**2
        square = self.S
        if self.centered:
            self.mean = self.rho * self.mean + (1 - self.rho) * g
            square = np.maximum(self.S - self.mean**2, 0)  # rounding may go below
        if self.epsilon_inside:
            root = np.sqrt(square + self.epsilon)
        else:
            root = np.sqrt(square) + self.epsilon
        self.b = self.momentum * self.b + self.alpha * g / root
        return theta - self.b
