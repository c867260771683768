import math

import keras
import numpy as np
import pytest

from companion.optimizers import (
    Plateau,
    cosine_decay,
    cyclic,
    exponential_decay,
    step_decay,
)

S = keras.optimizers.schedules


def keras_rates(schedule, steps):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def test_steps_fall_at_the_milestone_and_keras_a_step_later():
    found = step_decay(np.arange(12), 0.8, [4, 9], factor=0.5)
    assert found.tolist() == [0.8] * 4 + [0.4] * 5 + [0.2] * 3
    schedule = S.PiecewiseConstantDecay([3, 8], [0.8, 0.4, 0.2])  # boundaries less 1
    np.testing.assert_allclose(found, keras_rates(schedule, 12), rtol=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_exponential_equals_keras(whole):
    found = exponential_decay(np.arange(30), 0.3, every=7, factor=0.6, whole=whole)
    schedule = S.ExponentialDecay(0.3, 7, 0.6, staircase=whole)
    np.testing.assert_allclose(found, keras_rates(schedule, 30), rtol=1e-5)
    assert found[7] == pytest.approx(0.3 * 0.6)


def test_cosine_equals_keras_with_and_without_a_rise():
    found = cosine_decay(np.arange(25), 0.4, steps=20)
    np.testing.assert_allclose(
        found, keras_rates(S.CosineDecay(0.4, 20), 25), rtol=1e-4, atol=1e-7
    )
    found = cosine_decay(np.arange(25), 0.4, steps=20, rising=6)
    schedule = S.CosineDecay(0.0, 14, warmup_target=0.4, warmup_steps=6)
    np.testing.assert_allclose(found, keras_rates(schedule, 25), rtol=1e-4, atol=1e-7)
    assert found[[0, 3, 6, 13, 20, 24]] == pytest.approx([0, 0.2, 0.4, 0.2, 0, 0])


def test_cyclic_by_the_formula_of_smith():
    """Section 3.1: cycle = floor(1 + t / 2s), x = |t / s - 2 cycle + 1|."""
    low, high, half = 0.1, 0.7, 5
    for step in range(40):
        cycle = math.floor(1 + step / (2 * half))
        x = abs(step / half - 2 * cycle + 1)
        expected = low + (high - low) * max(0, 1 - x)
        assert cyclic(step, low, high, half) == pytest.approx(expected)


def test_plateau_equals_the_callback_of_keras():
    losses = [3.0, 2.0, 2.0, 1.9995, 1.99993, 2.5, 1.0, 1.2, math.nan, 1.1, 0.5, 0.5]
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile(keras.optimizers.SGD(0.5), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("loss", 0.5, 2, mode="min")
    callback.set_model(network)
    callback.on_train_begin()
    plateau, found, expected = Plateau(0.5, factor=0.5, patience=2), [], []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
        expected.append(float(network.optimizer.learning_rate))
        found.append(plateau.step(loss))
    assert found == pytest.approx(expected)
    assert found[-1] == 0.5 / 4


def test_one_step_gives_a_number_and_several_an_array_of_their_shape():
    steps = np.arange(6).reshape(2, 3)
    for rate in (
        lambda t: step_decay(t, 1.0, [2]),
        lambda t: exponential_decay(t, 1.0, 3),
        lambda t: cosine_decay(t, 1.0, 6, 2),
        lambda t: cyclic(t, 0.0, 1.0, 2),
    ):
        assert rate(steps).shape == (2, 3)
        one = rate(4)
        assert type(one) is float
        assert one == pytest.approx(rate(steps)[1, 1])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: step_decay(-1, 1.0, [3]), "count from 0"),
        (lambda: step_decay(0, 0.0, [3]), "`alpha` must be a positive number"),
        (lambda: step_decay(0, 1.0, [3, 3]), "must rise"),
        (lambda: step_decay(0, 1.0, [5, 3]), "must rise"),
        (lambda: step_decay(0, 1.0, [0.5]), "`milestones` must be"),
        (lambda: exponential_decay(0, 1.0, 0), "`every` must be"),
        (lambda: exponential_decay(0, 1.0, 2, factor=-1), "`factor` must be"),
        (lambda: cosine_decay(0, 1.0, steps=5, rising=5), "leave steps to fall"),
        (lambda: cosine_decay(0, 1.0, steps=5, rising=-1), "`rising` must be"),
        (lambda: cyclic(0, 0.5, 0.5, 3), "`high` must be"),
        (lambda: cyclic(0, -0.5, 0.5, 3), "`low` must be"),
        (lambda: cyclic("now", 0.1, 0.5, 3), "real numbers"),
        (lambda: Plateau(1.0, factor=1.0), "`factor` must be"),
        (lambda: Plateau(1.0, patience=0), "`patience` must be"),
        (lambda: Plateau(1.0, least_gain=-1), "`least_gain` must be"),
        (lambda: Plateau(1.0).step([1.0, 2.0]), "one number"),
        (lambda: Plateau(1.0).step(None), "real numbers"),
    ],
)
def test_says_what_it_refuses(call, words):
    with pytest.raises(ValueError, match=words):
        call()
