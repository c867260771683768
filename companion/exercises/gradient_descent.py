"""Checker of the chapter on gradient descent."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_momentum"]


def check_momentum(ball):
    """Name the mistake in a rule for momentum: v = beta v - alpha g, theta + v.

    The step size enters the velocity, and is read from the attribute `alpha` in every
    step. Arrays may have any shape; the arguments of `step` stay as they were.

    Args:
        ball: class, or another function `(alpha, beta)`, whose results have the
            attribute `alpha` and a method `step(theta, gradient)` that returns the new
            parameters.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_momentum(variant(average=True))
    ... except AssertionError as error:
    ...     print(str(error)[-56:])
    The velocity is an average: without the factor 1 - beta.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep
    learning" (ICML 2013), equations 1 and 2.
    """
    rng = np.random.default_rng(0)
    falling = np.array([0.1, 0.1, 0.1, 0.02, 0.02])
    cases = [
        (alphas, beta, rng.normal(size=shape), rng.normal(size=(5, *shape)))
        for alphas, beta, shape in [
            (np.full(5, 0.3), 0.5, (4,)),
            (np.full(5, 0.05), 0.9, (2, 3)),
            (falling, 0.8, (3,)),
        ]
    ]
    mistakes = {sentence: walk(rule) for sentence, rule in MISTAKES.items()}
    check_function(walk(ball), walk(variant()), cases, mistakes=mistakes)


def walk(ball):
    """A function that takes some steps with two balls, and returns both paths."""

    def path(alphas, beta, theta, gradients):
        balls = [ball(alphas[0], beta) for _ in range(2)]
        places = [[], []]
        at = [theta, theta.copy()]
        for alpha, gradient in zip(alphas, gradients, strict=True):
            for one, rule in enumerate(balls):
                if alpha != alphas[0]:
                    rule.alpha = alpha
                at[one] = rule.step(at[one], gradient if one else -gradient)
                if at[one] is None:
                    return None
                places[one].append(np.array(at[one]))
        return [np.array(place) for place in places]

    return path


def variant(
    *,
    sign=-1,
    remembers=True,
    average=False,
    outside=False,
    ahead=False,
    late=False,
    weighted=False,
    fixed=False,
    shared=None,
    velocity=False,
):
    """Momentum with one thing or another done differently."""

    class Ball:
        def __init__(self, alpha, beta):
            self.alpha, self.first, self.beta = alpha, alpha, beta
            self.own = {"v": 0.0}

        def step(self, theta, gradient):
            state = self.own if shared is None else shared
            beta = self.beta if remembers else 0.0
            alpha = self.first if fixed else self.alpha
            push = sign * gradient * (1 - self.beta if average else 1)
            if outside:
                state["v"] = beta * state["v"] + push
                return theta + alpha * state["v"]
            before = state["v"]
            state["v"] = beta * state["v"] + alpha * push * (beta if weighted else 1)
            if late:
                return theta + before
            if ahead:
                return theta + beta * state["v"] + alpha * push
            return state["v"] if velocity else theta + state["v"]

    return Ball


class Shared:
    """Balls that all use one velocity; a new walk begins with a velocity of zero."""

    def __init__(self):
        self.state, self.made = {"v": 0.0}, 0

    def __call__(self, alpha, beta):
        self.made += 1
        if self.made % 2:
            self.state["v"] = 0.0
        return variant(shared=self.state)(alpha, beta)


MISTAKES = {
    "The steps go with the gradient, uphill.": variant(sign=1),
    "The ball forgets its velocity: this is plain gradient descent.": variant(
        remembers=False
    ),
    "The velocity is an average: without the factor 1 - beta.": variant(average=True),
    "This is PyTorch's rule: alpha belongs into the velocity.": variant(outside=True),
    "This is Nesterov's rule, which adds beta v - alpha g.": variant(ahead=True),
    "The step uses the velocity of the step before.": variant(late=True),
    "Friction acts on the velocity; the gradient is not multiplied by beta.": variant(
        weighted=True
    ),
    "A change of the attribute `alpha` has no effect.": variant(fixed=True),
    "`step` returns the velocity, not the parameters.": variant(velocity=True),
    "Two balls share one velocity: keep it in the instance.": Shared(),
}
