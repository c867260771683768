"""Activation functions: what a unit makes of its sum, and the slope for the way back.

A function of single numbers returns (y, slope), both shaped like `x`: the value, and
its derivative. The backward pass is the product `grad * slope`. At a kink at zero the
slope is the left one, and where `relu6` and its kin are cut off, the flat one.
TensorFlow chooses the same, but for SELU. Functions that look at several numbers at
once (softmax, PReLU, CReLU, maxout) come in pairs, `_forward` and `_backward`.
"""

import math

import numpy as np

from companion.arguments import integer, number, real_numbers
from companion.scratch.windows import as_gradient

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def sigmoid(x):
    """Squash to between 0 and 1: y = 1 / (1 + exp(-x)), y' = y (1 - y).

    Only exponentials of negative numbers are taken, so that nothing overflows.

    Args:
        x: numbers of any shape; whole numbers become float64.

    Returns:
        (y, slope), shaped like `x`. The slope is 1/4 at 0, its largest value.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> y, slope = sigmoid([0.0, 4.0])
    >>> y.round(3), slope.round(3)
    (array([0.5  , 0.982]), array([0.25 , 0.018]))

    LeCun et al. 1998, "Efficient BackProp", section 4.4.
    """
    x = _floats(x)
    small = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, small) / (1 + small)
    return y, small / (1 + small) ** 2


def tanh(x):
    """Squash to between -1 and 1: y = tanh(x) = 2 sigmoid(2 x) - 1, y' = 1 - y^2.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`. The slope is 1 at 0, its largest value.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> y, slope = tanh([0.0, 2.0])
    >>> y.round(3), slope.round(3)
    (array([0.   , 0.964]), array([1.   , 0.071]))

    LeCun et al. 1998, "Efficient BackProp", section 4.4.
    """
    x = _floats(x)
    return np.tanh(x), 4 * sigmoid(2 * x)[1]


def relu(x):
    """Cut off below zero: y = max(0, x), y' = 1 for x > 0, else 0.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> relu([-2.0, 0.0, 3.0])
    (array([0., 0., 3.]), array([0., 0., 1.]))

    Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann
    machines"; Glorot, Bordes and Bengio 2011.
    """
    x = _floats(x)
    return np.maximum(x, 0), (x > 0).astype(x.dtype)


def leaky_relu(x, negative_slope=0.01):
    """Let a little through below zero: y = x for x > 0, else a x.

    Args:
        x: numbers of any shape.
        negative_slope: a, 0.01 in the paper and in PyTorch. In Keras it is 0.2 for the
            function and 0.3 for the layer.

    Returns:
        (y, slope), shaped like `x`; the slope is 1 or a.

    Raises:
        ValueError: if `x` is not of real numbers, or the slope no finite number.

    Example:

    >>> y, slope = leaky_relu([-2.0, 3.0], 0.1)
    >>> y, slope
    (array([-0.2,  3. ]), array([0.1, 1. ]))

    Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic
    models", section 2.
    """
    x = _floats(x)
    below = number("negative_slope", negative_slope)
    slope = np.where(x > 0, 1, below).astype(x.dtype)
    return np.where(x > 0, x, below * x), slope


def rrelu(x, rng=None, lower=1 / 8, upper=1 / 3):
    """Draw the slope below zero at random in training; take its mean afterwards.

    Args:
        x: numbers of any shape.
        rng: a NumPy generator for training, which draws a slope for each number; None
            for the fixed slope (lower + upper) / 2, as in PyTorch. The paper draws the
            divisor, from 3 to 8, and then divides by its mean, 5.5: a slope of 0.18.
        lower, upper: the bounds of the uniform draw; 1/8 and 1/3 in PyTorch.

    Returns:
        (y, slope), shaped like `x`.

    Raises:
        ValueError: if `x` is not of real numbers, or lower > upper.

    Example:

    >>> rrelu([-24.0, 3.0])[0]
    array([-5.5,  3. ])
    >>> y, slope = rrelu([-24.0, 3.0], np.random.default_rng(0))
    >>> slope.round(3), y.round(3)
    (array([0.258, 1.   ]), array([-6.185,  3.   ]))

    Xu et al. 2015, "Empirical evaluation of rectified activations in convolutional
    network", section 2.4.
    """
    x = _floats(x)
    lower = number("lower", lower)
    upper = number("upper", upper, least=lower)
    below = (lower + upper) / 2
    if rng is not None:
        below = rng.uniform(lower, upper, x.shape)
    slope = np.where(x > 0, 1, below).astype(x.dtype)
    return x * slope, slope


