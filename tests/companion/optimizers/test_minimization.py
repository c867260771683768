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
