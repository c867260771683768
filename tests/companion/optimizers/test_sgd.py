"""Gradient descent on a quadratic, where everything is known in closed form."""

import numpy as np
import pytest

from companion.optimizers import SGD, minimize

CURVATURE = np.array([1.0, 10.0])


def gradient(theta):
    return CURVATURE * theta


def test_every_direction_shrinks_by_its_own_factor():
    path = minimize(SGD(0.15), gradient, [1.0, -2.0], 12)
    t = np.arange(13)[:, None]
    np.testing.assert_allclose(path, [1.0, -2.0] * (1 - 0.15 * CURVATURE) ** t)


@pytest.mark.parametrize("alpha, grows", [(0.199, False), (0.201, True)])
def test_step_limit_is_two_over_the_largest_curvature(alpha, grows):
    path = minimize(SGD(alpha), gradient, [0.0, 1.0], 50)
    assert (abs(path[-1, 1]) > abs(path[0, 1])) == grows


def test_noise_leaves_a_ball_whose_variance_is_known():
    """theta = (1 - alpha) theta - alpha noise has variance alpha / (2 - alpha)."""
    generator = np.random.default_rng(0)
    path = minimize(
        SGD(0.2), lambda theta: theta + generator.normal(size=500), np.zeros(500), 400
    )
    assert path[200:].var() == pytest.approx(0.2 / (2 - 0.2), rel=0.02)


def test_falling_steps_average_the_samples():
    """With alpha = 1 / t, theta is the mean of all samples (Robbins and Monro)."""
    samples = np.random.default_rng(0).normal(3.0, 1.0, 100)
    rule, theta = SGD(1.0), np.float64(0.0)
    for t, sample in enumerate(samples, start=1):
        rule.alpha = 1 / t
        theta = rule.step(theta, theta - sample)
    assert theta == pytest.approx(samples.mean(), rel=1e-12)
