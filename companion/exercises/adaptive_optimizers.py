"""Checker of the chapter on adaptive optimizers."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_adam"]


def check_adam(rule):
    """Name the mistake in an Adam, algorithm 1 of the paper.

    Epsilon is added to the root of the corrected mean square. Arrays may have any
    shape; the arguments of `step` stay as they were.

    Args:
        rule: class, or another function `(alpha, beta_1, beta_2, epsilon)`, whose
            results have a method `step(theta, gradient)` that returns the new
            parameters.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_adam(variant(hat_v=False))
    ... except AssertionError as error:
    ...     print(str(error)[-35:])
    The mean square v is not corrected.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (arXiv
    1412.6980), algorithm 1.
    """
    rng = np.random.default_rng(0)
    sparse = rng.normal(size=(6, 4))
    sparse[:3, 0] = 0.0
    tiny = 1e-8 * rng.normal(size=(6, 3))
    cases = [
        (0.1, 0.9, 0.999, 1e-8, np.zeros(4), sparse),
        (1.0, 0.5, 0.8, 1e-8, rng.normal(size=(2, 3)), rng.normal(size=(6, 2, 3))),
        (0.1, 0.9, 0.999, 1e-8, np.zeros(3), tiny),
    ]
    mistakes = {sentence: walk(wrong) for sentence, wrong in MISTAKES.items()}
    check_function(walk(rule), walk(variant()), cases, mistakes=mistakes)


def walk(rule):
    """A function that takes some steps with two rules, and returns both paths.

    What is no number is written as 99, so that it can be compared.
    """

    def path(alpha, beta_1, beta_2, epsilon, theta, gradients):
        rules = [rule(alpha, beta_1, beta_2, epsilon) for _ in range(2)]
        places = [[], []]
        at = [theta, theta.copy()]
        with np.errstate(all="ignore"):
            for gradient in gradients:
                for one, each in enumerate(rules):
                    at[one] = each.step(at[one], gradient if one else -2 * gradient)
                    if at[one] is None:
                        return None
                    places[one].append(np.array(at[one]))
        return [np.nan_to_num(place, nan=99, posinf=99, neginf=-99) for place in places]

    return path


def variant(
    *,
    sign=-1,
    hat_m=True,
    hat_v=True,
    stored=False,
    root=True,
    epsilon="beside",
    direction=True,
    size=True,
    swapped=False,
    t="counts",
    increment=False,
):
    """Adam with one thing or another done differently."""

    class Rule:
        def __init__(self, alpha, beta_1, beta_2, small):
            self.alpha, self.small = alpha, small
            self.betas = (beta_2, beta_1) if swapped else (beta_1, beta_2)
            self.t, self.m, self.v = 0, 0.0, 0.0

        def step(self, theta, gradient):
            if t != "late":
                self.t = 1 if t == "stays" else self.t + 1
            first, second = self.betas
            self.m = first * self.m + (1 - first) * gradient
            self.v = second * self.v + (1 - second) * gradient**2
            m = self.m / (1 - first**self.t if hat_m else 1) if direction else gradient
            v = self.v / (1 - second**self.t if hat_v else 1)
            if stored:
                self.m, self.v = m, v
            if t == "late":
                self.t += 1
            move = sign * self.alpha * m / (self.divisor(v) if size else 1)
            return move if increment else theta + move

        def divisor(self, v):
            if not root:
                return v + self.small
            if epsilon == "hat":
                correction = 1 - self.betas[1] ** self.t
                return np.sqrt(v) + self.small / np.sqrt(correction)
            if epsilon == "inside":
                return np.sqrt(v + self.small)
            return np.sqrt(v) + (self.small if epsilon == "beside" else 0)

    return Rule


MISTAKES = {
    "The steps go with the gradient, uphill.": variant(sign=1),
    "Neither m nor v is corrected: where are the hats?": variant(
        hat_m=False, hat_v=False
    ),
    "The mean m is not corrected.": variant(hat_m=False),
    "The mean square v is not corrected.": variant(hat_v=False),
    "The corrected means are stored; the next step must start from m and v.": variant(
        stored=True
    ),
    "The divisor is v, not its root.": variant(root=False),
    "Epsilon is missing: a weight without gradient becomes NaN.": variant(
        epsilon="none"
    ),
    "Epsilon stands inside the root; it belongs beside it.": variant(epsilon="inside"),
    "Epsilon is added before v is corrected, as in Keras.": variant(epsilon="hat"),
    "The direction is the gradient itself, not its running mean.": variant(
        direction=False
    ),
    "Nothing is divided by the usual size of the gradient.": variant(size=False),
    "beta_1 and beta_2 have changed places.": variant(swapped=True),
    "t begins at 0, so that the first correction divides by zero.": variant(t="late"),
    "t does not grow from step to step.": variant(t="stays"),
    "`step` returns the move, not the parameters.": variant(increment=True),
}
