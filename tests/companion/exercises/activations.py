"""Solutions of the chapter on activation functions and initialisation."""

import math

import numpy as np

from companion.exercises import check_he_deviation, check_prelu_backward
from companion.exercises.activations import he_deviation, prelu_backward


def in_four_lines(grad, x, alpha):
    below = x <= 0
    grad_x = np.where(below, alpha * grad, grad)
    return grad_x, np.sum(below * x * grad, axis=(0, 1, 2))


def loops(grad, x, alpha):
    grad_x, grad_alpha = np.empty(x.shape), [0.0] * len(alpha)
    for place in np.ndindex(x.shape):
        channel = place[-1]
        if x[place] > 0:
            grad_x[place] = grad[place]
        else:
            grad_x[place] = grad[place] * alpha[channel]
            grad_alpha[channel] += grad[place] * x[place]
    return [grad_x, np.array(grad_alpha)]


def with_einsum(grad, x, alpha):
    up, down = np.maximum(np.sign(x), 0), np.minimum(x, 0)
    grad_x = grad * up + grad * alpha * (1 - up)
    return grad_x, np.einsum("bhwc,bhwc->c", down, grad)


def changes_its_argument(grad, x, alpha):
    results = in_four_lines(grad, x, alpha)
    grad *= 0
    return results


def no_return(grad, x, alpha):
    in_four_lines(grad, x, alpha)


def words(grad, x, alpha):
    return "grad_x", "grad_alpha"


def only_x(grad, x, alpha):
    return in_four_lines(grad, x, alpha)[0]


def two_arguments(grad, x):
    return grad


def one_line(shape, negative_slope):
    return math.sqrt(2 / ((1 + negative_slope**2) * math.prod(shape[:-1])))


def by_fans(shape, negative_slope):
    *window, inputs, _ = shape
    fan_in = inputs
    for side in window:
        fan_in *= side
    gain = (2 / (1 + negative_slope**2)) ** 0.5
    return gain / fan_in**0.5


def measured(shape, negative_slope):
    """By integration of the leaky ReLU's mean square."""
    z = (np.arange(-40_000, 40_000) + 0.5) * 2e-4
    weight = np.exp(-(z**2) / 2) * 2e-4 / np.sqrt(2 * np.pi)
    square = weight @ np.where(z > 0, z, negative_slope * z) ** 2
    return (1 / (square * np.prod(shape) / shape[-1])) ** 0.5


def dense_only(shape, negative_slope):
    inputs, _ = shape
    return one_line((inputs, 1), negative_slope)


def draws(shape, negative_slope):
    return np.random.default_rng(0).normal(size=shape)


EXERCISES = [
    {
        "label": "ex-activations-prelu",
        "checker": check_prelu_backward,
        "right": {
            "a mask, as in the chapter": in_four_lines,
            "loops": loops,
            "signs and einsum": with_einsum,
        },
        "wrong": {
            "a mean": (prelu_backward(mean=True), "the sum over all places"),
            "everywhere": (prelu_backward(everywhere=True), "so only they move it"),
            "above zero": (prelu_backward(above=True), "it is used below"),
            "without x": (prelu_backward(plain=True), "the factor x is missing"),
            "one slope": (prelu_backward(shared=True), "a slope of its own"),
            "a slope for each cell": (
                prelu_backward(places=True),
                "shared by all rows and columns",
            ),
            "a slope for each image": (
                prelu_backward(images=True),
                "shared by all images",
            ),
            "ReLU": (prelu_backward(leak=False), "that is ReLU"),
            "inverted": (prelu_backward(inverted=True), "branches of grad_x"),
            "without grad": (prelu_backward(without_grad=True), "multiply by grad"),
            "exchanged": (prelu_backward(swapped=True), "return grad_x first"),
            "the slope squared": (prelu_backward(squared=True), "Work through one"),
            "an argument changed": (changes_its_argument, "were changed"),
            "no return": (no_return, "Is a `return` missing"),
            "words": (words, "It must return numbers"),
            "only x": (only_x, "results of the wrong shape"),
            "two arguments": (two_arguments, "takes 2 positional arguments"),
        },
    },
    {
        "label": "ex-activations-he",
        "checker": check_he_deviation,
        "right": {
            "one line, as in the chapter": one_line,
            "by fans": by_fans,
            "by integration": measured,
        },
        "wrong": {
            "no area": (he_deviation(area=False), "count its area too"),
            "fan_out": (he_deviation(fan="out"), "That is fan_out"),
            "Glorot": (
                he_deviation(fan="both", factor=1, slope=0),
                "That is Glorot's variance",
            ),
            "mean of the fans": (he_deviation(fan="both"), "Forward is asked for"),
            "LeCun": (he_deviation(factor=1), "a factor of 2 is missing"),
            "no leak": (he_deviation(slope=0), "The leak is ignored"),
            "leak not squared": (he_deviation(slope=1), "enters as a squared"),
            "leak subtracted": (he_deviation(slope=-2), "must be smaller"),
            "variance": (he_deviation(root=False), "That is the variance"),
            "uniform": (he_deviation(uniform=True), "limit of a uniform draw"),
            "dense only": (dense_only, "too many values to unpack"),
            "draws weights": (draws, "results of the wrong shape"),
        },
    },
]
