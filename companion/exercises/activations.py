"""Checkers of the chapter on activation functions and initialisation."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_he_deviation", "check_prelu_backward"]


def check_prelu_backward(function):
    """Name the mistake in the backward pass of a PReLU with a slope for each channel.

    Args:
        function: function `(grad, x, alpha) -> (grad_x, grad_alpha)` of NumPy arrays;
            `grad` and `x` are (batch, height, width, channels), `alpha` (channels,).

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_prelu_backward(prelu_backward(mean=True))
    ... except AssertionError as error:
    ...     print(str(error)[-60:])
    The slope's gradient is the sum over all places, not a mean.

    Source: He et al., "Delving Deep into Rectifiers" (arXiv 1502.01852), equations 2
    and 3.
    """
    rng = np.random.default_rng(6)
    cases = []
    for shape in ((3, 2, 4, 5), (2, 3, 3, 3)):
        alpha = rng.uniform(-0.5, 1.5, size=shape[-1])
        grad, x = rng.normal(size=(2, *shape))
        cases.append((grad, x, alpha))
    check_function(function, prelu_backward(), cases, mistakes=SLOPE_MISTAKES)


def prelu_backward(
    *,
    mean=False,
    everywhere=False,
    above=False,
    plain=False,
    shared=False,
    places=False,
    images=False,
    leak=True,
    inverted=False,
    without_grad=False,
    swapped=False,
    squared=False,
):
    """The backward pass with one thing or another done differently."""

    def function(grad, x, alpha):
        below = x > 0 if above else x <= 0
        if everywhere:
            below = np.ones_like(x, bool)
        each = below * (1 if plain else x) * (1 if without_grad else grad)
        axes = (0,) if places else (1, 2) if images else (0, 1, 2)
        total = each.sum(axes) / (each[..., 0].size if mean else 1)
        if shared:
            total = np.full_like(alpha, total.sum())
        slope = np.where((x > 0) != inverted, 1, alpha if leak else 0)
        grad_x = grad * (slope**2 if squared else slope)
        return (total, grad_x) if swapped else (grad_x, total)

    return function


SLOPE_MISTAKES = {
    "The slope's gradient is the sum over all places, not a mean.": prelu_backward(
        mean=True
    ),
    "Only places with x <= 0 use the slope, so only they move it.": prelu_backward(
        everywhere=True
    ),
    "The slope collects where x is above 0: it is used below.": prelu_backward(
        above=True
    ),
    "The derivative of a x with respect to a is x: the factor x is missing.": (
        prelu_backward(plain=True)
    ),
    "Each channel has a slope of its own: do not add up the channels.": (
        prelu_backward(shared=True)
    ),
    "The slope is shared by all rows and columns: sum over them too.": (
        prelu_backward(places=True)
    ),
    "The slope is shared by all images: sum over them too.": prelu_backward(
        images=True
    ),
    "Below 0 nothing comes through: that is ReLU.": prelu_backward(leak=False),
    "The slope acts above 0: the two branches of grad_x are exchanged.": (
        prelu_backward(inverted=True)
    ),
    "What arrives from above does not reach the slope: multiply by grad.": (
        prelu_backward(without_grad=True)
    ),
    "The results are exchanged: return grad_x first.": prelu_backward(swapped=True),
}


def check_he_deviation(function):
    """Name the mistake in He's standard deviation for a kernel before a leaky ReLU.

    Args:
        function: function `(shape, negative_slope) -> standard deviation`; the shape
            is (inputs, outputs) or (rows, columns, inputs, outputs).

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_he_deviation(lambda shape, a: (2 / (1 + a**2) / shape[-2]) ** 0.5)
    ... except AssertionError as error:
    ...     print(str(error)[-59:])
    A window has more inputs than channels: count its area too.

    Source: He et al., "Delving Deep into Rectifiers" (arXiv 1502.01852), equations 10
    and 15.
    """
    cases = [
        ((3, 5, 16, 40), 0.0),
        ((3, 3, 64, 32), 0.25),
        ((200, 30), 0.0),
        ((1, 1, 12, 48), 0.7),
        ((7, 90), -0.3),
    ]
    check_function(function, he_deviation(), cases, mistakes=HE_MISTAKES)


def he_deviation(*, area=True, fan="in", factor=2.0, slope=2, root=True, uniform=False):
    """He's deviation with one thing or another done differently."""

    def function(shape, a):
        *window, inputs, outputs = shape
        places = int(np.prod(window, dtype=int)) if area else 1
        count = {"in": inputs, "out": outputs, "both": (inputs + outputs) / 2}[fan]
        leak = {0: 0, 1: a, 2: a**2, -2: -(a**2)}[slope]
        variance = factor / (1 + leak) / (places * count)
        return variance ** (0.5 if root else 1) * (3**0.5 if uniform else 1)

    return function


HE_MISTAKES = {
    "A window has more inputs than channels: count its area too.": he_deviation(
        area=False
    ),
    "That is fan_out: the sum of a unit runs over its inputs.": he_deviation(fan="out"),
    "That is Glorot's variance: it knows nothing of the ReLU.": he_deviation(
        fan="both", factor=1, slope=0
    ),
    "Forward is asked for: take fan_in, not the mean of both fans.": he_deviation(
        fan="both"
    ),
    "ReLU halves the mean square: a factor of 2 is missing.": he_deviation(factor=1),
    "The leak is ignored: it lets a part of the mean square through.": he_deviation(
        slope=0
    ),
    "Squares are counted: the leak enters as a squared.": he_deviation(slope=1),
    "A leak keeps more of the signal: the weights must be smaller.": he_deviation(
        slope=-2
    ),
    "That is the variance: take its square root.": he_deviation(root=False),
    "That is the limit of a uniform draw, not its deviation.": he_deviation(
        uniform=True
    ),
}
