"""The soft threshold against a search over all answers, and by hand."""

import numpy as np
import pytest

from companion.scratch import soft_threshold


def test_by_hand():
    values = [2.0, 0.3, 0.25, 0.0, -0.1, -0.25, -1.0]
    expected = [1.75, 0.05, 0, 0, 0, 0, -0.75]
    np.testing.assert_allclose(soft_threshold(values, 0.25), expected, atol=1e-12)


@pytest.mark.parametrize("amount", [0, 0.3, 1.7])
def test_nothing_is_smaller_than_its_objective(amount):
    """Over a fine grid that holds zero."""
    grid = np.arange(-4000, 4001) / 1000
    for value in np.random.default_rng(0).uniform(-3, 3, 20):
        objective = (grid - value) ** 2 / 2 + amount * np.abs(grid)
        best = grid[objective.argmin()]
        assert abs(soft_threshold([value], amount)[0] - best) < 1.1e-3


def test_what_is_small_becomes_exactly_zero():
    values = np.random.default_rng(1).normal(size=1000).astype("float32")
    y = soft_threshold(values, 0.5)
    assert y.dtype == np.float32
    assert np.array_equal(y == 0, np.abs(values) <= np.float32(0.5))
    assert not np.signbit(y[y == 0]).any()


def test_shape_and_integers():
    y = soft_threshold([[3, -1], [0, 2]], 1)
    assert y.tolist() == [[2, 0], [0, 1]] and y.dtype == float


@pytest.mark.parametrize(
    ("values", "amount", "message"),
    [([1.0], -1, "amount=-1"), (["a"], 1, "values="), ([1.0], None, "amount=None")],
)
def test_refuses(values, amount, message):
    with pytest.raises(ValueError, match=message):
        soft_threshold(values, amount)
