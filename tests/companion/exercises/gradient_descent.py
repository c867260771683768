"""Solutions of the chapter on gradient descent."""

import numpy as np

from companion.exercises import check_momentum
from companion.optimizers import SGD, Momentum, Nesterov


class AsInTheChapter:
    def __init__(self, alpha, beta):
        self.alpha, self.beta, self.v = alpha, beta, 0.0

    def step(self, theta, gradient):
        self.v = self.beta * self.v - self.alpha * gradient
        return theta + self.v


class Uphill(AsInTheChapter):
    def step(self, theta, gradient):
        self.v = self.beta * self.v + self.alpha * gradient
        return theta + self.v


class Polyak:
    """The velocity as the last difference of the parameters."""

    def __init__(self, alpha, beta):
        self.alpha, self.beta, self.last = alpha, beta, None

    def step(self, theta, gradient):
        last = theta if self.last is None else self.last
        self.last = np.array(theta)
        return theta - self.alpha * gradient + self.beta * (theta - last)


class Minus:
    """A velocity that points along the gradient, kept in one buffer."""

    def __init__(self, alpha, beta):
        self.alpha, self.beta, self.buffer = alpha, beta, None

    def step(self, theta, gradient):
        if self.buffer is None:
            self.buffer = np.zeros_like(theta)
        self.buffer *= self.beta
        self.buffer += self.alpha * gradient
        return np.subtract(theta, self.buffer)


class Average(AsInTheChapter):
    def step(self, theta, gradient):
        self.v = self.beta * self.v - (1 - self.beta) * self.alpha * gradient
        return theta + self.v


class Weighted(AsInTheChapter):
    def step(self, theta, gradient):
        self.v = self.beta * (self.v - self.alpha * gradient)
        return theta + self.v


class Late(AsInTheChapter):
    def step(self, theta, gradient):
        moved = theta + self.v
        self.v = self.beta * self.v - self.alpha * gradient
        return moved


class OneVelocity:
    v = np.zeros(1)
    made = 0

    def __init__(self, alpha, beta):
        self.alpha, self.beta = alpha, beta
        OneVelocity.made += 1
        if OneVelocity.made % 2:
            OneVelocity.v = np.zeros(1)

    def step(self, theta, gradient):
        OneVelocity.v = self.beta * OneVelocity.v - self.alpha * gradient
        return theta + OneVelocity.v


class OtherName:
    def __init__(self, alpha, beta):
        self.rate, self.beta, self.v = alpha, beta, 0.0

    def step(self, theta, gradient):
        self.v = self.beta * self.v - self.rate * gradient
        return theta + self.v


class InPlace(AsInTheChapter):
    def step(self, theta, gradient):
        self.v = self.beta * self.v - self.alpha * gradient
        theta += self.v
        return theta


class ReturnsVelocity(AsInTheChapter):
    def step(self, theta, gradient):
        super().step(theta, gradient)
        return self.v


class ReturnsNothing(AsInTheChapter):
    def step(self, theta, gradient):
        super().step(theta, gradient)


class ReturnsWords(AsInTheChapter):
    def step(self, theta, gradient):
        return "downhill"


class Scalar(AsInTheChapter):
    def step(self, theta, gradient):
        return super().step(theta, gradient).sum()


class NoAlpha:
    def __init__(self, beta):
        self.beta = beta


EXERCISES = [
    {
        "label": "ex-gd-code",
        "checker": check_momentum,
        "right": {
            "as in the chapter": AsInTheChapter,
            "differences of the parameters, as Polyak writes": Polyak,
            "a buffer along the gradient": Minus,
            "the package's": Momentum,
            "a function that makes the rule": lambda a, b: Momentum(a, beta=b),
        },
        "wrong": {
            "uphill": (Uphill, "uphill"),
            "no memory": (lambda a, b: SGD(a), "forgets its velocity"),
            "an average": (Average, "without the factor 1 - beta"),
            "PyTorch's": (
                lambda a, b: Momentum(a, b, alpha_outside=True),
                "This is PyTorch's rule",
            ),
            "Nesterov's": (Nesterov, "This is Nesterov's rule"),
            "the velocity before": (Late, "of the step before"),
            "friction on the gradient": (Weighted, "not multiplied by beta"),
            "alpha read once": (OtherName, "has no effect"),
            "one velocity for all": (OneVelocity, "share one velocity"),
            "returns the velocity": (ReturnsVelocity, "not the parameters"),
            "changes theta in place": (InPlace, "[arguments]"),
            "no return": (ReturnsNothing, "Is a `return` missing?"),
            "returns words": (ReturnsWords, "must return numbers"),
            "one number": (Scalar, "wrong shape"),
            "another signature": (NoAlpha, "[runs]"),
            "no class at all": (None, "not callable"),
        },
    }
]
