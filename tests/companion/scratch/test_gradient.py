"""Central differences against derivatives known in closed form."""

import numpy as np
import pytest

from companion.scratch import numerical_gradient

X = np.random.default_rng(0).normal(size=(2, 3))


def test_scalar_function():
    gradient = numerical_gradient(lambda x: np.sum(np.sin(x) * x), X)
    np.testing.assert_allclose(gradient, np.cos(X) * X + np.sin(X), atol=1e-9)


def test_upstream_gives_the_vector_jacobian_product():
    matrix = np.random.default_rng(1).normal(size=(3, 4))
    upstream = np.random.default_rng(2).normal(size=(2, 4))
    gradient = numerical_gradient(lambda x: np.tanh(x @ matrix), X, upstream=upstream)
    expected = (upstream * (1 - np.tanh(X @ matrix) ** 2)) @ matrix.T
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


def test_error_is_of_second_order():
    """x ** 3 has the central difference 3 x ** 2 + eps ** 2 exactly."""
    for eps in (0.1, 0.01):
        gradient = numerical_gradient(lambda x: x[0] ** 3, [2.0], eps=eps)
        np.testing.assert_allclose(gradient - 12.0, [eps**2], rtol=1e-6)


def test_works_in_float64_whatever_comes_in():
    for x in (X.astype("float16"), X.astype("float32"), [1, 2, 3]):
        gradient = numerical_gradient(lambda x: np.sum(x**2), x)
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, 2 * np.asarray(x, "float64"), atol=1e-8)


def test_a_function_that_returns_its_argument_or_changes_it():
    np.testing.assert_allclose(
        numerical_gradient(lambda x: x, X, upstream=X), X, atol=1e-9
    )

    def doubles_in_place(x):
        x *= 2
        return x

    before = X.copy()
    gradient = numerical_gradient(doubles_in_place, X, upstream=np.ones_like(X))
    np.testing.assert_allclose(gradient, 2.0, atol=1e-9)
    np.testing.assert_array_equal(X, before)


def test_scalar_point():
    assert numerical_gradient(np.exp, 0.0) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("eps", [0, -1e-5, float("nan"), None, "1e-5", True])
def test_eps_must_be_positive(eps):
    with pytest.raises(
        ValueError, match=r"`eps` must be a positive number. Received: eps="
    ):
        numerical_gradient(np.sum, X, eps=eps)


@pytest.mark.parametrize("upstream", [None, np.ones(3), np.ones((1, 2, 3))])
def test_output_must_be_scalar_or_shaped_like_upstream(upstream):
    with pytest.raises(ValueError, match=r"Received: f\(x\).shape=\(2, 3\)"):
        numerical_gradient(np.square, X, upstream=upstream)
