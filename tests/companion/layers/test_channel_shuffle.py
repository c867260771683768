"""Zhang et al. (2018), Section 3.1: what a shuffle does between grouped layers."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import ChannelShuffle, GroupedConv2D


def shuffled(x, groups):
    return ops.convert_to_numpy(ChannelShuffle(groups)(x))


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 12])
def test_is_a_transposition(groups):
    x = np.arange(24.0, dtype="float32").reshape(1, 1, 2, 12)
    y = shuffled(x, groups)
    for position in range(2):
        matrix = x[0, 0, position].reshape(groups, -1)
        assert y[0, 0, position].tolist() == matrix.T.ravel().tolist()


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_another_shuffle_undoes_it(groups):
    x = np.random.default_rng(2).standard_normal((2, 3, 4, 12)).astype("float32")
    back = shuffled(shuffled(x, groups), 12 // groups)
    assert np.array_equal(back, x)


@pytest.mark.parametrize("shuffle, seen", [(False, 4), (True, 12)])
def test_lets_two_grouped_convolutions_see_all_channels(shuffle, seen, gradient):
    """Without a shuffle the channels of other groups are never seen."""
    keras.utils.set_random_seed(0)
    first = GroupedConv2D(12, 1, groups=3)
    second = GroupedConv2D(12, 1, groups=3)

    def one_output(x):
        y = first(x)
        return ops.sum(second(ChannelShuffle(3)(y) if shuffle else y)[..., 0])

    (slope,) = gradient(one_output, np.ones((1, 1, 1, 12), "float32"))
    assert np.count_nonzero(slope) == seen


@pytest.mark.parametrize("groups", [0, -2, 1.5])
def test_refuses_wrong_groups(groups):
    with pytest.raises(ValueError, match=f"Received: groups={groups}"):
        ChannelShuffle(groups)


def test_refuses_channels_that_cannot_be_dealt_out():
    with pytest.raises(ValueError, match="Received: groups=3 for input_shape="):
        ChannelShuffle(3)(keras.Input((4, 4, 10)))
