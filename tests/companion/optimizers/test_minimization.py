"""The loop."""

import numpy as np
import pytest

from companion.optimizers import SGD, Momentum, minimize


def test_path_holds_the_start_and_every_step():
    start = np.array([[1.0, 2.0], [3.0, 4.0]])
    path = minimize(SGD(0.5), lambda theta: theta, start, 3)
    np.testing.assert_array_equal(path, [start, start / 2, start / 4, start / 8])


def test_no_steps_and_integers():
    path = minimize(SGD(), np.sin, [1, 2], 0)
    np.testing.assert_array_equal(path, [[1.0, 2.0]])
    assert path.dtype == np.float64


def test_keeps_float32():
    assert minimize(SGD(), np.sin, np.ones(2, "float32"), 2).dtype == np.float32


def test_goes_on_where_the_optimizer_was():
    def gradient(theta):
        return theta

    whole = minimize(Momentum(0.1), gradient, [1.0], 6)
    rule = Momentum(0.1)
    first = minimize(rule, gradient, [1.0], 4)
    second = minimize(rule, gradient, first[-1], 2)
    np.testing.assert_array_equal(np.concatenate([first, second[1:]]), whole)


@pytest.mark.parametrize("steps", [-1, 2.0, True])
def test_steps_are_an_integer(steps):
    with pytest.raises(ValueError, match=f"Received: steps={steps}"):
        minimize(SGD(), np.sin, [1.0], steps)


@pytest.mark.parametrize(
    "optimizer, gradient, start, message",
    [
        (SGD, np.sin, [1.0], "`optimizer` must be a rule"),
        ("SGD", np.sin, [1.0], "`optimizer` must be a rule"),
        (None, np.sin, [1.0], "`optimizer` must be a rule"),
        (SGD(), "sin", [1.0], "`gradient` must be a function"),
        (SGD(), [1.0], [1.0], "`gradient` must be a function"),
        (SGD(), lambda theta: None, [1.0], "Received: gradient=None"),
        (SGD(), lambda theta: theta * 1j, [1.0], "array of real numbers"),
        (SGD(), lambda theta: theta[0], [1.0], "must have the shape of `theta`"),
        (SGD(), np.sin, None, "`start` must be an array of real numbers"),
        (SGD(), np.sin, "ab", "`start` must be an array of real numbers"),
        (SGD(), np.sin, np.ones(2, "float16"), "start.dtype=float16"),
    ],
)
def test_refuses_what_it_cannot_run(optimizer, gradient, start, message):
    with pytest.raises(ValueError, match=message):
        minimize(optimizer, gradient, start, 2)


def test_a_gradient_may_work_in_place():
    def gradient(theta):
        theta *= 2
        return theta

    start = np.array([8.0])
    path = minimize(SGD(0.25), gradient, start, np.int64(3))
    np.testing.assert_array_equal(path.ravel(), [8, 4, 2, 1])
    assert start == [8.0]
