"""Cao et al. (2019), Section 3.4: one attention map, a transform, an addition."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.complexity import count_macs
from companion.layers import GlobalContext
from companion.receptive_field import kernel_geometry, local_geometry


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.fixture
def x():
    return np.random.default_rng(7).standard_normal((2, 5, 4, 32)).astype("float32")


def test_a_new_block_changes_nothing(x):
    assert np.array_equal(numbers(GlobalContext()(x)), x)


def test_attention_is_one_map_that_adds_to_one(x):
    keras.utils.set_random_seed(3)
    layer = GlobalContext()
    layer.build(x.shape)
    a = numbers(layer.attention(3 * x))
    assert a.shape == (2, 5, 4)
    np.testing.assert_allclose(a.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert a.max() > 2 / 20, "some positions count more than others"


def test_every_position_gets_the_same_vector(x):
    layer = GlobalContext(4)
    layer(x)
    layer.expand.kernel.assign(np.ones(layer.expand.kernel.shape))
    added = numbers(layer(x)) - x
    assert np.abs(added).max() > 0.1
    assert np.ptp(added, axis=(1, 2)).max() < 1e-5


def test_the_bias_of_the_attention_has_no_effect(x):
    layer = GlobalContext()
    layer.build(x.shape)
    before = numbers(layer.attention(x))
    layer.mask.bias.assign([5.0])
    np.testing.assert_allclose(numbers(layer.attention(x)), before, atol=1e-6)


def test_training_moves_every_weight_that_has_an_effect(x):
    """In place of the conformance check, which asks this of the idle bias as well."""
    keras.utils.set_random_seed(4)
    image = keras.Input((5, 4, 32))
    layer = GlobalContext(4)
    model = keras.Model(image, layer(image))
    before = [numbers(weight) for weight in layer.weights]
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error")
    for _ in range(2):  # V2 starts at zero and lets no gradient pass in the first step
        model.train_on_batch(x, np.ones_like(x))
    for weight, start in zip(layer.weights, before, strict=True):
        if weight is not layer.mask.bias:
            assert not np.array_equal(numbers(weight), start), weight.path


def test_weights_in_order():
    """The parameters of a block at 512 channels: C + 2 C**2 / r, and the rest."""
    layer = GlobalContext()
    layer.build((None, None, None, 512))
    shapes = [tuple(weight.shape) for weight in layer.weights]
    assert shapes == [(512, 1), (1,), (512, 32), (32,), (32,), (32,), (32, 512), (512,)]
    assert layer.norm.epsilon == 1e-5


def test_multiply_adds():
    """One map everywhere; V1 and V2 once. The average counts like a pooling."""
    image = keras.Input((9, 8, 32))
    model = keras.Model(image, GlobalContext(8)(image))
    assert count_macs(model) == 9 * 8 * 32 + 2 * 32 * 4


def test_field_with_and_without_the_context():
    rows, columns = kernel_geometry(GlobalContext(), (9, 8))
    assert rows.taps == (tuple(range(9)),) and columns.units == 8
    rows, _ = local_geometry(GlobalContext(), (9, 8))
    assert rows.taps == ((0,),)


@pytest.mark.parametrize("ratio", [0, 1.5, None])
def test_refuses_wrong_ratios(ratio):
    with pytest.raises(ValueError, match=f"Received: ratio={ratio}"):
        GlobalContext(ratio)


def test_refuses_a_ratio_that_leaves_nothing():
    with pytest.raises(ValueError, match="Received: ratio=16 for 8 channels"):
        GlobalContext(16)(keras.Input((4, 4, 8)))


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="Received: input_shape="):
        GlobalContext()(keras.Input((8, 8, None)))
