"""The counter-examples of Reddi, Kale, Kumar (2018): Adam errs, AMSGrad does not."""

import numpy as np
import pytest

from companion.optimizers import Adam, AMSGrad


def play(rule, large, period, small, alpha, rounds):
    """Online losses `large` x once per period and -`small` x else, x in [-1, 1].

    Summed over a period the slope is positive: the best x is -1.
    """
    x, path = np.float64(1.0), []
    for t in range(1, rounds + 1):
        rule.alpha = alpha / np.sqrt(t)
        x = np.clip(rule.step(x, large if t % period == 1 else -small), -1, 1)
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("bias_correction", [False, True])
def test_theorem_1(bias_correction):
    """C = 4, beta_1 = 0, beta_2 = 1 / (1 + C**2), alpha < sqrt(1 - beta_2).

    Adam ends every period of three at x = +1, where it began, the worst point.
    """
    settings = {
        "beta_1": 0.0,
        "beta_2": 1 / 17,
        "epsilon": 0.0,
        "bias_correction": bias_correction,
    }
    game = {"large": 4.0, "period": 3, "small": 1.0, "alpha": 0.5, "rounds": 6000}
    adam = play(Adam(**settings), **game)
    np.testing.assert_array_equal(adam[2::3], 1.0)
    assert adam.min() > 0
    amsgrad = play(AMSGrad(**settings), **game)
    assert amsgrad[-300:].max() < -0.99


def test_synthetic_experiment():
    """Section 5: 1010 x in one of 101 rounds, -10 x in the others, beta_2 = 0.99."""
    settings = {"beta_1": 0.9, "beta_2": 0.99}
    game = {"large": 1010.0, "period": 101, "small": 10.0, "alpha": 0.5}
    adam = play(Adam(**settings), **game, rounds=20_200)
    assert adam[-101:].min() > 0.9
    amsgrad = play(AMSGrad(**settings), **game, rounds=20_200)
    assert amsgrad[-101:].max() < 0


def test_steps_never_grow():
    gradients = np.random.default_rng(0).standard_cauchy(200)
    rule, before = AMSGrad(beta_2=0.9), 0.0
    for gradient in gradients:
        rule.step(0.0, gradient)
        assert rule.v_hat >= max(before, rule.v)
        before = rule.v_hat
    assert rule.v < rule.v_hat


def test_as_printed_no_bias_is_corrected():
    moved = AMSGrad(0.1).step(0.0, 1.0)
    assert moved == pytest.approx(-0.1 * 0.1 / np.sqrt(0.001), rel=1e-6)
    corrected = AMSGrad(0.1, bias_correction=True).step(0.0, 1.0)
    assert corrected == pytest.approx(-0.1, rel=1e-6)
