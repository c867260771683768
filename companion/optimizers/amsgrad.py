"""AMSGrad: Reddi, Kale, Kumar (2018)."""

import math

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class AMSGrad:
    """Adam that never forgets a large gradient.

        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        v_hat = max(v_hat, v)
        theta = theta - alpha * m / (sqrt(v_hat) + epsilon)

    Adam's steps grow again when v falls. Where a rare large gradient points the right
    way and many small ones the wrong way, Adam divides the first by its own size, and
    walks off in the wrong direction. With a maximum the steps can only shrink.

    The paper corrects no bias and prints no epsilon. PyTorch and Keras take the maximum
    of the biased v and correct m and v_hat afterwards (`bias_correction=True`), PyTorch
    as in Adam's algorithm 1, Keras in its `epsilon_hat` form.

    Args:
        alpha: the step size, > 0; in the paper it falls as 1 / sqrt(t).
        beta_1: decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the mean square, at least 0 and below 1.
        epsilon: >= 0; zero is the rule as printed.
        bias_correction: divide m by 1 - beta_1**t, and v_hat by 1 - beta_2**t.
        epsilon_hat: with the correction, Keras' place of epsilon; see `Adam`.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients.
        v: running mean of squared gradients.
        v_hat: the largest v so far. (Adam's v_hat is another number.)

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example:

    >>> rule = AMSGrad(beta_2=0.5)
    >>> theta = rule.step(rule.step([0.0], [4.0]), [0.0])
    >>> rule.v, rule.v_hat
    (array([4.]), array([8.]))

    Reddi, Kale, Kumar 2018, "On the convergence of Adam and beyond", arXiv 1904.09237,
    algorithm 2.
    """

    def __init__(
        self,
        alpha=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        *,
        bias_correction=False,
        epsilon_hat=False,
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.bias_correction, self.epsilon_hat = bias_correction, epsilon_hat
        self.t = 0
        self.m = self.v = self.v_hat = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g**2
        self.v_hat = np.maximum(self.v_hat, self.v)
        correction_1 = correction_2 = 1.0
        if self.bias_correction:
            correction_1 = 1 - self.beta_1**self.t
            correction_2 = 1 - self.beta_2**self.t
        if self.epsilon_hat:
            alpha_t = self.alpha * math.sqrt(correction_2) / correction_1
            return theta - alpha_t * self.m / (np.sqrt(self.v_hat) + self.epsilon)
        root = np.sqrt(self.v_hat / correction_2) + self.epsilon
        return theta - self.alpha / correction_1 * self.m / root
