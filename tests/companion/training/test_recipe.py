import keras
import numpy as np
import pytest

from companion.training import Recipe


def rates(recipe, images):
    schedule = recipe.optimizer(images)._learning_rate
    return np.array([float(schedule(step)) for step in range(recipe.steps(images))])


def test_the_rate_rises_along_a_line_and_falls_along_a_cosine():
    recipe = Recipe(epochs=3, batch=10, rate=0.2, warmup=1)
    found = rates(recipe, 100)
    rising = 0.2 * np.arange(10) / 10
    falling = 0.1 * (1 + np.cos(np.pi * np.arange(20) / 20))
    np.testing.assert_allclose(found, [*rising, *falling], rtol=1e-5, atol=1e-7)


def test_without_warm_up_the_first_rate_is_the_largest():
    found = rates(Recipe(epochs=2, batch=10, rate=0.2, warmup=0), 100)
    assert found[0] == found.max() == pytest.approx(0.2)


def test_kernels_decay_and_biases_do_not():
    layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    layer.build((None, 1))
    optimizer = Recipe(
        epochs=1, batch=1, rate=0.5, warmup=0, momentum=0, decay=0.1
    ).optimizer(4)
    optimizer.build(layer.trainable_variables)
    zero = [keras.ops.zeros_like(v) for v in layer.trainable_variables]
    optimizer.apply(zero, layer.trainable_variables)
    assert np.array(layer.kernel).item() == pytest.approx(1 - 0.5 * 0.1)
    assert np.array(layer.bias).item() == 1


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"epochs": 0}, "`epochs` must be a positive integer"),
        ({"batch": 2.0}, "`batch` must be a positive integer"),
        ({"rate": 0}, "`rate` must be a positive number"),
        ({"rate": float("nan")}, "`rate`"),
        ({"epochs": 2, "warmup": 2}, "`warmup` must be a number, at least 0 and below"),
        ({"momentum": 1}, "`momentum`"),
        ({"decay": -0.1}, "`decay`"),
    ],
)
def test_wrong_numbers_are_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        Recipe(**arguments)


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="images=9, batch=10"):
        Recipe(epochs=2, batch=10).steps(9)
