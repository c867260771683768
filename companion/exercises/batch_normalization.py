"""Checker of the chapter on batch normalization."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_batch_norm"]


def check_batch_norm(batch_norm):
    """Name the mistake in a batch normalization with moving averages, as in Keras.

    Args:
        batch_norm: function `(x, gamma, beta, moving_mean, moving_variance, training,
            momentum, epsilon) -> (y, moving_mean, moving_variance)` of NumPy arrays; x
            is (batch, height, width, channels), the vectors are (channels,). In
            training it normalizes by mean and variance of the batch, the biased one,
            and returns averages that have moved; else by the averages, and returns
            them as they are. The arguments stay unchanged.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_batch_norm(variant(momentum="of the new"))
    ... except AssertionError as error:
    ...     print(str(error)[-48:])
    Momentum is the weight of the old average, here.

    Source: Ioffe and Szegedy, "Batch Normalization" (arXiv 1502.03167), algorithms 1
    and 2.
    """
    cases = []
    for number, (shape, training, momentum, epsilon) in enumerate(
        (
            ((3, 2, 4, 5), True, 0.8, 0.1),
            ((3, 2, 4, 5), False, 0.8, 0.1),
            ((2, 3, 3, 3), True, 0.99, 0.001),
            ((3, 3, 3, 3), False, 0.6, 0.5),
        )
    ):
        rng = np.random.default_rng(number)
        x = rng.normal(1, 2, shape) * rng.uniform(0.5, 3, shape[-1])
        gamma, beta, mean = rng.normal(size=(3, shape[-1]))
        variance = rng.uniform(0.3, 2, shape[-1])
        cases.append((x, gamma, beta, mean, variance, training, momentum, epsilon))
    check_function(in_three(batch_norm), variant(), cases, mistakes=MISTAKES)


def in_three(function):
    """The function, whose results are shown as they are if they are not three."""

    def call(*arguments):
        results = function(*arguments)
        three = isinstance(results, (tuple, list)) and len(results) == 3
        return list(results) if three else results

    return call


def variant(
    *,
    axes=(0, 1, 2),
    used="biased",
    stored="biased",
    root=True,
    epsilon="inside",
    gamma=True,
    beta=True,
    momentum="of the old",
    statistics="as told",
    moves="in training",
):
    """Batch normalization with one thing or another done differently."""
    use_gamma, use_beta, place, weight = gamma, beta, epsilon, momentum

    def spreads(x, axes):
        """The kinds of a variance, (..., channels)."""
        biased = x.var(axes, keepdims=True)
        m = x.size / biased.size
        unbiased = biased * m / (m - 1)
        return {"biased": biased, "unbiased": unbiased, "root": np.sqrt(biased)}

    def batch_norm(x, gamma, beta, mean, variance, training, momentum, epsilon):
        by_batch = {"as told": training, "reversed": not training}
        centre, spread = mean, variance
        if by_batch.get(statistics, statistics == "of the batch"):
            centre, spread = x.mean(axes, keepdims=True), spreads(x, axes)[used]
        spread = spread + {"inside": epsilon, "fixed": 1e-3}.get(place, 0)
        spread = np.sqrt(spread) if root else spread
        y = (x - centre) / (spread + (epsilon if place == "outside" else 0))
        y = y * (gamma if use_gamma else 1) + (beta if use_beta else 0)
        if training if moves == "in training" else moves == "always":
            old = {"of the old": momentum, "of the new": 1 - momentum}.get(weight, 0)
            new_variance = spreads(x, (0, 1, 2))[stored].ravel()
            mean = old * mean + (1 - old) * x.mean((0, 1, 2))
            variance = old * variance + (1 - old) * new_variance
        return [y, mean, variance]

    return batch_norm


MISTAKES = {
    "Each position is normalized by itself: sum over height and width too.": variant(
        axes=(0,)
    ),
    "Each image is normalized by itself: sum over the batch too.": variant(axes=(1, 2)),
    "All channels share one mean: the last axis stays.": variant(axes=(0, 1, 2, 3)),
    "The batch is divided by the unbiased variance.": variant(used="unbiased"),
    "Both variances are unbiased: divide by m, not by m - 1.": variant(
        used="unbiased", stored="unbiased"
    ),
    "The stored variance is unbiased, as in PyTorch; in Keras it is not.": variant(
        stored="unbiased"
    ),
    "A deviation is stored, and later taken for a variance.": variant(stored="root"),
    "It divides by the variance and not by its root.": variant(root=False),
    "Epsilon is missing.": variant(epsilon="none"),
    "Epsilon belongs to the variance, under the root.": variant(epsilon="outside"),
    "Epsilon is given: use the argument.": variant(epsilon="fixed"),
    "Gamma is missing.": variant(gamma=False),
    "Beta is missing.": variant(beta=False),
    "Momentum is the weight of the old average, here.": variant(momentum="of the new"),
    "The averages are replaced: what became of the old ones?": variant(
        momentum="ignored"
    ),
    "At inference the batch's own mean and variance are used.": variant(
        statistics="of the batch"
    ),
    "In training the moving averages are used.": variant(statistics="of the past"),
    "Training and inference have changed places.": variant(
        statistics="reversed", moves="in training"
    ),
    "At inference the averages move.": variant(moves="always"),
    "In training the averages do not move.": variant(moves="never"),
}
