import keras
import numpy as np
import pytest

from companion.scratch import (
    numerical_gradient,
    perceptron_gradient_norms,
    perceptron_layers,
    perceptron_loss,
    perceptron_scores,
    perceptron_weights,
)

UNITS = (5, 4, 3)


@pytest.fixture
def case():
    rng = np.random.default_rng(3)
    theta = perceptron_weights(UNITS, rng) + rng.normal(0, 0.1, 39)
    return theta, rng.normal(size=(7, 5)), rng.integers(3, size=7)


def test_gradient_by_finite_differences(case):
    theta, x, labels = case
    found = perceptron_loss(theta, x, labels, UNITS)[1]
    expected = numerical_gradient(
        lambda at: perceptron_loss(at, x, labels, UNITS)[0], theta
    )
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_scores_and_loss_equal_keras(case):
    theta, x, labels = case
    network = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, "relu"),
            keras.layers.Dense(3),
        ]
    )
    network.set_weights(
        [part for each in perceptron_layers(theta, UNITS) for part in each]
    )
    scores = network.predict(x, verbose=0)
    np.testing.assert_allclose(perceptron_scores(theta, x, UNITS), scores, atol=1e-5)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, scores)
    assert perceptron_loss(theta, x, labels, UNITS)[0] == pytest.approx(
        float(loss), abs=1e-5
    )


def test_norms_are_those_of_gradients_computed_one_by_one(case):
    theta, x, labels = case
    found = perceptron_gradient_norms(theta, x, labels, UNITS)
    each = [
        perceptron_loss(theta, x[[i]], labels[[i]], UNITS)[1] for i in range(len(x))
    ]
    np.testing.assert_allclose(found, [(g**2).sum() for g in each])
    np.testing.assert_allclose(
        np.mean(each, axis=0), perceptron_loss(theta, x, labels, UNITS)[1]
    )


def test_first_weights_have_the_variance_of_he_and_no_biases():
    theta = perceptron_weights((200, 100, 10), np.random.default_rng(0))
    (w1, b1), (w2, b2) = perceptron_layers(theta, (200, 100, 10))
    assert w1.var() == pytest.approx(2 / 200, rel=0.05)
    assert w2.var() == pytest.approx(2 / 100, rel=0.15)
    assert not b1.any()
    assert not b2.any()


def test_layers_are_views():
    theta = np.zeros(39)
    perceptron_layers(theta, UNITS)[0][1][:] = 1
    assert theta.sum() == 4


def test_the_arguments_are_not_changed(case):
    copies = [each.copy() for each in case]
    perceptron_loss(*case, UNITS)
    perceptron_gradient_norms(*case, UNITS)
    for before, after in zip(copies, case, strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: perceptron_weights((3,), np.random.default_rng()), "two layers"),
        (lambda: perceptron_weights((3, 0), np.random.default_rng()), "`units` must"),
        (lambda: perceptron_weights((3, 2), 0), "`generator` must"),
        (lambda: perceptron_layers(np.zeros(7), (3, 2)), "one vector of 8 numbers"),
        (lambda: perceptron_scores(np.zeros(8), np.zeros((2, 4)), (3, 2)), "rows of 3"),
        (lambda: perceptron_scores(np.zeros(8), np.zeros(3), (3, 2)), "rows of 3"),
        (
            lambda: perceptron_loss(np.zeros(8), np.zeros((2, 3)), [0, 2], (3, 2)),
            "from 0 to 1",
        ),
    ],
)
def test_says_what_it_refuses(call, words):
    with pytest.raises(ValueError, match=words):
        call()
