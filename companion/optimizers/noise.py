"""How noisy the gradients of batches are: McCandlish et al. (2018)."""

import numpy as np

from companion.arguments import integer, real_numbers


def noise_scale(gradients):
    """The simple noise scale of some examples: the batch at which noise equals signal.

        tr(Sigma) / |G|**2

    G is the mean of the gradients and Sigma their covariance, so a batch of b examples
    has a gradient whose mean squared error, tr(Sigma) / b, is |G|**2 at b = noise
    scale. The examples count as the whole population: divided by n, not by n - 1.

    Args:
        gradients: one gradient for each example, (n, ...), n >= 2.

    Returns:
        The noise scale in examples, a float; infinite where the mean is zero.

    Raises:
        ValueError: if there are not two gradients at least.

    Example: G = 2, and each gradient is 1 away from it.

    >>> noise_scale([[1.0], [3.0]])
    0.25

    McCandlish et al. 2018, "An empirical model of large-batch training" (arXiv
    1812.06162), Section 2.2.
    """
    gradients = real_numbers("gradients", gradients)
    if gradients.ndim < 2 or len(gradients) < 2:
        raise ValueError(
            "`gradients` must be a row for each of two examples or more. "
            f"Received: gradients.shape={gradients.shape}"
        )
    rows = gradients.reshape(len(gradients), -1).astype(float)
    mean = rows.mean(0)
    return _ratio(((rows - mean) ** 2).sum(1).mean(), (mean**2).sum())


def noise_scale_of_batches(small, large, b, times):
    """Estimate the noise scale from the gradients of batches of two sizes.

    The squared length of a batch's gradient is |G|**2 + tr(Sigma) / b on average, so
    two sizes give both. When several machines each work on a batch of b, the small ones
    are their own gradients and the large one is the mean that they exchange anyway.

    Args:
        small: squared lengths of gradients of b examples, an array.
        large: squared lengths of gradients of ``times * b`` examples, an array.
        b: examples in a small batch.
        times: how many small batches make a large one, >= 2.

    Returns:
        The estimate in examples, a float: the ratio of two unbiased estimates, that of
        tr(Sigma) and that of |G|**2. With few batches either may come out negative;
        an infinite result says that no signal was found.

    Raises:
        ValueError: if an array is empty or has a negative number, or `b` and `times`
            are not whole numbers in their bounds.

    Example: |G|**2 = 1 and tr(Sigma) = 8.

    >>> noise_scale_of_batches([1 + 8 / 2], [1 + 8 / 8], b=2, times=4)
    8.0

    McCandlish et al. 2018, appendix A.1.
    """
    b, times = integer("b", b), integer("times", times, least=2)
    means = []
    for name, values in (("small", small), ("large", large)):
        values = real_numbers(name, values)
        if not values.size or (values < 0).any():
            raise ValueError(
                f"`{name}` must be squared lengths, one at least. "
                f"Received: {name}={values!r}"
            )
        means.append(float(values.mean()))
    signal = (times * means[1] - means[0]) / (times - 1)
    noise = b * times * (means[0] - means[1]) / (times - 1)
    return _ratio(noise, signal)


def _ratio(noise, signal):
    return float(noise / signal) if signal > 0 else np.inf
