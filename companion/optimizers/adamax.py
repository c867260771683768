"""AdaMax: Kingma and Ba (2015), section 7.1."""

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class AdaMax:
    """Adam with the largest gradient in place of the root mean square.

        t = t + 1
        m = beta_1 * m + (1 - beta_1) * g
        u = max(beta_2 * u, abs(g))
        theta = theta - alpha / (1 - beta_1**t) * m / (u + epsilon)

    u is the limit of the p-th root of a running mean of p-th powers. It needs no
    correction: a maximum is not too small at first.

    The paper prints no epsilon, and then a parameter whose gradients were all zero
    becomes 0 / 0. Keras adds it as above, PyTorch inside the maximum:
    u = max(beta_2 * u, abs(g) + epsilon).

    Args:
        alpha: the step size, > 0; 0.002 in the paper, 0.001 in Keras.
        beta_1: decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the maximum, at least 0 and below 1.
        epsilon: >= 0; zero is the rule as printed.
        epsilon_inside: PyTorch's form of the rule.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients.
        u: the exponentially weighted infinity norm.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example: a maximum takes the new gradient in whole, a mean only a tenth of it.

    >>> rule = AdaMax(alpha=0.1)
    >>> theta = rule.step([0.0], [1.0])
    >>> rule.step(theta, [10.0]).round(3), rule.u
    (array([-0.157]), array([10.]))

    Kingma, Ba 2015, "Adam: a method for stochastic optimization", arXiv 1412.6980,
    algorithm 2.
    """

    def __init__(
        self,
        alpha=0.002,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        *,
        epsilon_inside=False,
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.epsilon_inside = epsilon_inside
        self.t = 0
        self.m = self.u = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        inside, outside = self.epsilon, 0.0
        if not self.epsilon_inside:
            inside, outside = outside, inside
        self.u = np.maximum(self.beta_2 * self.u, np.abs(g) + inside)
        alpha_t = self.alpha / (1 - self.beta_1**self.t)
        return theta - alpha_t * self.m / (self.u + outside)
