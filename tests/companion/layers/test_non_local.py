"""Wang et al. (2018), Sections 3.2 and 3.3: the embedded Gaussian form."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.complexity import count_macs
from companion.layers import NonLocal
from companion.receptive_field import kernel_geometry, local_geometry


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.fixture
def x():
    return np.random.default_rng(8).standard_normal((2, 5, 4, 16)).astype("float32")


def test_a_new_block_changes_nothing(x):
    """The scale of its normalization starts at zero (Section 4.1)."""
    assert np.array_equal(numbers(NonLocal()(x)), x)


def test_every_position_has_a_map_that_adds_to_one(x):
    keras.utils.set_random_seed(5)
    layer = NonLocal()
    layer.build(x.shape)
    a = numbers(layer.attention(x))
    assert a.shape == (2, 20, 20)
    np.testing.assert_allclose(a.sum(axis=2), 1, rtol=1e-5)
    assert np.abs(a[0, 0] - a[0, 1]).max() > 1e-3, "two positions attend to the same"


def test_without_a_query_all_positions_are_averaged(x):
    """theta = 0: all scalar products are 0, and y is the mean of g."""
    layer = NonLocal()
    layer(x)
    layer.theta.kernel.assign(np.zeros(layer.theta.kernel.shape))
    layer.norm.gamma.assign(np.ones(16))
    w_g, w = layer.g.get_weights()[0], layer.expand.get_weights()[0]
    added = numbers(layer(x)) - x
    expected = x.mean(axis=(1, 2)) @ w_g @ w / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(
        added, np.broadcast_to(expected[:, None, None], x.shape), atol=1e-5
    )


def test_positions_are_equal(x):
    """Shuffled positions give shuffled outputs: the block knows no neighbourhood."""
    keras.utils.set_random_seed(6)
    layer = NonLocal()
    layer(x)
    layer.norm.gamma.assign(np.ones(16))
    order = np.random.default_rng(9).permutation(20)

    def shuffled(x):
        return x.reshape(2, 20, 16)[:, order].reshape(2, 5, 4, 16)

    expected = shuffled(numbers(layer(x)))
    np.testing.assert_allclose(numbers(layer(shuffled(x))), expected, atol=1e-5)


def test_half_the_channels_unless_given():
    for units, width in ((None, 16), (5, 5)):
        layer = NonLocal(units)
        layer.build((None, None, None, 32))
        shapes = [tuple(weight.shape) for weight in layer.weights]
        assert shapes == [*[(32, width)] * 3, (width, 32), *[(32,)] * 4]


def test_scalar_products_do_not_overflow_in_float16():
    """64 products of 40 * 40 are beyond float16; the softmax would be NaN."""
    layer = NonLocal(64, dtype="mixed_float16")
    x = np.full((1, 2, 2, 64), 40.0, "float16")
    layer.build(x.shape)
    layer.theta.kernel.assign(np.eye(64))
    layer.phi.kernel.assign(np.eye(64))
    assert np.array_equal(numbers(layer.attention(x)), np.full((1, 4, 4), 0.25))


def test_multiply_adds():
    """Four 1x1 convolutions; 72 x 72 scores, and the sums that they weigh."""
    image = keras.Input((9, 8, 32))
    model = keras.Model(image, NonLocal(5)(image))
    assert count_macs(model) == 9 * 8 * 4 * 32 * 5 + 2 * 72 * 72 * 5


def test_field_with_and_without_attention():
    rows, columns = kernel_geometry(NonLocal(), (9, 8))
    assert rows.taps == (tuple(range(9)),) and columns.units == 8
    rows, _ = local_geometry(NonLocal(), (9, 8))
    assert rows.taps == ((0,),)


@pytest.mark.parametrize("units", [0, 1.5])
def test_refuses_wrong_units(units):
    with pytest.raises(ValueError, match=f"Received: units={units}"):
        NonLocal(units)


@pytest.mark.parametrize("channels", [1, None])
def test_refuses_channels_that_cannot_be_halved(channels):
    with pytest.raises(ValueError, match="Received: input_shape="):
        NonLocal()(keras.Input((8, 8, channels)))
