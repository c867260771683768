"""Nesterov's accelerated gradient (1983), in the form that needs no look-ahead."""

from companion.optimizers.arguments import as_arrays, decay_rate, positive


class Nesterov:
    """Momentum whose gradient is taken where the velocity is about to lead.

    Sutskever et al. write Nesterov's method as

        v = beta * v - alpha * gradient at (x + beta * v)
        x = x + v

    A training loop has no gradient but that at the stored parameters. Therefore we
    store the point ahead, theta = x + beta * v, as Keras and PyTorch do:

        v = beta * v - alpha * g
        theta = theta + beta * v - alpha * g

    Both describe one motion: x is theta - beta * v after every step.

    Args:
        alpha: the step size, > 0.
        beta: the share of the velocity that is kept, at least 0 and below 1.
        alpha_outside: PyTorch's form, in which the velocity sums gradients,
            v = beta * v + g and theta = theta - alpha * (beta * v + g). It differs
            only when `alpha` changes.

    Attributes:
        v: the velocity.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and the velocity differ.

    Example:

    >>> rule = Nesterov(alpha=0.1, beta=0.9)
    >>> rule.step([0.0], [1.0])
    array([-0.19])
    >>> rule.v
    array([-0.1])

    Nesterov 1983, "A method for solving the convex programming problem with
    convergence rate O(1/k**2)"; Sutskever et al. 2013, "On the importance of
    initialization and momentum in deep learning", equations 3 and 4; Bengio,
    Boulanger-Lewandowski, Pascanu 2013, "Advances in optimizing recurrent networks",
    arXiv 1212.0901, for the point ahead.
    """

    def __init__(self, alpha=0.01, beta=0.9, *, alpha_outside=False):
        self.alpha = positive("alpha", alpha)
        self.beta = decay_rate("beta", beta)
        self.alpha_outside = alpha_outside
        self.v = 0.0

    def step(self, theta, gradient):
        """Return the parameters, those of the point ahead, after one step."""
        theta, g = as_arrays(theta, gradient, self.v)
        if self.alpha_outside:
            self.v = self.beta * self.v + g
            return theta - self.alpha * (self.beta * self.v + g)
        self.v = self.beta * self.v - self.alpha * g
        return theta + self.beta * self.v - self.alpha * g
