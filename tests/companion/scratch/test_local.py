"""Windows with weights of their own: by hand, by loops, and as a convolution."""

import numpy as np
import pytest

from companion.scratch import (
    conv2d_backward,
    conv2d_forward,
    local2d_backward,
    local2d_forward,
    numerical_gradient,
)

RNG = np.random.default_rng(8)


def test_by_hand():
    x = np.array([[0.0, 1, 3, 0, 0]]).reshape(1, 1, 5, 1)
    kernels = np.array([[-1.0, 1], [2, 0], [1, 1], [0, 3]]).reshape(1, 4, 1, 2, 1, 1)
    assert local2d_forward(x, kernels).ravel().tolist() == [1, 2, 3, 0]
    moved = np.roll(x, 1, axis=2)
    assert local2d_forward(moved, kernels).ravel().tolist() == [0, 0, 4, 0]


@pytest.mark.parametrize("side", [(6, 5), (4, 4)])
def test_equal_kernels_are_a_convolution(side):
    x = RNG.normal(size=(2, *side, 3))
    kernel = RNG.normal(size=(3, 2, 3, 4))
    bias = RNG.normal(size=4)
    places = side[0] - 2, side[1] - 1
    kernels = np.broadcast_to(kernel, (*places, *kernel.shape))
    biases = np.broadcast_to(bias, (*places, 4))
    found = local2d_forward(x, kernels, biases)
    assert np.allclose(found, conv2d_forward(x, kernel, bias))


def test_every_place_has_its_own():
    x = RNG.normal(size=(2, 4, 5, 2))
    kernels = RNG.normal(size=(3, 3, 2, 3, 2, 3))
    bias = RNG.normal(size=(3, 3, 3))
    found = local2d_forward(x, kernels, bias)
    assert found.shape == (2, 3, 3, 3)
    for n, i, j, f in np.ndindex(found.shape):
        window = x[n, i : i + 2, j : j + 3]
        by_hand = (window * kernels[i, j, ..., f]).sum() + bias[i, j, f]
        assert np.isclose(found[n, i, j, f], by_hand)


def test_gradients_are_the_numerical_ones():
    x = RNG.normal(size=(2, 4, 5, 2))
    kernels = RNG.normal(size=(3, 3, 2, 3, 2, 3))
    bias, grad = RNG.normal(size=(3, 3, 3)), RNG.normal(size=(2, 3, 3, 3))
    arrays = {"x": x, "kernels": kernels, "bias": bias}
    found = local2d_backward(grad, x, kernels)
    for (name, value), gradient in zip(arrays.items(), found, strict=True):

        def loss(moved, name=name):
            return (local2d_forward(**{**arrays, name: moved}) * grad).sum()

        assert gradient.shape == value.shape
        assert np.allclose(gradient, numerical_gradient(loss, value), atol=1e-6), name


def test_equal_kernels_share_the_sum_of_their_gradients():
    """Sharing is adding up: the one rule that makes a convolution of this layer."""
    x, kernel = RNG.normal(size=(2, 5, 4, 3)), RNG.normal(size=(2, 3, 3, 4))
    grad = RNG.normal(size=(2, 4, 2, 4))
    kernels = np.broadcast_to(kernel, (4, 2, *kernel.shape))
    own_x, own_kernels, own_bias = local2d_backward(grad, x, kernels)
    for own, shared in zip(
        (own_x, own_kernels.sum((0, 1)), own_bias.sum((0, 1))),
        conv2d_backward(grad, x, kernel),
        strict=True,
    ):
        assert np.allclose(own, shared)


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="`grad` must be"):
        local2d_backward(
            np.ones((1, 3, 3, 1)), np.ones((1, 3, 3, 1)), np.ones((2, 2, 2, 2, 1, 1))
        )


def test_nothing_is_changed_and_the_dtype_is_kept():
    x = RNG.normal(size=(1, 3, 3, 1)).astype("float32")
    kernels = RNG.normal(size=(2, 2, 2, 2, 1, 1))
    before = x.copy(), kernels.copy()
    assert local2d_forward(x, kernels).dtype == np.float32
    assert np.array_equal(x, before[0]) and np.array_equal(kernels, before[1])


@pytest.mark.parametrize(
    "shape",
    [
        (2, 2, 1, 1),  # one kernel for all places
        (2, 1, 2, 2, 1, 1),  # a place too few
        (2, 2, 2, 2, 3, 1),  # other channels
        (1, 1, 4, 4, 1, 1),  # a window larger than the map
    ],
)
def test_kernels_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"`kernels` must have the shape.*Received"):
        local2d_forward(np.ones((1, 3, 3, 1)), np.ones(shape))


def test_a_bias_for_all_places_is_refused():
    with pytest.raises(ValueError, match=r"`bias` must have the shape \(2, 2, 1\)"):
        local2d_forward(np.ones((1, 3, 3, 1)), np.ones((2, 2, 2, 2, 1, 1)), np.ones(1))


def test_pixels_in_bytes_are_refused():
    with pytest.raises(ValueError, match="floating-point"):
        local2d_forward(np.ones((1, 3, 3, 1), "uint8"), np.ones((2, 2, 2, 2, 1, 1)))


def test_kernels_of_integers_are_refused():
    with pytest.raises(ValueError, match="floating-point"):
        local2d_forward(np.ones((1, 3, 3, 1)), np.ones((2, 2, 2, 2, 1, 1), "int32"))
