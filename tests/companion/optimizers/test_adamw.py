"""Decay beside the step, not through the gradient."""

import numpy as np
import pytest

from companion.optimizers import Adam, AdamW


def test_is_adam_and_a_decay():
    gradients = np.random.default_rng(0).normal(size=(20, 4))
    adam, adamw = Adam(0.1), AdamW(0.1, lambda_=0.02)
    theta = np.ones(4)
    for gradient in gradients:
        expected = adam.step(theta, gradient) - 0.02 * theta
        theta = adamw.step(theta, gradient)
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


def test_all_weights_decay_at_one_rate_and_under_l2_they_do_not():
    """Two weights, noise of 0.1 and of 10 for gradients: what the penalty adds."""
    noise = np.random.default_rng(0).normal(size=(500, 2)) * [0.1, 10.0]
    plain, l2, decoupled = Adam(1e-3), Adam(1e-3), AdamW(1e-3, lambda_=1e-3)
    theta = {"plain": np.ones(2), "l2": np.ones(2), "decoupled": np.ones(2)}
    for gradient in noise:
        theta["plain"] = plain.step(theta["plain"], gradient)
        theta["l2"] = l2.step(theta["l2"], gradient + 0.1 * theta["l2"])
        theta["decoupled"] = decoupled.step(theta["decoupled"], gradient)
    decay = {name: theta["plain"] - theta[name] for name in ("l2", "decoupled")}
    assert decay["decoupled"][0] == pytest.approx(decay["decoupled"][1], rel=0.1)
    assert decay["l2"][0] > 20 * decay["l2"][1]


def test_schedule_multiplies_both_and_alpha_only_the_step():
    def parts(**arguments):
        decay = 1 - AdamW(lambda_=0.1, **arguments).step(1.0, 0.0)
        step = 1 - decay - AdamW(lambda_=0.1, **arguments).step(1.0, 1.0)
        return float(step), float(decay)

    assert parts(alpha=0.01) == pytest.approx((0.01, 0.1))
    assert parts(alpha=0.02) == pytest.approx((0.02, 0.1))
    assert parts(alpha=0.01, eta=0.5) == pytest.approx((0.005, 0.05))
