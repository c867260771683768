"""Checker of the chapter on ShuffleNetV1."""

import numpy as np
from keras import ops

from companion.conformance import Unexpected, check_function, check_layer

__all__ = ["check_shuffle"]


def check_shuffle(layer_class):
    """Name the mistake in a channel shuffle.

    Args:
        layer_class: class of a layer; `layer_class(groups)` makes one.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> from companion.layers import ChannelShuffle
    >>> check_shuffle(ChannelShuffle)
    >>> try:
    ...     check_shuffle(lambda groups: lambda x: dealt(x, x.shape[-1] // groups))
    ... except AssertionError as error:
    ...     print(str(error)[-47:])
    write a row for each group, and then transpose.

    Source: Zhang et al., *ShuffleNet* (arXiv 1707.01083), Section 3.1.
    """

    def moved(x, groups):
        first, second = (layer_class(groups)(x) for _ in range(2))
        if first is None:
            return None
        first, second = map(ops.convert_to_numpy, (first, second))
        if not np.array_equal(first, second):
            raise Unexpected(
                "Two layers of the same groups deal differently.",
                "The shuffle is fixed: another order after each start is another "
                "network.",
            )
        return first

    draw = np.random.default_rng(28).standard_normal
    cases = [
        (draw((1, 2, 4, channels)).astype("float32"), groups)
        for channels, groups in ((6, 3), (6, 2), (12, 4), (8, 2))
    ]
    check_function(moved, dealt, cases, mistakes=MISTAKES)
    check_layer(lambda: layer_class(3), (5, 4, 6), reference=lambda x: dealt(x, 3))


def dealt(x, groups):
    """Channel j of group i becomes channel i of the j-th handful."""
    return np.stack(np.split(x, groups, axis=-1), axis=-1).reshape(x.shape)


def within(x, groups):
    """Every group turned round in its own place."""
    parts = np.split(x, groups, axis=-1)
    return np.concatenate([part[..., ::-1] for part in parts], axis=-1)


def groups_moved(x, groups):
    return np.concatenate(np.split(x, groups, axis=-1)[::-1], axis=-1)


def cut_up(x, groups):
    """The reshape forgets which axes are places."""
    b, h, w, c = x.shape
    y = x.reshape(b, groups, c // groups, h, w).swapaxes(1, 2)
    return y.reshape(x.shape)


MISTAKES = {
    "That is the inverse: write a row for each group, and then transpose.": (
        lambda x, groups: dealt(x, x.shape[-1] // groups)
    ),
    "Nothing moved: without the transposition the second reshape undoes the first.": (
        lambda x, groups: x
    ),
    "The channels were turned round, and a channel's neighbours stay its own group.": (
        lambda x, groups: x[..., ::-1]
    ),
    "Channels moved inside their own groups only, so the groups stay sealed.": within,
    "Whole groups changed places, so each still meets nobody else.": groups_moved,
    "Places and channels were mixed: keep batch, height and width in each reshape.": (
        cut_up
    ),
}