def elu(x, alpha=1.0):
    """Bend softly to -alpha: y = x for x > 0, else alpha (exp(x) - 1).

    Args:
        x: numbers of any shape.
        alpha: how far down the curve goes, > 0; with 1 the slope has no jump.

    Returns:
        (y, slope), shaped like `x`; below zero the slope is y + alpha.

    Raises:
        ValueError: if `x` is not of real numbers, or `alpha` is not positive.

    Example:

    >>> y, slope = elu([-1.0, 3.0])
    >>> y.round(3), slope.round(3)
    (array([-0.632,  3.   ]), array([0.368, 1.   ]))

    Clevert, Unterthiner and Hochreiter 2016, "Fast and accurate deep network learning
    by exponential linear units", section 3.
    """
    x = _floats(x)
    alpha = number("alpha", alpha, above=0)
    down = np.minimum(x, 0)
    y = np.where(x > 0, x, alpha * np.expm1(down))
    return y, np.where(x > 0, 1, alpha * np.exp(down)).astype(x.dtype)


def selu(x):
    """Scale an ELU so that mean 0 and variance 1 come out as they went in.

    y = 1.0507 elu(x, 1.6733). The two constants solve two equations: for x drawn from
    N(0, 1), y has the mean 0 and the variance 1.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`; above zero the slope is 1.0507.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> y, slope = selu([-1.0, 1.0])
    >>> y.round(3), slope.round(3)
    (array([-1.111,  1.051]), array([0.647, 1.051]))

    Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
    """
    y, slope = elu(x, SELU_ALPHA)
    return SELU_SCALE * y, SELU_SCALE * slope


def relu6(x):
    """Cut off below 0 and above 6: y = min(max(0, x), 6).

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`; the slope is 1 for 0 < x < 6, else 0.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> relu6([-2.0, 3.0, 8.0])
    (array([0., 3., 6.]), array([0., 1., 0.]))

    Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """
    x = _floats(x)
    return np.clip(x, 0, 6), ((x > 0) & (x < 6)).astype(x.dtype)


def hard_sigmoid(x):
    """Replace the sigmoid by a ramp: y = relu6(x + 3) / 6.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`; the slope is 1/6 for -3 < x < 3, else 0.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> hard_sigmoid([-3.0, 0.0, 3.0])[0]
    array([0. , 0.5, 1. ])

    Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """
    y, slope = relu6(_floats(x) + 3)
    return y / 6, slope / 6


def swish(x, beta=1.0):
    """Let the number gate itself: y = x sigmoid(beta x). Also called SiLU for beta 1.

    Args:
        x: numbers of any shape.
        beta: how steep the gate is. 0 gives x / 2, a large one ReLU.

    Returns:
        (y, slope), shaped like `x`, with y' = g + beta x g (1 - g) and g the gate.

    Raises:
        ValueError: if `x` is not of real numbers, or `beta` no finite number.

    Example:

    >>> y, slope = swish([-1.0, 1.0])
    >>> y.round(3), slope.round(3)
    (array([-0.269,  0.731]), array([0.072, 0.928]))

    Ramachandran, Zoph and Le 2017, "Searching for activation functions", section 4;
    Elfwing, Uchibe and Doya 2018.
    """
    x = _floats(x)
    beta = number("beta", beta)
    gate, rise = sigmoid(beta * x)
    return x * gate, gate + beta * x * rise


def h_swish(x):
    """Gate with the ramp instead of the sigmoid: y = x relu6(x + 3) / 6.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`; between -3 and 3 the slope is (2 x + 3) / 6.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> y, slope = h_swish([-1.5, 1.0, 4.0])
    >>> y.round(3), slope.round(3)
    (array([-0.375,  0.667,  4.   ]), array([0.   , 0.833, 1.   ]))

    Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """
    x = _floats(x)
    gate, rise = hard_sigmoid(x)
    return x * gate, gate + x * rise


def gelu(x):
    """Gate with the probability that a normal number is smaller: y = x P(Z <= x).

    With P the distribution function of N(0, 1) and p its density, y' = P + x p.

    Args:
        x: numbers of any shape.

    Returns:
        (y, slope), shaped like `x`.

    Raises:
        ValueError: if `x` is not of real numbers.

    Example:

    >>> y, slope = gelu([-1.0, 1.0])
    >>> y.round(3), slope.round(3)
    (array([-0.159,  0.841]), array([-0.083,  1.083]))

    Hendrycks and Gimpel 2016, "Gaussian error linear units", section 2.
    """
    x = _floats(x)
    below = np.vectorize(lambda each: math.erfc(-each / math.sqrt(2)) / 2, otypes="d")
    chance = below(x).astype(x.dtype)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return x * chance, chance + x * density


