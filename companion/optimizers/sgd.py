"""Gradient descent: Cauchy (1847); stochastic: Robbins and Monro (1951)."""

from companion.optimizers.arguments import as_arrays, positive


class SGD:
    """Steps against the gradient.

        theta = theta - alpha * g

    The rule does not know where the gradient comes from. With the gradient of the
    whole training set it is gradient descent, with that of a random sample or batch
    it is stochastic gradient descent. It remembers nothing.

    Args:
        alpha: the step size, > 0.

    Raises:
        ValueError: if `alpha` is not positive; in `step`, if the shapes of `theta`
            and `gradient` differ.

    Example:

    >>> SGD(alpha=0.5).step([1.0, 2.0], [1.0, -1.0])
    array([0.5, 2.5])

    Cauchy 1847, "Méthode générale pour la résolution des systèmes d'équations
    simultanées"; Robbins, Monro 1951, "A stochastic approximation method", with alpha
    falling as 1 / t.
    """

    def __init__(self, alpha=0.01):
        self.alpha = positive("alpha", alpha)

    def step(self, theta, gradient):
        """Return the parameters after one step."""
        theta, g = as_arrays(theta, gradient)
        return theta - self.alpha * g
