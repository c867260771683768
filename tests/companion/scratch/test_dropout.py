"""Dropout against hand calculation, Keras' convention and finite differences."""

import keras
import numpy as np
import pytest

from companion.scratch import dropout_backward, dropout_forward, numerical_gradient


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("spatial", [False, True])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_share_mean_and_variance(rate, spatial):
    """Of N draws: zeros have the share rate, outputs the mean 1."""
    ones = np.ones((200, 100)) if not spatial else np.ones((200, 2, 3, 100))
    y, mask = dropout_forward(ones, rate, generator(), spatial)
    count = mask.size
    assert count == 20_000
    deviation = (rate * (1 - rate) / count) ** 0.5
    assert abs((mask == 0).mean() - rate) < 4 * deviation
    assert abs(mask.mean() - 1) < 4 * deviation / (1 - rate)
    assert abs(mask.var() - rate / (1 - rate)) < 0.1 * rate / (1 - rate)
    assert set(np.unique(mask)) == {0, 1 / (1 - rate)}
    assert np.array_equal(y, np.broadcast_to(mask, y.shape))


def test_spatial_drops_a_channel_of_a_sample_at_all_positions():
    x = generator(1).uniform(1, 2, (30, 4, 5, 6))
    y, mask = dropout_forward(x, 0.5, generator(), spatial=True)
    assert mask.shape == (30, 1, 1, 6)
    factors = (y / x).transpose(0, 3, 1, 2).reshape(180, 20)
    assert np.ptp(factors, axis=1).max() < 1e-12
    assert len({tuple(row) for row in mask[:, 0, 0]}) > 10
    y, mask = dropout_forward(x, 0.5, generator())
    assert mask.shape == x.shape
    assert np.ptp((y / x).transpose(0, 3, 1, 2).reshape(180, 20), axis=1).min() > 0


def test_scales_as_keras_does():
    layer = keras.layers.Dropout(0.75, seed=0)
    theirs = keras.ops.convert_to_numpy(layer(np.ones((8, 50)), training=True))
    ours, _ = dropout_forward(np.ones((8, 50)), 0.75, generator())
    assert set(np.unique(theirs)) == set(np.unique(ours)) == {0, 4}


def test_rate_zero_is_the_identity():
    x = generator(2).normal(size=(4, 5))
    y, mask = dropout_forward(x, 0, generator())
    assert np.array_equal(y, x) and (mask == 1).all()


@pytest.mark.parametrize("spatial", [False, True])
def test_backward_equals_finite_differences(spatial):
    draws = generator(3)
    x, upstream = draws.normal(size=(2, 3, 2, 4, 5))
    _, mask = dropout_forward(x, 0.4, draws, spatial)
    expected = numerical_gradient(lambda x: x * mask, x, upstream=upstream)
    found = dropout_backward(upstream, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_keeps_the_dtype():
    x = np.ones((3, 4), "float32")
    y, mask = dropout_forward(x, 0.3, generator())
    assert y.dtype == mask.dtype == np.float32
    assert dropout_backward(x, mask).dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones(3)}, r"x\.shape=\(3,\)"),
        ({"x": np.ones((2, 3), int)}, "x.dtype=int64"),
        ({"rate": 1}, "rate=1"),
        ({"rate": -0.1}, "rate=-0.1"),
    ],
)
def test_refuses(change, message):
    given = {"x": np.ones((2, 3)), "rate": 0.5, "generator": generator(), **change}
    with pytest.raises(ValueError, match=message):
        dropout_forward(**given)


def test_refuses_a_mask_of_another_shape():
    with pytest.raises(ValueError, match=r"grad\.shape=\(2, 3\)"):
        dropout_backward(np.ones((2, 3)), np.ones((3, 2)))
