"""AdamW: Loshchilov and Hutter (2019)."""

import math

import numpy as np

from companion.optimizers.arguments import (
    as_arrays,
    decay_rate,
    not_negative,
    positive,
)


class AdamW:
    """Adam whose weights decay beside the step, not through the gradient.

        m, v, m_hat, v_hat as in Adam
        theta = theta - eta * (alpha * m_hat / (sqrt(v_hat) + epsilon)
                               + lambda_ * theta)

    An L2 penalty in the loss adds lambda * theta to the gradient. Adam then divides it
    by the root mean square, so that weights with large gradients hardly decay. Here all
    weights decay at one rate.

    In the paper the schedule `eta` multiplies both parts, and the decay does not depend
    on `alpha`. PyTorch and Keras multiply their `weight_decay` by the learning rate:
    give `lambda_ = alpha * weight_decay` for their steps. Their defaults, 0.01 and
    0.004 at a learning rate of 0.001, are `lambda_` of 1e-5 and 4e-6.

    Args:
        alpha: the step size, > 0.
        beta_1: decay rate of the mean, at least 0 and below 1.
        beta_2: decay rate of the mean square, at least 0 and below 1.
        epsilon: >= 0; 1e-7 in Keras.
        lambda_: the share of a weight that decays in one step, at least 0 and below 1.
        eta: factor of a schedule, > 0.
        epsilon_hat: Keras' place of epsilon; see `Adam`.

    Attributes:
        t: the number of steps made.
        m: running mean of gradients.
        v: running mean of squared gradients.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and m differ.

    Example: without a gradient a weight decays by a tenth, however large it is.

    >>> AdamW(lambda_=0.1).step([1.0, 50.0], [0.0, 0.0])
    array([ 0.9, 45. ])

    Loshchilov, Hutter 2019, "Decoupled weight decay regularization", arXiv 1711.05101,
    algorithm 2.
    """

    def __init__(
        self,
        alpha=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        lambda_=1e-5,
        *,
        eta=1.0,
        epsilon_hat=False,
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.lambda_ = decay_rate("lambda_", lambda_)
        self.eta = positive("eta", eta)
        self.epsilon_hat = epsilon_hat
        self.t = 0
        self.m = self.v = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.m)
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g**2
        m_hat = self.m / (1 - self.beta_1**self.t)
        epsilon = self.epsilon
        if self.epsilon_hat:
            epsilon /= math.sqrt(1 - self.beta_2**self.t)
        root = np.sqrt(self.v / (1 - self.beta_2**self.t)) + epsilon
        return theta - self.eta * (self.alpha * m_hat / root + self.lambda_ * theta)
