import numpy as np
import pytest

from companion.optimizers import largest_curvature


def test_finds_the_largest_eigenvalue_of_a_quadratic():
    half = np.random.default_rng(0).normal(size=(6, 4))
    hessian = half.T @ half
    found = largest_curvature(lambda w: hessian @ w, np.ones(4), steps=4)
    assert found == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-6)


@pytest.mark.parametrize("h", [[2.0, -3.0], [2.0, -1.0], [-2.0, -3.0]])
def test_a_negative_one_that_is_larger_in_size_does_not_count(h):
    found = largest_curvature(lambda w: np.array(h) * w, np.zeros(2))
    assert found == pytest.approx(h[0])


def test_second_derivative_of_a_curve_and_any_shape():
    found = largest_curvature(lambda w: w**3, np.full((1, 1), 2.0))
    assert found == pytest.approx(12, rel=1e-6)


def test_a_straight_line_has_none():
    assert largest_curvature(np.ones_like, np.zeros(3)) == 0


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"gradient": 3}, "`gradient` must be a function"),
        ({"steps": 0}, "`steps` must be"),
        ({"epsilon": 0}, "`epsilon` must be"),
        ({"theta": "here"}, "real numbers"),
    ],
)
def test_says_what_it_refuses(changed, words):
    given = {"gradient": lambda w: w, "theta": np.zeros(2), **changed}
    with pytest.raises(ValueError, match=words):
        largest_curvature(**given)
