"""Bounds that meet, and what they do to Adam."""

import numpy as np
import pytest

from companion.optimizers import AdaBound, Adam, Momentum


@pytest.mark.parametrize("gamma", [1e-3, 0.1])
def test_bounds_open_wide_and_meet_at_alpha_star(gamma):
    rule = AdaBound(alpha_star=0.2, gamma=gamma)
    lower, upper = zip(*[rule.bounds(t) for t in range(1, 5000)], strict=True)
    assert np.all(np.diff(lower) > 0) and np.all(np.diff(upper) < 0)
    assert max(lower) < 0.2 < min(upper)
    assert rule.bounds(1) == pytest.approx(
        (0.2 * gamma / (1 + gamma), 0.2 / gamma + 0.2)
    )
    assert rule.bounds(10**9) == pytest.approx((0.2, 0.2), rel=1e-5)


def test_paper_bounds():
    """0.1 - 0.1 / ((1 - beta_2) t + 1) and 0.1 + 0.1 / ((1 - beta_2) t)."""
    t = 700
    expected = 0.1 - 0.1 / ((1 - 0.999) * t + 1), 0.1 + 0.1 / ((1 - 0.999) * t)
    assert AdaBound().bounds(t) == pytest.approx(expected)
    lower, upper = AdaBound().bounds(np.array([1, t]))
    assert (lower[1], upper[1]) == pytest.approx(expected)


def test_is_adam_while_the_bounds_are_wide():
    gradients = np.random.default_rng(0).normal(size=(30, 4))
    adam = Adam(0.01, epsilon_hat=True)
    rule = AdaBound(0.01, alpha_star=0.01, gamma=1e-5)
    theta = other = np.zeros(4)
    for gradient in gradients:
        theta, other = adam.step(theta, gradient), rule.step(other, gradient)
        np.testing.assert_allclose(theta, other, rtol=1e-12)


def test_is_momentum_when_they_have_met():
    """With the averaging form: alpha_star (1 - beta_1) in that of Polyak."""
    gradients = np.random.default_rng(0).normal(size=(30, 4)) * [1e-3, 0.1, 1.0, 100.0]
    rule, ball = AdaBound(alpha_star=0.1, gamma=1e9), Momentum(0.1 * (1 - 0.9), 0.9)
    theta = other = np.zeros(4)
    for gradient in gradients:
        theta, other = ball.step(theta, gradient), rule.step(other, gradient)
        np.testing.assert_allclose(theta, other, rtol=1e-6)


def test_amsbound_remembers_the_largest_gradient():
    """Inside wide bounds: a gradient of 10, then of 1, beta_2 = 0.5."""

    def second_step(amsbound):
        rule = AdaBound(1.0, 0.0, 0.5, 1e-12, gamma=1e-3, amsbound=amsbound)
        rule.step(0.0, 10.0)
        return rule.step(0.0, 1.0)

    correction = np.sqrt(1 - 0.5**2)
    assert second_step(False) == pytest.approx(-correction / np.sqrt(25.5))
    assert second_step(True) == pytest.approx(-correction / np.sqrt(50.0))


def test_as_printed():
    """Algorithm 2: alpha / sqrt(V) clipped, over sqrt(t), no bias correction."""
    rule = AdaBound(0.01, 0.9, 0.99, 1e-12, alpha_star=0.1, gamma=0.1, as_printed=True)
    gradients = np.random.default_rng(0).normal(size=(9, 3)) * [0.01, 0.1, 1.0]
    theta, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
    expected = np.zeros(3)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        low, high = 0.1 - 0.1 / (0.1 * t + 1), 0.1 + 0.1 / (0.1 * t)
        eta = np.minimum(np.maximum(0.01 / np.sqrt(v), low), high)
        expected = expected - eta / np.sqrt(t) * m
        theta = rule.step(theta, g)
        np.testing.assert_allclose(theta, expected, rtol=1e-8)
