"""Gao et al. (2018), Sections 3.2 and 3.4: a kernel that slides along the channels."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.complexity import count_macs, count_params
from companion.layers import ChannelWiseConv, GroupedConv2D
from companion.receptive_field import receptive_field


def draw(*shape):
    return np.random.default_rng(8).standard_normal(shape).astype("float32")


def test_by_hand():
    layer = ChannelWiseConv(3)
    x = np.array([1, 2, 3, 4, 5], "float32").reshape(1, 1, 1, 5)
    layer(x)
    layer.set_weights([np.array([1, 10, 100.0]).reshape(3, 1, 1)])
    y = ops.convert_to_numpy(layer(x)).ravel()
    assert y.tolist() == [210, 321, 432, 543, 54]


def test_kernels_of_two_groups_make_halves_of_the_output():
    layer = ChannelWiseConv(2, groups=2)
    x = np.array([1, 2, 3, 4], "float32").reshape(1, 1, 1, 4)
    layer(x)
    layer.set_weights([np.array([[[1, 0]], [[0, 1.0]]])])  # first, second channel
    assert ops.convert_to_numpy(layer(x)).ravel().tolist() == [1, 3, 2, 4]


@pytest.mark.parametrize("groups, size", [(1, 4), (2, 8), (2, 5), (3, 12)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_is_the_three_dimensional_convolution_of_the_release(groups, size, padding):
    """Channels as a third axis, a 1x1xd kernel, as many steps as groups."""
    x = draw(2, 3, 4, 12)
    layer = ChannelWiseConv(size, groups=groups, padding=padding)
    y = ops.convert_to_numpy(layer(x))
    (kernel,) = layer.get_weights()
    made = []
    for q in range(groups):
        cube = keras.layers.Conv3D(
            1, (1, 1, size), (1, 1, groups), padding=padding, use_bias=False
        )
        cube.build((None, 3, 4, 12, 1))
        cube.set_weights([kernel[:, :, q].reshape(1, 1, size, 1, 1)])
        made.append(ops.convert_to_numpy(cube(x[..., None]))[..., 0])
    np.testing.assert_allclose(np.concatenate(made, axis=-1), y, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == y.shape


@pytest.mark.parametrize("size, mixes", [(4, False), (8, True)])
def test_a_long_kernel_mixes_groups(size, mixes, gradient):
    """After four groups of two channels, does an output hear more than two groups?"""
    keras.utils.set_random_seed(0)
    grouped, mix = GroupedConv2D(8, 1, groups=4), ChannelWiseConv(size, groups=4)

    def one_output(x):
        return ops.sum(mix(grouped(x))[..., 1])

    (slope,) = gradient(one_output, np.ones((1, 1, 1, 8), "float32"))
    heard = np.count_nonzero(slope.reshape(4, 2).any(axis=1))
    assert bool(heard > 2) == mixes


def test_costs_and_field():
    image = keras.Input((9, 8, 12))
    x = ChannelWiseConv(8, groups=2, name="mix")(image)
    model = keras.Model(image, x)
    assert count_params(model) == 8 * 2
    assert count_macs(model) == 9 * 8 * 12 * 8  # each output value: eight products
    field = receptive_field(model, "mix")
    assert (field.size, field.stride, field.offset) == (1, 1, 0)


def test_without_padding_there_are_fewer_channels():
    layer = ChannelWiseConv(25, padding="valid")
    assert layer(draw(1, 1, 1, 1024)).shape == (1, 1, 1, 1000)
    assert layer.count_params() == 25


@pytest.mark.parametrize(
    "arguments, received",
    [
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"groups": 2.0}, "groups=2.0"),
        ({"padding": "full"}, "padding='full'"),
    ],
)
def test_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        ChannelWiseConv(**{"kernel_size": 3} | arguments)


def test_refuses_channels_that_do_not_divide():
    with pytest.raises(ValueError, match="Received: groups=3 for input_shape="):
        ChannelWiseConv(3, groups=3)(keras.Input((4, 4, 10)))


def test_refuses_a_kernel_longer_than_the_channels():
    with pytest.raises(ValueError, match="Received: kernel_size=9 for 8 channels"):
        ChannelWiseConv(9, padding="valid")(keras.Input((4, 4, 8)))
