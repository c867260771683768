"""Wan et al. (2013): which connections are cut, for whom, and what is kept."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import DropConnect


def counting(units=20, rate=0.25, **kwargs):
    """Weights of 1: an output is the number of its connections that are left."""
    return DropConnect(units, rate, seed=1, kernel_initializer="ones", **kwargs)


def run(layer, x, training=True):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


def test_every_connection_of_every_sample_has_its_own_draw():
    """One input of 1 shows the mask: a row of each sample's matrix."""
    x = np.zeros((40, 6), "float32")
    x[:, 2] = 1
    mask = run(counting(), x)
    assert {round(float(v), 5) for v in np.unique(mask)} == {0, round(1 / 0.75, 5)}
    assert len({tuple(row) for row in mask}) == 40
    assert len({tuple(column) for column in mask.T}) == 20


def test_it_is_not_dropout():
    """Where a unit is silenced, all outputs miss it together; here each on its own."""
    x = np.ones((1, 50), "float32")
    counts = run(counting(), x)[0]
    assert np.ptp(counts) > 1
    silenced = keras.layers.Dropout(0.25, seed=1)(x, training=True)
    together = run(counting(rate=0), silenced)[0]
    assert np.ptp(together) < 1e-4


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_expectation_is_that_of_the_dense_layer(rate):
    """2000 samples, 20 outputs of 10 connections each."""
    draws = 2000 * 20
    y = run(counting(rate=rate), np.ones((2000, 10), "float32"))
    deviation = (10 * rate / (1 - rate) / draws) ** 0.5
    assert abs(y.mean() - 10) < 4 * deviation


@pytest.mark.parametrize("activation", [None, "relu"])
def test_inference_and_rate_zero_are_the_dense_layer(activation):
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    layer = DropConnect(4, 0.5, activation=activation, bias_initializer="ones")
    dense = keras.layers.Dense(4, activation=activation)
    expected = run(layer, x, training=False)
    dense.build((None, 6))
    dense.set_weights(layer.get_weights()[:2])
    np.testing.assert_allclose(run(dense, x), expected, rtol=1e-6)
    still = DropConnect(4, 0.0, activation=activation)
    still.build((None, 6))
    still.set_weights(layer.get_weights()[:2])
    np.testing.assert_allclose(run(still, x), expected, rtol=1e-6)


def test_bias_and_activation_come_after_the_scaling():
    layer = counting(
        activation="relu", bias_initializer=keras.initializers.Constant(-1)
    )
    y = run(layer, np.ones((8, 4), "float32"))
    counts = (y[y > 0] + 1) * 0.75
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-5)


def test_a_cut_connection_learns_nothing(gradient):
    x = np.ones((1, 3), "float32")
    layer = counting(units=5)
    layer.build((None, 3))
    mask = run(layer, x)  # counts of 3 connections, scaled
    (slope,) = gradient(lambda x: ops.sum(counting(units=5)(x, training=True)), x)
    assert slope.shape == (1, 3)
    np.testing.assert_allclose(slope.sum(), mask.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((4, 1), "rate=1"), ((4, -0.1), "rate=-0.1"), ((4, 0.5, -1), "seed=-1")],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DropConnect(*arguments)


def test_refuses_maps():
    with pytest.raises(ValueError, match=r"input_shape=\(None, 4, 4, 3\)"):
        DropConnect(2)(keras.Input((4, 4, 3)))
