"""First weights against Keras' initializers, and sizes of signals against theory."""

import math

import keras
import numpy as np
import pytest

from companion import scratch
from companion.scratch import fans, numerical_gradient

DRAWS = {
    # name: (ours, Keras', variance by hand for (fan_in, fan_out))
    "LeCun": (scratch.lecun_normal, "LecunNormal", lambda i, o: 1 / i),
    "Glorot": (scratch.glorot_normal, "GlorotNormal", lambda i, o: 2 / (i + o)),
    "He": (scratch.he_normal, "HeNormal", lambda i, o: 2 / i),
}
SHAPES = {(60, 200): (60, 200), (3, 5, 8, 40): (120, 600)}


@pytest.mark.parametrize(("shape", "expected"), SHAPES.items())
def test_fans_are_those_of_keras(shape, expected):
    from keras.src.initializers.random_initializers import compute_fans

    assert fans(shape) == expected == compute_fans(shape)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_variances(name, shape):
    ours, theirs, variance = DRAWS[name]
    expected = variance(*SHAPES[shape])
    weights = ours(shape, np.random.default_rng(0))
    assert weights.shape == shape
    assert weights.mean() == pytest.approx(0, abs=4 * (expected / weights.size) ** 0.5)
    assert weights.var() == pytest.approx(expected, rel=0.06)
    drawn = np.asarray(getattr(keras.initializers, theirs)(seed=0)(shape))
    assert drawn.var() == pytest.approx(expected, rel=0.06)


def test_he_makes_up_for_a_leak():
    plain = scratch.he_normal((50, 50), np.random.default_rng(0))
    leaky = scratch.he_normal((50, 50), np.random.default_rng(0), 0.5)
    np.testing.assert_allclose(plain / leaky, math.sqrt(1.25))


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (3, 3, 2, 5)])
def test_orthogonal_keeps_lengths_of_the_shorter_side(shape):
    weights = scratch.orthogonal(shape, np.random.default_rng(0), gain=3)
    assert weights.shape == shape
    matrix = weights.reshape(-1, shape[-1])
    product = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_draws_both_signs_everywhere():
    # a QR decomposition alone has diagonals of one sign in r, and a skewed q
    rng = np.random.default_rng(0)
    corner = [scratch.orthogonal((3, 3), rng)[0, 0] for _ in range(400)]
    assert np.mean(corner) == pytest.approx(0, abs=0.1)


class TestNormalMoments:
    @pytest.mark.parametrize(
        ("activation", "expected"),
        [
            (scratch.relu, (1 / math.sqrt(2 * math.pi), 1 / 2, 1 / 2)),
            (lambda x: (x, np.ones_like(x)), (0, 1, 1)),
            (lambda x: (x**2, 2 * x), (1, 3, 4)),
            (
                lambda x: scratch.leaky_relu(x, 0.5),
                (0.5 / math.sqrt(2 * math.pi), 5 / 8, 5 / 8),
            ),
        ],
    )
    def test_by_hand(self, activation, expected):
        np.testing.assert_allclose(
            scratch.normal_moments(activation), expected, atol=1e-6
        )

    def test_a_draw_agrees(self):
        z = np.random.default_rng(0).normal(size=400_000)
        y, slope = scratch.gelu(z)
        drawn = y.mean(), (y**2).mean(), (slope**2).mean()
        found = scratch.normal_moments(scratch.gelu)
        np.testing.assert_allclose(found, drawn, rtol=0.01)


class TestSignalSizes:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5))
    weights = (rng.normal(size=(5, 7)), rng.normal(size=(7, 3)))
    grad = rng.normal(size=(6, 3))

    def test_backward_is_that_of_finite_differences(self):
        def network(x):
            for matrix in self.weights:
                x = scratch.tanh(x @ matrix)[0]
            return x

        forward, backward = scratch.signal_sizes(
            self.x, list(self.weights), scratch.tanh, self.grad
        )
        tried = numerical_gradient(network, self.x, upstream=self.grad)
        assert backward[0] == pytest.approx(np.mean(tried**2), rel=1e-6)
        assert backward[-1] == pytest.approx(np.mean(self.grad**2))
        assert forward[0] == pytest.approx(np.mean(self.x**2))
        assert forward[-1] == pytest.approx(np.mean(network(self.x) ** 2))
        assert len(forward) == len(backward) == 3

    def test_ten_relu_layers_of_hes_weights_keep_the_size(self):
        rng = np.random.default_rng(1)
        ratios = []
        for _ in range(20):
            weights = [scratch.he_normal((100, 100), rng) for _ in range(10)]
            x, grad = rng.normal(size=(2, 50, 100))
            forward, backward = scratch.signal_sizes(x, weights, scratch.relu, grad)
            ratios.append((forward[-1] / forward[0], backward[0] / backward[-1]))
        np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.25)

    def test_without_a_gradient_only_forward(self):
        assert scratch.signal_sizes(self.x, [], scratch.relu)[1] is None


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: fans((3, 3, 4)), "must be .inputs, outputs. or"),
        (lambda: fans((3, 0)), "positive integer"),
        (lambda: fans(7), "must be .inputs, outputs. or"),
        (
            lambda: scratch.he_normal((2, 2), np.random.default_rng(0), math.inf),
            "`negative_slope` must be",
        ),
        (
            lambda: scratch.orthogonal((2, 2), np.random.default_rng(0), 0),
            "`gain` must be a positive number",
        ),
        (lambda: scratch.normal_moments(np.tanh), "must return .y, slope"),
        (
            lambda: scratch.signal_sizes(np.ones((2, 3)), [np.ones((4, 4))], np.tanh),
            "each matrix",
        ),
        (
            lambda: scratch.signal_sizes(
                np.ones((2, 3)), [np.ones((3, 4))], scratch.relu, np.ones((2, 3))
            ),
            "shaped like the last layer's outputs",
        ),
    ],
)
def test_bad_arguments_are_refused(call, rule):
    with pytest.raises(ValueError, match=rule) as caught:
        call()
    assert "Received" in str(caught.value)
