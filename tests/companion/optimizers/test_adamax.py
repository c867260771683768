"""The infinity norm."""

import numpy as np
import pytest

from companion.optimizers import AdaMax


def test_u_is_the_limit_of_p_norms():
    """Section 7.1: u_t = lim v_t**(1/p), v_t a mean of p-th powers with beta_2**p."""
    gradients, beta_2, p = [3.0, -1.0, 0.5, 2.0], 0.7, 200
    rule, theta, v = AdaMax(beta_2=beta_2), 0.0, 0.0
    for gradient in gradients:
        theta = rule.step(theta, gradient)
        v = beta_2**p * v + (1 - beta_2**p) * abs(gradient) ** p
    assert rule.u == 2.0
    assert v ** (1 / p) == pytest.approx(rule.u, rel=0.005)


def test_a_large_gradient_is_remembered_and_fades():
    rule = AdaMax(beta_2=0.9)
    rule.step(0.0, 10.0)
    for _ in range(3):
        rule.step(0.0, 1.0)
    assert rule.u == pytest.approx(10 * 0.9**3)


def test_first_step_is_alpha():
    moved = AdaMax(0.1).step(np.zeros(2), [1e-3, -1e6])
    np.testing.assert_allclose(moved, [-0.1, 0.1], rtol=1e-4)


def test_as_printed_a_zero_gradient_is_no_number():
    with np.errstate(invalid="ignore"):
        assert np.isnan(AdaMax(epsilon=0.0).step(1.0, 0.0))
    assert AdaMax().step(1.0, 0.0) == 1.0


def test_places_of_epsilon():
    """Gradients 1 and 0 with beta_2 = 0.5 and epsilon = 1.

    Added outside, the second divisor is 0.5 + 1; inside, it is max(0.5 * 2, 0 + 1).
    """

    def divisors(rule):
        found = []
        for gradient in (1.0, 0.0):
            moved = rule.step(0.0, gradient)
            m_hat = rule.m / (1 - 0.9**rule.t)
            found.append(-m_hat / moved)
        return found

    arguments = {"alpha": 1.0, "beta_2": 0.5, "epsilon": 1.0}
    assert divisors(AdaMax(**arguments)) == pytest.approx([2.0, 1.5])
    assert divisors(AdaMax(**arguments, epsilon_inside=True)) == pytest.approx(
        [2.0, 1.0]
    )
