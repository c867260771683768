"""Checker of the chapter on ShuffleNetV2."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_next_halves"]


def check_next_halves(function):
    """Name the mistake in concatenation, shuffle and split written as one step.

    Args:
        function: takes maps `(batch, height, width, 2 n)`, the passing half before
            the convolved one, n even; returns two maps of n channels.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_next_halves(lambda ab: (ab[..., ::2], ab[..., 1::2]))
    ... except AssertionError as error:
    ...     print(str(error)[-44:])
    and the channels are in another order there.

    Source: Ma et al., *ShuffleNet V2* (arXiv 1807.11164), Section 3.
    """
    draw = np.random.default_rng(29).standard_normal
    cases = [(draw(shape),) for shape in ((1, 2, 3, 8), (2, 3, 1, 12), (1, 1, 2, 4))]
    check_function(function, next_halves, cases, mistakes=MISTAKES)


def shuffled(ab):
    return np.stack(np.split(ab, 2, axis=-1), axis=-1).reshape(ab.shape)


def next_halves(ab):
    """The halves that the next unit's split gives, the passing one first."""
    return np.split(shuffled(ab), 2, axis=-1)


def inverse(ab):
    return np.split(np.concatenate([ab[..., ::2], ab[..., 1::2]], axis=-1), 2, axis=-1)


def two_by_two(ab):
    """Each half gets the first channels of one input, then of the other."""
    quarters = np.split(ab, 4, axis=-1)
    return [np.concatenate([quarters[i], quarters[i + 2]], axis=-1) for i in range(2)]


MISTAKES = {
    "The two halves are right, and in the wrong order: the passing one comes first.": (
        lambda ab: next_halves(ab)[::-1]
    ),
    "Nothing was shuffled: these are the two halves that came in.": (
        lambda ab: np.split(ab, 2, axis=-1)
    ),
    "These are the even and the odd channels. So the authors' release splits, and the "
    "channels are in another order there.": inverse,
    "Shuffled, and not split: two maps of half the channels are asked for.": shuffled,
    "Nothing was done to the channels at all.": lambda ab: ab,
    "Each half has the right channels, but those of the two inputs do not alternate.": (
        two_by_two
    ),
    "In each pair the convolved channel comes first, and it should come second.": (
        lambda ab: next_halves(np.roll(ab, ab.shape[-1] // 2, axis=-1))
    ),
}