def softmax_forward(x):
    """Turn the scores of each row into probabilities: y_i = exp(x_i) / sum_j exp(x_j).

    The largest score of a row is subtracted first. This changes nothing, since
    numerator and denominator shrink alike, and keeps the exponentials below 1.

    Args:
        x: scores, (..., classes).

    Returns:
        y, shaped like `x`; each row is positive and adds up to 1.

    Raises:
        ValueError: if `x` is not of real numbers, or a single number.

    Example:

    >>> softmax_forward([1000.0, 1000.0, 0.0])
    array([0.5, 0.5, 0. ])

    Bishop 2006, "Pattern recognition and machine learning", equation 4.104.
    """
    x = _rows(x)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def softmax_backward(grad, y):
    """Send a gradient back through softmax: grad_x = y (grad - sum_j grad_j y_j).

    Args:
        grad: gradient of the loss with respect to y, (..., classes).
        y: what `softmax_forward` returned.

    Returns:
        grad_x, shaped like `y`; each row adds up to 0, because a shift of all scores
        changes nothing.

    Raises:
        ValueError: if `grad` and `y` differ in shape.

    Example:

    >>> softmax_backward(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    array([ 0.25, -0.25])

    Bishop 2006, equation 4.106.
    """
    y = _rows(y)
    grad = as_gradient(grad, y.shape)
    return y * (grad - (grad * y).sum(axis=-1, keepdims=True))


def softmax_cross_entropy(logits, labels):
    """Measure scores against the right class, and say where they should go.

    The loss of a row is log(sum_j exp(x_j)) - x_right, and its mean over the rows is
    returned. The gradient of a row is softmax(x), less 1 for the right class, divided
    by the number of rows.

    Args:
        logits: scores, (rows, classes).
        labels: whole numbers, (rows,): the right class of each row.

    Returns:
        (loss, grad): a number, and the gradient with respect to `logits`.

    Raises:
        ValueError: if `logits` has another rank than 2, or `labels` are not whole
            numbers from 0 to classes - 1, one for each row.

    Example: a wrong answer given with confidence costs much, and is pulled hard.

    >>> loss, grad = softmax_cross_entropy([[0.0, 1000.0]], [0])
    >>> float(loss), grad
    (1000.0, array([[-1.,  1.]]))

    Bishop 2006, equations 4.108 and 4.109.
    """
    logits = _rows(logits, "logits")
    labels = real_numbers("labels", labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "`logits` must be (rows, classes), and `labels` (rows,). Received: "
            f"logits.shape={logits.shape}, labels.shape={labels.shape}"
        )
    classes = logits.shape[1]
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"`labels` must be whole numbers from 0 to {classes - 1}. "
            f"Received: labels={labels!r}"
        )
    rows = np.arange(len(logits))
    moved = logits - logits.max(axis=-1, keepdims=True)
    losses = np.log(np.exp(moved).sum(axis=-1)) - moved[rows, labels]
    grad = softmax_forward(logits)
    grad[rows, labels] -= 1
    return losses.mean(), grad / len(logits)


def prelu_forward(x, alpha):
    """Learn the slope below zero, one for each channel: y = x for x > 0, else a x.

    Args:
        x: numbers, (..., channels).
        alpha: slopes, (channels,); 0.25 to begin with in the paper, 0 in Keras.

    Returns:
        y, shaped like `x`.

    Raises:
        ValueError: if `alpha` does not have one number for each channel.

    Example:

    >>> prelu_forward([[-4.0, -4.0], [1.0, 2.0]], [0.25, 0.5])
    array([[-1., -2.],
           [ 1.,  2.]])

    He et al. 2015, "Delving deep into rectifiers", equation 1.
    """
    x = _rows(x)
    return np.where(x > 0, x, _slopes(alpha, x) * x)


def prelu_backward(grad, x, alpha):
    """Send a gradient back to the input of a PReLU, and to its slopes.

    A slope collects x times grad from all places of its channel where x <= 0.

    Args:
        grad: gradient of the loss with respect to y, (..., channels).
        x, alpha: as in `prelu_forward`.

    Returns:
        (grad_x, grad_alpha), shaped like `x` and like `alpha`.

    Raises:
        ValueError: if `grad` is not shaped like `x`, or `alpha` does not have one
            number for each channel.

    Example:

    >>> grad = np.ones((2, 2))
    >>> grad_x, grad_alpha = prelu_backward(
    ...     grad, np.array([[-4.0, -4.0], [1.0, -2.0]]), np.array([0.25, 0.5])
    ... )
    >>> grad_x, grad_alpha
    (array([[0.25, 0.5 ],
           [1.  , 0.5 ]]), array([-4., -6.]))

    He et al. 2015, equations 2 and 3.
    """
    x = _rows(x)
    alpha = _slopes(alpha, x)
    grad = as_gradient(grad, x.shape)
    below = np.where(x > 0, 0, x * grad).reshape(-1, x.shape[-1])
    return grad * np.where(x > 0, 1, alpha).astype(x.dtype), below.sum(axis=0)


