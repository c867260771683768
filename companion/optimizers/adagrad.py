"""AdaGrad: Duchi, Hazan, Singer (2011)."""

import numpy as np

from companion.optimizers.arguments import as_arrays, not_negative, positive


class AdaGrad:
    """Gives every parameter its own step, the smaller the more gradient it has met.

        G = G + g**2
        theta = theta - alpha * g / (sqrt(G) + epsilon)

    Parameters that get a gradient seldom, such as the weights of rare words, take
    large steps when they do. But G only grows: under a constant gradient the t-th step
    is alpha / sqrt(t), and training comes to a halt.

    Args:
        alpha: the step size, > 0; the paper's eta.
        epsilon: >= 0, the paper's delta. Zero gives 0 / 0 for a parameter without
            gradient.
        initial_accumulator: G before the first step, >= 0; 0 in PyTorch, 0.1 in Keras.
        epsilon_inside: divide by sqrt(G + epsilon), as Keras does.

    Attributes:
        G: the sum of squared gradients, the diagonal of the paper's matrix.

    Raises:
        ValueError: if an argument is out of its range; in `step`, if the shapes of
            `theta`, `gradient` and G differ.

    Example: the first step is alpha, whatever the gradient.

    >>> rule = AdaGrad(alpha=0.5)
    >>> rule.step([1.0, 1.0], [100.0, -0.01]).round(5)
    array([0.5, 1.5])

    Duchi, Hazan, Singer 2011, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, figure 1 with the diagonal matrix.
    """

    def __init__(
        self, alpha=0.01, epsilon=1e-8, *, initial_accumulator=0.0, epsilon_inside=False
    ):
        self.alpha = positive("alpha", alpha)
        self.epsilon = not_negative("epsilon", epsilon)
        self.epsilon_inside = epsilon_inside
        self.G = not_negative("initial_accumulator", initial_accumulator)

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient, self.G)
        self.G = self.G + g**2
        if self.epsilon_inside:
            return theta - self.alpha * g / np.sqrt(self.G + self.epsilon)
        return theta - self.alpha * g / (np.sqrt(self.G) + self.epsilon)
