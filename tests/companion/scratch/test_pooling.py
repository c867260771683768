"""Pooling against Keras with GradientTape, Caffe's own tests and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.scratch import (
    average_pool2d_backward,
    average_pool2d_forward,
    global_average_pool2d_backward,
    global_average_pool2d_forward,
    global_max_pool2d_backward,
    global_max_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
    max_unpool2d,
    numerical_gradient,
)

IN_KERAS = {
    # name: (input shape, arguments)
    "2/2": ((2, 6, 6, 3), {"pool_size": 2}),
    "3/2 overlapping": ((2, 7, 9, 3), {"pool_size": 3, "stride": 2}),
    "3/1 overlapping": ((2, 5, 6, 2), {"pool_size": 3, "stride": 1}),
    "3/1 same": ((2, 6, 6, 2), {"pool_size": 3, "stride": 1, "padding": "same"}),
    "3/2 same, even": ((1, 6, 8, 2), {"pool_size": 3, "stride": 2, "padding": "same"}),
    "3/2 same, odd": ((1, 7, 5, 2), {"pool_size": 3, "stride": 2, "padding": "same"}),
    "2/2 same, odd": ((1, 5, 7, 2), {"pool_size": 2, "padding": "same"}),
    "2/3, gaps": ((1, 8, 7, 2), {"pool_size": 2, "stride": 3}),
    "cells left over": ((1, 8, 6, 2), {"pool_size": 3, "stride": 2}),
    "H = W = C": ((3, 4, 4, 4), {"pool_size": 3, "stride": 1}),
    "all sizes equal": ((3, 3, 3, 3), {"pool_size": 3, "stride": 1, "padding": "same"}),
    "rectangle": ((1, 7, 5, 2), {"pool_size": (3, 2), "stride": (2, 1)}),
    "one row": ((1, 1, 7, 2), {"pool_size": (1, 3), "stride": (1, 2)}),
    "pool of one": ((1, 4, 5, 2), {"pool_size": 1}),
    "whole plane": ((2, 4, 5, 2), {"pool_size": (4, 5)}),
    "pool larger than the input": (
        (1, 2, 3, 2),
        {"pool_size": 5, "stride": 1, "padding": "same"},
    ),
}
PADDED = {
    # padding in numbers: the reference pads by hand
    "3/2 padding 1": ((2, 6, 7, 2), {"pool_size": 3, "stride": 2, "padding": 1}),
    "3/1 padding 1": ((1, 6, 6, 2), {"pool_size": 3, "stride": 1, "padding": 1}),
    "3/2 padding (1, 2)": (
        (1, 5, 6, 2),
        {"pool_size": 3, "stride": 2, "padding": (1, 2)},
    ),
    "4/2 padding beyond half": (
        (1, 6, 5, 2),
        {"pool_size": 4, "stride": 2, "padding": 3},
    ),
    "one side": (
        (1, 6, 5, 2),
        {"pool_size": 3, "stride": 2, "padding": ((0, 1), (2, 0))},
    ),
}
CEIL = {
    "3/2 ceil": ((2, 6, 8, 2), {"pool_size": 3, "stride": 2, "rounding": "ceil"}),
    "3/2 ceil, padding 1": (
        (1, 6, 7, 2),
        {"pool_size": 3, "stride": 2, "padding": 1, "rounding": "ceil"},
    ),
    "2/3 ceil": ((1, 7, 6, 2), {"pool_size": 2, "stride": 3, "rounding": "ceil"}),
    "2/2 ceil, one side": (
        (1, 5, 4, 2),
        {"pool_size": 2, "padding": ((1, 0), (0, 1)), "rounding": "ceil"},
    ),
    "ceil, pool larger than the input": (
        (1, 2, 2, 2),
        {"pool_size": 3, "stride": 2, "rounding": "ceil"},
    ),
    "same, ceil": (
        (1, 7, 6, 2),
        {"pool_size": 3, "stride": 2, "padding": "same", "rounding": "ceil"},
    ),
}
ALL = IN_KERAS | PADDED | CEIL


def by_name(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def distinct(shape, seed=0):
    """Negative numbers that all differ by at least 0.01: no ties, zero would win."""
    values = np.random.default_rng(seed).permutation(int(np.prod(shape)))
    return -0.01 * (1.0 + values).reshape(shape)


def random_like(y, seed=1):
    return np.random.default_rng(seed).normal(size=y.shape)


def plane(rows):
    """One batch entry, one channel."""
    return np.array(rows, "float64")[np.newaxis, ..., np.newaxis]


def keras_pool(x, kind, pool_size, stride=None, padding="valid"):
    layer = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    return layer[kind](pool_size, stride, padding, dtype="float64")(x)


def by_hand(padding):
    """`padding` as tf.pad wants it."""
    pairs = padding if isinstance(padding, tuple) else (padding, padding)
    pairs = [p if isinstance(p, tuple) else (p, p) for p in pairs]
    return [(0, 0), *pairs, (0, 0)]


def by_definition(x, pool_size, stride=None, padding="valid", rounding="floor"):
    """The input cells of every window: {(h, w): list of (row, column)}, one axis each.

    Starts are tried one by one; "ceil" also accepts one that only begins inside.
    """
    axes = []
    for axis in (0, 1):
        n = x.shape[1 + axis]
        k = pool_size[axis] if isinstance(pool_size, tuple) else pool_size
        s = stride[axis] if isinstance(stride, tuple) else (stride or k)
        if padding == "same":
            total = max((int(np.ceil(n / s)) - 1) * s + k - n, 0)
            before, after = total // 2, total - total // 2
        elif padding == "valid":
            before, after = 0, 0
        else:
            before, after = by_hand(padding)[1 + axis]
        windows, start = [], -before
        while start + k <= n + after or (
            # the one before did not reach the end, and this one has an input cell
            rounding == "ceil" and start < n and start - s + k < n + after
        ):
            windows.append([i for i in range(start, start + k) if 0 <= i < n])
            start += s
        axes.append(windows)
    return axes


# Forward and backward against Keras ------------------------------------------------


@by_name(IN_KERAS)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_forward_and_backward_equal_keras(kind, case):
    shape, arguments = case
    x = distinct(shape)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        expected = keras_pool(variable, kind, **arguments)
    if kind == "max":
        y, index = max_pool2d_forward(x, **arguments)
        upstream = random_like(y)
        grad_x = max_pool2d_backward(upstream, index, shape)
    else:
        y = average_pool2d_forward(x, **arguments)
        upstream = random_like(y)
        grad_x = average_pool2d_backward(upstream, shape, **arguments)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-14)
    expected = tape.gradient(expected, variable, upstream)
    np.testing.assert_allclose(grad_x, tf.convert_to_tensor(expected), atol=1e-13)


@by_name(PADDED)
def test_padded_max_equals_keras_on_an_input_padded_with_minus_infinity(case):
    shape, arguments = case
    x, valid = distinct(shape), arguments | {"padding": "valid"}
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        padded = tf.pad(
            variable, by_hand(arguments["padding"]), constant_values=-np.inf
        )
        expected = keras_pool(padded, "max", **valid)
    y, index = max_pool2d_forward(x, **arguments)
    np.testing.assert_array_equal(y, expected)
    upstream = random_like(y)
    np.testing.assert_allclose(
        max_pool2d_backward(upstream, index, shape),
        tape.gradient(expected, variable, upstream),
        atol=1e-13,
    )


@by_name(PADDED)
@pytest.mark.parametrize("count_include_padding", [False, True])
def test_padded_average_equals_keras_on_an_input_padded_with_zeros(
    case, count_include_padding
):
    shape, arguments = case
    x, valid = distinct(shape), arguments | {"padding": "valid"}
    pads = by_hand(arguments["padding"])
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        expected = keras_pool(tf.pad(variable, pads), "average", **valid)
        if not count_include_padding:
            share = keras_pool(tf.pad(tf.ones_like(variable), pads), "average", **valid)
            expected = expected / share
    y = average_pool2d_forward(
        x, **arguments, count_include_padding=count_include_padding
    )
    np.testing.assert_allclose(y, expected, atol=1e-14)
    upstream = random_like(y)
    grad_x = average_pool2d_backward(
        upstream, shape, **arguments, count_include_padding=count_include_padding
    )
    np.testing.assert_allclose(
        grad_x, tape.gradient(expected, variable, upstream), atol=1e-13
    )


def test_index_equals_tensorflow():
    x = distinct((2, 7, 6, 3))
    expected, argmax = tf.nn.max_pool_with_argmax(x, 3, 2, "SAME")
    y, index = max_pool2d_forward(x, 3, 2, "same")
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, argmax.numpy() // 3)


# The definition, and finite differences ---------------------------------------------


@by_name(ALL)
def test_forward_equals_the_definition(case):
    shape, arguments = case
    x = distinct(shape)
    row_windows, column_windows = by_definition(x, **arguments)
    y, index = max_pool2d_forward(x, **arguments)
    average = average_pool2d_forward(x, **arguments)
    assert y.shape[1:3] == (len(row_windows), len(column_windows))
    assert average.shape == index.shape == y.shape
    for (h, rows), (w, columns) in (
        (r, c) for r in enumerate(row_windows) for c in enumerate(column_windows)
    ):
        cells = x[:, rows][:, :, columns]
        np.testing.assert_array_equal(y[:, h, w], cells.max((1, 2)))
        np.testing.assert_allclose(average[:, h, w], cells.mean((1, 2)), atol=1e-14)
    batch, channel = np.arange(len(x))[:, None, None, None], np.arange(x.shape[3])
    winner = x[batch, index // shape[2], index % shape[2], channel]
    np.testing.assert_array_equal(y, winner)


@by_name(ALL)
def test_max_backward_equals_finite_differences(case):
    shape, arguments = case
    x = distinct(shape)
    y, index = max_pool2d_forward(x, **arguments)
    upstream = random_like(y)
    estimate = numerical_gradient(
        lambda v: max_pool2d_forward(v, **arguments)[0], x, upstream=upstream
    )
    np.testing.assert_allclose(
        max_pool2d_backward(upstream, index, shape), estimate, atol=1e-8
    )


@by_name(ALL)
@pytest.mark.parametrize("count_include_padding", [False, True])
def test_average_backward_equals_finite_differences(case, count_include_padding):
    shape, arguments = case
    arguments = arguments | {"count_include_padding": count_include_padding}
    x = distinct(shape)
    upstream = random_like(average_pool2d_forward(x, **arguments))
    estimate = numerical_gradient(
        lambda v: average_pool2d_forward(v, **arguments), x, upstream=upstream
    )
    np.testing.assert_allclose(
        average_pool2d_backward(upstream, shape, **arguments), estimate, atol=1e-8
    )


# Caffe: the numbers of its own src/caffe/test/test_pooling_layer.cpp -----------------

MAGIC = plane(
    [
        [35, 1, 6, 26, 19, 24],
        [3, 32, 7, 21, 23, 25],
        [31, 9, 2, 22, 27, 20],
        [8, 28, 33, 17, 10, 15],
        [30, 5, 34, 12, 14, 16],
        [4, 36, 29, 13, 18, 11],
    ]
)
CAFFE_MAX = {
    "TestForwardSquare": (
        plane([[1, 2, 5, 2, 3], [9, 4, 1, 4, 8], [1, 2, 5, 2, 3]]),
        {"pool_size": 2, "stride": 1},
        [[9, 5, 5, 8], [9, 5, 5, 8]],
        [[5, 2, 2, 9], [5, 12, 12, 9]],
    ),
    "TestForwardRectHigh": (
        MAGIC,
        {"pool_size": (3, 2), "stride": 1},
        [
            [35, 32, 26, 27, 27],
            [32, 33, 33, 27, 27],
            [31, 34, 34, 27, 27],
            [36, 36, 34, 18, 18],
        ],
        [
            [0, 7, 3, 16, 16],
            [7, 20, 20, 16, 16],
            [12, 26, 26, 16, 16],
            [31, 31, 26, 34, 34],
        ],
    ),
    "TestForwardRectWide": (
        MAGIC,
        {"pool_size": (2, 3), "stride": 1},
        [
            [35, 32, 26, 26],
            [32, 32, 27, 27],
            [33, 33, 33, 27],
            [34, 34, 34, 17],
            [36, 36, 34, 18],
        ],
        [
            [0, 7, 3, 3],
            [7, 7, 16, 16],
            [20, 20, 20, 16],
            [26, 26, 26, 21],
            [31, 31, 26, 34],
        ],
    ),
}


@by_name(CAFFE_MAX)
def test_max_and_index_equal_caffe(case):
    x, arguments, expected, expected_index = case
    y, index = max_pool2d_forward(x, **arguments, rounding="ceil")
    np.testing.assert_array_equal(y[0, :, :, 0], expected)
    np.testing.assert_array_equal(index[0, :, :, 0], expected_index)


def test_padded_max_equals_caffe():
    x = plane([[1, 2, 4], [2, 3, 2], [4, 2, 1]])
    y, _ = max_pool2d_forward(x, 3, 2, padding=2, rounding="ceil")
    np.testing.assert_array_equal(y[0, :, :, 0], [[1, 4, 4], [4, 4, 4], [4, 4, 1]])


def test_padded_average_equals_caffe():
    y = average_pool2d_forward(
        np.full((1, 1, 3, 3), 2.0).transpose(0, 2, 3, 1),
        *(3, 1, 1, "ceil"),
        count_include_padding=True,
    )
    corner, edge = 8 / 9, 4 / 3
    expected = [[corner, edge, corner], [edge, 2, edge], [corner, edge, corner]]
    np.testing.assert_allclose(y[0, :, :, 0], expected, atol=1e-12)


def test_ceil_average_divides_by_the_part_of_the_window_inside_input_and_padding():
    """By hand, with Caffe's rule: columns 1 2 3 4, pool 3, stride 2, padding 1.

    Windows cover columns (-1, 0, 1), (1, 2, 3) and (3, 4, 5): column 5 lies beyond the
    padding and is not counted, so the last divisor is 2 with padding and 1 without.
    """
    x = plane([[1, 2, 3, 4]])
    arguments = {
        "pool_size": (1, 3),
        "stride": (1, 2),
        "padding": (0, 1),
        "rounding": "ceil",
    }
    y = average_pool2d_forward(x, **arguments, count_include_padding=True)
    np.testing.assert_allclose(y.ravel(), [3 / 3, 9 / 3, 4 / 2])
    y = average_pool2d_forward(x, **arguments)
    np.testing.assert_allclose(y.ravel(), [3 / 2, 9 / 3, 4 / 1])
    grad = average_pool2d_backward(
        np.ones(y.shape), x.shape, **arguments, count_include_padding=True
    )
    np.testing.assert_allclose(grad.ravel(), [1 / 3, 2 / 3, 1 / 3, 1 / 3 + 1 / 2])


@pytest.mark.parametrize("rounding, size", [("ceil", 56), ("floor", 55)])
def test_first_pooling_of_googlenet(rounding, size):
    """Szegedy et al. 2014, table 1: 112 x 112 to 56 x 56, which needs ceil."""
    x = distinct((1, 112, 112, 2))
    y, _ = max_pool2d_forward(x, 3, 2, rounding=rounding)
    assert y.shape == (1, size, size, 2)
    if rounding == "ceil":
        np.testing.assert_array_equal(y[0, -1, -1], x[0, 110:, 110:].max((0, 1)))


# Ties, negative inputs, infinities ---------------------------------------------------


@pytest.mark.parametrize("arguments", [(2, 2), (3, 2), (3, 1), (3, 1, "same")])
def test_of_tied_maxima_the_first_takes_all_as_in_tensorflow(arguments):
    x = np.zeros((2, 5, 7, 3))
    x[:, ::2] = np.random.default_rng(0).integers(0, 2, size=(2, 3, 7, 3))
    pool, stride, padding = (*arguments, "valid")[:3]
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        expected = keras_pool(variable, "max", pool, stride, padding)
    y, index = max_pool2d_forward(x, pool, stride, padding)
    upstream = random_like(y)
    np.testing.assert_allclose(
        max_pool2d_backward(upstream, index, x.shape),
        tape.gradient(expected, variable, upstream),
        atol=1e-13,
    )


def test_first_means_first_in_reading_order():
    x = plane([[0, 0, 7], [7, 7, 0]])
    _, index = max_pool2d_forward(x, (2, 3))
    assert index.item() == 2


@pytest.mark.parametrize(
    "arguments", [{"padding": "same"}, {"padding": 1}, {"rounding": "ceil"}]
)
def test_padding_never_wins_over_negative_inputs(arguments):
    y, index = max_pool2d_forward(np.full((1, 6, 6, 1), -5.0), 3, 2, **arguments)
    np.testing.assert_array_equal(y, -5.0)
    assert index.min() >= 0
    assert index.max() < 36


def test_a_window_of_minus_infinity_still_points_into_itself():
    x = np.full((1, 4, 4, 1), -np.inf)
    y, index = max_pool2d_forward(x, 3, 2, padding=1)
    np.testing.assert_array_equal(y, -np.inf)
    np.testing.assert_array_equal(index[0, :, :, 0], [[0, 1], [4, 5]])


def test_a_nan_wins_wherever_it_is():
    for cell in range(4):
        x = np.arange(4.0)
        x[cell] = np.nan
        y, index = max_pool2d_forward(x.reshape(1, 2, 2, 1), 2)
        assert np.isnan(y.item())
        assert index.item() == cell


# Sums of gradients ---------------------------------------------------------------


@by_name(ALL)
def test_max_backward_keeps_the_sum_per_image_and_channel(case):
    shape, arguments = case
    y, index = max_pool2d_forward(distinct(shape), **arguments)
    upstream = random_like(y)
    np.testing.assert_allclose(
        max_pool2d_backward(upstream, index, shape).sum((1, 2)),
        upstream.sum((1, 2)),
        atol=1e-12,
    )


@by_name(ALL)
def test_average_backward_keeps_the_sum_when_padding_is_not_counted(case):
    shape, arguments = case
    upstream = random_like(average_pool2d_forward(distinct(shape), **arguments))
    np.testing.assert_allclose(
        average_pool2d_backward(upstream, shape, **arguments).sum((1, 2)),
        upstream.sum((1, 2)),
        atol=1e-12,
    )


def test_average_backward_loses_the_share_of_the_padding():
    """6 x 6, pool 3, stride 1, padding 1, all gradients 1.

    Along one axis the six windows hold 18 cells, 2 of them padding: (16 / 18)^2 of the
    gradient stays. One corner window keeps 4 of its 9 shares, an edge window 6.
    """
    arguments = ((1, 6, 6, 1), 3, 1, 1, "floor", True)
    everywhere = average_pool2d_backward(np.ones((1, 6, 6, 1)), *arguments)
    np.testing.assert_allclose(everywhere.sum(), 36 * (16 / 18) ** 2)
    for cell, kept in [((0, 0), 4 / 9), ((0, 3), 6 / 9), ((2, 3), 1)]:
        grad = np.zeros((1, 6, 6, 1))
        grad[0, *cell, 0] = 1.0
        np.testing.assert_allclose(
            average_pool2d_backward(grad, *arguments).sum(), kept
        )


def test_max_2_by_2_reaches_one_cell_in_four_and_average_all():
    x = distinct((1, 6, 6, 1))
    y, index = max_pool2d_forward(x, 2)
    grad = np.ones(y.shape)
    assert np.count_nonzero(max_pool2d_backward(grad, index, x.shape)) == 9
    np.testing.assert_array_equal(average_pool2d_backward(grad, x.shape, 2), 0.25)


def test_a_cell_that_wins_four_overlapping_windows_collects_four_gradients():
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 2, 0] = 1.0
    y, index = max_pool2d_forward(x, 3, 2)
    grad = np.array([1.0, 10.0, 100.0, 1000.0]).reshape(y.shape)
    grad_x = max_pool2d_backward(grad, index, x.shape)
    assert grad_x[0, 2, 2, 0] == 1111.0
    assert np.count_nonzero(grad_x) == 1


# Global pooling ------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (3, 3, 3, 3), (1, 1, 1, 2)])
@pytest.mark.parametrize("kind", ["average", "max"])
def test_global_pooling_equals_keras(kind, shape):
    x, variable = distinct(shape), tf.Variable(distinct(shape))
    layer = {
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }[kind](dtype="float64")
    with tf.GradientTape() as tape:
        expected = layer(variable)
    if kind == "average":
        y = global_average_pool2d_forward(x)
        upstream = random_like(y)
        grad_x = global_average_pool2d_backward(upstream, shape)
    else:
        y, index = global_max_pool2d_forward(x)
        upstream = random_like(y)
        grad_x = global_max_pool2d_backward(upstream, index, shape)
    np.testing.assert_allclose(y, expected, atol=1e-14)
    np.testing.assert_allclose(
        grad_x, tape.gradient(expected, variable, upstream), atol=1e-14
    )


def test_global_backward_equals_finite_differences():
    x = distinct((2, 3, 4, 2))
    upstream = random_like(np.zeros((2, 2)))
    estimate = numerical_gradient(global_average_pool2d_forward, x, upstream=upstream)
    np.testing.assert_allclose(
        global_average_pool2d_backward(upstream, x.shape), estimate, atol=1e-9
    )
    estimate = numerical_gradient(
        lambda v: global_max_pool2d_forward(v)[0], x, upstream=upstream
    )
    _, index = global_max_pool2d_forward(x)
    np.testing.assert_allclose(
        global_max_pool2d_backward(upstream, index, x.shape), estimate, atol=1e-9
    )


def test_global_is_pooling_with_one_window():
    x = distinct((2, 4, 5, 3))
    y, index = max_pool2d_forward(x, (4, 5))
    global_y, global_index = global_max_pool2d_forward(x)
    np.testing.assert_array_equal(global_y, y[:, 0, 0])
    np.testing.assert_array_equal(global_index, index[:, 0, 0])
    np.testing.assert_allclose(
        global_average_pool2d_forward(x),
        average_pool2d_forward(x, (4, 5))[:, 0, 0],
        atol=1e-14,
    )


def test_tied_global_maxima_the_first_takes_all_where_keras_shares():
    x = plane([[1, 7, 7], [7, 0, 7]])
    _, index = global_max_pool2d_forward(x)
    grad_x = global_max_pool2d_backward(np.array([[1.0]]), index, x.shape)
    np.testing.assert_array_equal(grad_x[0, :, :, 0], [[0, 1, 0], [0, 0, 0]])
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = keras.layers.GlobalMaxPooling2D(dtype="float64")(variable)
    shared = tape.gradient(y, variable).numpy()
    np.testing.assert_array_equal(
        shared[0, :, :, 0], [[0, 0.25, 0.25], [0.25, 0, 0.25]]
    )


# Unpooling -----------------------------------------------------------------------


def test_unpooling_restores_the_maxima_and_zeroes_the_rest():
    x = plane([[1, 2, 5, 3], [4, 0, 6, 1], [9, 3, 2, 2], [7, 8, 1, 4]])
    y, index = max_pool2d_forward(x, 2)
    np.testing.assert_array_equal(
        max_unpool2d(y, index, x.shape)[0, :, :, 0],
        [[0, 0, 0, 0], [4, 0, 6, 0], [9, 0, 0, 0], [0, 0, 0, 4]],
    )


@by_name(IN_KERAS)
def test_pooling_what_was_unpooled_gives_the_maxima_back(case):
    """Positive inputs, so that a maximum beats the zeros around it."""
    shape, arguments = case
    y, index = max_pool2d_forward(-distinct(shape), **arguments)
    again, index_again = max_pool2d_forward(max_unpool2d(y, index, shape), **arguments)
    np.testing.assert_array_equal(again, y)
    np.testing.assert_array_equal(index_again, index)


def test_overlapping_windows_write_their_common_maximum_once():
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 2, 0] = 3.0
    y, index = max_pool2d_forward(x, 3, 2)
    np.testing.assert_array_equal(max_unpool2d(y, index, x.shape), x)


def test_where_windows_disagree_the_last_value_stays():
    y = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    unpooled = max_unpool2d(y, np.ones((1, 1, 2, 1), int), (1, 1, 3, 1))
    assert unpooled.ravel().tolist() == [0.0, 2.0, 0.0]


def test_unpooling_is_the_transpose_of_gathering():
    """Without overlap the backward pass of max pooling and unpooling are one."""
    x = distinct((2, 5, 6, 3))
    y, index = max_pool2d_forward(x, 2)
    values = random_like(y)
    np.testing.assert_array_equal(
        max_unpool2d(values, index, x.shape),
        max_pool2d_backward(values, index, x.shape),
    )


# Dtypes and bad arguments ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept_and_arguments_are_not_changed(dtype):
    x = distinct((1, 5, 6, 2)).astype(dtype)
    before = x.copy()
    y, index = max_pool2d_forward(x, 3, 2, "same")
    index_before, shape = index.copy(), x.shape
    global_y, global_index = global_max_pool2d_forward(x)
    results = [
        y,
        global_y,
        average_pool2d_forward(x, 3, 2, "same"),
        global_average_pool2d_forward(x),
        max_pool2d_backward(y, index, shape),
        average_pool2d_backward(y, shape, 3, 2, "same"),
        global_average_pool2d_backward(global_y, shape),
        global_max_pool2d_backward(global_y, global_index, shape),
        max_unpool2d(y, index, shape),
    ]
    assert {result.dtype for result in results} == {np.dtype(dtype)}
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(index, index_before)
    for result in results:
        result += 1
    np.testing.assert_array_equal(x, before)


X = distinct((2, 5, 6, 3))


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"pool_size": 0}, "pool_size=0"),
        ({"pool_size": (2, 2, 2)}, r"pool_size=\(2, 2, 2\)"),
        ({"pool_size": 2.0}, r"pool_size=2\.0"),
        ({"pool_size": 6}, "n=5, kernel=6"),
        ({"pool_size": (2, 7)}, "n=6, kernel=7"),
        ({"stride": 0}, "stride=0"),
        ({"stride": (1, -1)}, "stride=-1"),
        ({"padding": "full"}, "padding='full'"),
        ({"padding": -1}, "padding=-1"),
        ({"padding": 2}, r"padding=2, pool_size=\(2, 2\)"),
        ({"padding": ((0, 0), (0, 2))}, r"padding=\(\(0, 0\), \(0, 2\)\)"),
        ({"padding": (1, 1, 1)}, r"padding=\(1, 1, 1\)"),
        ({"rounding": "round"}, "rounding='round'"),
    ],
)
def test_bad_windows_name_rule_and_value(changes, received):
    arguments = {"pool_size": 2} | changes
    message = f"must.*Received: .*{received}"
    with pytest.raises(ValueError, match=message):
        max_pool2d_forward(X, **arguments)
    with pytest.raises(ValueError, match=message):
        average_pool2d_forward(X, **arguments)
    with pytest.raises(ValueError, match=message):
        average_pool2d_backward(np.ones((2, 2, 3, 3)), X.shape, **arguments)


@pytest.mark.parametrize(
    "x, received",
    [
        (X[0], r"x\.shape=\(5, 6, 3\)"),
        (X[..., :0], r"x\.shape=\(2, 5, 6, 0\)"),
        (np.ones((2, 5, 6, 3), int), "x.dtype=int64"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        lambda x: max_pool2d_forward(x, 2),
        lambda x: average_pool2d_forward(x, 2),
        global_average_pool2d_forward,
        global_max_pool2d_forward,
    ],
)
def test_bad_inputs_name_rule_and_value(function, x, received):
    with pytest.raises(ValueError, match=f"must.*rank 4.*Received: .*{received}"):
        function(x)


@pytest.mark.parametrize(
    "function, received",
    [
        (lambda g: average_pool2d_backward(g, X.shape, 2), r"\(2, 2, 3, 3\)"),
        (
            lambda g: max_pool2d_backward(g, np.zeros((2, 2, 3, 3), int), X.shape),
            r"\(2, 2, 3, 3\)",
        ),
        (lambda g: global_average_pool2d_backward(g, X.shape), r"\(2, 3\)"),
        (
            lambda g: global_max_pool2d_backward(g, np.zeros((2, 3), int), X.shape),
            r"\(2, 3\)",
        ),
    ],
)
@pytest.mark.parametrize(
    "wrong",
    [lambda: np.ones((2, 3, 3, 3)), lambda: np.ones(()), lambda: np.ones((2, 3), int)],
)
def test_gradient_must_have_the_shape_of_the_output(function, received, wrong):
    with pytest.raises(ValueError, match=f"shape {received}. Received: grad.shape="):
        function(wrong())


BACKWARDS = {
    "max": lambda index, shape: max_pool2d_backward(np.ones(index.shape), index, shape),
    "unpool": lambda index, shape: max_unpool2d(np.ones(index.shape), index, shape),
}


@by_name(BACKWARDS)
@pytest.mark.parametrize(
    "index, received",
    [
        (np.zeros((2, 2, 3, 3)), "index.dtype=float64"),
        (np.zeros((2, 2, 3), int), r"index\.shape=\(2, 2, 3\)"),
        (np.zeros((1, 2, 3, 3), int), r"index\.shape=\(1, 2, 3, 3\)"),
        (np.zeros((2, 2, 3, 4), int), r"index\.shape=\(2, 2, 3, 4\)"),
        (np.full((2, 2, 3, 3), 30), "30 to 30"),
        (np.full((2, 2, 3, 3), -1), "-1 to -1"),
    ],
)
def test_index_must_point_into_the_plane(case, index, received):
    # an index of rank 3 meets its own error first, as `y` is checked before it
    pattern = "y.shape" if index.ndim == 3 and case is BACKWARDS["unpool"] else received
    with pytest.raises(ValueError, match=f"must.*Received: .*{pattern}"):
        case(index, X.shape)


def test_values_and_index_of_unpooling_must_have_the_same_shape():
    with pytest.raises(ValueError, match=r"same shape.*y\.shape=\(2, 2, 2, 3\)"):
        max_unpool2d(np.ones((2, 2, 2, 3)), np.zeros((2, 2, 3, 3), int), X.shape)


def test_global_index_must_have_the_shape_of_the_gradient():
    with pytest.raises(ValueError, match=r"must have.*index\.shape=\(2, 1, 1, 3\)"):
        global_max_pool2d_backward(
            np.ones((2, 3)), np.zeros((2, 1, 1, 3), int), X.shape
        )


@pytest.mark.parametrize(
    "shape, received",
    [((5, 6, 3), r"\(5, 6, 3\)"), ((2, None, 6, 3), "None"), (5, "5"), (None, "None")],
)
def test_shapes_must_have_four_positive_entries(shape, received):
    index = np.zeros((2, 2, 3, 3), int)
    y, vector = np.ones(index.shape), np.ones((2, 3))
    calls = {
        "input_shape": [
            lambda: max_pool2d_backward(y, index, shape),
            lambda: average_pool2d_backward(y, shape, 2),
            lambda: global_average_pool2d_backward(vector, shape),
            lambda: global_max_pool2d_backward(vector, vector.astype(int), shape),
        ],
        "output_shape": [lambda: max_unpool2d(y, index, shape)],
    }
    for name, functions in calls.items():
        for function in functions:
            with pytest.raises(ValueError, match=f"must be.*{name}={received}"):
                function()


def test_sums_of_float16_do_not_overflow():
    """Nine times 60000 is 540000; the largest float16 is 65504."""
    x = np.full((1, 3, 3, 1), 60000, "float16")
    y = average_pool2d_forward(x, 3)
    assert y.dtype == np.float16 and y.item() == x[0, 0, 0, 0]
    assert global_average_pool2d_forward(x).item() == x[0, 0, 0, 0]
    # 65536 cells, more than float16 can count, share a gradient of 1: 2**-16 each
    shape, one = (1, 256, 256, 1), np.ones((1, 1, 1, 1), "float16")
    share = average_pool2d_backward(one, shape, 256)
    assert share.dtype == np.float16 and np.all(share == 2.0**-16)
    share = global_average_pool2d_backward(one[0, 0], shape)
    assert share.dtype == np.float16 and np.all(share == 2.0**-16)


@pytest.mark.parametrize(
    "x", [None, "x", [[1.0], [2.0, 3.0]], np.ones((1, 2, 2, 1), complex), iter([1.0])]
)
def test_what_is_no_array_of_numbers(x):
    for function in (max_pool2d_forward, average_pool2d_forward):
        with pytest.raises(ValueError, match="`x` must be an array of real numbers"):
            function(x, 2)


@pytest.mark.parametrize("size", [True, None, "2", 2.0, (2, True), float("nan"), 0])
def test_sizes_of_pools_are_whole_numbers(size):
    with pytest.raises(ValueError, match="Received: pool_size="):
        average_pool2d_forward(np.ones((1, 4, 4, 1)), size)
    y = average_pool2d_forward(np.ones((1, 4, 4, 1)), np.int64(2), np.uint8(2))
    assert y.shape == (1, 2, 2, 1)
