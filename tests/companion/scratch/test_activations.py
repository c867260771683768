"""Activations against Keras with GradientTape, finite differences and hand values."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion import scratch
from companion.scratch import numerical_gradient

GRID = np.arange(-7, 7, 0.13) + 0.01  # no kink on it
IN_KERAS = {
    # name: (ours, Keras')
    "sigmoid": (scratch.sigmoid, keras.activations.sigmoid),
    "tanh": (scratch.tanh, keras.activations.tanh),
    "relu": (scratch.relu, keras.activations.relu),
    "leaky_relu": (
        lambda x: scratch.leaky_relu(x, 0.2),
        lambda x: keras.activations.leaky_relu(x, negative_slope=0.2),
    ),
    "elu": (scratch.elu, keras.activations.elu),
    "elu, alpha 2": (
        lambda x: scratch.elu(x, 2),
        lambda x: keras.activations.elu(x, alpha=2),
    ),
    "selu": (scratch.selu, keras.activations.selu),
    "relu6": (scratch.relu6, keras.activations.relu6),
    "hard_sigmoid": (scratch.hard_sigmoid, keras.activations.hard_sigmoid),
    "h_swish": (scratch.h_swish, keras.activations.hard_silu),
    "swish": (scratch.swish, keras.activations.silu),
    "swish, beta 2": (
        lambda x: scratch.swish(x, 2),
        lambda x: x * keras.activations.sigmoid(2 * x),
    ),
    "gelu": (
        scratch.gelu,
        lambda x: keras.activations.gelu(x, approximate=False),
    ),
    "rrelu at test": (
        scratch.rrelu,
        lambda x: keras.activations.leaky_relu(x, negative_slope=11 / 48),
    ),
}
SINGLE = {name: ours for name, (ours, _) in IN_KERAS.items()}


def keras_gradient(function, x, upstream):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return np.asarray(y), tape.gradient(y, x, output_gradients=upstream).numpy()


@pytest.mark.parametrize("name", IN_KERAS)
def test_value_and_slope_are_those_of_keras(name):
    ours, theirs = IN_KERAS[name]
    x = GRID.reshape(2, -1)
    y, slope = ours(x)
    expected, gradient = keras_gradient(theirs, x, np.ones_like(x))
    np.testing.assert_allclose(y, expected, atol=1e-7)
    np.testing.assert_allclose(slope, gradient, atol=1e-7)


@pytest.mark.parametrize("name", SINGLE)
def test_slope_is_that_of_finite_differences(name):
    ours = SINGLE[name]
    tried = numerical_gradient(lambda x: ours(x)[0], GRID, upstream=np.ones_like(GRID))
    np.testing.assert_allclose(ours(GRID)[1], tried, atol=1e-7)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "h_swish"])
def test_the_slope_at_a_kink_is_tensorflows(name):
    ours, theirs = IN_KERAS[name]
    x = np.array([-3.0, 0.0, 3.0, 6.0])
    _, gradient = keras_gradient(theirs, x, np.ones_like(x))
    np.testing.assert_allclose(ours(x)[1], gradient, atol=1e-7)


def test_values_by_hand():
    assert scratch.sigmoid(0.0) == (0.5, 0.25)
    np.testing.assert_allclose(scratch.sigmoid(math.log(3)), (3 / 4, 3 / 16))
    np.testing.assert_allclose(scratch.tanh(math.log(2)), (3 / 5, 16 / 25))
    np.testing.assert_allclose(scratch.elu(-math.log(2), 3), (-1.5, 1.5))
    np.testing.assert_allclose(scratch.h_swish(-1.5), (-0.375, 0), atol=1e-15)
    np.testing.assert_allclose(scratch.gelu(1.0)[0], 0.8413447460685429)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.filterwarnings("error")
def test_numbers_of_any_size_give_finite_results_without_a_warning(name):
    y, slope = SINGLE[name](np.array([-1e4, -800, -40, 40, 800, 1e4]))
    assert np.isfinite(y).all() and np.isfinite(slope).all()


def test_far_out_the_sigmoid_keeps_its_tiny_slope():
    assert scratch.sigmoid(-700.0)[1] == pytest.approx(math.exp(-700))
    assert scratch.sigmoid(700.0)[1] == pytest.approx(math.exp(-700))


@pytest.mark.parametrize("name", SINGLE)
def test_dtype_and_argument_stay(name):
    x = GRID.astype(np.float32)
    before = x.copy()
    y, slope = SINGLE[name](x)
    assert y.dtype == slope.dtype == np.float32
    assert np.array_equal(x, before)
    assert y.shape == slope.shape == x.shape


@pytest.mark.parametrize("name", SINGLE)
def test_words_are_no_numbers(name):
    with pytest.raises(ValueError, match=r"real numbers\. Received"):
        SINGLE[name]("words")


def test_selus_constants_keep_mean_and_variance():
    # by the closed forms of the two moments, not by our integration
    alpha, scale = scratch.activations.SELU_ALPHA, scratch.activations.SELU_SCALE
    phi = 1 / math.sqrt(2 * math.pi)
    tail = math.erfc(1 / math.sqrt(2)) / 2 * math.exp(0.5)  # E[exp(z); z < 0]
    tail2 = math.erfc(2 / math.sqrt(2)) / 2 * math.exp(2)
    mean = scale * (phi + alpha * (tail - 0.5))
    square = scale**2 * (0.5 + alpha**2 * (tail2 - 2 * tail + 0.5))
    assert mean == pytest.approx(0, abs=1e-7)
    assert square == pytest.approx(1, abs=1e-7)


class TestRReLU:
    def test_draws_a_slope_for_each_number(self):
        x = np.full((50, 40), -1.0)
        y, slope = scratch.rrelu(x, np.random.default_rng(0))
        assert len(np.unique(slope)) == 2000
        assert 1 / 8 <= slope.min() < 0.13 and 0.33 < slope.max() <= 1 / 3
        assert slope.mean() == pytest.approx(11 / 48, abs=0.005)
        np.testing.assert_array_equal(y, -slope)

    def test_numbers_above_zero_stay(self):
        y, slope = scratch.rrelu([2.0, 3.0], np.random.default_rng(0), 0.1, 0.2)
        assert y.tolist() == [2, 3] and slope.tolist() == [1, 1]

    def test_equal_generators_draw_alike(self):
        a, b = (scratch.rrelu(-GRID, np.random.default_rng(1))[0] for _ in range(2))
        np.testing.assert_array_equal(a, b)

    def test_bounds_in_order(self):
        with pytest.raises(ValueError, match=r"`upper` must be .* at least 0.5"):
            scratch.rrelu([1.0], None, 0.5, 0.25)


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: scratch.leaky_relu([1.0], math.nan), "`negative_slope` must be"),
        (lambda: scratch.elu([1.0], 0), "`alpha` must be a positive number"),
        (lambda: scratch.swish([1.0], "steep"), "`beta` must be a finite number"),
        (lambda: scratch.softmax_forward(3.0), "last axis"),
        (lambda: scratch.softmax_cross_entropy([1.0], [0]), "must be .rows, classes"),
        (lambda: scratch.softmax_cross_entropy([[1.0]], [0.0]), "whole numbers from"),
        (lambda: scratch.softmax_cross_entropy([[1.0]], [1]), "from 0 to 0"),
        (lambda: scratch.prelu_forward([[1.0, 2]], [0.1]), "each of the 2 channels"),
        (lambda: scratch.crelu_backward(np.ones(3), [1.0, 2]), r"shape \(4,\)"),
        (lambda: scratch.maxout_forward([1.0, 2, 3]), "must divide"),
        (lambda: scratch.maxout_backward(np.ones(1), [2]), "from 0 to 1"),
        (lambda: scratch.softmax_backward(np.ones(2), np.ones(3)), "output's shape"),
    ],
)
def test_bad_arguments_are_refused(call, rule):
    with pytest.raises(ValueError, match=rule) as caught:
        call()
    assert "Received" in str(caught.value)


class TestSoftmax:
    def test_keras_agrees_both_ways(self):
        rng = np.random.default_rng(0)
        x, grad = rng.normal(0, 3, size=(2, 2, 5, 7))
        y = scratch.softmax_forward(x)
        expected, gradient = keras_gradient(keras.activations.softmax, x, grad)
        np.testing.assert_allclose(y, expected, atol=1e-7)
        np.testing.assert_allclose(
            scratch.softmax_backward(grad, y), gradient, atol=1e-7
        )

    def test_finite_differences_agree(self):
        rng = np.random.default_rng(1)
        x, grad = rng.normal(size=(2, 3, 4))
        tried = numerical_gradient(scratch.softmax_forward, x, upstream=grad)
        ours = scratch.softmax_backward(grad, scratch.softmax_forward(x))
        np.testing.assert_allclose(ours, tried, atol=1e-9)

    @pytest.mark.filterwarnings("error")
    def test_large_scores_do_not_overflow(self):
        y = scratch.softmax_forward(np.array([[1e4, 1e4 - math.log(3), -1e4]]))
        np.testing.assert_allclose(y, [[0.75, 0.25, 0]])

    def test_loss_and_gradient_are_those_of_keras(self):
        rng = np.random.default_rng(2)
        logits = rng.normal(0, 4, size=(6, 5))
        labels = np.array([0, 4, 2, 2, 1, 3])
        loss, grad = scratch.softmax_cross_entropy(logits, labels)

        def theirs(x):
            each = keras.losses.sparse_categorical_crossentropy(
                labels, x, from_logits=True
            )
            return tf.reduce_mean(each)

        expected, gradient = keras_gradient(theirs, logits, None)
        assert loss == pytest.approx(float(expected), rel=1e-6)
        np.testing.assert_allclose(grad, gradient, atol=1e-7)

    def test_loss_by_hand(self):
        logits = np.log([[1.0, 2, 5]])
        loss, grad = scratch.softmax_cross_entropy(logits, [1])
        assert loss == pytest.approx(math.log(4))
        np.testing.assert_allclose(grad, [[1 / 8, -3 / 4, 5 / 8]])


class TestPReLU:
    x = np.random.default_rng(3).normal(size=(2, 3, 4, 5))
    alpha = np.array([0.25, 0, -0.5, 1, 2])

    def test_keras_agrees_both_ways(self):
        layer = keras.layers.PReLU(shared_axes=[1, 2], dtype="float64")
        layer.build(self.x.shape)
        layer.set_weights([self.alpha.reshape(1, 1, 5)])
        grad = np.random.default_rng(4).normal(size=self.x.shape)
        x = tf.constant(self.x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        wanted = [x, layer.trainable_variables[0].value]
        expected = tape.gradient(y, wanted, output_gradients=grad)
        np.testing.assert_allclose(scratch.prelu_forward(self.x, self.alpha), y)
        grad_x, grad_alpha = scratch.prelu_backward(grad, self.x, self.alpha)
        np.testing.assert_allclose(grad_x, expected[0])
        np.testing.assert_allclose(grad_alpha, np.ravel(expected[1]))

    def test_finite_differences_agree(self):
        x = self.x[0, 0]
        grad = np.random.default_rng(5).normal(size=x.shape)
        grad_x, grad_alpha = scratch.prelu_backward(grad, x, self.alpha)
        for ours, function, at in [
            (grad_x, lambda v: scratch.prelu_forward(v, self.alpha), x),
            (grad_alpha, lambda a: scratch.prelu_forward(x, a), self.alpha),
        ]:
            tried = numerical_gradient(function, at, upstream=grad)
            np.testing.assert_allclose(ours, tried, atol=1e-8)


class TestCReLUAndMaxout:
    def test_crelu_keeps_what_relu_drops(self):
        x = np.random.default_rng(6).normal(size=(3, 4))
        up, down = np.split(scratch.crelu_forward(x), 2, axis=-1)
        np.testing.assert_allclose(up - down, x)
        np.testing.assert_allclose(up + down, np.abs(x))

    @pytest.mark.parametrize("pieces", [1, 2, 3])
    def test_finite_differences_agree(self, pieces):
        x = np.random.default_rng(7).permutation(24).reshape(4, 6) / 10 - 1.13
        grad = np.random.default_rng(8).normal(size=(4, 12))
        tried = numerical_gradient(scratch.crelu_forward, x, upstream=grad)
        np.testing.assert_allclose(scratch.crelu_backward(grad, x), tried, atol=1e-8)
        y, index = scratch.maxout_forward(x, pieces)
        grad = grad[:, : y.shape[1]]
        tried = numerical_gradient(
            lambda v: scratch.maxout_forward(v, pieces)[0], x, upstream=grad
        )
        ours = scratch.maxout_backward(grad, index, pieces)
        np.testing.assert_allclose(ours, tried, atol=1e-8)

    def test_maxout_of_a_sum_and_zero_is_relu(self):
        x = GRID
        pairs = np.stack([x, np.zeros_like(x)], axis=-1).reshape(-1)
        y, index = scratch.maxout_forward(pairs)
        np.testing.assert_array_equal(y, scratch.relu(x)[0])
        np.testing.assert_array_equal(index == 0, x > 0)
