"""Checker of the chapter on MobileNetV1."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_folded_normalization"]


def check_folded_normalization(fold):
    """Name the mistake in folding a normalization into the convolution before it.

    Args:
        fold: function of arrays, `(kernel, gamma, beta, mean, variance, epsilon)` to
            `(kernel, bias)`. Kernels are pointwise, (1, 1, in, out), or depthwise,
            (k, k, channels, 1).

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_folded_normalization(variant(mean=0))
    ... except AssertionError as error:
    ...     print(str(error)[-36:])
    The mean is missing in the new bias.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference" (arXiv 1712.05877), Section 3.2.
    """
    rng = np.random.default_rng(25)
    cases = []
    for shape, channels, epsilon in (
        ((1, 1, 4, 7), 7, 0.001),
        ((3, 3, 5, 1), 5, 0.001),
        ((1, 1, 6, 6), 6, 0.5),
        ((5, 5, 3, 1), 3, 0.5),
    ):
        gamma, beta, mean = rng.normal(size=(3, channels))
        variance = rng.uniform(0.1, 2, channels)
        cases.append((rng.normal(size=shape), gamma, beta, mean, variance, epsilon))
    check_function(fold, variant(), cases, mistakes=MISTAKES)


def variant(
    *,
    gamma=True,
    beta=1,
    mean=1,
    scaled_mean=True,
    root=True,
    epsilon="inside",
    kernel="folded",
    axis="its channels",
):
    """A folding with one thing or another done differently."""
    given = (gamma, beta, mean, epsilon)

    def fold(kernel_, gamma, beta, mean, variance, epsilon=1e-3):
        use_gamma, use_beta, use_mean, place = given
        inside = {"inside": epsilon, "fixed": 1e-3}.get(place, 0)
        outside = epsilon if place == "outside" else 0
        spread = np.sqrt(variance + inside) if root else variance + inside
        factor = (gamma if use_gamma else 1) / (spread + outside)
        depthwise = kernel_.shape[-1] == 1 and kernel_.shape[-2] == len(gamma)
        columns = axis == "its channels" and depthwise
        by_output = factor[:, None] if columns else factor
        new = kernel_ * by_output if kernel == "folded" else kernel_
        shift = factor * mean if scaled_mean else mean
        return new, use_beta * beta - use_mean * shift

    return fold


MISTAKES = {
    "The mean is missing in the new bias.": variant(mean=0),
    "The mean has the wrong sign in the new bias.": variant(mean=-1),
    "The mean is not scaled: the factor of the kernel belongs to it too.": variant(
        scaled_mean=False
    ),
    "Beta is missing in the new bias.": variant(beta=0),
    "Gamma is missing.": variant(gamma=False),
    "It divides by the variance and not by its root.": variant(root=False),
    "Epsilon is missing.": variant(epsilon="none"),
    "Epsilon belongs to the variance, under the root.": variant(epsilon="outside"),
    "Epsilon is given: use the argument.": variant(epsilon="fixed"),
    "The kernel is unchanged.": variant(kernel="as it was"),
    "The channels of a depthwise kernel are its last axis but one.": variant(
        axis="the last"
    ),
}
