"""The dense layer against Keras with GradientTape, and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.scratch import (
    conv2d_backward,
    conv_matrix,
    dense_backward,
    dense_forward,
    numerical_gradient,
)


def case(batch=4, n_in=5, n_out=3):
    rng = np.random.default_rng(2)
    shapes = [(batch, n_in), (n_out, n_in), (n_out,), (batch, n_out)]
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("sizes", [(4, 5, 3), (1, 1, 1), (3, 3, 3), (2, 3, 7)])
def test_forward_and_backward_equal_keras(sizes):
    x, weights, bias, grad = case(*sizes)
    layer = keras.layers.Dense(len(weights), dtype="float64")
    layer.build(x.shape)
    layer.set_weights([weights.T, bias])
    seen = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(seen)
        y = layer(seen)
    np.testing.assert_allclose(dense_forward(x, weights, bias), y, atol=1e-12)
    sources = (seen, *(v.value for v in layer.trainable_variables))
    expected = tape.gradient(y, sources, grad)
    received = dense_backward(grad, x, weights)
    for ours, theirs in zip(
        received, (expected[0], tf.transpose(expected[1]), expected[2]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_backward_equals_finite_differences():
    x, weights, bias, grad = case()
    received = dense_backward(grad, x, weights)
    functions = [
        (lambda v: dense_forward(v, weights, bias), x),
        (lambda v: dense_forward(x, v, bias), weights),
        (lambda v: dense_forward(x, weights, v), bias),
    ]
    for ours, (f, at) in zip(received, functions, strict=True):
        estimate = numerical_gradient(f, at, upstream=grad)
        np.testing.assert_allclose(ours, estimate, atol=1e-8)


def test_by_hand():
    """One example: W^T g, the products of g and x, and g itself."""
    weights, x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[7.0, 8.0]])
    assert dense_forward(x, weights).tolist() == [[23.0, 53.0, 83.0]]
    grad_x, grad_weights, grad_bias = dense_backward(
        np.array([[1.0, 0.0, -1.0]]), x, weights
    )
    assert grad_x.tolist() == [[-4.0, -4.0]]
    assert grad_weights.tolist() == [[7.0, 8.0], [0.0, 0.0], [-7.0, -8.0]]
    assert grad_bias.tolist() == [1.0, 0.0, -1.0]


def test_with_the_matrix_of_a_convolution_it_is_its_backward_pass():
    rng = np.random.default_rng(5)
    x, kernel = rng.normal(size=(2, 5, 4, 2)), rng.normal(size=(3, 2, 2, 3))
    matrix = conv_matrix(kernel, (5, 4), stride=2, padding=1)
    grad = rng.normal(size=(2, 3, 3, 3))
    grad_x, _, _ = dense_backward(grad.reshape(2, -1), x.reshape(2, -1), matrix)
    expected, _, _ = conv2d_backward(grad, x, kernel, stride=2, padding=1)
    np.testing.assert_allclose(grad_x.reshape(x.shape), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype):
    x, weights, bias, grad = (v.astype(dtype) for v in case())
    results = dense_forward(x, weights, bias), *dense_backward(grad, x, weights)
    assert {v.dtype for v in results} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"x": np.zeros(5)}, r"x\.shape=\(5,\)"),
        ({"x": np.zeros((4, 5), int)}, "x.dtype=int64"),
        ({"x": np.zeros((0, 5))}, r"x\.shape=\(0, 5\)"),
        ({"weights": np.zeros(5)}, r"weights\.shape=\(5,\)"),
        ({"weights": np.zeros((5, 3))}, r"weights\.shape=\(5, 3\), n_in=5"),
    ],
)
def test_bad_arguments_name_rule_and_value(changes, received):
    arguments = {"x": np.zeros((4, 5)), "weights": np.zeros((3, 5))} | changes
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        dense_forward(**arguments)
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        dense_backward(np.zeros((4, 3)), **arguments)


def test_bias_and_gradient_must_have_the_shape_of_the_output():
    x, weights, _, _ = case()
    with pytest.raises(ValueError, match=r"`bias` must have shape \(3,\).*Received"):
        dense_forward(x, weights, np.zeros(5))
    for grad in (np.zeros((4, 5)), np.zeros((4, 3), int)):
        with pytest.raises(ValueError, match=r"shape \(4, 3\). Received: grad.shape"):
            dense_backward(grad, x, weights)
