"""Adam: Kingma and Ba (2015)."""

import math

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class Adam:
    """Momentum for the direction, RMSProp for the length, both unbiased.

        t = t + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta = theta - alpha * m_hat / (sqrt(v_hat) + epsilon)

    Averages that start at zero are too small at first, by exactly the factors that the
    hats divide by. The first step has length alpha, whatever the gradient.

    **Two conventions.** Above is algorithm 1, and PyTorch. Section 2 of the paper has a
    cheaper order, which Keras uses (`epsilon_hat=True`):

        theta = theta - alpha * sqrt(1 - beta_2**t) / (1 - beta_1**t)
                        * m / (sqrt(v) + epsilon)

    There the same epsilon acts 1 / sqrt(1 - beta_2**t) times as strongly: 32 times in
    the first step. It matters where gradients are not large against epsilon.

    Args:
        alpha: the step size, > 0.
        beta_1: decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the mean square, at least 0 and below 1.
        epsilon: >= 0; 1e-7 in Keras.
        epsilon_hat: Keras' form of the rule.
        bias_correction: False leaves the hats out, to see what they are for.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients, the first moment.
        v: running mean of squared gradients, the second moment.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example:

    >>> rule = Adam(alpha=0.1)
    >>> rule.step([1.0, 1.0], [1000.0, -0.001]).round(4)
    array([0.9, 1.1])

    Kingma, Ba 2015, "Adam: a method for stochastic optimization", arXiv 1412.6980,
    algorithm 1.
    """

    def __init__(
        self,
        alpha=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        *,
        epsilon_hat=False,
        bias_correction=True,
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.epsilon_hat, self.bias_correction = epsilon_hat, bias_correction
        self.t = 0
        self.m = self.v = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g**2
        correction_1 = correction_2 = 1.0
        if self.bias_correction:
            correction_1 = 1 - self.beta_1**self.t
            correction_2 = 1 - self.beta_2**self.t
        if self.epsilon_hat:
            alpha_t = self.alpha * math.sqrt(correction_2) / correction_1
            return theta - alpha_t * self.m / (np.sqrt(self.v) + self.epsilon)
        m_hat, v_hat = self.m / correction_1, self.v / correction_2
        return theta - self.alpha * m_hat / (np.sqrt(v_hat) + self.epsilon)
