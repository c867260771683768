"""Checker of the chapter on pooling."""

import numpy as np

from companion.conformance.report import expect, judge, raise_first, register

__all__ = ["check_stochastic_pool"]

CHECKS = {}
WINDOW = np.array([[1.0, 3.0], [0.0, 4.0]])
CHANCES = WINDOW.ravel() / WINDOW.sum()
TILES = (8, 4, 8, 16)  # images, windows in a column and in a row, channels
AXES = ("images", "windows of a column", "windows of a row", "channels")
SHAPES = "Both results have the shape (batch, height / k, width / k, channels)."


def check_stochastic_pool(pool):
    """Name the mistake in a stochastic pooling of separate windows.

    Args:
        pool: function `(x, k, rng) -> (y, index)` of NumPy arrays (batch, height,
            width, channels); `rng` is a NumPy generator, `index` is row * width +
            column in the whole map.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> from companion.scratch import max_pool2d_forward
    >>> try:
    ...     check_stochastic_pool(lambda x, k, rng: max_pool2d_forward(x, k))
    ... except AssertionError as error:
    ...     print(str(error)[-54:])
    The largest cell is always drawn: that is max pooling.

    Source: Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep
    Convolutional Neural Networks" (arXiv 1301.3557), Section 3.
    """
    raise_first(judge(CHECKS, (pool,), {}))


def maps(batch=2, height=4, width=6, channels=3):
    """Positive numbers, all different."""
    cells = np.random.default_rng(3).permutation(batch * height * width * channels)
    return (cells.reshape(batch, height, width, channels) + 1.0) / 7


def drawn(pool, x, k, seed=0):
    """The two results as arrays."""
    given = x.copy()
    results = pool(given, k, np.random.default_rng(seed))
    pair = isinstance(results, (tuple, list)) and len(results) == 2
    expect(pair, "The function does not return two arrays.", "Return y and index.")
    expect(np.array_equal(given, x), "The map was changed.", "Work on a copy of it.")
    return tuple(np.asarray(result) for result in results)


