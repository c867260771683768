"""First values for the weights, and how large a signal stays in a deep network."""

import numpy as np

from companion.arguments import integer, number, real_numbers


def fans(shape):
    """Count the inputs that one output adds up, and the outputs that one input feeds.

    Args:
        shape: (inputs, outputs) of a dense layer, or (rows, columns, inputs, outputs)
            of a convolution's kernel.

    Returns:
        (fan_in, fan_out). In a convolution each is multiplied by rows * columns.

    Raises:
        ValueError: if the shape is not of two or of four positive whole numbers.

    Example:

    >>> fans((3, 3, 64, 128))
    (576, 1152)

    He et al. 2015, "Delving deep into rectifiers", section 2.2.
    """
    sides = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    if len(sides) not in (2, 4):
        raise ValueError(
            "`shape` must be (inputs, outputs) or (rows, columns, inputs, outputs). "
            f"Received: shape={shape!r}"
        )
    *window, inputs, outputs = (integer("shape", side) for side in sides)
    area = int(np.prod(window, dtype=int))
    return area * inputs, area * outputs


def lecun_normal(shape, rng):
    """Draw weights of variance 1 / fan_in: a sum stays as large as its inputs.

    Args:
        shape: as in `fans`.
        rng: a NumPy generator.

    Returns:
        Weights of that shape, from N(0, 1 / fan_in).

    Raises:
        ValueError: as in `fans`.

    Example:

    >>> weights = lecun_normal((100, 400), np.random.default_rng(0))
    >>> round(100 * float(weights.var()), 1)
    1.0

    LeCun et al. 1998, "Efficient BackProp", section 4.6.
    """
    return rng.normal(size=shape) * fans(shape)[0] ** -0.5


def glorot_normal(shape, rng):
    """Draw weights of variance 2 / (fan_in + fan_out): between forward and backward.

    Args:
        shape: as in `fans`.
        rng: a NumPy generator.

    Returns:
        Weights of that shape, from N(0, 2 / (fan_in + fan_out)).

    Raises:
        ValueError: as in `fans`.

    Example:

    >>> weights = glorot_normal((100, 400), np.random.default_rng(0))
    >>> round(250 * float(weights.var()), 1)
    1.0

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 12 (equation 16 draws uniformly, with that variance).
    """
    return rng.normal(size=shape) * (2 / sum(fans(shape))) ** 0.5


def he_normal(shape, rng, negative_slope=0.0):
    """Draw weights of variance 2 / ((1 + a^2) fan_in), for ReLU and its leaky kin.

    Args:
        shape: as in `fans`.
        rng: a NumPy generator.
        negative_slope: a, the slope of the activation below zero; 0 for ReLU.

    Returns:
        Weights of that shape, from N(0, 2 / ((1 + a^2) fan_in)).

    Raises:
        ValueError: as in `fans`, or if the slope is no finite number.

    Example:

    >>> weights = he_normal((100, 400), np.random.default_rng(0))
    >>> round(100 * float(weights.var()), 1)
    2.0

    He et al. 2015, equations 10 and 15.
    """
    slope = number("negative_slope", negative_slope)
    return rng.normal(size=shape) * (2 / (1 + slope**2) / fans(shape)[0]) ** 0.5


def orthogonal(shape, rng, gain=1.0):
    """Draw a rotation: no direction is stretched or squeezed, whatever the depth.

    Args:
        shape: as in `fans`; a kernel is drawn as the matrix (fan_in, outputs).
        rng: a NumPy generator.
        gain: a factor for all weights; the square root of 2 makes up for ReLU.

    Returns:
        Weights whose rows or columns, whichever are fewer, are orthogonal and of the
        length `gain`.

    Raises:
        ValueError: as in `fans`, or if `gain` is not positive.

    Example:

    >>> weights = orthogonal((3, 3), np.random.default_rng(0), gain=2)
    >>> (weights @ weights.T).round(6) + 0.0
    array([[4., 0., 0.],
           [0., 4., 0.],
           [0., 0., 4.]])

    Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", section 3.
    """
    gain = number("gain", gain, above=0)
    rows, columns = fans(shape)[0], shape[-1]
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # else the draw is not uniform over the rotations
    return gain * (q if rows >= columns else q.T).reshape(shape)


