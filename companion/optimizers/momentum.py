"""Momentum, the heavy ball: Polyak (1964)."""

from companion.optimizers.arguments import as_arrays, decay_rate, positive


class Momentum:
    """Steps along a velocity that the gradient accelerates and friction brakes.

        v = beta * v - alpha * g
        theta = theta + v

    Polyak writes the velocity as the last difference of the parameters. Under a
    constant gradient it grows to alpha * g / (1 - beta): ten times the plain step for
    beta = 0.9.

    **Two conventions.** Above, and in Caffe and Keras, the step size enters the
    velocity. PyTorch keeps it out (`alpha_outside=True`):

        v = beta * v + g
        theta = theta - alpha * v

    As long as `alpha` is constant both take the same steps. When it changes, PyTorch's
    ball changes its speed at once, the other one only by and by. A third form averages,
    v = beta * v + (1 - beta) * g: its alpha is 1 / (1 - beta) times as large for the
    same steps.

    Args:
        alpha: the step size, > 0.
        beta: the share of the velocity that is kept, at least 0 and below 1.
        alpha_outside: PyTorch's form of the rule.

    Attributes:
        v: the velocity.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and the velocity differ.

    Example:

    >>> ball = Momentum(alpha=0.1, beta=0.9)
    >>> theta = ball.step([0.0], [1.0])
    >>> ball.step(theta, [1.0])  # 0.1, and then 0.1 + 0.09
    array([-0.29])
    >>> ball.v
    array([-0.19])

    Polyak 1964, "Some methods of speeding up the convergence of iteration methods";
    Sutskever, Martens, Dahl, Hinton 2013, "On the importance of initialization and
    momentum in deep learning", equations 1 and 2.
    """

    def __init__(self, alpha=0.01, beta=0.9, *, alpha_outside=False):
        self.alpha = positive("alpha", alpha)
        self.beta = decay_rate("beta", beta)
        self.alpha_outside = alpha_outside
        self.v = 0.0

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.v)
        if self.alpha_outside:
            self.v = self.beta * self.v + g
            return theta - self.alpha * self.v
        self.v = self.beta * self.v - self.alpha * g
        return theta + self.v
