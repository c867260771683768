"""The schedule of the momentum."""

import numpy as np
import pytest

from companion.optimizers import Adam, Nadam, minimize


def test_schedule_of_dozat_and_of_keras():
    """0.96 per 250 steps: half of beta_1 at first; Keras does it 250 times as fast."""
    slow, fast = Nadam(beta_1=0.99), Nadam(beta_1=0.99, psi=1.0)
    assert slow.mu(250) == pytest.approx(0.99 * (1 - 0.5 * 0.96))
    assert fast.mu(1) == pytest.approx(0.99 * (1 - 0.5 * 0.96))
    assert slow.mu(24_000) == pytest.approx(0.99 * 0.99, rel=1e-3)
    assert fast.mu(96) == pytest.approx(0.99 * 0.99, rel=1e-3)


def test_product_of_the_schedule_is_kept():
    rule = Nadam()
    minimize(rule, np.sin, [1.0], 5)
    assert rule.mu_product == pytest.approx(np.prod([rule.mu(t) for t in range(1, 6)]))


def test_first_step_by_hand():
    """beta_1 = 0.8 and a frozen schedule, mu = 0.4: 0.4 * 0.2 / 0.84 + 0.6 / 0.6."""
    moved = Nadam(1.0, 0.8, psi=0.0).step(0.0, 5.0)
    assert moved == pytest.approx(-(0.4 * 0.2 / 0.84 + 1), rel=1e-8)


def test_reacts_to_a_new_gradient_before_adam_does():
    """The sign of the gradient turns: Nadam turns back first."""

    def turns_at(rule):
        theta = np.array(0.0)
        for t in range(100):
            moved = rule.step(theta, 1.0 if t < 30 else -1.0)
            if t >= 30 and moved > theta:
                return t
            theta = moved

    assert turns_at(Nadam()) < turns_at(Adam())
