"""Running mean of squares, with and without epsilon."""

import numpy as np
import pytest

from companion.optimizers import AdaGrad, RMSProp, minimize


def test_steps_do_not_vanish():
    """Under a constant gradient the step goes to alpha; AdaGrad's to zero."""

    def last_step(rule):
        return np.diff(minimize(rule, lambda theta: np.array(3.0), 0.0, 400))[-1]

    assert last_step(RMSProp(0.1)) == pytest.approx(-0.1, rel=1e-6)
    assert last_step(AdaGrad(0.1)) == pytest.approx(-0.1 / 20, rel=1e-6)


def test_first_step_does_not_depend_on_the_gradient():
    moved = RMSProp(0.1, 0.9).step(np.zeros(3), [1e-3, -1.0, 1e6])
    np.testing.assert_allclose(moved, np.array([-1, 1, -1]) * 0.1 / np.sqrt(0.1), 1e-4)


def test_as_printed_a_zero_gradient_is_no_number():
    """The lecture and the notes print no epsilon: 0 / 0 in the first step."""
    with np.errstate(invalid="ignore"):
        moved = RMSProp(epsilon=0.0).step([1.0, 1.0], [0.0, 2.0])
    assert np.isnan(moved[0]) and np.isfinite(moved[1])
    assert RMSProp().step(1.0, 0.0) == 1.0


def test_centered_divides_by_the_deviation():
    """Gradients 1 and 3 with rho = 0.5: S = 4.75 and mean = 1.75."""
    rule = RMSProp(1.0, 0.5, 0.0, centered=True)
    theta = rule.step(0.0, 1.0)
    assert rule.step(theta, 3.0) - theta == pytest.approx(-3 / np.sqrt(4.75 - 1.75**2))
    assert (rule.S, rule.mean) == (4.75, 1.75)


def test_momentum_drives_a_heavy_ball():
    """Under a constant gradient the speed grows to alpha / (1 - momentum)."""
    path = minimize(RMSProp(0.1, momentum=0.5), lambda theta: np.array(3.0), 0.0, 400)
    assert np.diff(path)[-1] == pytest.approx(-0.1 / (1 - 0.5), rel=1e-6)


def test_places_of_epsilon():
    """g = 1, rho = 0, epsilon = 3: 1 / (1 + 3) outside the root, 1 / sqrt(4) inside."""
    assert RMSProp(1.0, 0.0, 3.0).step(0.0, 1.0) == -1 / 4
    assert RMSProp(1.0, 0.0, 3.0, epsilon_inside=True).step(0.0, 1.0) == -1 / 2


def test_centered_never_takes_the_root_of_a_negative_number():
    """Under constant gradients S - mean**2 goes to zero, by rounding also below."""
    gradients = np.random.default_rng(0).normal(size=2000)
    rule, theta = RMSProp(centered=True), np.zeros(2000)
    for _ in range(400):
        theta = rule.step(theta, gradients)
    assert np.any(rule.mean**2 > rule.S)
    assert np.all(np.isfinite(theta))
