import numpy as np
import pytest

from companion.optimizers import noise_scale, noise_scale_of_batches


def regression(distance, noise=0.5, inputs=20, examples=200_000):
    """Gradients of least squares on white inputs, and the noise scale on paper.

    With x ~ N(0, I) and y = x w + noise, the gradient of an example at w + e is
    x (x e - noise). Its mean is e; the trace of its covariance is
    (inputs + 1) |e|^2 + noise^2 inputs, by Isserlis' theorem.
    """
    rng = np.random.default_rng(0)
    e = np.zeros(inputs)
    e[:4] = distance / 2
    x = rng.normal(size=(examples, inputs))
    gradients = x * (x @ e - noise * rng.normal(size=examples))[:, None]
    return gradients, inputs + 1 + noise**2 * inputs / distance**2


@pytest.mark.parametrize("distance", [0.3, 1.0, 4.0])
def test_equals_the_closed_form_of_least_squares(distance):
    gradients, expected = regression(distance)
    assert noise_scale(gradients) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("distance", [0.5, 2.0])
@pytest.mark.parametrize("b, times", [(1, 8), (5, 2)])
def test_two_sizes_of_batch_find_the_same(distance, b, times):
    gradients, expected = regression(distance)
    means = gradients.reshape(-1, b, gradients.shape[1]).mean(1)
    large = means.reshape(-1, times, gradients.shape[1]).mean(1)
    found = noise_scale_of_batches((means**2).sum(1), (large**2).sum(1), b, times)
    assert found == pytest.approx(expected, rel=0.1)


def test_the_ratio_of_means_is_not_the_mean_of_ratios():
    gradients, expected = regression(0.5)
    small = gradients[:3200].reshape(400, 8, -1)
    means = (small.mean(1) ** 2).sum(1)
    each = [
        noise_scale_of_batches((rows**2).sum(1), [mean], 1, 8)
        for rows, mean in zip(small, means, strict=True)
    ]
    together = noise_scale_of_batches((gradients[:3200] ** 2).sum(1), means, 1, 8)
    assert abs(together - expected) < 0.5 * expected
    assert not abs(np.mean(each) - expected) < 0.5 * expected


def test_the_examples_are_the_whole_population():
    """Divided by n: with n - 1 it would be one half."""
    assert noise_scale([[1.0], [3.0]]) == 0.25


def test_shapes_and_constants_do_not_matter():
    gradients = np.random.default_rng(1).normal(1, 2, size=(50, 3, 4))
    flat = gradients.reshape(50, 12)
    assert noise_scale(gradients) == pytest.approx(noise_scale(7 * flat))


def test_without_signal_the_scale_is_infinite():
    assert noise_scale([[1.0], [-1.0]]) == np.inf
    assert noise_scale_of_batches([4.0], [1.0], b=1, times=4) == np.inf


def test_without_noise_it_is_zero():
    assert noise_scale([[2.0, 1.0]] * 3) == 0
    assert noise_scale_of_batches([4.0], [4.0], b=1, times=4) == 0


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: noise_scale([1.0, 2.0]), "a row for each"),
        (lambda: noise_scale([[1.0]]), "two examples"),
        (lambda: noise_scale([["a"], ["b"]]), "real numbers"),
        (lambda: noise_scale_of_batches([], [1.0], 1, 2), "`small` must be"),
        (lambda: noise_scale_of_batches([1.0], [-1.0], 1, 2), "`large` must be"),
        (lambda: noise_scale_of_batches([1.0], [1.0], 0, 2), "`b` must be"),
        (lambda: noise_scale_of_batches([1.0], [1.0], 1, 1), "`times` must be"),
    ],
)
def test_says_what_it_refuses(call, words):
    with pytest.raises(ValueError, match=words):
        call()
