"""The transposed convolution against Keras, C transposed, and zeros inserted."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.scratch import (
    conv2d_backward,
    conv2d_forward,
    conv2d_transpose,
    conv_matrix,
    insert_zeros,
    output_size,
)

KERAS = {
    # name: (input shape, kernel size, arguments): what the layer of Keras takes too
    "1x1": ((2, 3, 4, 3), (1, 1), {}),
    "3x3": ((2, 3, 4, 3), (3, 3), {}),
    "all sizes equal": ((3, 3, 3, 3), (3, 3), {}),
    "same": ((1, 4, 3, 2), (3, 3), {"padding": "same"}),
    "stride 2": ((1, 3, 4, 2), (3, 3), {"stride": 2}),
    "stride 2, same": ((1, 3, 4, 2), (3, 3), {"stride": 2, "padding": "same"}),
    "stride 2, 4x4, same": ((1, 3, 4, 2), (4, 4), {"stride": 2, "padding": "same"}),
    "stride 3, 5x5, same": ((1, 2, 3, 2), (5, 5), {"stride": 3, "padding": "same"}),
    "not square": ((1, 3, 2, 2), (2, 3), {"stride": (1, 2)}),
    "stride larger than kernel": ((1, 3, 2, 2), (2, 2), {"stride": 3}),
    "stride larger than kernel, same": (
        (1, 3, 2, 2),
        (2, 2),
        {"stride": 3, "padding": "same"},
    ),
    "valid, output padding 0": (
        (1, 3, 4, 2),
        (3, 3),
        {"stride": 2, "output_padding": 0},
    ),
    "valid, output padding 1": (
        (1, 3, 4, 2),
        (3, 3),
        {"stride": 2, "output_padding": 1},
    ),
    "same, output padding 0": (
        (1, 3, 4, 2),
        (3, 3),
        {"stride": 2, "padding": "same", "output_padding": 0},
    ),
    "same, output padding 1": (
        (1, 3, 4, 2),
        (3, 3),
        {"stride": 2, "padding": "same", "output_padding": 1},
    ),
}
# TensorFlow has no dilated one on the CPU, and Keras no padding by numbers.
MORE = {
    "dilated": ((1, 4, 5, 2), (3, 3), {"dilation": 2}),
    "padding 1": ((1, 3, 4, 2), (3, 3), {"padding": 1}),
    "padding 1, stride 2": ((1, 3, 4, 2), (3, 3), {"padding": 1, "stride": 2}),
    "padding 1, output padding 1": (
        (1, 3, 4, 2),
        (3, 3),
        {"padding": 1, "stride": 2, "output_padding": 1},
    ),
    "padding on one side": (
        (1, 3, 4, 2),
        (3, 2),
        {"padding": ((0, 2), (1, 0)), "stride": 3, "output_padding": (2, 1)},
    ),
    "everything": (
        (2, 3, 2, 2),
        (3, 2),
        {"padding": (1, 2), "stride": (2, 3), "dilation": (2, 3)},
    ),
}
ALL = KERAS | MORE


def by_name(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def random_case(case):
    x_shape, size, arguments = case
    rng = np.random.default_rng(11)
    x, kernel = rng.normal(size=x_shape), rng.normal(size=(*size, 4, x_shape[3]))
    return x, kernel, rng.normal(size=4), arguments


def forward_arguments(arguments):
    return {k: v for k, v in arguments.items() if k != "output_padding"}


@by_name(KERAS)
def test_equals_the_layer_of_keras_forward_and_backward(case):
    x, kernel, bias, arguments = random_case(case)
    layer = keras.layers.Conv2DTranspose(
        4,
        kernel.shape[:2],
        strides=arguments.get("stride", 1),
        padding=arguments.get("padding", "valid"),
        output_padding=arguments.get("output_padding"),
        dilation_rate=arguments.get("dilation", 1),
        dtype="float64",
    )
    layer.build(x.shape)
    layer.set_weights([kernel, bias])
    seen = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(seen)
        expected = layer(seen)
    y = conv2d_transpose(x, kernel, bias, **arguments)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    # The backward pass of the transpose is the convolution.
    grad = np.random.default_rng(0).normal(size=y.shape)
    ours = conv2d_forward(grad, kernel, **forward_arguments(arguments))
    np.testing.assert_allclose(ours, tape.gradient(expected, seen, grad), atol=1e-12)


@by_name(ALL)
def test_is_the_matrix_of_the_convolution_transposed(case):
    x, kernel, _, arguments = random_case(case)
    y = conv2d_transpose(x, kernel, **arguments)
    matrix = conv_matrix(kernel, y.shape[1:3], **forward_arguments(arguments))
    expected = x.reshape(len(x), -1) @ matrix
    np.testing.assert_allclose(y.reshape(len(x), -1), expected, atol=1e-12)


@by_name(ALL)
def test_is_the_backward_pass_of_the_convolution(case):
    x, kernel, _, arguments = random_case(case)
    y = conv2d_transpose(x, kernel, **arguments)
    expected, _, _ = conv2d_backward(x, y, kernel, **forward_arguments(arguments))
    np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize("stride, extra", [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_is_a_convolution_of_the_map_with_zeros_inserted(stride, extra):
    """Dumoulin and Visin, relationship 14: rotated kernel, padding k - 1 - p."""
    rng = np.random.default_rng(6)
    x, kernel = rng.normal(size=(1, 3, 4, 2)), rng.normal(size=(3, 3, 4, 2))
    around = ((3 - 1 - 1, 3 - 1 - 1 + extra),) * 2
    expected = conv2d_forward(
        insert_zeros(x, stride),
        kernel[::-1, ::-1].transpose(0, 1, 3, 2),
        padding=around,
    )
    y = conv2d_transpose(x, kernel, stride=stride, padding=1, output_padding=extra)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize("n", [5, 6])
def test_output_padding_tells_apart_the_sizes_that_a_stride_confuses(n):
    """Dumoulin and Visin, section 2.4: sizes 5 and 6 both become 3."""
    assert output_size(n, 3, 2, 1) == 3
    y = conv2d_transpose(
        np.ones((1, 3, 3, 1)),
        np.ones((3, 3, 1, 1)),
        stride=2,
        padding=1,
        output_padding=n - 5,
    )
    assert y.shape == (1, n, n, 1)
    assert y.sum() == (81 - 4 * 9 + 4 if n == 5 else 81 - 2 * 9 + 1)


@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
def test_zeros_are_inserted_between_and_nowhere_else(stride):
    x = np.arange(1.0, 13).reshape(1, 3, 4, 1)
    wide = insert_zeros(x, stride)
    rows, columns = stride if isinstance(stride, tuple) else (stride, stride)
    assert wide.shape == (1, 2 * rows + 1, 3 * columns + 1, 1)
    assert np.array_equal(wide[:, ::rows, ::columns], x)
    assert wide.sum() == x.sum() and np.count_nonzero(wide) == 12


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept_and_arguments_are_not_changed(dtype):
    x, kernel, bias, _ = random_case(KERAS["stride 2"])
    given = [v.astype(dtype) for v in (x, kernel, bias)]
    before = [v.copy() for v in given]
    assert conv2d_transpose(*given, stride=2).dtype == np.dtype(dtype)
    assert insert_zeros(given[0], 2).dtype == np.dtype(dtype)
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)


X, KERNEL = np.zeros((2, 3, 4, 5)), np.zeros((3, 3, 8, 5))


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"x": X[0]}, r"x\.shape=\(3, 4, 5\)"),
        ({"x": X.astype(int)}, "x.dtype=int64"),
        ({"kernel": KERNEL[0]}, r"kernel\.shape=\(3, 8, 5\)"),
        ({"kernel": np.zeros((3, 3, 5, 8))}, r"kernel\.shape=\(3, 3, 5, 8\), C_in=5"),
        ({"bias": np.zeros(5)}, r"bias\.shape=\(5,\)"),
        ({"stride": 0}, "stride=0"),
        ({"dilation": 0}, "dilation=0"),
        ({"padding": "full"}, "padding='full'"),
        ({"padding": -1}, "padding=-1"),
        ({"padding": (1, 2, 3)}, r"padding=\(1, 2, 3\)"),
        ({"padding": 3}, "padding=3, n=3, kernel=3, stride=1"),
        ({"output_padding": 1}, "output_padding=1, stride=1"),
        ({"output_padding": (0, 2), "stride": 2}, "output_padding=2, stride=2"),
        ({"output_padding": -1}, "output_padding=-1"),
        ({"output_padding": (1, 2, 3)}, r"output_padding=\(1, 2, 3\)"),
    ],
)
def test_bad_arguments_name_rule_and_value(changes, received):
    arguments = {"x": X, "kernel": KERNEL} | changes
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        conv2d_transpose(**arguments)


@pytest.mark.parametrize("x, stride", [(X[0], 2), (X, 0), (X, (1, 2, 3))])
def test_bad_arguments_of_inserting_zeros(x, stride):
    with pytest.raises(ValueError, match=r"must.*Received: "):
        insert_zeros(x, stride)
