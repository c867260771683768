"""Zhang et al. (2017), Section 3: two grouped convolutions that are one dense one."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.complexity import count_macs, count_params
from companion.layers import ChannelShuffle, GroupedConv2D, InterleavedGroupConv2D
from companion.receptive_field import receptive_field


def composed_kernel(layer, channels):
    """(inputs, outputs) of a layer of kernel size 1: what it makes of unit vectors."""
    units = np.eye(channels, dtype="float32").reshape(channels, 1, 1, channels)
    return ops.convert_to_numpy(layer(units)).reshape(channels, channels)


@pytest.mark.parametrize("groups", [(6, 4), (4, 6), (24, 1), (1, 24)])
def test_composed_kernel_is_dense_and_of_full_rank(groups):
    keras.utils.set_random_seed(3)
    layer = InterleavedGroupConv2D(*groups, kernel_size=1, use_bias=False)
    kernel = composed_kernel(layer, 24)
    assert (kernel != 0).all()
    assert np.linalg.matrix_rank(kernel) == 24


def test_without_the_permutations_most_of_the_kernel_is_zero():
    """The same two convolutions, 6 groups of 4 and 4 groups of 6, side by side."""
    keras.utils.set_random_seed(3)
    stack = keras.Sequential(
        [GroupedConv2D(24, 1, groups=6), GroupedConv2D(24, 1, groups=4)]
    )
    assert (composed_kernel(stack, 24) == 0).mean() > 0.4


def test_each_entry_of_the_kernel_is_one_product():
    """One path from every input to every output: no sum over several."""
    layer = InterleavedGroupConv2D(3, 2, kernel_size=1, use_bias=False)
    layer.build((None, 1, 1, 6))
    layer.set_weights([np.full(weight.shape, 2.0) for weight in layer.get_weights()])
    np.testing.assert_array_equal(composed_kernel(layer, 6), np.full((6, 6), 4.0))


def test_is_grouped_shuffled_grouped_shuffled():
    keras.utils.set_random_seed(4)
    layer = InterleavedGroupConv2D(2, 5, kernel_size=3)
    x = np.random.default_rng(4).standard_normal((2, 6, 7, 10)).astype("float32")
    y = ops.convert_to_numpy(layer(x))
    parts = [
        GroupedConv2D(10, 3, groups=2, padding="same", use_bias=False),
        ChannelShuffle(2),
        GroupedConv2D(10, 1, groups=5),
        ChannelShuffle(5),
    ]
    stack = keras.Sequential(parts)
    stack.build(x.shape)
    stack.set_weights(layer.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(stack(x)), y, atol=1e-5)


def test_one_channel_a_group_is_depthwise_separable():
    keras.utils.set_random_seed(5)
    layer = InterleavedGroupConv2D(6, 1)
    x = np.random.default_rng(5).standard_normal((2, 5, 4, 6)).astype("float32")
    y = ops.convert_to_numpy(layer(x))
    separable = keras.layers.SeparableConv2D(6, 3, padding="same")
    separable.build(x.shape)
    primary, secondary, bias = layer.get_weights()
    separable.set_weights([primary.transpose(0, 1, 3, 2), secondary, bias])
    np.testing.assert_allclose(ops.convert_to_numpy(separable(x)), y, atol=1e-5)


@pytest.mark.parametrize("kernel, widest", [(1, 8), (3, 32)])
def test_widest_where_the_paper_says(kernel, widest):
    """L = M k**2, of the divisors of L M = 64 the nearest: the fewest weights."""
    weights = {}
    for primary in (1, 2, 4, 8, 16, 32, 64):
        layer = InterleavedGroupConv2D(primary, 64 // primary, kernel, use_bias=False)
        layer.build((None, 4, 4, 64))
        weights[primary] = layer.count_params()
        inside = 64 // primary
        expected = primary * inside**2 * kernel**2 + inside * primary**2
        assert weights[primary] == expected
    assert min(weights, key=weights.get) == widest


def test_costs_and_field():
    image = keras.Input((9, 8, 6))
    model = keras.Model(image, InterleavedGroupConv2D(3, 2, name="igc")(image))
    assert count_params(model) == 3 * 2**2 * 9 + 2 * 3**2 + 6
    assert count_macs(model) == (3 * 2**2 * 9 + 2 * 3**2) * 72
    field = receptive_field(model, "igc")
    assert (field.size, field.stride, field.offset) == (3, 1, -1)


@pytest.mark.parametrize(
    "arguments, received",
    [
        ((0, 2), "primary_groups=0"),
        ((2, 1.5), "secondary_groups=1.5"),
        ((2, 2, -3), "kernel_size=-3"),
    ],
)
def test_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        InterleavedGroupConv2D(*arguments)


@pytest.mark.parametrize("channels", [12, 3])
def test_refuses_channels_that_do_not_interleave(channels):
    with pytest.raises(ValueError, match=r"3 \* 2 channels.*Received: input_shape="):
        InterleavedGroupConv2D(3, 2)(keras.Input((4, 4, channels)))
