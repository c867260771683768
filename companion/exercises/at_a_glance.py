"""Checker of the chapter that shows everything at a glance."""

import numpy as np

from companion.conformance.report import expect, judge, raise_first, register

__all__ = ["check_deal"]

CHECKS = {}
CASES = ((12, 4), (13, 4), (5, 8), (7, 7), (6, 1), (101, 25))
EPOCH = "An epoch is every example once."


def check_deal(deal):
    """Name the mistake in a function that deals a training set out in batches.

    Args:
        deal: function `(n, b, rng)` that returns one epoch: a list of arrays, or of
            lists, which hold the numbers 0 to n - 1 in an order drawn with the NumPy
            generator `rng`, b in each, and in the last what is left.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_deal(lambda n, b, rng: [
    ...         np.arange(i, min(i + b, n)) for i in range(0, n, b)])
    ... except AssertionError as error:
    ...     print(str(error)[-65:])
    The examples come in the order of the set. Shuffle all n numbers.

    Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), Section 8.1.3.
    """
    raise_first(judge(CHECKS, (deal,), {}))


def dealt(deal, n, b, rng=None):
    """The batches of one epoch as a list of arrays."""
    batches = deal(n, b, np.random.default_rng(5) if rng is None else rng)
    hint = "Return a list of arrays, one for each batch."
    expect(batches is not None, "The function returns nothing.", hint)
    iterable = hasattr(batches, "__iter__")
    expect(iterable, f"The function returns {batches!r}, no list.", hint)
    batches = [np.asarray(batch) for batch in batches]
    for batch in batches:
        expect(batch.ndim > 0, "The function returns numbers, not batches.", hint)
        expect(batch.ndim == 1, f"A batch has the shape {batch.shape}.", hint)
    return batches


def whole(deal, n, b, rng=None):
    """All numbers of an epoch in their order."""
    batches = dealt(deal, n, b, rng)
    return np.concatenate(batches) if batches else np.array([], int)


@register(CHECKS, "Call it for n = 12, b = 4 yourself and look at the line.")
def check_runs(deal, given):
    """The function returns arrays of whole numbers."""
    for n, b in CASES:
        for batch in dealt(deal, n, b):
            # NumPy makes floats of an empty list; another check names empty batches.
            integers = batch.dtype.kind in "iu" or not batch.size
            expect(integers, "A batch holds no integers.", "They number examples.")


@register(CHECKS, EPOCH, needs=("runs",))
def check_everyone(deal, given):
    """Every example comes, and comes once."""
    for n, b in CASES:
        numbers = whole(deal, n, b)
        where = f"For n = {n}, b = {b}"
        missing = np.setdiff1d(np.arange(n), numbers)
        inside = not numbers.size or (numbers.min() >= 0 and numbers.max() < n)
        observed = f"{where} the numbers run from {min(numbers, default=0)} to "
        observed += f"{max(numbers, default=0)}."
        expect(inside, observed, f"The first example is number 0, the last {n - 1}.")
        twice = numbers.size > np.unique(numbers).size
        if twice and missing.size:
            hint = f"Drawing anew for each batch puts examples back. {EPOCH}"
            expect(False, f"{where} some examples come twice and some never.", hint)
        observed = f"{where} some examples come twice."
        expect(not twice, observed, "The last batch is not filled up.")
        observed = f"{where} the number of examples left out is {missing.size}."
        hint = "The last batch takes what is left, even if it is smaller."
        expect(not missing.size, observed, hint)


@register(
    CHECKS,
    "Every batch has b examples; only the last may have fewer.",
    needs=("runs", "everyone"),
)
def check_sizes(deal, given):
    """Batches have b examples, the last has what is left."""
    for n, b in CASES:
        sizes = [len(batch) for batch in dealt(deal, n, b)]
        right = [b] * (n // b) + [n % b] * (n % b > 0)
        where = f"For n = {n}, b = {b}"
        expect(0 not in sizes, f"{where} there is an empty batch.")
        expect(sizes == right, f"{where} the batches have {sizes} examples.")


@register(CHECKS, "Shuffle all n numbers.", needs=("runs", "everyone", "sizes"))
def check_order(deal, given):
    """The order is drawn over the whole set."""
    n, b = 400, 20
    batches = dealt(deal, n, b)
    numbers = np.concatenate(batches)
    sorted_ = np.array_equal(numbers, np.arange(n))
    expect(not sorted_, "The examples come in the order of the set.")
    backwards = np.array_equal(numbers, np.arange(n)[::-1])
    expect(not backwards, "The examples come in the order of the set, backwards.")
    spread = [np.ptp(batch) for batch in batches]
    if max(spread) < 2 * b:
        first = [batch.min() for batch in batches]
        same = np.array_equal(first, np.sort(first))
        observed = (
            "Only the inside of each batch is shuffled."
            if same
            else "Only the batches are shuffled: neighbours of the set stay together."
        )
        expect(False, observed)


@register(
    CHECKS,
    "Draw the order with the generator that was handed over, in each call.",
    needs=("runs", "everyone", "sizes", "order"),
)
def check_generator(deal, given):
    """Every epoch has an order of its own, which comes from `rng`."""
    rng = np.random.default_rng(1)
    first, second = whole(deal, 400, 20, rng), whole(deal, 400, 20, rng)
    differ = not np.array_equal(first, second)
    expect(differ, "Two epochs have the same order.")
    again = whole(deal, 400, 20, np.random.default_rng(1))
    same = np.array_equal(first, again)
    expect(same, "Equal generators deal differently.")


@register(
    CHECKS,
    "Draw the order over all n numbers; a buffer that is smaller than the set mixes "
    "only what is near.",
    needs=("runs", "everyone", "sizes", "order", "generator"),
)
def check_neighbours(deal, given):
    """Neighbours of the set come no nearer to each other than any two examples."""
    n, b, epochs = 400, 20, 50
    rng = np.random.default_rng(2)
    places = [np.argsort(whole(deal, n, b, rng)) for _ in range(epochs)]
    near = np.mean([np.abs(np.diff(place)) < b for place in places])
    # Of n (n - 1) pairs of places, (b - 1) (2n - b) lie so near.
    uniform = (b - 1) * (2 * n - b) / (n * (n - 1))
    observed = (
        f"In {epochs} epochs of n = {n}, b = {b} example i + 1 comes less than b "
        f"places from example i in {near:.0%} of the cases, in a random order in "
        f"{uniform:.0%}."
    )
    expect(0.06 < near < 0.14, observed)
