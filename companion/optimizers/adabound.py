"""AdaBound and AMSBound: Luo, Xiong, Liu, Sun (2019)."""

import math

import numpy as np

from companion.arguments import real_numbers
from companion.optimizers.arguments import as_arrays, decay_rate, positive


class AdaBound:
    """Adam at first, gradient descent with momentum in the end.

        t = t + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        alpha_t = alpha * sqrt(1 - beta_2**t) / (1 - beta_1**t)
        eta = clip(alpha_t / (sqrt(v) + epsilon), lower(t), upper(t))
        theta = theta - eta * m

    The step size of every parameter is clipped between two bounds,

        lower(t) = alpha_star * (1 - 1 / (gamma * t + 1))
        upper(t) = alpha_star * (1 + 1 / (gamma * t))

    which begin near zero and near infinity and meet at `alpha_star`. AMSBound replaces
    v by its maximum so far, as AMSGrad does.

    This is what the authors' package does. Their paper prints another rule
    (`as_printed=True`): no bias correction, alpha_t = alpha, and after clipping
    eta / sqrt(t), which ends at zero instead of at `alpha_star`. It prints no epsilon
    either.

    Under a schedule change `alpha_star` along with `alpha`, as the package does.

    Args:
        alpha: the step size of the beginning, > 0.
        beta_1: decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the mean square, at least 0 and below 1.
        epsilon: > 0.
        alpha_star: the step size of the end, > 0; the package's `final_lr`.
        gamma: speed of the bounds, > 0; 1 - beta_2 in the paper.
        amsbound: divide by the root of the largest v.
        as_printed: the rule as the paper prints it.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients.
        v: running mean of squared gradients.
        v_hat: the largest v so far.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example: wide bounds and narrow ones.

    >>> rule = AdaBound()
    >>> [round(bound, 3) for bound in (*rule.bounds(1), *rule.bounds(100_000))]
    [0.0, 100.1, 0.099, 0.101]

    Luo, Xiong, Liu, Sun 2019, "Adaptive gradient methods with dynamic bound of learning
    rate", arXiv 1902.09843, algorithms 2 and 3; the authors' package `adabound` 0.0.5.
    """

    def __init__(
        self,
        alpha=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        *,
        alpha_star=0.1,
        gamma=0.001,
        amsbound=False,
        as_printed=False,
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = positive("epsilon", epsilon)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.alpha_star = positive("alpha_star", alpha_star)
        self.gamma = positive("gamma", gamma)
        self.amsbound, self.as_printed = amsbound, as_printed
        self.t = 0
        self.m = self.v = self.v_hat = 0.0

    def bounds(self, t):
        """Return the lowest and the highest step size of step t >= 1, or of many t.

        Raises:
            ValueError: if a step is not a number from 1 on.
        """
        t = real_numbers("t", t)
        if not np.all(t >= 1):
            raise ValueError(f"`t` must be 1 or more. Received: t={t}")
        t = t if t.ndim else t.item()  # a plain number leaves the dtype of theta alone
        lower = self.alpha_star * (1 - 1 / (self.gamma * t + 1))
        upper = self.alpha_star * (1 + 1 / (self.gamma * t))
        return lower, upper

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g**2
        self.v_hat = np.maximum(self.v_hat, self.v)
        root = np.sqrt(self.v_hat if self.amsbound else self.v) + self.epsilon
        alpha_t = self.alpha
        if not self.as_printed:
            alpha_t *= math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        eta = np.clip(alpha_t / root, *self.bounds(self.t))
        if self.as_printed:
            eta = eta / math.sqrt(self.t)
        return theta - eta * self.m
