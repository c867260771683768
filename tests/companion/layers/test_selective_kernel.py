"""Li et al. (2019), Sections 3.1 and 3.2: kernels, widths, and the choice."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.complexity import count_macs
from companion.layers import SelectiveKernel
from companion.receptive_field import kernel_geometry, local_geometry


def numbers(x):
    return ops.convert_to_numpy(x)


def draw(*shape):
    return np.random.default_rng(6).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("branch, kernel, dilation", [("small", 3, 1), ("large", 3, 2)])
@pytest.mark.parametrize("sides", [(8, 6), (7, 5)])
def test_branches_are_convolutions_of_keras(branch, kernel, dilation, sides):
    """With the attention fixed to one branch, the layer is that branch."""
    layer = SelectiveKernel(6, groups=2, minimum=4)
    x = draw(2, *sides, 4)
    layer(x)
    plain = keras.layers.Conv2D(
        6, kernel, padding="same", dilation_rate=dilation, groups=2, use_bias=False
    )
    plain.build(x.shape)
    plain.set_weights(getattr(layer, branch).get_weights())
    logits = np.zeros((4, 2, 6), "float32")
    logits[:, 0 if branch == "small" else 1] = 100
    layer.expand.kernel.assign(logits.reshape(4, 12))
    layer.reduce_norm.beta.assign(np.ones(4))  # z is not zero
    expected = np.maximum(numbers(plain(x)), 0) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(numbers(layer(x)), expected, atol=1e-5)


@pytest.mark.parametrize(
    "filters, units", [(128, 32), (256, 32), (512, 32), (1024, 64)]
)
def test_width_of_z(filters, units):
    """Equation 4: d = max(C / r, L), with r = 16 and L = 32."""
    layer = SelectiveKernel(filters)
    layer.build((None, None, None, filters))
    assert tuple(layer.reduce.kernel.shape) == (filters, units)
    assert tuple(layer.expand.kernel.shape) == (units, 2 * filters)


def test_weights_in_order():
    layer = SelectiveKernel(8, groups=2, ratio=2, minimum=1)
    layer.build((None, None, None, 6))
    shapes = [tuple(weight.shape) for weight in layer.weights]
    convolution = [(3, 3, 3, 8), *[(8,)] * 4]
    assert shapes == [*convolution * 2, (8, 4), *[(4,)] * 4, (4, 16)]


def test_shares_add_to_one_and_depend_on_the_image():
    keras.utils.set_random_seed(1)
    layer = SelectiveKernel(32)
    layer.build((None, 6, 6, 32))
    shares = numbers(layer.attention(10 * draw(2, 6, 6, 32)))
    assert shares.shape == (2, 2, 32)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert np.abs(shares[0] - shares[1]).max() > 1e-3


def test_attention_is_the_one_that_is_used():
    """V = a U1 + (1 - a) U2, channel by channel."""
    keras.utils.set_random_seed(2)
    layer, x = SelectiveKernel(4, groups=1), draw(1, 5, 5, 4)
    v = numbers(layer(x))
    a, b = numbers(layer.attention(x))[0]
    u1 = np.maximum(numbers(layer.small_norm(layer.small(np.pad(x, PAD_1)))), 0)
    u2 = np.maximum(numbers(layer.large_norm(layer.large(np.pad(x, PAD_2)))), 0)
    np.testing.assert_allclose(v, a * u1 + b * u2, atol=1e-6)


PAD_1 = [(0, 0), (1, 1), (1, 1), (0, 0)]
PAD_2 = [(0, 0), (2, 2), (2, 2), (0, 0)]


@pytest.mark.parametrize("side, half", [(7, 4), (8, 4), (1, 1)])
def test_size_with_strides(side, half):
    layer = SelectiveKernel(8, groups=2, strides=2)
    assert layer(draw(1, side, side, 4)).shape == (1, half, half, 8)


def test_multiply_adds():
    """Two 3x3 kernels everywhere, two dense layers once."""
    image = keras.Input((9, 8, 6))
    model = keras.Model(image, SelectiveKernel(12, groups=3, strides=2)(image))
    assert count_macs(model) == 2 * (9 * 2 * 12) * (5 * 4) + 12 * 32 + 32 * 24


def test_field_of_the_convolutions_is_that_of_the_5x5():
    layer = SelectiveKernel(6, groups=2, strides=2)
    rows, columns = local_geometry(layer, (9, 8))
    assert (rows.step, rows.units, columns.units) == (2, 5, 4)
    assert (min(rows.taps[0]), max(rows.taps[0])) == (-2, 2)
    rows, _ = kernel_geometry(layer, (9, 8))
    assert rows.taps == (tuple(range(9)),) and rows.units == 5


@pytest.mark.parametrize(
    "arguments, received",
    [
        ({"filters": 0}, "filters=0"),
        ({"groups": 1.5}, "groups=1.5"),
        ({"ratio": -1}, "ratio=-1"),
        ({"minimum": 0}, "minimum=0"),
        ({"strides": 3}, "strides=3"),
        ({"strides": (2, 2)}, r"strides=\(2, 2\)"),
    ],
)
def test_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        SelectiveKernel(**{"filters": 64} | arguments)


def test_refuses_channels_that_the_groups_do_not_divide():
    with pytest.raises(ValueError, match="groups"):
        SelectiveKernel(64, groups=32)(keras.Input((8, 8, 48)))


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="Received: input_shape="):
        SelectiveKernel(64)(keras.Input((8, 8, None)))
