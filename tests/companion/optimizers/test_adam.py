"""Bias correction, the length of a step, and the two places of epsilon."""

import numpy as np
import pytest

from companion.optimizers import Adam, RMSProp, minimize


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_first_step_is_alpha_whatever_the_gradient(scale):
    moved = Adam(0.1).step(np.zeros(2), [scale, -scale])
    np.testing.assert_allclose(moved, [-0.1, 0.1], rtol=2e-4)


def test_a_constant_gradient_gives_unbiased_moments_and_steps_of_alpha():
    rule = Adam(0.1)
    path = minimize(rule, lambda theta: np.array(-3.0), 0.0, 50)
    np.testing.assert_allclose(np.diff(path), 0.1, rtol=1e-8)
    assert rule.m / (1 - 0.9**50) == pytest.approx(-3.0, rel=1e-12)
    assert rule.v / (1 - 0.999**50) == pytest.approx(9.0, rel=1e-12)


def test_without_correction_the_first_steps_are_too_long():
    """(1 - beta_1) / sqrt(1 - beta_2) = 3.16 times alpha in the first step."""
    moved = Adam(0.1, bias_correction=False).step(0.0, 1.0)
    assert moved == pytest.approx(-0.1 * 0.1 / np.sqrt(0.001), rel=1e-6)


def test_mean_of_the_moment_is_that_of_the_gradient_over_the_correction():
    """Section 3: E[v_t] = E[g**2] (1 - beta_2**t), over 20,000 parameters."""
    generator = np.random.default_rng(0)
    rule, theta = Adam(), np.zeros(20_000)
    for _ in range(5):
        theta = rule.step(theta, generator.normal(2.0, 1.0, 20_000))
    assert rule.v.mean() / (1 - 0.999**5) == pytest.approx(5.0, rel=0.01)
    assert rule.m.mean() / (1 - 0.9**5) == pytest.approx(2.0, rel=0.01)


def test_places_of_epsilon_at_gradients_as_small_as_it():
    """g = epsilon = 1e-8, alpha 0.1: half of alpha, or 1 / (1 + 31.6) of it."""
    assert Adam(0.1).step(0.0, 1e-8) == pytest.approx(-0.05, rel=1e-6)
    keras_form = Adam(0.1, epsilon_hat=True).step(0.0, 1e-8)
    assert keras_form == pytest.approx(-0.1 / (1 + 1 / np.sqrt(0.001)), rel=1e-6)
    assert round(float(keras_form), 5) == -0.00307


def test_without_first_moment_and_correction_it_is_rmsprop():
    gradients = np.random.default_rng(0).normal(size=(20, 4))
    adam, rmsprop = Adam(0.1, 0.0, 0.9, bias_correction=False), RMSProp(0.1, 0.9)
    theta = other = np.zeros(4)
    for gradient in gradients:
        theta, other = adam.step(theta, gradient), rmsprop.step(other, gradient)
        np.testing.assert_allclose(theta, other, rtol=1e-12)
