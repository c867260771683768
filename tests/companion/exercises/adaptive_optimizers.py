"""Solutions of the chapter on adaptive optimizers."""

import numpy as np

from companion.exercises import check_adam
from companion.optimizers import Adam, AMSGrad, Momentum, RMSProp


class AsInTheChapter:
    def __init__(self, alpha, beta_1, beta_2, epsilon):
        self.alpha, self.epsilon = alpha, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.t, self.m, self.v = 0, 0.0, 0.0

    def means(self, gradient):
        self.t += 1
        self.m += (1 - self.beta_1) * (gradient - self.m)
        self.v += (1 - self.beta_2) * (gradient**2 - self.v)
        return self.m / (1 - self.beta_1**self.t), self.v / (1 - self.beta_2**self.t)

    def step(self, theta, gradient):
        m, v = self.means(gradient)
        return theta - self.alpha * m / (v**0.5 + self.epsilon)


class Products:
    """The powers of beta as running products, and buffers that are written into."""

    def __init__(self, alpha, beta_1, beta_2, epsilon):
        self.settings = alpha, beta_1, beta_2, epsilon
        self.m = None
        self.powers = np.ones(2)

    def step(self, theta, gradient):
        alpha, beta_1, beta_2, epsilon = self.settings
        if self.m is None:
            self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)
        self.powers *= beta_1, beta_2
        self.m *= beta_1
        self.m += (1 - beta_1) * gradient
        self.v *= beta_2
        self.v += (1 - beta_2) * np.square(gradient)
        m_hat, v_hat = self.m / (1 - self.powers[0]), self.v / (1 - self.powers[1])
        return np.subtract(theta, alpha * m_hat / (np.sqrt(v_hat) + epsilon))


class History:
    """All gradients, and their weighted means."""

    def __init__(self, alpha, beta_1, beta_2, epsilon):
        self.alpha, self.betas, self.epsilon = alpha, (beta_1, beta_2), epsilon
        self.gradients = []

    def step(self, theta, gradient):
        self.gradients.append(np.array(gradient))
        g = np.array(self.gradients)
        first, second = (b ** np.arange(len(g))[::-1] for b in self.betas)
        m = np.tensordot(first, g, 1) / first.sum()
        v = np.tensordot(second, g**2, 1) / second.sum()
        return theta - self.alpha * m / (np.sqrt(v) + self.epsilon)


class Uphill(AsInTheChapter):
    def step(self, theta, gradient):
        m, v = self.means(gradient)
        return theta + self.alpha * m / (v**0.5 + self.epsilon)


class OnlyV(AsInTheChapter):
    def step(self, theta, gradient):
        _, v = self.means(gradient)
        return theta - self.alpha * self.m / (v**0.5 + self.epsilon)


class OnlyM(AsInTheChapter):
    def step(self, theta, gradient):
        m, _ = self.means(gradient)
        return theta - self.alpha * m / (self.v**0.5 + self.epsilon)


class Stored(AsInTheChapter):
    def step(self, theta, gradient):
        self.m, self.v = self.means(gradient)
        return theta - self.alpha * self.m / (self.v**0.5 + self.epsilon)


class NoRoot(AsInTheChapter):
    def step(self, theta, gradient):
        m, v = self.means(gradient)
        return theta - self.alpha * m / (v + self.epsilon)


class NoEpsilon(AsInTheChapter):
    def step(self, theta, gradient):
        m, v = self.means(gradient)
        return theta - self.alpha * m / v**0.5


class Inside(AsInTheChapter):
    def step(self, theta, gradient):
        m, v = self.means(gradient)
        return theta - self.alpha * m / (v + self.epsilon) ** 0.5


class NoMomentum(AsInTheChapter):
    def step(self, theta, gradient):
        _, v = self.means(gradient)
        return theta - self.alpha * gradient / (v**0.5 + self.epsilon)


class NoDivision(AsInTheChapter):
    def step(self, theta, gradient):
        return theta - self.alpha * self.means(gradient)[0]


class Swapped(AsInTheChapter):
    def __init__(self, alpha, beta_1, beta_2, epsilon):
        super().__init__(alpha, beta_2, beta_1, epsilon)


class FromZero(AsInTheChapter):
    def means(self, gradient):
        self.t -= 1
        means = super().means(gradient)
        self.t += 1
        return means


class Standing(AsInTheChapter):
    def means(self, gradient):
        self.t = 0
        return super().means(gradient)


class Move(AsInTheChapter):
    def step(self, theta, gradient):
        return super().step(theta, gradient) - theta


class InPlace(AsInTheChapter):
    def step(self, theta, gradient):
        theta -= theta - super().step(theta, gradient)
        return theta


class Silent(AsInTheChapter):
    def step(self, theta, gradient):
        super().step(theta, gradient)


class Words(AsInTheChapter):
    def step(self, theta, gradient):
        return "adam"


def hatless(*arguments):
    return Adam(*arguments, bias_correction=False)


def as_in_keras(*arguments):
    return Adam(*arguments, epsilon_hat=True)


EXERCISES = [
    {
        "label": "ex-ad-code",
        "checker": check_adam,
        "right": {
            "as in the chapter": AsInTheChapter,
            "running products and buffers": Products,
            "weighted means of all gradients": History,
            "the package's": Adam,
        },
        "wrong": {
            "uphill": (Uphill, "uphill"),
            "no hats": (hatless, "where are the hats?"),
            "no hat on m": (OnlyV, "The mean m is not corrected"),
            "no hat on v": (OnlyM, "The mean square v is not corrected"),
            "hats stored": (Stored, "are stored"),
            "no root": (NoRoot, "The divisor is v"),
            "no epsilon": (NoEpsilon, "Epsilon is missing"),
            "epsilon in the root": (Inside, "inside the root"),
            "Keras' epsilon": (as_in_keras, "as in Keras"),
            "no momentum": (NoMomentum, "The direction is the gradient itself"),
            "no division": (NoDivision, "Nothing is divided"),
            "betas swapped": (Swapped, "changed places"),
            "t from zero": (FromZero, "divides by zero"),
            "t stands still": (Standing, "t does not grow"),
            "returns the move": (Move, "returns the move"),
            "AMSGrad": (AMSGrad, "[values]"),
            "changes theta in place": (InPlace, "[arguments]"),
            "no return": (Silent, "Is a `return` missing?"),
            "returns words": (Words, "must return numbers"),
            "another signature": (Momentum, "[runs]"),
            "RMSProp, which takes other arguments": (RMSProp, "positional arguments"),
        },
    }
]
