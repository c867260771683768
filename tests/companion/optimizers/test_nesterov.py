"""The form without look-ahead against the one with it."""

import numpy as np
import pytest

from companion.optimizers import Momentum, Nesterov, minimize

CURVATURE = np.array([1.0, 10.0])


def gradient(theta):
    return CURVATURE * theta


def test_is_the_point_ahead_of_nesterovs_sequence():
    """Sutskever et al. 2013, equations 3 and 4."""
    alpha, beta = 0.05, 0.8
    rule, theta = Nesterov(alpha, beta), np.array([1.0, -2.0])
    x, v = np.array([1.0, -2.0]), np.zeros(2)
    for _ in range(20):
        v = beta * v - alpha * gradient(x + beta * v)
        x = x + v
        theta = rule.step(theta, gradient(theta))
        np.testing.assert_allclose(theta, x + beta * v, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(theta - beta * rule.v, x, rtol=1e-12, atol=1e-15)


def test_equals_nesterovs_two_sequences():
    """y_t = x_t + beta (x_t - x_(t-1)); x_(t+1) = y_t - alpha gradient(y_t)."""
    alpha, beta = 0.05, 0.8
    x = before = y = np.array([1.0, -2.0])
    expected = [y]
    for _ in range(20):
        x, before = y - alpha * gradient(y), x
        y = x + beta * (x - before)
        expected.append(y)
    path = minimize(Nesterov(alpha, beta), gradient, [1.0, -2.0], 20)
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-15)


def test_overshoots_less_than_momentum():
    def lowest(rule):
        return minimize(rule, gradient, [1.0, 0.0], 100)[:, 0].min()

    assert lowest(Momentum(0.05, 0.9)) < -0.4
    assert lowest(Nesterov(0.05, 0.9)) > -0.4


def test_conventions_agree_until_the_step_size_changes():
    rules = Nesterov(0.05), Nesterov(0.05, alpha_outside=True)
    paths = [minimize(rule, gradient, [1.0, -2.0], 20) for rule in rules]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-12)
    after = []
    for rule, path in zip(rules, paths, strict=True):
        rule.alpha = 0.005
        after.append(rule.step(path[-1], gradient(path[-1])))
    assert np.abs(after[0] - after[1]).max() > 0.01
    outside, path = rules[1], paths[1]
    g = gradient(path[-1])
    assert after[1] == pytest.approx(path[-1] - 0.005 * (0.9 * outside.v + g))
