"""Sums of squares: steps that fall with the root of time."""

import numpy as np

from companion.optimizers import AdaGrad, minimize


def test_steps_fall_with_the_root_of_time():
    """Under a constant gradient the t-th step is alpha / sqrt(t)."""
    path = minimize(
        AdaGrad(0.5), lambda theta: np.full(2, [3.0, -70.0]), [0.0, 0.0], 100
    )
    t = np.arange(1, 101)[:, None]
    np.testing.assert_allclose(
        np.diff(path, axis=0), [-0.5, 0.5] / np.sqrt(t), rtol=1e-8
    )


def test_a_rare_parameter_keeps_large_steps():
    rule, theta = AdaGrad(0.1), np.zeros(2)
    for t in range(100):
        before = theta
        theta = rule.step(theta, [1.0, float(t % 25 == 24)])
    moved = np.abs(theta - before)
    np.testing.assert_allclose(moved, 0.1 / np.sqrt([100, 4]), rtol=1e-6)


def test_without_epsilon_a_zero_gradient_is_no_number():
    with np.errstate(invalid="ignore"):
        assert np.isnan(AdaGrad(epsilon=0.0).step(1.0, 0.0))
    assert AdaGrad().step(1.0, 0.0) == 1.0


def test_keras_accumulator_shortens_the_first_steps():
    """0.1 / sqrt(0.1 + g**2), a third of alpha for g = 0.1."""
    rule = AdaGrad(0.1, 0.0, initial_accumulator=0.1, epsilon_inside=True)
    np.testing.assert_allclose(rule.step(0.0, 0.1), -0.1 * 0.1 / np.sqrt(0.11))
