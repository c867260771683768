"""Steps in the unit of the parameter."""

import numpy as np
import pytest

from companion.optimizers import AdaDelta, AdaGrad, minimize


def test_equals_algorithm_1_by_hand():
    """Two steps of g = 2, rho = 0.5, epsilon = 1: the accumulators as fractions."""
    rule = AdaDelta(rho=0.5, epsilon=1.0)
    theta = rule.step(0.0, 2.0)
    assert theta == pytest.approx(-np.sqrt(1 / 3) * 2)
    assert (rule.E_g2, rule.E_dx2) == pytest.approx((2.0, 2 / 3))
    second = rule.step(theta, 2.0) - theta
    assert second == pytest.approx(-np.sqrt((2 / 3 + 1) / (3 + 1)) * 2)
    assert (rule.E_g2, rule.E_dx2) == pytest.approx((3.0, 1 / 3 + second**2 / 2))


def test_steps_have_the_unit_of_the_parameter():
    """In millimetres instead of metres the path is the same, times 1000.

    Epsilon stands for squared gradients and for squared steps at once, which have
    different units: here it is too small to count for the former, and the steps that
    it starts are compared as multiples of the first.
    """

    def path(unit):
        rule = AdaDelta(epsilon=1e-30)
        rule.E_dx2 = 1e-4 * unit**2
        return minimize(rule, lambda x: (x - 3 * unit) / unit**2, 0.0, 50)

    np.testing.assert_allclose(path(1000.0), 1000 * path(1.0), rtol=1e-9)


def test_adagrads_steps_do_not_have_it():
    def path(unit):
        return minimize(AdaGrad(0.1), lambda x: (x - 3 * unit) / unit**2, 0.0, 50)

    assert path(1000.0)[-1] == pytest.approx(path(1.0)[-1], rel=0.5)


def test_without_epsilon_it_never_starts():
    assert AdaDelta(epsilon=0.0).step(1.0, 5.0) == 1.0
