"""Huang et al. (2016): which samples are dropped, and what becomes of the others."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import DropPath


def trained(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=True))


def test_a_sample_survives_whole_or_not_at_all():
    x = np.random.default_rng(3).uniform(1, 2, (64, 3, 2, 4)).astype("float32")
    kept = trained(DropPath(0.25, seed=1), x) / x
    factors = kept.reshape(64, -1)
    assert np.ptp(factors, axis=1).max() < 1e-6
    dropped = factors[:, 0] == 0
    assert 5 < dropped.sum() < 30
    np.testing.assert_allclose(factors[~dropped], 1 / 0.75, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_expectation_is_the_input(rate):
    """Of 20,000 draws; the mean has a deviation of sqrt(rate / (1 - rate) / 20000)."""
    y = trained(DropPath(rate, seed=2), np.ones((20_000, 1), "float32"))
    deviation = (rate / (1 - rate) / len(y)) ** 0.5
    assert abs(y.mean() - 1) < 4 * deviation
    assert abs((y == 0).mean() - rate) < 4 * (rate * (1 - rate) / len(y)) ** 0.5


def test_draws_anew_in_every_step():
    layer, ones = DropPath(0.5, seed=3), np.ones((64, 1, 1, 1), "float32")
    assert not np.array_equal(trained(layer, ones), trained(layer, ones))


def test_a_seed_repeats_the_draws():
    ones = np.ones((64, 1, 1, 1), "float32")
    first = trained(DropPath(0.5, seed=4), ones)
    assert np.array_equal(first, trained(DropPath(0.5, seed=4), ones))
    assert not np.array_equal(first, trained(DropPath(0.5, seed=5), ones))


@pytest.mark.parametrize("training", [False, True])
def test_identity_at_inference_and_at_rate_zero(training):
    x = np.random.default_rng(4).standard_normal((8, 3, 2, 4)).astype("float32")
    layer = DropPath(0.0) if training else DropPath(0.9)
    y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))
    assert np.array_equal(y, x)


def test_a_dropped_branch_learns_nothing(gradient):
    """The gradient is that of the factor: 0, or 1 / (1 - rate)."""
    layer, x = DropPath(0.5, seed=6), np.ones((16, 1, 1, 1), "float32")
    (slope,) = gradient(lambda x: ops.sum(layer(x, training=True)), x)
    assert set(slope.ravel().tolist()) == {0.0, 2.0}


def test_half_precision_survives():
    y = trained(DropPath(0.2, seed=7, dtype="float16"), np.ones((32, 1), "float16"))
    assert y.dtype == np.float16
    assert set(np.round(y.ravel().astype(float), 3)) == {0.0, 1.25}


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, True, None, "0.5"])
def test_refuses_rates_outside_the_range(rate):
    with pytest.raises(ValueError, match=f"Received: rate={rate!r}"):
        DropPath(rate)


def test_works_in_a_residual_network():
    """A dropped sample passes through the shortcut unchanged."""
    image = keras.Input((4, 4, 3))
    branch = keras.layers.Conv2D(3, 3, padding="same", bias_initializer="ones")
    y = keras.layers.Add()([image, DropPath(0.5, seed=8)(branch(image))])
    x = np.random.default_rng(5).standard_normal((32, 4, 4, 3)).astype("float32")
    y = ops.convert_to_numpy(keras.Model(image, y)(x, training=True))
    unchanged = (y == x).all(axis=(1, 2, 3))
    assert 0 < unchanged.sum() < 32
