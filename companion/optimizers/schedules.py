"""Schedules: the learning rate as a function of the step, or of the losses so far."""

import math

import numpy as np

from companion.arguments import integer, number, real_numbers
from companion.optimizers.arguments import positive


def step_decay(step, alpha, milestones, factor=0.1):
    """Multiply the rate by a factor at each milestone.

        alpha * factor ** (number of milestones <= step)

    Keras' ``PiecewiseConstantDecay`` keeps the old rate for the step of its boundary:
    a milestone of 100 is its boundary 99. PyTorch's ``MultiStepLR`` counts as we do.

    Args:
        step: number of the step, from 0 on, or an array of them.
        alpha: the rate before the first milestone.
        milestones: steps that are the first with a lower rate, in rising order.
        factor: what each multiplies the rate by, > 0.

    Returns:
        The rate, a number, or an array shaped like `step`.

    Raises:
        ValueError: if a step is negative, `alpha` or `factor` not positive, or the
            milestones are not rising positive integers.

    Example:

    >>> step_decay(np.array([0, 9, 10, 20]), 1.0, milestones=[10, 20], factor=0.5)
    array([1.  , 1.  , 0.5 , 0.25])

    He et al. 2016, "Deep residual learning for image recognition", Section 3.4.
    """
    step, alpha = _steps(step), positive("alpha", alpha)
    factor = positive("factor", factor)
    milestones = [integer("milestones", each) for each in milestones]
    if milestones != sorted(set(milestones)):
        raise ValueError(f"`milestones` must rise. Received: milestones={milestones}")
    passed = np.searchsorted(milestones, step, side="right")
    return _like(step, alpha * factor**passed)


def exponential_decay(step, alpha, every, factor=0.1, whole=False):
    """Multiply the rate by a factor over every so many steps, evenly.

        alpha * factor ** (step / every)

    Args:
        step: number of the step, from 0 on, or an array of them.
        alpha: the first rate.
        every: steps that divide the rate once, a positive integer.
        factor: what they multiply it by, > 0.
        whole: whether the exponent is rounded down, so that the rate falls in stairs.

    Returns:
        The rate, a number, or an array shaped like `step`.

    Raises:
        ValueError: if a step is negative, `alpha` or `factor` not positive, or `every`
            not a positive integer.

    Example:

    >>> exponential_decay(np.array([0, 5, 10]), 1.0, every=10, factor=0.25)
    array([1.  , 0.5 , 0.25])

    Keras, ``keras.optimizers.schedules.ExponentialDecay``.
    """
    step, alpha = _steps(step), positive("alpha", alpha)
    factor = positive("factor", factor)
    exponent = step / integer("every", every)
    return _like(step, alpha * factor ** (np.floor(exponent) if whole else exponent))


def cosine_decay(step, alpha, steps, rising=0):
    """Let the rate fall to zero along half a cosine, after a rise along a line.

        alpha * step / rising                                       while step < rising
        alpha / 2 * (1 + cos(pi (step - rising) / (steps - rising)))     afterwards

    It is Keras' ``CosineDecay(0, steps - rising, warmup_target=alpha,
    warmup_steps=rising)``: Keras counts the falling steps alone. The first step of a
    rise has the rate zero.

    Args:
        step: number of the step, from 0 on, or an array of them.
        alpha: the largest rate.
        steps: all steps of the training; from there on the rate is zero.
        rising: steps of the warm-up among them, less than `steps`.

    Returns:
        The rate, a number, or an array shaped like `step`.

    Raises:
        ValueError: if a step is negative, `alpha` not positive, or `rising` not a
            whole number from 0 to ``steps - 1``.

    Example:

    >>> cosine_decay(np.array([0, 1, 2, 4, 6]), 1.0, steps=6, rising=2).round(3)
    array([0. , 0.5, 1. , 0.5, 0. ])

    Loshchilov and Hutter 2017, "SGDR", equation 5 (one period); Goyal et al. 2017,
    "Accurate, large minibatch SGD", Section 2.2 (warm-up).
    """
    step, alpha = _steps(step), positive("alpha", alpha)
    steps, rising = integer("steps", steps), integer("rising", rising, least=0)
    if rising >= steps:
        raise ValueError(
            "`rising` must leave steps to fall. "
            f"Received: rising={rising}, steps={steps}"
        )
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    falling = alpha / 2 * (1 + np.cos(math.pi * part))
    return _like(step, np.where(step < rising, alpha * step / max(rising, 1), falling))


def cyclic(step, low, high, half):
    """Let the rate rise and fall along lines, again and again.

    Args:
        step: number of the step, from 0 on, or an array of them.
        low: the smallest rate, at step 0, >= 0.
        high: the largest, > `low`.
        half: steps of a rise, and of a fall, a positive integer.

    Returns:
        The rate, a number, or an array shaped like `step`.

    Raises:
        ValueError: if a step is negative, `high` not above `low`, or `half` not a
            positive integer.

    Example:

    >>> cyclic(np.array([0, 1, 2, 3, 4, 5]), low=0.0, high=1.0, half=2)
    array([0. , 0.5, 1. , 0.5, 0. , 0.5])

    Smith 2017, "Cyclical learning rates for training neural networks", Section 3.1
    ("triangular").
    """
    step, low = _steps(step), number("low", low, least=0)
    high, half = number("high", high, above=low), integer("half", half)
    return _like(step, low + (high - low) * (1 - np.abs(step / half % 2 - 1)))


class Plateau:
    """Lowers the rate when a loss has not fallen for some time.

    Args:
        alpha: the first rate.
        factor: what a plateau multiplies the rate by, above 0 and below 1.
        patience: how many losses in a row must fail to be below the best one.
        least_gain: by how much a loss must be below the best one to count, >= 0.

    Attributes:
        alpha: the present rate.

    Raises:
        ValueError: if an argument is outside its bounds; in `step`, if `loss` is not a
            number. Infinite and undefined losses count as no gain.

    Example: the second and the third loss gain nothing.

    >>> plateau = Plateau(1.0, factor=0.5, patience=2)
    >>> [plateau.step(loss) for loss in (3.0, 3.0, 3.5, 2.0)]
    [1.0, 1.0, 0.5, 0.5]

    Keras, ``keras.callbacks.ReduceLROnPlateau`` with ``cooldown=0`` and ``min_lr=0``.
    """

    def __init__(self, alpha, factor=0.1, patience=10, least_gain=1e-4):
        self.alpha = positive("alpha", alpha)
        self.factor = number("factor", factor, above=0, below=1)
        self.patience = integer("patience", patience)
        self.least_gain = number("least_gain", least_gain, least=0)
        self.best, self.waited = math.inf, 0

    def step(self, loss):
        """Take note of a loss, and return the rate from now on."""
        loss = real_numbers("loss", loss)
        if loss.ndim:
            raise ValueError(f"`loss` must be one number. Received: loss={loss!r}")
        if loss < self.best - self.least_gain:
            self.best, self.waited = float(loss), 0
        else:
            self.waited += 1
        if self.waited == self.patience:
            self.alpha, self.waited = self.alpha * self.factor, 0
        return self.alpha


def _steps(step):
    """Numbers of steps as an array."""
    step = real_numbers("step", step)
    if (step < 0).any():
        raise ValueError(f"`step` must count from 0 on. Received: step={step!r}")
    return step


def _like(step, rate):
    """A plain number for one step, an array for several."""
    return np.asarray(rate, float) if step.ndim else float(rate)
