"""What the conformance suite of test_cases.py does not say about RadialBasis."""

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.layers import RadialBasis

CODES = [[1, 1, -1, 1], [1, -1, -1, -1], [-1, -1, 1, 1]]


def test_codes_are_kept_and_not_trained():
    layer = RadialBasis(np.array(CODES))
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    assert count_params(model) == 0
    assert layer.get_weights()[0].tolist() == CODES
    assert layer.get_config()["codes"] == CODES
    assert count_macs(model) == 3 * 4


def test_softmax_of_a_dense_layer_with_frozen_weights():
    """Codes of one length: softmax(-y) = softmax(2 w x)."""
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    penalty = keras.ops.convert_to_numpy(RadialBasis(CODES)(x))
    dense = 2 * x @ np.array(CODES, "float32").T
    ours, theirs = (keras.ops.softmax(z) for z in (-penalty, dense))
    assert np.allclose(ours, theirs, atol=1e-6)


def test_distances_do_not_overflow_in_float16():
    """1000 differences of 8 are 64,000, in steps that float16 rounds away."""
    layer = RadialBasis(np.zeros((1, 1000)), dtype="float16")
    y = layer(np.full((1, 1000), 8.0, "float16"))
    assert float(y[0, 0]) == 64_000


@pytest.mark.parametrize(
    "codes",
    [
        [1, 2],
        [[1, 2], [3]],
        [],
        [["1"]],
        [[[1]]],
        [[True]],
        [[None, 1]],
        [[1, float("nan")]],
        [[1j, 1]],
        "12",
    ],
)
def test_codes_are_a_rectangle_of_numbers(codes):
    with pytest.raises(ValueError, match=r"`codes`.*Received: codes="):
        RadialBasis(codes)


def test_distances_beyond_float16_stop_at_its_largest_number():
    """84 differences of 300 are 7,560,000."""
    layer = RadialBasis(np.zeros((2, 84)), dtype="mixed_float16")
    y = layer(np.full((1, 84), 300.0))
    assert y.dtype == "float16" and [float(value) for value in y[0]] == [65504] * 2


def test_features_must_match():
    with pytest.raises(ValueError, match=r"a code, 4. Received: input_shape="):
        RadialBasis(CODES).build((None, 5))
