"""A small network of dense layers whose weights lie in one vector.

The rules of `companion.optimizers` step one array. Here a network is a function of one:
`units` says how the vector is cut into matrices and biases, layer by layer.
"""

import itertools

import numpy as np

from companion.arguments import integer, real_numbers
from companion.scratch.activations import softmax_cross_entropy


def perceptron_weights(units, generator):
    """Draw first weights: He's normal distribution, biases of zero, in one vector.

    Args:
        units: numbers in every layer, from the inputs to the classes, (196, 64, 10).
        generator: a NumPy random generator.

    Returns:
        theta, float64, (weights and biases of all layers,).

    Raises:
        ValueError: if `units` are not two positive integers or more, or `generator`
            cannot draw.

    Example: 2 * 3 weights and 3 biases.

    >>> perceptron_weights((2, 3), np.random.default_rng(0)).shape
    (9,)

    He et al. 2015, "Delving deep into rectifiers", Section 2.2.
    """
    units = _units(units)
    if not hasattr(generator, "normal"):
        raise ValueError(
            "`generator` must be a NumPy random generator. "
            f"Received: generator={generator!r}"
        )
    parts = []
    for fan_in, fan_out in itertools.pairwise(units):
        deviation = np.sqrt(2 / fan_in)
        parts += [generator.normal(0, deviation, fan_in * fan_out), np.zeros(fan_out)]
    return np.concatenate(parts)


def perceptron_layers(theta, units):
    """Cut the vector into the matrix and the biases of every layer.

    Args:
        theta: the vector.
        units: numbers in every layer.

    Returns:
        List of pairs (weights (n_in, n_out), biases (n_out,)). They are views: what is
        written into them changes `theta`, if that is an array of numbers already.

    Raises:
        ValueError: if `theta` does not have as many numbers as `units` ask for.

    Example:

    >>> [(w.shape, b.shape) for w, b in perceptron_layers(np.arange(17.0), (2, 3, 2))]
    [((2, 3), (3,)), ((3, 2), (2,))]

    Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating
    errors".
    """
    units, theta = _units(units), real_numbers("theta", theta)
    expected = sum((fan_in + 1) * out for fan_in, out in itertools.pairwise(units))
    if theta.shape != (expected,):
        raise ValueError(
            f"`theta` must be one vector of {expected} numbers for units={units}. "
            f"Received: theta.shape={theta.shape}"
        )
    layers, first = [], 0
    for fan_in, fan_out in itertools.pairwise(units):
        last = first + fan_in * fan_out
        layers.append(
            (theta[first:last].reshape(fan_in, fan_out), theta[last : last + fan_out])
        )
        first = last + fan_out
    return layers


def perceptron_scores(theta, x, units):
    """Run the network: ReLU after every layer but the last.

    Args:
        theta: the vector of all weights.
        x: examples in rows, (n, n_in).
        units: numbers in every layer.

    Returns:
        Scores, (n, classes).

    Raises:
        ValueError: as `perceptron_layers`, or if the rows of `x` do not have
            `units[0]` numbers.

    Example: both weights are 1, both biases 0; ReLU holds -3 back.

    >>> perceptron_scores([1.0, 0.0, 1.0, 0.0], [[2.0], [-3.0]], (1, 1, 1)).tolist()
    [[2.0], [0.0]]

    Rumelhart, Hinton and Williams 1986, equations 1 and 2, with ReLU.
    """
    return _forward(theta, x, units)[-1]


def perceptron_loss(theta, x, labels, units):
    """Mean cross-entropy of the network, and its gradient by all weights.

    Args:
        theta: the vector of all weights.
        x: examples in rows, (n, n_in).
        labels: whole numbers, (n,): the right class of each row.
        units: numbers in every layer.

    Returns:
        (loss, gradient): a number, and a vector shaped like `theta`.

    Raises:
        ValueError: as `perceptron_scores`, or as `softmax_cross_entropy` for `labels`.

    Example: without weights every one of ten classes is equally likely.

    >>> loss, gradient = perceptron_loss(np.zeros(20), [[1.0]], [3], (1, 10))
    >>> round(float(loss), 3), gradient.shape
    (2.303, (20,))

    Rumelhart, Hinton and Williams 1986, equations 4 to 7.
    """
    *inputs, scores = _forward(theta, x, units)
    loss, last = softmax_cross_entropy(scores, labels)
    gradient = []
    for before, error in _backward(theta, inputs, last, units):
        gradient = [(before.T @ error).ravel(), error.sum(0), *gradient]
    return loss, np.concatenate(gradient)


def perceptron_gradient_norms(theta, x, labels, units):
    """Squared length of the gradient of every single example.

    A layer's gradient for one example is the product of a column and a row, input and
    error, so its squared length is the product of theirs: no gradient is written out.

    Args:
        theta, x, labels, units: as for `perceptron_loss`.

    Returns:
        The squared lengths, (n,).

    Raises:
        ValueError: as `perceptron_loss`.

    Example: with one example there is one gradient.

    >>> theta = perceptron_weights((2, 3, 2), np.random.default_rng(0))
    >>> x, labels, units = [[1.0, -2.0]], [1], (2, 3, 2)
    >>> _, gradient = perceptron_loss(theta, x, labels, units)
    >>> squares = perceptron_gradient_norms(theta, x, labels, units)
    >>> bool(np.isclose(squares[0], gradient @ gradient))
    True

    Goodfellow 2015, "Efficient per-example gradient computations" (arXiv 1510.01799).
    """
    *inputs, scores = _forward(theta, x, units)
    _, last = softmax_cross_entropy(scores, labels)
    last = last * len(scores)  # of the example's own loss, not of its share
    squares = np.zeros(len(scores))
    for before, error in _backward(theta, inputs, last, units):
        squares += ((before**2).sum(1) + 1) * (error**2).sum(1)
    return squares


def _units(units):
    if not isinstance(units, (tuple, list)) or len(units) < 2:
        raise ValueError(
            "`units` must be the numbers of two layers or more. "
            f"Received: units={units!r}"
        )
    return tuple(integer("units", each) for each in units)


def _forward(theta, x, units):
    """The input of every layer, and the scores."""
    layers, x = perceptron_layers(theta, units), real_numbers("x", x)
    if x.ndim != 2 or x.shape[1] != units[0]:
        raise ValueError(
            f"`x` must be rows of {units[0]} numbers. Received: x.shape={x.shape}"
        )
    values = [x]
    for number, (weights, biases) in enumerate(layers, start=1):
        out = values[-1] @ weights + biases
        values.append(np.maximum(out, 0) if number < len(layers) else out)
    return values


def _backward(theta, inputs, error, units):
    """Input and error of every layer, from the last to the first."""
    layers = perceptron_layers(theta, units)
    for (weights, _), before in zip(layers[::-1], inputs[::-1], strict=True):
        yield before, error
        error = (error @ weights.T) * (before > 0)
