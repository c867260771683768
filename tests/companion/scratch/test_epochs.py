"""Iterations of an epoch, by hand and by dealing the examples out."""

import numpy as np
import pytest

from companion.scratch import iterations_per_epoch


@pytest.mark.parametrize(
    "examples, batch, kept, dropped",
    [
        (1000, 10, 100, 100),  # the notes' example
        (60_000, 64, 938, 937),
        (7, 7, 1, 1),
        (7, 1, 7, 7),
        (8, 7, 2, 1),
    ],
)
def test_by_hand(examples, batch, kept, dropped):
    assert iterations_per_epoch(examples, batch) == kept
    assert iterations_per_epoch(examples, batch, drop_remainder=True) == dropped


@pytest.mark.parametrize("batch", range(1, 15))
def test_by_dealing(batch):
    cards = np.arange(12)
    deals = [cards[i : i + batch] for i in range(0, 12, batch)]
    assert iterations_per_epoch(12, batch) == len(deals)
    if batch <= 12:
        full = [deal for deal in deals if len(deal) == batch]
        assert iterations_per_epoch(12, batch, drop_remainder=True) == len(full)


def test_a_batch_larger_than_the_set():
    assert iterations_per_epoch(5, 8) == 1
    with pytest.raises(ValueError, match=r"must not be larger.*batch=8"):
        iterations_per_epoch(5, 8, drop_remainder=True)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "3"])
def test_numbers_that_are_none(bad):
    with pytest.raises(ValueError, match="`examples` must be a positive integer"):
        iterations_per_epoch(bad, 1)
    with pytest.raises(ValueError, match="`batch` must be a positive integer"):
        iterations_per_epoch(1, bad)


def test_a_remainder_is_dropped_or_not():
    with pytest.raises(ValueError, match="`drop_remainder` must be True or False"):
        iterations_per_epoch(10, 3, drop_remainder="last")
