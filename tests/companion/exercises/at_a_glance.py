"""Solutions of the chapter that shows everything at a glance."""

import numpy as np

from companion.exercises import check_deal


def with_slices(n, b, rng):
    order = rng.permutation(n)
    return [order[i : i + b] for i in range(0, n, b)]


def with_split(n, b, rng):
    order = np.arange(n)
    rng.shuffle(order)
    return np.split(order, range(b, n, b))


def with_choice(n, b, rng):
    """Draw each batch from what is left in the pack."""
    pack, batches = np.arange(n), []
    while len(pack):
        hand = rng.choice(pack, size=min(b, len(pack)), replace=False)
        batches.append(hand)
        pack = np.setdiff1d(pack, hand)
    return batches


def by_random_keys(n, b, rng):
    order = np.argsort(rng.random(n))
    while len(order):
        hand, order = order[:b], order[b:]
        yield hand


def as_lists(n, b, rng):
    order = rng.permutation(n).tolist()
    return [order[i : i + b] for i in range(0, n, b)]


def in_order(n, b, rng):
    return [np.arange(i, min(i + b, n)) for i in range(0, n, b)]


def backwards(n, b, rng):
    order = np.arange(n)[::-1]
    return [order[i : i + b] for i in range(0, n, b)]


def drawn_anew(n, b, rng):
    return [rng.integers(n, size=min(b, n - i)) for i in range(0, n, b)]


def anew_without_repeats(n, b, rng):
    return [rng.choice(n, size=min(b, n - i), replace=False) for i in range(0, n, b)]


def remainder_dropped(n, b, rng):
    order = rng.permutation(n)
    return [order[i : i + b] for i in range(0, n - b + 1, b)]


def one_left_out(n, b, rng):
    order = rng.permutation(n - 1) if n > 1 else np.arange(n)
    return [order[i : i + b] for i in range(0, n - 1, b)]


def filled_up(n, b, rng):
    order = rng.permutation(n)
    order = np.concatenate([order, order[: -n % b]])
    return [order[i : i + b] for i in range(0, len(order), b)]


def from_one(n, b, rng):
    return [batch + 1 for batch in with_slices(n, b, rng)]


def equal_parts(n, b, rng):
    return np.array_split(rng.permutation(n), -(-n // b))


def b_batches(n, b, rng):
    """Takes b for the number of batches."""
    return np.array_split(rng.permutation(n), min(b, n))


def empty_last(n, b, rng):
    order = rng.permutation(n)
    return [order[i : i + b] for i in range(0, n + 1, b)]


def single_examples(n, b, rng):
    return [[number] for number in rng.permutation(n)]


def one_batch(n, b, rng):
    return [rng.permutation(n)]


def inside_shuffled(n, b, rng):
    return [rng.permutation(batch) for batch in in_order(n, b, rng)]


def batches_shuffled(n, b, rng):
    batches = in_order(n, b, rng)
    full = [batches[i] for i in rng.permutation(n // b)]
    return full + batches[n // b :]


def cut(order, b):
    return [order[i : i + b] for i in range(0, len(order), b)]


def rotated(n, b, rng):
    return cut(np.roll(np.arange(n), rng.integers(n)), b)


def two_swapped(n, b, rng):
    order = np.arange(n)
    if n > 1:
        i, j = rng.choice(n, size=2, replace=False)
        order[[i, j]] = order[[j, i]]
    return cut(order, b)


def blocks_shuffled(n, b, rng):
    blocks = [range(i, min(i + 4 * b, n)) for i in range(0, n, 4 * b)]
    order = [
        i for k in rng.permutation(len(blocks)) for i in rng.permutation(blocks[k])
    ]
    return cut(np.array(order), b)


def fixed_stride(n, b, rng):
    """Steps of 7 from a random start, or of 5 where 7 divides n."""
    step = 7 if n % 7 else 5
    return cut((rng.integers(n) + step * np.arange(n)) % n, b)


def buffered(size):
    def shuffle_buffer(n, b, rng):
        """Give out one of the next `size` examples, as a buffered shuffle does."""
        order, coming, buffer = [], iter(range(n)), []
        for number in coming:
            buffer.append(number)
            if len(buffer) == size:
                order.append(buffer.pop(rng.integers(size)))
        rest = rng.permutation(np.array(buffer, int))
        return cut(np.array([*order, *rest], int), b)

    return shuffle_buffer


def fixed_seed(n, b, rng):
    return with_slices(n, b, np.random.default_rng(0))


def own_generator(n, b, rng):
    return with_slices(n, b, np.random.default_rng())


def floats(n, b, rng):
    return [batch / 1 for batch in with_slices(n, b, rng)]


def columns(n, b, rng):
    return [batch[:, None] for batch in with_slices(n, b, rng)]


def flat(n, b, rng):
    return rng.permutation(n)


def count(n, b, rng):
    return -(-n // b)


def nothing(n, b, rng):
    with_slices(n, b, rng)


def none_at_all(n, b, rng):
    return []


def two_arguments(n, b):
    return in_order(n, b, None)


EXERCISES = [
    {
        "label": "ex-glance-deal",
        "checker": check_deal,
        "right": {
            "slices of a permutation, as in the chapter": with_slices,
            "a shuffle, split": with_split,
            "hands drawn from the pack": with_choice,
            "random keys, one batch after the other": by_random_keys,
            "plain lists": as_lists,
        },
        "wrong": {
            "not shuffled": (in_order, "in the order of the set. Shuffle"),
            "backwards": (backwards, "in the order of the set, backwards"),
            "with replacement": (drawn_anew, "some examples come twice and some never"),
            "anew for each batch": (anew_without_repeats, "puts examples back"),
            "remainder dropped": (
                remainder_dropped,
                "For n = 13, b = 4 the number of examples left out",
            ),
            "the last example forgotten": (
                one_left_out,
                "For n = 12, b = 4 the number of examples left out is 1",
            ),
            "last batch filled up": (filled_up, "The last batch is not filled up"),
            "counted from 1": (from_one, "The first example is number 0"),
            "equal parts": (equal_parts, "only the last may have fewer"),
            "b batches": (b_batches, "For n = 12, b = 4 the batches have [3, 3, 3, 3]"),
            "an empty last batch": (empty_last, "there is an empty batch"),
            "batches of one": (single_examples, "the batches have [1, 1"),
            "one batch": (one_batch, "the batches have [12]"),
            "each batch shuffled": (inside_shuffled, "Only the inside of each batch"),
            "batches shuffled": (batches_shuffled, "Only the batches are shuffled"),
            "rotated": (rotated, "from example i in 100% of"),
            "two swapped": (two_swapped, "from example i in 99% of"),
            "blocks shuffled": (blocks_shuffled, "from example i in 42% of"),
            "a fixed stride": (fixed_stride, "from example i in 0% of"),
            "a buffer of 50": (
                buffered(50),
                "Draw the order over all n numbers; a buffer",
            ),
            "a buffer of 100": (buffered(100), "from example i in 19% of"),
            "a fixed seed": (fixed_seed, "Two epochs have the same order"),
            "another generator": (own_generator, "Equal generators deal differently"),
            "floats": (floats, "A batch holds no integers"),
            "columns": (columns, "A batch has the shape (4, 1)"),
            "one array": (flat, "returns numbers, not batches"),
            "how many": (count, "returns 3, no list"),
            "no return": (nothing, "The function returns nothing"),
            "an empty list": (none_at_all, "examples left out is 12"),
            "two arguments": (two_arguments, "takes 2 positional arguments"),
        },
    }
]
