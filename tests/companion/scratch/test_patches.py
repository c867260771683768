"""im2col by hand; conv_nd against Keras in one, two and three dimensions."""

import keras
import numpy as np
import pytest

from companion.scratch import col2im, conv2d_forward, conv_nd, im2col

CASES = {
    # name: (sides, kernel size, C_in, C_out, arguments)
    "signal": ((9,), (3,), 2, 4, {}),
    "signal, strided, same": ((8,), (3,), 3, 2, {"stride": 2, "padding": "same"}),
    "signal, dilated": ((11,), (3,), 2, 2, {"dilation": 4}),
    "signal, even kernel, same": ((7,), (4,), 1, 2, {"padding": "same"}),
    "image": ((5, 6), (3, 2), 3, 4, {}),
    "image, all sizes equal": ((3, 3), (3, 3), 3, 3, {"padding": "same"}),
    "image, same, even size, stride 2": (
        (6, 8),
        (3, 3),
        2,
        3,
        {"padding": "same", "stride": 2},
    ),
    "image, stride leaves cells over": ((8, 6), (3, 3), 2, 2, {"stride": (2, 1)}),
    "image, dilated": ((8, 9), (3, 2), 2, 2, {"dilation": (3, 2)}),
    "image, pointwise": ((4, 5), (1, 1), 6, 3, {}),
    "video": ((4, 5, 6), (2, 3, 3), 2, 3, {}),
    "video, strided, same": (
        (4, 6, 5),
        (3, 3, 2),
        2,
        2,
        {"padding": "same", "stride": (1, 2, 2)},
    ),
    "volume, all sizes equal": ((2, 2, 2), (2, 2, 2), 2, 2, {"padding": "same"}),
}
PADDED = {  # what Keras has no name for
    "signal, causal": ((6,), (3,), 2, 3, {"padding": ((2, 0),)}),
    "image, everything": (
        (8, 9),
        (3, 2),
        2,
        3,
        {"padding": ((1, 2), (0, 3)), "stride": (3, 2), "dilation": (2, 3)},
    ),
    "image, padding 1": ((4, 5), (3, 3), 2, 2, {"padding": 1}),
    "image, padding (2, 0)": ((4, 5), (3, 3), 2, 2, {"padding": (2, 0)}),
    "volume, one side": ((3, 4, 3), (2, 2, 2), 1, 2, {"padding": (1, (0, 1), 0)}),
}


def by_name(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def random_case(case):
    sides, size, c_in, c_out, arguments = case
    rng = np.random.default_rng(11)
    x = rng.normal(size=(2, *sides, c_in))
    kernel = rng.normal(size=(*size, c_in, c_out))
    return x, kernel, rng.normal(size=c_out), arguments


@by_name(CASES)
def test_convolution_equals_keras(case):
    x, kernel, bias, arguments = random_case(case)
    expected = keras.ops.conv(
        x,
        kernel,
        strides=arguments.get("stride", 1),
        padding=arguments.get("padding", "valid"),
        dilation_rate=arguments.get("dilation", 1),
    )
    y = conv_nd(x, kernel, bias, **arguments)
    np.testing.assert_allclose(y - bias, expected, atol=1e-11)


@pytest.mark.parametrize(
    "layer, x",
    [
        (keras.layers.Conv1D(4, 3, padding="same"), np.ones((2, 7, 3))),
        (keras.layers.Conv2D(4, (3, 2), strides=2), np.ones((2, 7, 6, 3))),
        (keras.layers.Conv3D(4, (2, 3, 3)), np.ones((2, 4, 5, 6, 3))),
    ],
    ids=["Conv1D", "Conv2D", "Conv3D"],
)
def test_layers_of_keras(layer, x):
    """The layers a student would use, with their weights, in their dtype."""
    x = (x * np.random.default_rng(2).normal(size=x.shape)).astype("float32")
    y = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = layer.get_weights()
    ours = conv_nd(x, kernel, bias, stride=layer.strides, padding=layer.padding)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, y, atol=1e-5)


@by_name({k: v for k, v in (CASES | PADDED).items() if k.startswith("image")})
def test_images_equal_the_loop_over_taps(case):
    x, kernel, bias, arguments = random_case(case)
    np.testing.assert_allclose(
        conv_nd(x, kernel, bias, **arguments),
        conv2d_forward(x, kernel, bias, **arguments),
        atol=1e-12,
    )


def test_rows_by_hand():
    """2 x 2 windows with stride 2 on a 2 x 4 map of two channels."""
    x = np.arange(16).reshape(1, 2, 4, 2)
    expected = [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]
    assert im2col(x, 2, stride=2).reshape(2, 8).tolist() == expected


def test_padding_reads_zeros_and_dilation_skips():
    x = np.arange(1, 6).reshape(1, 5, 1)
    rows = im2col(x, 3, padding=((2, 0),), dilation=2)
    assert rows[0].tolist() == [[0, 1, 3], [0, 2, 4], [1, 3, 5]]


def test_same_pads_an_even_kernel_after():
    x = np.arange(1, 4).reshape(1, 3, 1)
    assert im2col(x, 2, padding="same")[0].tolist() == [[1, 2], [2, 3], [3, 0]]


