"""What the conformance suite of test_cases.py does not say about Subsampling2D."""

import keras
import numpy as np
import pytest

from companion.complexity import count_macs
from companion.layers import Subsampling2D
from companion.receptive_field import receptive_field


def test_average_pooling_is_a_special_case():
    x = np.random.default_rng(0).normal(size=(2, 9, 6, 4)).astype("float32")
    ours = Subsampling2D(2, coefficient_initializer=keras.initializers.Constant(0.25))
    assert np.allclose(ours(x), keras.layers.AveragePooling2D(2)(x), atol=1e-6)


def test_geometry_and_cost():
    """A window of three, three apart; pooling has no multiply-adds."""
    inputs = keras.Input((12, 12, 4))
    model = keras.Model(inputs, Subsampling2D(3)(inputs))
    field = receptive_field(model)
    assert (field.size, field.stride) == (3, 3)
    assert count_macs(model) == 0


@pytest.mark.parametrize("pool_size", [0, -2, 2.0, (2, 2)])
def test_pool_size_must_be_a_positive_integer(pool_size):
    with pytest.raises(ValueError, match=r"`pool_size`.*Received: pool_size="):
        Subsampling2D(pool_size)


def test_unknown_channels():
    with pytest.raises(ValueError, match=r"input_shape=\(None, 7, 6, None\)"):
        Subsampling2D().build((None, 7, 6, None))