def normal_moments(activation):
    """What an activation makes of a number drawn from N(0, 1), by integration.

    Args:
        activation: function of an array that returns (y, slope).

    Returns:
        (mean of y, mean of y^2, mean of slope^2), floats. Weights of variance
        1 / (fan_in * mean of y^2) keep the size of the signal.

    Raises:
        ValueError: if the results are not two arrays shaped like the argument.

    Example:

    >>> from companion.scratch import relu
    >>> [round(moment, 4) for moment in normal_moments(relu)]
    [0.3989, 0.5, 0.5]

    He et al. 2015, section 2.2; Poole et al. 2016, "Exponential expressivity in deep
    neural networks through transient chaos", section 2.
    """
    step = 1e-3
    z = (np.arange(-12_000, 12_000) + 0.5) * step  # midpoints: no kink is met
    y, slope = _pair(activation, z)
    weight = np.exp(-(z**2) / 2) * step / np.sqrt(2 * np.pi)
    return tuple(float(weight @ value) for value in (y, y**2, slope**2))


def signal_sizes(x, weights, activation, grad=None):
    """How large numbers are in each layer, forward, and gradients, backward.

    Args:
        x: inputs, (batch, inputs).
        weights: list of matrices, (inputs, outputs) each; no biases.
        activation: function of an array that returns (y, slope).
        grad: None, or the gradient that arrives at the last layer's outputs.

    Returns:
        (forward, backward): the mean of the squares at the input and after each layer,
        and the mean squared gradient at the same places (None without `grad`).

    Raises:
        ValueError: if the matrices do not fit to `x`, to one another, or to `grad`.

    Example: a network that doubles and halves.

    >>> double, half = 2 * np.eye(3), np.eye(3) / 2
    >>> forward, backward = signal_sizes(
    ...     np.ones((1, 3)), [double, half], lambda x: (x, np.ones_like(x)),
    ...     grad=np.ones((1, 3)),
    ... )
    >>> forward, backward
    (array([1., 4., 1.]), array([1.  , 0.25, 1.  ]))

    Glorot and Bengio 2010, section 4.2.
    """
    y = real_numbers("x", x)
    outputs, slopes = [y], []
    for matrix in weights:
        if y.ndim != 2 or np.ndim(matrix) != 2 or y.shape[1] != len(matrix):
            raise ValueError(
                "`x` must be (batch, inputs), and each matrix (inputs, outputs). "
                f"Received: {y.shape} before a matrix of {np.shape(matrix)}"
            )
        y, slope = _pair(activation, y @ matrix)
        outputs.append(y)
        slopes.append(slope)
    forward = np.array([np.mean(np.square(each)) for each in outputs])
    if grad is None:
        return forward, None
    grad = real_numbers("grad", grad)
    if grad.shape != y.shape:
        raise ValueError(
            "`grad` must be shaped like the last layer's outputs. "
            f"Received: grad.shape={grad.shape}, outputs {y.shape}"
        )
    backward = [np.mean(np.square(grad))]
    for matrix, slope in zip(weights[::-1], slopes[::-1], strict=True):
        grad = (grad * slope) @ matrix.T
        backward.append(np.mean(np.square(grad)))
    return forward, np.array(backward[::-1])


def _pair(activation, x):
    results = activation(x)
    pair = isinstance(results, (tuple, list)) and len(results) == 2
    if not pair or {np.shape(each) for each in results} != {x.shape}:
        raise ValueError(
            "`activation` must return (y, slope), both shaped like its argument. "
            f"Received: {type(results).__name__}"
        )
    return results
