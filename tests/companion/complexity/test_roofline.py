"""Rates and times that a machine allows, by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from companion.complexity import (
    arithmetic_intensity,
    attainable_rate,
    bytes_moved,
    least_seconds,
)


def network(shape, *more):
    return keras.Sequential([keras.Input(shape), *more])


@pytest.mark.parametrize(
    ("model", "batch", "numbers"),
    [
        (network((8, 8, 3), layers.ReLU()), 1, 2 * 192),
        (network((8, 8, 3), layers.ReLU()), 5, 10 * 192),
        (network((7,), layers.Dense(5)), 1, 7 + 5 + 40),
        (network((7,), layers.Dense(5)), 10, 10 * 12 + 40),
        (network((8, 8, 3), layers.Conv2D(4, 3)), 2, 2 * (192 + 144) + 112),
        (network((8, 8, 3), layers.BatchNormalization()), 3, 3 * 2 * 192 + 12),
        (network((8, 8, 3), layers.MaxPooling2D(2)), 1, 192 + 48),
    ],
)
def test_maps_are_moved_for_each_image_and_weights_once(model, batch, numbers):
    assert bytes_moved(model, batch_size=batch) == 4 * numbers


def test_intensity_is_operations_over_bytes():
    dense = network((7,), layers.Dense(5))
    assert arithmetic_intensity(dense) == pytest.approx((2 * 35 + 5) / (4 * 52))
    relu = network((8, 8, 3), layers.ReLU())
    assert arithmetic_intensity(relu) == pytest.approx(1 / 8)
    assert arithmetic_intensity(relu, batch_size=9) == pytest.approx(1 / 8)


def test_a_larger_batch_reads_the_weights_less_often():
    dense = network((64,), layers.Dense(64, use_bias=False))
    steps = [arithmetic_intensity(dense, batch_size=b) for b in (1, 4, 16, 64)]
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] < 2 * 64 * 64 / (4 * 128)  # what the maps alone would give


def test_the_roof_has_a_slope_and_a_flat_part():
    rate = attainable_rate(np.array([0.0, 1.0, 5.0, 50.0]), peak=100.0, bandwidth=20.0)
    np.testing.assert_array_equal(rate, [0, 20, 100, 100])


def test_the_slower_of_the_two_decides():
    seconds = least_seconds(np.array([100, 1000]), np.array([40, 40]), 100.0, 20.0)
    np.testing.assert_array_equal(seconds, [2, 10])


def test_time_and_rate_say_the_same():
    operations, moved = 3e9, 5e8
    rate = attainable_rate(operations / moved, 100e9, 20e9)
    assert operations / rate == pytest.approx(
        least_seconds(operations, moved, 100e9, 20e9)
    )


@pytest.mark.parametrize("function", [attainable_rate, least_seconds])
@pytest.mark.parametrize("name", ["peak", "bandwidth"])
def test_a_rate_is_positive(function, name):
    rates = {"peak": 1.0, "bandwidth": 1.0, name: 0.0}
    first = (1.0,) if function is attainable_rate else (1.0, 1.0)
    with pytest.raises(ValueError, match=f"`{name}` must be a positive rate"):
        function(*first, **rates)


def test_a_batch_is_a_positive_integer():
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
        bytes_moved(network((7,), layers.Dense(5)), batch_size=0)