@by_name(CASES | PADDED)
def test_col2im_is_the_transpose(case):
    x, kernel, _, arguments = random_case(case)
    rows = im2col(x, kernel.shape[:-2], **arguments)
    g = np.random.default_rng(3).normal(size=rows.shape)
    back = col2im(g, x.shape, kernel.shape[:-2], **arguments)
    assert back.shape == x.shape
    assert np.isclose((rows * g).sum(), (x * back).sum(), atol=1e-10)


def test_col2im_counts_the_windows_of_a_cell():
    """3 x 3 windows, stride 1, `same`: 4 at a corner, 6 at an edge, 9 inside."""
    counts = col2im(np.ones((1, 4, 4, 9)), (1, 4, 4, 1), 3, padding="same")
    expected = [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    assert counts.reshape(4, 4).tolist() == expected


def test_a_kernel_is_not_flipped():
    x = np.array([0.0, 0.0, 1.0, 0.0, 0.0]).reshape(1, 5, 1)
    kernel = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    assert conv_nd(x, kernel).ravel().tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept_and_arguments_are_not_changed(dtype):
    rng = np.random.default_rng(5)
    x, kernel, bias = (
        rng.normal(size=shape).astype(dtype) for shape in [(1, 6, 2), (3, 2, 4), (4,)]
    )
    before = [v.copy() for v in (x, kernel, bias)]
    y = conv_nd(x, kernel, bias, padding="same")
    rows = im2col(x, 3)
    back = col2im(rows, x.shape, 3)
    assert {v.dtype for v in (y, rows, back)} == {np.dtype(dtype)}
    for now, then in zip((x, kernel, bias), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_sums_of_float16_do_not_overflow_on_the_way():
    x = np.full((1, 3, 1), 60000, "float16")
    kernel = np.array([1, 1, -1], "float16").reshape(3, 1, 1)
    assert conv_nd(x, kernel).item() == x[0, 0, 0]
    rows = np.zeros((1, 3, 3), "float16")  # windows x taps, all three on cell 2
    rows[0, 2, 0] = rows[0, 1, 1] = x[0, 0, 0]
    rows[0, 0, 2] = -x[0, 0, 0]
    assert col2im(rows, (1, 5, 1), 3)[0, 2, 0] == x[0, 0, 0]


def test_photographs_of_bytes_can_be_cut_but_not_convolved():
    """Sums of bytes would wrap around at 256."""
    x = np.full((1, 4, 4, 3), 255, "uint8")
    assert im2col(x, 2).dtype == np.uint8
    with pytest.raises(ValueError, match=r"`x` must.*Received: x\.dtype=uint8"):
        conv_nd(x, np.ones((2, 2, 3, 1)))


X, KERNEL = np.zeros((2, 5, 6, 4)), np.zeros((3, 3, 4, 8))


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"x": X[0, 0]}, r"x\.shape=\(6, 4\)"),
        ({"x": X[:0]}, r"x\.shape=\(0, 5, 6, 4\)"),
        ({"x": np.zeros((1,) * 6)}, r"x\.shape=\(1, 1, 1, 1, 1, 1\)"),
        ({"x": X.astype(int)}, "x.dtype=int64"),
        ({"kernel": KERNEL[0]}, r"kernel\.shape=\(3, 4, 8\)"),
        ({"kernel": KERNEL.astype(int)}, "kernel.dtype=int64"),
        ({"kernel": KERNEL[:, :, :3]}, r"kernel\.shape=\(3, 3, 3, 8\), C_in=4"),
        ({"kernel": np.zeros((6, 3, 4, 8))}, "n=5, kernel=6"),
        ({"bias": np.zeros(4)}, r"bias\.shape=\(4,\)"),
        ({"stride": 0}, "stride=0"),
        ({"stride": (1, 2, 3)}, r"stride=\(1, 2, 3\)"),
        ({"dilation": 1.5}, r"dilation=1\.5"),
        ({"padding": "full"}, "padding='full'"),
        ({"padding": -1}, "padding=-1"),
        ({"padding": (1, 2, 3)}, r"padding=\(1, 2, 3\)"),
        ({"padding": ((1, 2), (3,))}, r"padding=\(3,\)"),
    ],
)
def test_bad_arguments_name_rule_and_value(changes, received):
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        conv_nd(**({"x": X, "kernel": KERNEL} | changes))


@pytest.mark.parametrize(
    "patches, shape, size, received",
    [
        (np.zeros((1, 3, 2)), (1, 4), 2, r"input_shape=\(1, 4\)"),
        (np.zeros((1, 3, 2)), 4, 2, "input_shape=4"),
        (np.zeros((1, 3, 2)), (1, 0, 1), 2, "input_shape=0"),
        (np.zeros((1, 3, 3)), (1, 4, 1), 2, r"patches\.shape=\(1, 3, 3\)"),
        (np.zeros((1, 3, 2), int), (1, 4, 1), 2, r"patches\.dtype=int64"),
        (np.zeros((1, 3, 2)), (1, 4, 1), (2, 2), r"kernel_size=\(2, 2\)"),
    ],
)
def test_col2im_refuses_what_im2col_does_not_return(patches, shape, size, received):
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        col2im(patches, shape, size)
