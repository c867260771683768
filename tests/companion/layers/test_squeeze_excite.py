"""Hu et al. (2018), Section 3, and the forms of MobileNetV3 and EfficientNet."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import SqueezeExcite


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.fixture
def x():
    return np.random.default_rng(1).standard_normal((2, 5, 4, 32)).astype("float32")


def test_weights_are_two_small_matrices_in_order():
    """256 channels, r = 16: 2 * 256**2 / 16 numbers and 16 + 256 biases."""
    layer = SqueezeExcite()
    layer.build((None, None, None, 256))
    shapes = [tuple(weight.shape) for weight in layer.weights]
    assert shapes == [(256, 16), (16,), (16, 256), (256,)]
    assert layer.count_params() == 2 * 256**2 // 16 + 16 + 256 == 8464
    assert layer.reduce.name == "reduce" and layer.expand.name == "expand"


def test_without_biases():
    layer = SqueezeExcite(use_bias=False)
    layer.build((None, None, None, 32))
    assert [tuple(weight.shape) for weight in layer.weights] == [(32, 2), (2, 32)]


def test_units_replace_the_ratio():
    layer = SqueezeExcite(units=7)
    layer.build((None, None, None, 32))
    assert layer.reduce.units == 7


def test_channels_are_multiplied_by_gates_between_0_and_1(x):
    layer = SqueezeExcite(4)
    y, gates = numbers(layer(x)), numbers(layer.gates(x))
    assert gates.shape == (2, 32)
    assert 0 < gates.min() < gates.max() < 1
    expected = np.broadcast_to(gates[:, None, None], y.shape)
    np.testing.assert_allclose(y / x, expected, rtol=1e-5)


def test_gates_depend_on_averages_only(x):
    """The same values at other positions give the same gates."""
    layer = SqueezeExcite(4)
    layer.build(x.shape)
    moved = np.flip(x, axis=(1, 2)).transpose(0, 2, 1, 3)
    expected = numbers(layer.gates(x))
    np.testing.assert_allclose(numbers(layer.gates(moved)), expected, rtol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_efficientnets_form(x):
    """Swish between the products; the width is given, from the block's input."""
    layer = SqueezeExcite(units=6, activation="silu")
    layer.build(x.shape)
    gates = numbers(layer.gates(x))
    w1, b1, w2, b2 = layer.get_weights()
    a = x.mean(axis=(1, 2)) @ w1 + b1
    a = a / (1 + np.exp(-a))
    np.testing.assert_allclose(gates, 1 / (1 + np.exp(-(a @ w2 + b2))), rtol=1e-5)


def test_keras_hard_functions_are_the_papers():
    """Howard et al. (2019), Section 5.2: relu6(x + 3) / 6 and x times that."""
    x = np.linspace(-8, 8, 1601, dtype="float32")
    gate = np.clip(x + 3, 0, 6) / 6
    sigmoid = numbers(keras.activations.hard_sigmoid(ops.convert_to_tensor(x)))
    swish = numbers(keras.activations.hard_silu(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(sigmoid, gate, atol=1e-6)
    np.testing.assert_allclose(swish, x * gate, atol=1e-6)


def test_large_maps_do_not_overflow_in_float16():
    """The sum of 112 * 112 sixes is beyond float16."""
    layer = SqueezeExcite(2, dtype="mixed_float16")
    layer.build((None, None, None, 4))
    gates = numbers(layer.gates(np.full((1, 112, 112, 4), 6.0, "float16")))
    expected = numbers(layer.gates(np.full((1, 2, 2, 4), 6.0, "float16")))
    np.testing.assert_allclose(gates, expected, rtol=1e-3)


@pytest.mark.parametrize("arguments", [{"ratio": 0}, {"ratio": 2.0}, {"units": 0}])
def test_refuses_wrong_arguments(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        SqueezeExcite(**arguments)


def test_refuses_a_ratio_that_leaves_nothing():
    with pytest.raises(ValueError, match="Received: ratio=16 for 8 channels"):
        SqueezeExcite(16)(keras.Input((4, 4, 8)))


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="Received: input_shape="):
        SqueezeExcite()(keras.Input((8, 8, None)))
