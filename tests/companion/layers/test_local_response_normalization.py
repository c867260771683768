"""Krizhevsky et al. (2012), section 3.3, held against the formula and TensorFlow."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import LocalResponseNormalization

PAPER = {"depth_radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75}


def formula(a, depth_radius, bias, alpha, beta):
    """The paper's, with two loops and in float64."""
    a = np.asarray(a, "float64")
    b = np.empty_like(a)
    n = a.shape[-1]
    for i in range(n):
        s = sum(
            a[..., j] ** 2
            for j in range(max(0, i - depth_radius), min(n - 1, i + depth_radius) + 1)
        )
        b[..., i] = a[..., i] / (bias + alpha * s) ** beta
    return b


def caffe_and_torch(a, size, alpha, beta, k):
    """`torch.nn.LocalResponseNorm` as its documentation defines it: alpha / n.

    Caffe's LRN layer (`norm_region: ACROSS_CHANNELS`) is the same, `local_size` its n.
    """
    padded = np.pad(a.astype("float64") ** 2, [(0, 0)] * 3 + [(size // 2, size // 2)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)
    return a / (k + alpha / size * windows.sum(-1)) ** beta


@pytest.fixture
def a():
    """Activations of the size that section 3.3 met: sums of 1e4, alpha times that 1."""
    return 60 * np.random.default_rng(1).standard_normal((2, 4, 3, 9)).astype("float32")


def apply(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def test_ones_have_the_value_of_the_formula():
    """(2 + 1e-4 * 5) ** -0.75 = 0.59449 in the middle, four neighbours at the edge."""
    b = apply(LocalResponseNormalization(), np.ones((1, 1, 1, 7), "float32"))[0, 0, 0]
    np.testing.assert_allclose(b[3], 2.0005**-0.75, rtol=1e-6)
    np.testing.assert_allclose(b[0], 2.0003**-0.75, rtol=1e-6)
    assert round(float(b[3]), 4) == 0.5945


def test_defaults_are_the_papers():
    config = LocalResponseNormalization().get_config()
    assert {name: config[name] for name in PAPER} == PAPER


@pytest.mark.parametrize(
    "arguments",
    [
        PAPER,
        {**PAPER, "beta": 0.5},
        {**PAPER, "beta": 1},
        {**PAPER, "alpha": 0},
        {**PAPER, "depth_radius": 0},
        {**PAPER, "depth_radius": 20},
        {"depth_radius": 3, "bias": 0.1, "alpha": 0.02, "beta": 0.75},
    ],
    ids=str,
)
def test_equals_the_formula(a, arguments):
    b = apply(LocalResponseNormalization(**arguments), a)
    np.testing.assert_allclose(b, formula(a, **arguments), rtol=2e-5)


def test_equals_tensorflows_operator(a):
    """Which has the paper's convention: alpha times the sum."""
    import tensorflow as tf

    expected = tf.nn.local_response_normalization(a, **PAPER).numpy()
    np.testing.assert_allclose(
        apply(LocalResponseNormalization(), a), expected, rtol=2e-5
    )


@pytest.mark.parametrize("size", [3, 5])
def test_caffes_and_torchs_convention(a, size):
    """The docstring's conversion reproduces them, and without it the numbers differ."""
    k, alpha, beta = 1.0, 1e-4, 0.75
    expected = caffe_and_torch(a, size, alpha, beta, k)
    radius = (size - 1) // 2
    converted = LocalResponseNormalization(radius, k, alpha / size, beta)
    np.testing.assert_allclose(apply(converted, a), expected, rtol=2e-5)
    unconverted = LocalResponseNormalization(radius, k, alpha, beta)
    assert np.max(np.abs(apply(unconverted, a) / expected - 1)) > 0.2


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_gradient_equals_finite_differences_of_the_formula(gradient, beta):
    generator = np.random.default_rng(2)
    a, weight = generator.standard_normal((2, 1, 2, 2, 6))
    arguments = {"depth_radius": 2, "bias": 2.0, "alpha": 0.5, "beta": beta}
    expected = np.empty_like(a)
    for index in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[index] = 1e-5
        rise = formula(a + step, **arguments) - formula(a - step, **arguments)
        expected[index] = np.sum(weight * rise) / 2e-5
    layer = LocalResponseNormalization(**arguments)
    weight = weight.astype("float32")
    (found,) = gradient(lambda x: ops.sum(weight * layer(x)), a.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_squares_do_not_overflow_in_float16(policy):
    """1000**2 is infinite in float16, and the output would be 0."""
    x = np.full((1, 1, 1, 5), 1000.0, "float16")
    b = apply(LocalResponseNormalization(dtype=policy), x)
    assert b.dtype == np.float16
    np.testing.assert_allclose(b, formula(x, **PAPER), rtol=1e-3)


def test_any_rank():
    x = np.random.default_rng(3).standard_normal((2, 3, 4, 5, 6)).astype("float32")
    layer = LocalResponseNormalization()
    np.testing.assert_allclose(apply(layer, x[0, 0]), apply(layer, x)[0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"depth_radius": -1}, "Received: depth_radius=-1"),
        ({"depth_radius": 2.5}, "Received: depth_radius=2.5"),
        ({"bias": 0.0}, "Received: bias=0.0"),
        ({"alpha": -1e-4}, "Received: alpha=-0.0001"),
    ],
)
def test_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=received):
        LocalResponseNormalization(**arguments)


def test_refuses_an_unknown_number_of_channels():
    with pytest.raises(ValueError, match="Received: input_shape="):
        LocalResponseNormalization()(keras.Input((8, 8, None)))
