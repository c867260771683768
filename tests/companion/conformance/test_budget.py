"""Budgets, counted by hand: 3x3 convolution of 3 to 4 channels, dense 4 to 5."""

import keras
import pytest
from keras import layers

from companion.conformance import ConformanceError, check_budget

PARAMS = 4 * 27 + 4 + 4 * 4 + 4 * 5 + 5  # the second 4 x 4: batch normalization
MACS = 6 * 5 * 4 * 27 + 4 * 5


@pytest.fixture(scope="module")
def model():
    x = image = keras.Input((6, 5, 3))
    x = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return keras.Model(image, layers.Dense(5)(x))


def test_within(model):
    check_budget(model, params=PARAMS, macs=MACS)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"params": PARAMS - 1}, r"\[params\] It has 153 weights, 1 more"),
        ({"params": PARAMS, "macs": MACS - 2}, r"\[macs\] It has 3,260 .*, 2 more"),
    ],
)
def test_beyond(model, budget, said):
    with pytest.raises(ConformanceError, match=said):
        check_budget(model, **budget)


def test_frozen_weights_count(model):
    model.trainable = False
    with pytest.raises(ConformanceError, match=r"\[params\]"):
        check_budget(model, params=PARAMS - 1)


@pytest.mark.parametrize("budget", [{}, {"params": 0}, {"macs": 1.5}])
def test_a_budget_is_a_positive_integer(model, budget):
    with pytest.raises(ValueError, match="Received"):
        check_budget(model, **budget)
