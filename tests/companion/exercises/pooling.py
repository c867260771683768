"""Solutions of the chapter on pooling."""

import numpy as np

from companion.exercises import check_stochastic_pool
from companion.scratch import average_pool2d_forward, max_pool2d_forward


def cut(a, k):
    """(batch, rows, columns, channels, k * k): the windows of a map."""
    batch, height, width, channels = a.shape
    a = a.reshape(batch, height // k, k, width // k, k, channels)
    a = a.transpose(0, 1, 3, 5, 2, 4)
    return a.reshape(*a.shape[:4], k * k)


def take(x, k, choice):
    """y and index of the chosen cells of all windows."""
    _, height, width, _ = x.shape
    values = cut(x, k)
    cells = cut(np.arange(height * width).reshape(1, height, width, 1), k)
    cells = np.broadcast_to(cells, values.shape)
    pick = choice[..., None]
    y, index = (np.take_along_axis(a, pick, -1)[..., 0] for a in (values, cells))
    return y, index


def running_sums(x, k, rng, power=1, shared=()):
    values = cut(x, k) ** power
    running = values.cumsum(axis=-1)
    shape = [1 if axis in shared else n for axis, n in enumerate(values.shape[:4])]
    draw = rng.random(shape)[..., None] * running[..., -1:]
    return take(x, k, (running > draw).argmax(axis=-1))


def race(x, k, rng):
    """The first of exponential clocks that run as fast as the values are large."""
    values = cut(x, k)
    with np.errstate(divide="ignore"):
        times = rng.exponential(size=values.shape) / values
    return take(x, k, times.argmin(axis=-1))


def loops(x, k, rng):
    batch, height, width, channels = x.shape
    y = np.zeros((batch, height // k, width // k, channels))
    index = np.zeros(y.shape, int)
    for b, i, j, c in np.ndindex(y.shape):
        window = x[b, i * k : i * k + k, j * k : j * k + k, c].ravel()
        total = window.sum()
        chance = window / total if total > 0 else None
        m, n = divmod(int(rng.choice(k * k, p=chance)), k)
        y[b, i, j, c] = window[m * k + n]
        index[b, i, j, c] = (i * k + m) * width + j * k + n
    return [y, index]


def loops_without_zeros(x, k, rng):
    values = cut(x, k)
    choice = np.zeros(values.shape[:4], int)
    for window in np.ndindex(choice.shape):
        chance = values[window] / values[window].sum()
        choice[window] = rng.choice(k * k, p=chance)
    return take(x, k, choice)


def largest(x, k, rng):
    return max_pool2d_forward(x, k)


def uniform(x, k, rng):
    values = cut(x, k)
    return take(x, k, rng.integers(k * k, size=values.shape[:4]))


def uniform_above_zero(x, k, rng):
    values = cut(x, k)
    return take(x, k, (rng.random(values.shape) * (values > 0)).argmax(axis=-1))


def softmax(x, k, rng):
    values = cut(x, k)
    return take(x, k, (values + rng.gumbel(size=values.shape)).argmax(axis=-1))


def squares(x, k, rng):
    return running_sums(x, k, rng, power=2)


def one_draw_for_channels(x, k, rng):
    return running_sums(x, k, rng, shared=(3,))


def one_draw_for_images(x, k, rng):
    return running_sums(x, k, rng, shared=(0,))


def one_draw_for_rows(x, k, rng):
    return running_sums(x, k, rng, shared=(2,))


def expected_value(x, k, rng):
    values = cut(x, k)
    mean = (values**2).sum(-1) / np.maximum(values.sum(-1), 1e-9)
    return mean, race(x, k, rng)[1]


def mean_pooling(x, k, rng):
    return average_pool2d_forward(x, k), race(x, k, rng)[1]


def index_in_the_window(x, k, rng):
    y, index = race(x, k, rng)
    width = x.shape[2]
    return y, index // width % k * k + index % width % k


def index_with_channels(x, k, rng):
    y, index = race(x, k, rng)
    return y, index * x.shape[3] + np.arange(x.shape[3])


def index_transposed(x, k, rng):
    y, index = race(x, k, rng)
    _, height, width, _ = x.shape
    return y, index % width * height + index // width


def wide_index(x, k, rng):
    """The index of a map whose sides are exchanged."""
    y, index = race(x, k, rng)
    return y, index[:, ::-1, ::-1]


def float_index(x, k, rng):
    y, index = race(x, k, rng)
    return y, index.astype(float)


def not_a_number(x, k, rng):
    values = cut(x, k)
    with np.errstate(all="ignore"):
        chance = values / values.sum(-1, keepdims=True)
    y, index = race(x, k, rng)
    return y * chance.sum(-1), index


def overlapping(x, k, rng):
    return max_pool2d_forward(x, k, 1)


def channels_first(x, k, rng):
    y, index = race(x, k, rng)
    return y.transpose(0, 3, 1, 2), index.transpose(0, 3, 1, 2)


def own_generator(x, k, rng):
    return race(x, k, np.random.default_rng())


def fixed_seed(x, k, rng):
    return running_sums(x, k, np.random.default_rng(0))


def only_y(x, k, rng):
    return race(x, k, rng)[0]


def changed(x, k, rng):
    x /= x.max()
    return race(x, k, rng)


def words(x, k, rng):
    return "y", "index"


def nothing(x, k, rng):
    race(x, k, rng)


def two_arguments(x, k):
    return max_pool2d_forward(x, k)


EXERCISES = [
    {
        "label": "ex-pooling-stochastic",
        "checker": check_stochastic_pool,
        "right": {
            "running sums, as in the chapter": running_sums,
            "loops, and the generator's choice": loops,
            "a race of exponential clocks": race,
        },
        "wrong": {
            "max pooling": (largest, "that is max pooling"),
            "uniform": (uniform, "Cells of value 0 are drawn"),
            "uniform above zero": (uniform_above_zero, "drawn equally often"),
            "softmax": (softmax, "A cell of value 0 has the chance 0"),
            "squares": (squares, "Of 1, 3, 0 and 4 the shares drawn are"),
            "one draw for channels": (one_draw_for_channels, "All channels get"),
            "one draw for images": (one_draw_for_images, "All images get"),
            "one draw for a row": (one_draw_for_rows, "All windows of a row get"),
            "expected value": (expected_value, "mean that is expected of a draw"),
            "mean pooling": (mean_pooling, "y is not the value at index"),
            "index in the window": (index_in_the_window, "counts in the window"),
            "index with channels": (index_with_channels, "counts the channels"),
            "index transposed": (index_transposed, "column times height plus row"),
            "index of other windows": (wide_index, "cells of other windows"),
            "index of floats": (float_index, "holds no integers"),
            "0 / 0": (not_a_number, "A window of zeros does not return 0"),
            "the error of 0 / 0": (loops_without_zeros, "robabilities contain NaN"),
            "overlapping windows": (overlapping, "y of a 4x6 map has the shape"),
            "channels first": (channels_first, "has the shape (2, 3, 2, 3)"),
            "another generator": (own_generator, "Equal generators draw different"),
            "a fixed seed": (fixed_seed, "Different generators draw the same"),
            "only y": (only_y, "does not return two arrays"),
            "the map changed": (changed, "The map was changed"),
            "words": (words, "something other than numbers"),
            "no return": (nothing, "Return y and index"),
            "two arguments": (two_arguments, "takes 2 positional arguments"),
        },
    }
]
