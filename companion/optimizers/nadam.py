"""Nadam: Dozat (2016)."""

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class Nadam:
    """Adam with Nesterov's momentum: this step already uses the next one's decay.

        t = t + 1
        mu(t) = beta_1 * (1 - 0.5 * 0.96**(psi * t))
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_bar = mu(t + 1) * m / (1 - mu(1) * ... * mu(t + 1))
                + (1 - mu(t)) * g / (1 - mu(1) * ... * mu(t))
        v_hat = v / (1 - beta_2**t)
        theta = theta - alpha * m_bar / (sqrt(v_hat) + epsilon)

    The decay rate mu grows from about half of beta_1 towards beta_1. Dozat takes 250
    steps for one factor of 0.96, psi = 0.004, and so does PyTorch. Keras takes one
    step, psi = 1, and is at 0.99 beta_1 after 96 steps instead of 24,000. The average
    m itself decays with beta_1, as in both frameworks.

    Args:
        alpha: the step size, > 0; 0.001 in Keras.
        beta_1: limit of the decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the mean square, at least 0 and below 1.
        epsilon: >= 0; 1e-7 in Keras.
        psi: speed of the schedule of mu, >= 0; PyTorch's `momentum_decay`.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients.
        v: running mean of squared gradients.
        mu_product: mu(1) * ... * mu(t).

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example: the first step is longer than alpha.

    >>> rule = Nadam(alpha=0.1)
    >>> rule.step([1.0], [1000.0]).round(4)
    array([0.8944])
    >>> round(rule.mu(1), 4), round(rule.mu(24_000), 4)
    (0.4501, 0.8911)

    Dozat 2016, "Incorporating Nesterov momentum into Adam", ICLR workshop, algorithm 2
    and the schedule below it.
    """

    def __init__(
        self, alpha=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-8, *, psi=0.004
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.psi = not_negative("psi", psi)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.t = 0
        self.m = self.v = 0.0
        self.mu_product = 1.0

    def mu(self, t):
        """Return the decay rate of the mean in step t."""
        return self.beta_1 * (1 - 0.5 * 0.96 ** (self.psi * t))

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        mu, mu_next = self.mu(self.t), self.mu(self.t + 1)
        self.mu_product *= mu
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g**2
        m_bar = mu_next * self.m / (1 - self.mu_product * mu_next)
        m_bar = m_bar + (1 - mu) * g / (1 - self.mu_product)
        v_hat = self.v / (1 - self.beta_2**self.t)
        return theta - self.alpha * m_bar / (np.sqrt(v_hat) + self.epsilon)
