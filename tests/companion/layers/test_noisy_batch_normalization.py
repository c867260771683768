"""The disturbance of `NoisyBatchNormalization`: how large, how often, and when."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import BatchNormalization, NoisyBatchNormalization


@pytest.fixture
def x():
    generator = np.random.default_rng(0)
    return generator.normal(3, 2, (8, 9, 7, 60)).astype("float32")


def trained(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=True))


def moments(y):
    """Mean and deviation of each channel over batch and positions."""
    return y.mean((0, 1, 2)), y.std((0, 1, 2))


def test_every_channel_gets_a_mean_and_a_factor_within_the_bounds(x):
    layer = NoisyBatchNormalization(shift=0.5, factor=2.0, jitter=0.0, seed=1)
    mean, deviation = moments(trained(layer, x))
    assert np.abs(mean).max() <= 0.5 + 1e-4 and mean.min() < -0.3 < 0.3 < mean.max()
    logs = np.log(deviation) / math.log(2)
    assert np.abs(logs).max() <= 1.001 and logs.min() < -0.6 < 0.6 < logs.max()
    assert abs(logs.mean()) < 4 * math.sqrt(1 / 3 / 60)  # up as often as down


def test_positions_share_the_draw_and_samples_stray_a_little(x):
    """Within a sample and channel the map is a multiple of the normalized one."""
    plain = trained(BatchNormalization(), x)
    y = trained(NoisyBatchNormalization(jitter=0.1, seed=2), x)
    factors = y.std((1, 2)) / plain.std((1, 2))
    shifts = y.mean((1, 2)) - factors * plain.mean((1, 2))
    rebuilt = plain * factors[:, None, None] + shifts[:, None, None]
    np.testing.assert_allclose(y, rebuilt, atol=1e-4)
    strays = (factors - factors.mean(0), shifts - shifts.mean(0))
    for stray in strays:
        assert 0.1 * 0.8 < stray.std() * math.sqrt(8 / 7) < 0.1 * 1.2


def test_draws_anew_in_every_step_and_a_seed_repeats(x):
    layer = NoisyBatchNormalization(seed=3)
    first = trained(layer, x)
    assert np.abs(first - trained(layer, x)).max() > 0.1
    np.testing.assert_array_equal(first, trained(NoisyBatchNormalization(seed=3), x))
    assert np.abs(first - trained(NoisyBatchNormalization(seed=4), x)).max() > 0.1


@pytest.mark.parametrize("options", [{}, {"trainable": False}])
def test_at_inference_and_frozen_it_is_batch_normalization(x, options):
    noisy, plain = NoisyBatchNormalization(**options), BatchNormalization(**options)
    for layer in noisy, plain:
        layer.build(x.shape)
        generator = np.random.default_rng(1)
        layer.set_weights([generator.uniform(0.5, 2, w.shape) for w in layer.weights])
        layer.y = ops.convert_to_numpy(layer(x, training=bool(options)))
    np.testing.assert_array_equal(noisy.y, plain.y)


def test_moving_averages_are_those_of_the_input(x):
    noisy, plain = NoisyBatchNormalization(seed=5), BatchNormalization()
    for layer in noisy, plain:
        trained(layer, x)
    for a, b in zip(noisy.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_without_noise_it_is_batch_normalization(x):
    y = trained(NoisyBatchNormalization(shift=0, factor=1, jitter=0), x)
    np.testing.assert_allclose(y, trained(BatchNormalization(), x), atol=1e-5)


def test_other_ranks():
    for shape in ((16, 5), (4, 3, 5), (2, 3, 4, 3, 5)):
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        assert trained(NoisyBatchNormalization(), x).shape == shape


def test_half_precision(x):
    y = trained(NoisyBatchNormalization(dtype="mixed_float16"), x)
    assert y.dtype == np.float16 and np.isfinite(y).all()


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"shift": -0.1}, "shift=-0.1"),
        ({"factor": 0.5}, "factor=0.5"),
        ({"jitter": None}, "jitter=None"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_refuses(options, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        NoisyBatchNormalization(**options)


def test_refuses_channels_that_are_not_last():
    with pytest.raises(ValueError, match="axis=1"):
        NoisyBatchNormalization(axis=1).build((2, 3, 4, 5))


def test_trains_in_a_model(x):
    model = keras.Sequential([keras.Input(x.shape[1:]), NoisyBatchNormalization()])
    model.compile("sgd", "mse", jit_compile=False)
    before = model.get_weights()
    model.train_on_batch(x, np.ones_like(x))
    for old, new in zip(before, model.get_weights(), strict=True):
        assert not np.array_equal(old, new)