def crelu_forward(x):
    """Keep both signs, in twice as many channels: y = (max(0, x), max(0, -x)).

    Args:
        x: numbers, (..., channels).

    Returns:
        y, (..., 2 channels): first the positive parts, then the negative ones.

    Raises:
        ValueError: if `x` is not of real numbers, or a single number.

    Example:

    >>> crelu_forward([2.0, -3.0])
    array([2., 0., 0., 3.])

    Shang et al. 2016, "Understanding and improving convolutional neural networks via
    concatenated rectified linear units", definition 2.1.
    """
    x = _rows(x)
    return np.concatenate([relu(x)[0], relu(-x)[0]], axis=-1)


def crelu_backward(grad, x):
    """Send a gradient back through CReLU: from one of the two halves, with its sign.

    Args:
        grad: gradient of the loss with respect to y, (..., 2 channels).
        x: as in `crelu_forward`.

    Returns:
        grad_x, shaped like `x`.

    Raises:
        ValueError: if `grad` does not have the shape of y.

    Example:

    >>> crelu_backward(np.array([1.0, 10.0, 100.0, 1000.0]), [2.0, -3.0])
    array([    1., -1000.])

    Shang et al. 2016, definition 2.1.
    """
    x = _rows(x)
    grad = as_gradient(grad, (*x.shape[:-1], 2 * x.shape[-1]))
    up, down = np.split(grad, 2, axis=-1)
    return up * relu(x)[1] - down * relu(-x)[1]


def maxout_forward(x, pieces=2):
    """Take the largest of several linear sums: y_c = max_k x_{c pieces + k}.

    Args:
        x: sums, (..., channels * pieces): neighbours belong together.
        pieces: how many sums compete for a channel, >= 1.

    Returns:
        (y, index), (..., channels): the largest, and which of the pieces it was.

    Raises:
        ValueError: if `pieces` does not divide the last axis.

    Example:

    >>> maxout_forward([3.0, -1.0, 2.0, 5.0])
    (array([3., 5.]), array([0, 1]))

    Goodfellow et al. 2013, "Maxout networks", section 2.
    """
    x = _rows(x)
    pieces = integer("pieces", pieces)
    if x.shape[-1] % pieces:
        raise ValueError(
            "`pieces` must divide the last axis of `x`. "
            f"Received: pieces={pieces}, x.shape={x.shape}"
        )
    parts = x.reshape(*x.shape[:-1], -1, pieces)
    return parts.max(axis=-1), parts.argmax(axis=-1)


def maxout_backward(grad, index, pieces=2):
    """Send each gradient to the sum that won; the other pieces get nothing.

    Args:
        grad: gradient of the loss with respect to y, (..., channels).
        index: the one `maxout_forward` returned, the same shape.
        pieces: as in `maxout_forward`.

    Returns:
        grad_x, (..., channels * pieces).

    Raises:
        ValueError: if `grad` and `index` differ in shape, or `index` is not of whole
            numbers below `pieces`.

    Example:

    >>> maxout_backward(np.array([7.0, 8.0]), np.array([0, 1]))
    array([7., 0., 0., 8.])

    Goodfellow et al. 2013, section 2.
    """
    index = real_numbers("index", index)
    pieces = integer("pieces", pieces)
    whole = index.dtype.kind in "iu" and index.ndim > 0
    if not whole or index.min() < 0 or index.max() >= pieces:
        raise ValueError(
            f"`index` must be whole numbers from 0 to {pieces - 1}. "
            f"Received: index={index!r}"
        )
    grad = as_gradient(grad, index.shape)
    won = index[..., np.newaxis] == np.arange(pieces)
    parts = np.where(won, grad[..., np.newaxis], 0)
    return parts.reshape(*index.shape[:-1], -1).astype(grad.dtype)


def _floats(x, name="x"):
    x = real_numbers(name, x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _rows(x, name="x"):
    x = _floats(x, name)
    if not x.ndim or not x.size:
        raise ValueError(
            f"`{name}` must have a last axis, of classes or channels, and numbers in "
            f"it. Received: {name}.shape={x.shape}"
        )
    return x


def _slopes(alpha, x):
    alpha = real_numbers("alpha", alpha).astype(x.dtype)
    if alpha.shape != x.shape[-1:]:
        raise ValueError(
            f"`alpha` must have one number for each of the {x.shape[-1]} channels. "
            f"Received: alpha.shape={alpha.shape}"
        )
    return alpha
