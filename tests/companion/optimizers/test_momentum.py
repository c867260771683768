"""The heavy ball against Polyak's recurrence, and the conventions of its step size."""

import numpy as np
import pytest

from companion.optimizers import Momentum, minimize

CURVATURE = np.array([1.0, 10.0])


def gradient(theta):
    return CURVATURE * theta


def test_equals_polyaks_recurrence():
    alpha, beta = 0.05, 0.8
    expected = [np.array([1.0, -2.0])] * 2
    for _ in range(20):
        now, before = expected[-1], expected[-2]
        expected.append(now - alpha * gradient(now) + beta * (now - before))
    path = minimize(Momentum(alpha, beta), gradient, [1.0, -2.0], 20)
    np.testing.assert_allclose(path, expected[1:], rtol=1e-12, atol=1e-15)


def test_terminal_velocity():
    """Under a constant gradient, alpha g / (1 - beta)."""
    rule = Momentum(0.1, 0.9)
    path = minimize(rule, lambda theta: np.array(2.0), 0.0, 400)
    assert path[-1] - path[-2] == pytest.approx(-0.1 * 2 / (1 - 0.9), rel=1e-9)


def test_no_momentum_is_gradient_descent():
    path = minimize(Momentum(0.15, 0.0), gradient, [1.0, -2.0], 12)
    t = np.arange(13)[:, None]
    np.testing.assert_allclose(path, [1.0, -2.0] * (1 - 0.15 * CURVATURE) ** t)


@pytest.mark.parametrize("alpha, grows", [(0.379, False), (0.381, True)])
def test_step_limit_is_wider_by_one_plus_beta(alpha, grows):
    """2 (1 + beta) / largest curvature (Polyak): 0.38 for beta = 0.9."""
    path = minimize(Momentum(alpha, 0.9), gradient, [0.0, 1.0], 1000)
    assert (abs(path[-1, 1]) > abs(path[0, 1])) == grows


def test_best_rate_is_that_of_polyak():
    """(sqrt(kappa) - 1) / (sqrt(kappa) + 1) per step at the best alpha and beta."""
    low, high = np.sqrt(CURVATURE)
    rate = (high - low) / (high + low)
    path = minimize(
        Momentum((2 / (high + low)) ** 2, rate**2), gradient, [1.0, 1.0], 200
    )
    measured = (np.abs(path[200]) / np.abs(path[100])) ** (1 / 100)
    np.testing.assert_allclose(measured, rate, rtol=0.02)


def test_conventions_agree_until_the_step_size_changes():
    """After it, PyTorch's ball is slow at once; Caffe's and Keras' brakes slowly."""
    inside, outside = Momentum(0.1, 0.9), Momentum(0.1, 0.9, alpha_outside=True)
    theta = [np.array(0.0), np.array(0.0)]
    for _ in range(50):
        theta = [
            rule.step(at, 1.0)
            for rule, at in zip((inside, outside), theta, strict=True)
        ]
    assert theta[0] == pytest.approx(theta[1], rel=1e-12)
    inside.alpha = outside.alpha = 0.01
    moved = [
        rule.step(at, 1.0) - at
        for rule, at in zip((inside, outside), theta, strict=True)
    ]
    speed = (1 - 0.9**50) / (1 - 0.9)
    assert moved[0] == pytest.approx(-(0.1 * 0.9 * speed + 0.01), rel=1e-9)
    assert moved[1] == pytest.approx(-0.01 * (0.9 * speed + 1), rel=1e-9)


def test_averaging_form_has_a_step_size_ten_times_as_large():
    """v = beta v + (1 - beta) g, the third form."""
    v, theta, expected = 0.0, np.array([1.0, -2.0]), []
    for _ in range(20):
        v = 0.9 * v + (1 - 0.9) * gradient(theta)
        theta = theta - 0.5 * v
        expected.append(theta)
    path = minimize(Momentum(0.5 * (1 - 0.9), 0.9), gradient, [1.0, -2.0], 20)
    np.testing.assert_allclose(path[1:], expected, rtol=1e-12)
