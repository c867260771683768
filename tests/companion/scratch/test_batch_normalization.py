"""Batch normalization against Keras, finite differences and hand calculation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.scratch import (
    batch_norm_backward,
    batch_norm_forward,
    numerical_gradient,
)

SHAPES = [(6, 4), (5, 3, 4), (2, 3, 4, 5), (3, 3, 3, 3), (2, 2, 3, 2, 4)]


def arguments(shape):
    """x, gamma, beta, mean, variance and a gradient; channels of different sizes."""
    generator = np.random.default_rng(len(shape))
    channels = shape[-1]
    spread, centre = generator.uniform(0.1, 5, (2, channels))
    x = generator.normal(size=shape) * spread + centre
    gamma, beta, mean = generator.normal(size=(3, channels))
    variance = generator.uniform(0.1, 4, channels)
    return x, gamma, beta, mean, variance, generator.normal(size=shape)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_backward_equal_keras(shape, training):
    x, gamma, beta, mean, variance, upstream = arguments(shape)
    layer = keras.layers.BatchNormalization(
        momentum=0.75, epsilon=1e-2, dtype="float64"
    )
    layer.build(shape)
    layer.set_weights([gamma, beta, mean, variance])
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor, training=training)
        loss = tf.reduce_sum(y * upstream)
    sources = [tensor, layer.gamma.value, layer.beta.value]
    expected = tape.gradient(loss, sources)
    given = {} if training else {"mean": mean, "variance": variance}
    found, used_mean, used_variance = batch_norm_forward(x, gamma, beta, 1e-2, **given)
    np.testing.assert_allclose(found, y, rtol=1e-9, atol=1e-9)
    gradients = batch_norm_backward(upstream, x, gamma, 1e-2, **given)
    for a, b in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    if training:
        after = [0.75 * old + 0.25 * new for old, new in
                 ((mean, used_mean), (variance, used_variance))]  # fmt: skip
        for a, b in zip(layer.get_weights()[2:], after, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_equals_finite_differences(shape, training):
    x, gamma, beta, mean, variance, upstream = arguments(shape)
    given = {} if training else {"mean": mean, "variance": variance}

    def forward(x, gamma, beta):
        return batch_norm_forward(x, gamma, beta, 1e-2, **given)[0]

    expected = [
        numerical_gradient(lambda v: forward(v, gamma, beta), x, upstream=upstream),
        numerical_gradient(lambda v: forward(x, v, beta), gamma, upstream=upstream),
        numerical_gradient(lambda v: forward(x, gamma, v), beta, upstream=upstream),
    ]
    found = batch_norm_backward(upstream, x, gamma, 1e-2, **given)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_four_numbers_by_hand():
    """0, 0, 4, 4: mean 2, variance 4."""
    x = np.array([0.0, 0, 4, 4]).reshape(2, 2, 1)
    y, mean, variance = batch_norm_forward(x, [3.0], [1.0], epsilon=0)
    assert (mean, variance) == ([2.0], [4.0])
    assert y.ravel().tolist() == [-2, -2, 4, 4]
    y, *_ = batch_norm_forward(x, [3.0], [1.0], 5.0, mean=[1.0], variance=[4.0])
    assert y.ravel().tolist() == [0, 0, 4, 4]


def test_gradient_has_neither_mean_nor_part_along_the_output():
    x, gamma, beta, *_, upstream = arguments((4, 3, 3, 5))
    _, mean, _ = batch_norm_forward(x, gamma, beta, 0)
    grad_x, *_ = batch_norm_backward(upstream, x, gamma, 0)
    assert np.abs(grad_x.sum((0, 1, 2))).max() < 1e-10
    assert np.abs((grad_x * (x - mean)).sum((0, 1, 2))).max() < 1e-10


def test_one_number_in_each_channel_gets_no_gradient():
    """m = 1: the output is beta, whatever the input."""
    y, _, variance = batch_norm_forward(np.ones((1, 3)), [1.0] * 3, [2.0] * 3)
    assert y.tolist() == [[2, 2, 2]] and not variance.any()
    grad_x, *_ = batch_norm_backward(np.ones((1, 3)), np.ones((1, 3)), [1.0] * 3)
    assert not grad_x.any()


def test_half_precision_is_summed_in_float32():
    """10,000 times 60 is too large for float16."""
    x = np.full((100, 100, 1), 60, "float16")
    y, mean, _ = batch_norm_forward(x, [1.0], [0.5])
    assert y.dtype == np.float16 and mean == [60] and (y == 0.5).all()
    grad = np.ones_like(x)
    assert all(g.dtype == np.float16 for g in batch_norm_backward(grad, x, [1.0]))


def test_a_variance_that_half_precision_cannot_hold():
    """300 and -300: the variance is 90,000, the largest float16 65,504."""
    x = np.array([[300], [-300]], "float16")
    y, _, variance = batch_norm_forward(x, [1.0], [0.0])
    assert variance == [90_000] and y.ravel().tolist() == [1, -1]


ONES = np.ones((2, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones(3)}, r"x\.shape=\(3,\)"),
        ({"x": np.ones((2, 3), int)}, "x.dtype=int64"),
        ({"x": np.ones((0, 3))}, r"x\.shape=\(0, 3\)"),
        ({"gamma": np.ones(2)}, r"gamma\.shape=\(2,\)"),
        ({"beta": np.ones((3, 1))}, r"beta\.shape=\(3, 1\)"),
        ({"epsilon": -1}, "epsilon=-1"),
        ({"epsilon": 0}, "epsilon=0"),
        ({"mean": np.zeros(3)}, "variance=None"),
        ({"mean": np.zeros(3), "variance": -np.ones(3)}, "must not be negative"),
        ({"mean": np.zeros(2), "variance": np.ones(3)}, r"mean\.shape=\(2,\)"),
    ],
)
def test_refuses(change, message):
    given = {"x": ONES, "gamma": np.ones(3), "beta": np.zeros(3), **change}
    with pytest.raises(ValueError, match=message):
        batch_norm_forward(**given)


def test_refuses_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match=r"grad\.shape=\(3, 2\)"):
        batch_norm_backward(np.ones((3, 2)), ONES, np.ones(3))
