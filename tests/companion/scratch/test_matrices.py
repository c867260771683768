"""The matrix of a convolution: by hand, against Keras, and what its entries say."""

import keras
import numpy as np
import pytest

from companion.scratch import conv_matrix

CASES = {
    # name: (sides, kernel size, C_in, C_out, arguments)
    "signal": ((7,), (3,), 2, 3, {}),
    "signal, dilated": ((9,), (3,), 1, 2, {"dilation": 3}),
    "image": ((4, 5), (3, 2), 2, 3, {}),
    "image, all sizes equal": ((3, 3), (3, 3), 3, 3, {"padding": "same"}),
    "image, strided": ((7, 6), (3, 3), 2, 2, {"stride": (2, 3)}),
    "image, same, even kernel": ((4, 5), (2, 4), 2, 2, {"padding": "same"}),
    "image, same, stride 2": ((6, 5), (3, 3), 1, 2, {"padding": "same", "stride": 2}),
    "video": ((3, 4, 3), (2, 3, 2), 2, 2, {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_matrix_times_map_equals_keras(case):
    sides, size, c_in, c_out, arguments = case
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1, *sides, c_in))
    kernel = rng.normal(size=(*size, c_in, c_out))
    y = keras.ops.convert_to_numpy(
        keras.ops.conv(
            x,
            kernel,
            strides=arguments.get("stride", 1),
            padding=arguments.get("padding", "valid"),
            dilation_rate=arguments.get("dilation", 1),
        )
    )
    matrix = conv_matrix(kernel, sides, **arguments)
    assert matrix.shape == (y.size, x.size)
    np.testing.assert_allclose(matrix @ x.ravel(), y.ravel(), atol=1e-12)


def test_three_by_three_on_four_by_four():
    """Dumoulin and Visin 2016, section 4.1: 4 rows of 16, nine weights in each."""
    weights = np.arange(1.0, 10)
    matrix = conv_matrix(weights.reshape(3, 3, 1, 1), 4)
    first = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0]
    expected = [np.roll(first, shift).tolist() for shift in (0, 1, 4, 5)]
    assert matrix.tolist() == expected


def test_padding_leaves_weights_out():
    kernel = np.array([2.0, 3, 5]).reshape(3, 1, 1)
    matrix = conv_matrix(kernel, 3, padding=1)
    assert matrix.tolist() == [[3, 5, 0], [2, 3, 5], [0, 2, 3]]


def test_channels_stand_side_by_side():
    """Two channels in, two filters, one tap: the kernel itself, once for each cell."""
    kernel = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2)
    expected = [[1, 3, 0, 0], [2, 4, 0, 0], [0, 0, 1, 3], [0, 0, 2, 4]]
    assert conv_matrix(kernel, 2).tolist() == expected


def test_transpose_is_the_transposed_convolution_of_keras():
    rng = np.random.default_rng(6)
    kernel, g = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=(1, 3, 2, 4))
    layer = keras.layers.Conv2DTranspose(2, 3, 2, use_bias=False, dtype="float64")
    layer.build((None, 3, 2, 4))
    layer.set_weights([kernel])
    expected = keras.ops.convert_to_numpy(layer(g))
    ours = conv_matrix(kernel, expected.shape[1:3], stride=2).T @ g.ravel()
    np.testing.assert_allclose(ours, expected.ravel(), atol=1e-12)


def test_dtype_is_kept():
    assert conv_matrix(np.ones((2, 1, 1), "float32"), 3).dtype == np.float32


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"kernel": 3.0}, r"kernel\.shape=\(\)"),
        ({"kernel": np.ones((3, 3))}, r"kernel\.shape=\(3, 3\)"),
        ({"kernel": np.ones((1,) * 6)}, r"kernel\.shape=\(1, 1, 1, 1, 1, 1\)"),
        ({"kernel": np.ones((3, 3, 1, 1), int)}, "kernel.dtype=int64"),
        ({"input_size": 0}, "input_size=0"),
        ({"input_size": (4, 4, 4)}, r"input_size=\(4, 4, 4\)"),
        ({"input_size": 2}, "n=2, kernel=3"),
        ({"stride": 0}, "stride=0"),
        ({"padding": "full"}, "padding='full'"),
        ({"dilation": (1, 0)}, "dilation=0"),
    ],
)
def test_bad_arguments_name_rule_and_value(changes, received):
    arguments = {"kernel": np.ones((3, 3, 1, 1)), "input_size": 4} | changes
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        conv_matrix(**arguments)