def own_windows(index, k, height, width):
    """Whether every index lies in the window of its output, counted in four ways."""
    _, rows, columns, channels = index.shape
    row, column = np.ogrid[:rows, :columns]
    channel = np.arange(channels)

    def inside(r, c):
        same = (r // k == row[..., None]) & (c // k == column[..., None])
        return bool(np.all(same))

    flat = index // channels
    return {
        "map": inside(index // width, index % width),
        "transposed": inside(index % height, index // height),
        "channels": inside(flat // width, flat % width)
        and bool((index % channels == channel).all()),
        "window": bool((index < k * k).all()),
    }


@register(CHECKS, "Call it on a small map yourself and look at the line.")
def check_runs(pool, given):
    """The function takes a map, a size and a generator, and returns two arrays."""
    for result in drawn(pool, maps(), 2):
        numbers = result.dtype.kind in "iuf"
        expect(numbers, "A result holds something other than numbers.", SHAPES)


@register(CHECKS, SHAPES, needs=("runs",))
def check_shape(pool, given):
    """y and index have one number for each window and channel."""
    for x, k in ((maps(), 2), (maps(height=6, width=9), 3)):
        batch, height, width, channels = x.shape
        right = batch, height // k, width // k, channels
        for name, result in zip(("y", "index"), drawn(pool, x, k), strict=True):
            observed = f"{name} of a {height}x{width} map has the shape {result.shape}."
            expect(result.shape == right, observed)


@register(
    CHECKS,
    "It is row times width plus column, in the whole map.",
    needs=("runs", "shape"),
)
def check_index(pool, given):
    """index points into the window of its output."""
    for x, k in ((maps(), 2), (maps(height=6, width=9), 3)):
        _, index = drawn(pool, x, k)
        whole = index.dtype.kind in "iu"
        expect(whole, "index holds no integers.", "A backward pass indexes with it.")
        counted = own_windows(index, k, *x.shape[1:3])
        if counted["map"]:
            continue
        if counted["window"]:
            observed = "index counts in the window, not in the map."
        elif counted["channels"]:
            observed = "index counts the channels too."
        elif counted["transposed"]:
            observed = "index is column times height plus row."
        else:
            observed = "index points to cells of other windows."
        expect(False, observed)


@register(
    CHECKS,
    "y is the number that stands at index in the same image and channel.",
    needs=("runs", "shape", "index"),
)
def check_values(pool, given):
    """y is what stands at index."""
    x = maps()
    y, index = drawn(pool, x, 2)
    cells = x.reshape(len(x), -1, x.shape[3])
    places = index.reshape(len(x), -1, x.shape[3])
    there = np.take_along_axis(cells, places, axis=1).reshape(y.shape)
    blocks = x.reshape(2, 2, 2, 3, 2, 3)
    expected = (blocks**2).sum((2, 4)) / blocks.sum((2, 4))
    if np.allclose(y, expected):
        hint = (
            "That weighted mean is the paper's rule for testing; a draw is asked for."
        )
        expect(False, "y is the mean that is expected of a draw.", hint)
    expect(np.allclose(y, there), "y is not the value at index.")


@register(
    CHECKS,
    "A cell of value 0 has the chance 0; a window of zeros returns 0.",
    needs=("runs", "shape", "index", "values"),
)
def check_zeros(pool, given):
    """Zeros are drawn only where a window holds nothing else."""
    with np.errstate(all="ignore"):
        y, index = drawn(pool, np.zeros((1, 4, 6, 2)), 2)
        inside = own_windows(index, 2, 4, 6)["map"]
        expect((y == 0).all(), "A window of zeros does not return 0.")
        expect(inside, "In a map of zeros index leaves the window.")
        y, _ = drawn(pool, np.tile(WINDOW[..., None], (1, 5, 5, 40)), 2)
    expect((y > 0).all(), "Cells of value 0 are drawn.")


@register(
    CHECKS,
    "A cell of value 3 is drawn three times as often as a cell of value 1.",
    needs=("runs", "shape", "index", "values", "zeros"),
)
def check_chances(pool, given):
    """The chance of a cell goes with its value."""
    images, column, row, channels = TILES
    x = np.tile(WINDOW[None, ..., None], (images, column, row, channels))
    y, _ = drawn(pool, x, 2)
    share = np.array([(y == value).mean() for value in WINDOW.ravel()])
    if share[3] == 1:
        hint = "The largest cell is always drawn: that is max pooling."
        expect(False, "No chance is at work.", hint)
    for axis, name in enumerate(AXES):
        first, second = np.delete(y, -1, axis), np.delete(y, 0, axis)
        observed = f"All {name} get the same draw."
        same = np.array_equal(first, second)
        expect(not same, observed, "Draw for each window of each channel and image.")
    if np.allclose(share[[0, 1, 3]], 1 / 3, atol=0.04):
        hint = "Its chance goes with its value."
        expect(False, "Every cell above 0 is drawn equally often.", hint)
    found = ", ".join(f"{value:.2f}" for value in share)
    right = ", ".join(f"{value:.2f}" for value in CHANCES)
    observed = f"Of 1, 3, 0 and 4 the shares drawn are {found}, not {right}."
    expect(np.allclose(share, CHANCES, atol=0.04), observed)


@register(
    CHECKS,
    "Every random number comes from the generator that was handed over.",
    needs=("runs", "shape", "index", "values", "zeros"),
)
def check_generator(pool, given):
    """The draws come from `rng`."""
    x = np.tile(WINDOW[None, ..., None], (2, 4, 5, 9))
    first, again, other = (drawn(pool, x, 2, seed)[0] for seed in (1, 1, 2))
    repeats = np.array_equal(first, again)
    expect(repeats, "Equal generators draw different cells.")
    changes = not np.array_equal(first, other)
    expect(changes, "Different generators draw the same cells.")
