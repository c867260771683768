"""Output sizes against published networks and hand counts; padding against Keras."""

import keras
import numpy as np
import pytest

from companion.scratch import output_size, padding_amounts

PUBLISHED = [
    # (n, kernel, stride, padding, rounding, output, where it is printed)
    (32, 5, 1, "valid", "floor", 28, "LeNet-5 C1, LeCun 1998"),
    (28, 2, 2, "valid", "floor", 14, "LeNet-5 S2, LeCun 1998"),
    (227, 11, 4, "valid", "floor", 55, "AlexNet conv1, Caffe definition"),
    (55, 3, 2, "valid", "floor", 27, "AlexNet pool1, Krizhevsky 2012"),
    (27, 3, 2, "valid", "floor", 13, "AlexNet pool2, Krizhevsky 2012"),
    (13, 3, 2, "valid", "floor", 6, "AlexNet pool5, Krizhevsky 2012"),
    (224, 7, 2, 3, "floor", 112, "GoogLeNet conv1, Szegedy 2014 table 1"),
    (112, 3, 2, "valid", "ceil", 56, "GoogLeNet pool1, Szegedy 2014 table 1"),
    (56, 3, 2, "valid", "ceil", 28, "GoogLeNet pool2, Szegedy 2014 table 1"),
    (28, 3, 2, "valid", "ceil", 14, "GoogLeNet pool3, Szegedy 2014 table 1"),
    (14, 3, 2, "valid", "ceil", 7, "GoogLeNet pool4, Szegedy 2014 table 1"),
    (112, 3, 2, 1, "floor", 56, "ResNet pool1, He 2015 table 1"),
    (6, 3, 2, "valid", "ceil", 3, "Caffe test_pooling_layer.cpp TestSetup, height"),
    (5, 3, 2, "valid", "ceil", 2, "Caffe test_pooling_layer.cpp TestSetup, width"),
    (6, 3, 2, 1, "ceil", 4, "Caffe test_pooling_layer.cpp TestSetupPadded, height"),
    (5, 3, 2, 1, "ceil", 3, "Caffe test_pooling_layer.cpp TestSetupPadded, width"),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row[-1])
def test_output_size_equals_the_published_one(row):
    n, kernel, stride, padding, rounding, expected, _ = row
    assert output_size(n, kernel, stride, padding, rounding=rounding) == expected


def test_googlenet_with_floor_loses_a_row_at_every_pooling():
    sizes = [112]
    for _ in range(4):
        sizes.append(output_size(sizes[-1], 3, 2, rounding="floor"))
    assert sizes == [112, 55, 27, 13, 6]


@pytest.mark.parametrize(
    "n, kernel, stride, padding, expected",
    [
        # starts 0 and 2; a third at 4 would see only the cell of padding after 3
        (4, 2, 2, (0, 1), 2),
        # padding 1 + 4 + 1, starts 0, 2, 4: the last sees cell 3 (padded cell 4)
        (4, 2, 2, 1, 3),
        # padding 1 + 3 + 1, starts 0 and 2; 4 is padding and would be the third
        (3, 2, 2, 1, 2),
        # starts 0 and 3; a third at 6 is outside, padding or not
        (5, 1, 3, 0, 2),
        # the pool is longer than the axis: one window that sticks out
        (2, 3, 2, 0, 1),
    ],
)
def test_a_ceil_window_without_input_cells_is_dropped(
    n, kernel, stride, padding, expected
):
    assert output_size(n, kernel, stride, padding, rounding="ceil") == expected


def test_every_window_holds_an_input_cell_and_ceil_leaves_none_out():
    for n in range(1, 9):
        for kernel in range(1, 5):
            for stride in range(1, 5):
                for padding in range(kernel):
                    if n + 2 * padding < kernel:
                        continue
                    size = output_size(n, kernel, stride, padding, rounding="ceil")
                    windows = [
                        set(range(start - padding, start - padding + kernel))
                        for start in range(0, size * stride, stride)
                    ]
                    cells = set(range(n))
                    assert all(window & cells for window in windows)
                    if stride <= kernel:
                        assert cells <= set().union(*windows)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_dilated_output_size_equals_keras(kernel, dilation):
    shape = keras.ops.conv(
        np.zeros((1, 13, 13, 1), "float32"),
        np.zeros((kernel, kernel, 1, 1), "float32"),
        dilation_rate=dilation,
    ).shape
    assert output_size(13, kernel, dilation=dilation) == shape[1]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [1, 4, 5, 6, 7])
def test_same_padding_equals_keras(n, kernel, stride):
    """Position weights reveal where the windows of "same" start."""
    x = np.arange(1.0, n + 1).reshape(1, n, 1).astype("float32")
    taps = 100.0 ** np.arange(kernel).reshape(kernel, 1, 1).astype("float32")
    y = keras.ops.convert_to_numpy(
        keras.ops.conv(x, taps, strides=stride, padding="same")
    )
    before, after = padding_amounts(n, kernel, stride, "same")
    padded = np.pad(x.ravel(), (before, after))
    size = output_size(n, kernel, stride, "same")
    expected = [
        padded[start : start + kernel] @ taps.ravel()
        for start in range(0, size * stride, stride)
    ]
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-6)


def test_same_puts_the_odd_cell_after():
    assert padding_amounts(224, 3, 2, "same") == (0, 1)
    assert padding_amounts(5, 4, 1, "same") == (1, 2)
    assert padding_amounts(9, 3, 1, "same", dilation=2) == (2, 2)


@pytest.mark.parametrize(
    "arguments, received",
    [
        ({"n": 0}, "n=0"),
        ({"n": 7.0}, r"n=7\.0"),
        ({"kernel": 0}, "kernel=0"),
        ({"stride": 0}, "stride=0"),
        ({"stride": -1}, "stride=-1"),
        ({"dilation": 0}, "dilation=0"),
        ({"padding": "SAME"}, "padding='SAME'"),
        ({"padding": None}, "padding=None"),
        ({"padding": -1}, "padding=-1"),
        ({"padding": (0, -1)}, r"padding=\(0, -1\)"),
        ({"padding": (1, 1, 1)}, r"padding=\(1, 1, 1\)"),
        ({"padding": 0.5}, r"padding=0\.5"),
        ({"rounding": "round"}, "rounding='round'"),
        ({"n": 4, "kernel": 5}, "n=4, kernel=5"),
        ({"n": 4, "kernel": 3, "dilation": 2}, "dilation=2"),
        ({"n": 2, "kernel": 5, "stride": 2, "rounding": "ceil"}, "n=2, kernel=5"),
    ],
)
def test_bad_arguments_name_rule_and_value(arguments, received):
    with pytest.raises(ValueError, match=f"(must|fit).*Received: .*{received}"):
        output_size(**({"n": 7, "kernel": 3} | arguments))
