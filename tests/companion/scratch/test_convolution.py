"""conv2d against its definition, Keras with GradientTape, and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.scratch import conv2d_backward, conv2d_forward, numerical_gradient

CASES = {
    # name: (input shape, kernel shape, arguments)
    "1x1": ((2, 3, 5, 4), (1, 1, 4, 3), {}),
    "3x3": ((2, 5, 6, 3), (3, 3, 3, 2), {}),
    "H = W = C": ((2, 4, 4, 4), (3, 3, 4, 4), {"padding": "same"}),
    "all sizes equal": ((3, 3, 3, 3), (3, 3, 3, 3), {"padding": "same"}),
    "kernel as large as the input": ((1, 4, 5, 2), (4, 5, 2, 3), {}),
    "not square": ((1, 7, 4, 2), (3, 2, 2, 3), {"stride": (2, 1)}),
    "stride leaves cells over": ((1, 8, 6, 2), (3, 3, 2, 2), {"stride": 2}),
    "stride larger than kernel": ((1, 7, 8, 2), (2, 2, 2, 2), {"stride": 3}),
    "same, even size, stride 2": (
        (1, 6, 8, 2),
        (3, 3, 2, 2),
        {"padding": "same", "stride": 2},
    ),
    "same, even kernel": ((1, 5, 6, 2), (2, 4, 2, 2), {"padding": "same"}),
    "same, dilated": ((1, 7, 6, 2), (3, 3, 2, 2), {"padding": "same", "dilation": 2}),
    "dilated": ((1, 8, 9, 2), (3, 2, 2, 2), {"dilation": (3, 2)}),
    "padding 1": ((1, 4, 5, 2), (3, 3, 2, 2), {"padding": 1}),
    "padding (1, 2)": ((1, 4, 5, 2), (3, 3, 2, 2), {"padding": (1, 2)}),
    "padding beyond the kernel": ((1, 3, 2, 1), (2, 2, 1, 2), {"padding": 3}),
    "padding on one side": (
        (1, 5, 4, 2),
        (3, 3, 2, 2),
        {"padding": ((0, 1), (2, 0)), "stride": 2},
    ),
    "two groups": ((2, 5, 4, 4), (3, 3, 2, 6), {"groups": 2, "padding": "same"}),
    "three groups, strided": ((1, 6, 6, 6), (3, 3, 2, 3), {"groups": 3, "stride": 2}),
    "depthwise": ((1, 5, 6, 4), (3, 3, 1, 4), {"groups": 4}),
    "depthwise, multiplier 2": ((1, 5, 6, 3), (3, 3, 1, 6), {"groups": 3}),
}
# Keras and TensorFlow refuse a stride together with a dilation.
NOT_IN_KERAS = {
    "stride and dilation": (
        (1, 9, 8, 2),
        (3, 2, 2, 2),
        {"stride": (2, 3), "dilation": (2, 3)},
    ),
    "everything": (
        (1, 8, 9, 4),
        (3, 2, 2, 6),
        {
            "stride": (3, 2),
            "dilation": (2, 3),
            "padding": ((1, 2), (0, 3)),
            "groups": 2,
        },
    ),
}
ALL = CASES | NOT_IN_KERAS


def by_name(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def random_case(case):
    x_shape, kernel_shape, arguments = case
    rng = np.random.default_rng(7)
    x, kernel = rng.normal(size=x_shape), rng.normal(size=kernel_shape)
    bias = rng.normal(size=kernel_shape[3])
    y = conv2d_forward(x, kernel, bias, **arguments)
    return x, kernel, bias, y, rng.normal(size=y.shape), arguments


def each_axis(value):
    return value if isinstance(value, tuple) else (value, value)


def by_definition(x, kernel, bias, stride=1, padding="valid", dilation=1, groups=1):
    """The sum of the docstring, one output number after the other."""
    (sh, sw), (dh, dw) = each_axis(stride), each_axis(dilation)
    kh, kw, depth, filters = kernel.shape
    if padding == "valid":
        pads = [(0, 0), (0, 0)]
    elif padding == "same":
        pads = []
        for n, k, s, d in zip(x.shape[1:3], (kh, kw), (sh, sw), (dh, dw), strict=True):
            total = max((int(np.ceil(n / s)) - 1) * s + d * (k - 1) + 1 - n, 0)
            pads.append((total // 2, total - total // 2))
    else:
        pads = [each_axis(amount) for amount in each_axis(padding)]
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    out_h = len(range(0, padded.shape[1] - dh * (kh - 1), sh))
    out_w = len(range(0, padded.shape[2] - dw * (kw - 1), sw))
    y = np.zeros((len(x), out_h, out_w, filters))
    for b, h, w, f in np.ndindex(*y.shape):
        first = f // (filters // groups) * depth
        y[b, h, w, f] = bias[f]
        for i, j, c in np.ndindex(kh, kw, depth):
            cell = padded[b, h * sh + i * dh, w * sw + j * dw, first + c]
            y[b, h, w, f] += cell * kernel[i, j, c, f]
    return y


@by_name(ALL)
def test_forward_equals_the_definition(case):
    x, kernel, bias, y, _, arguments = random_case(case)
    np.testing.assert_allclose(
        y, by_definition(x, kernel, bias, **arguments), atol=1e-12
    )


@by_name(CASES)
def test_forward_and_backward_equal_keras(case):
    x, kernel, bias, y, upstream, arguments = random_case(case)
    padding = arguments.get("padding", "valid")
    named = isinstance(padding, str)
    x_, kernel_, bias_ = (tf.Variable(v) for v in (x, kernel, bias))
    with tf.GradientTape() as tape:
        seen = x_ if named else keras.layers.ZeroPadding2D(padding, dtype="float64")(x_)
        expected = bias_ + keras.ops.conv(
            seen,
            kernel_,
            strides=arguments.get("stride", 1),
            padding=padding if named else "valid",
            dilation_rate=arguments.get("dilation", 1),
        )
    np.testing.assert_allclose(y, expected, atol=1e-12)
    expected = tape.gradient(expected, (x_, kernel_, bias_), upstream)
    received = conv2d_backward(upstream, x, kernel, **arguments)
    for name, ours, theirs in zip(
        ("x", "kernel", "bias"), received, expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-11, err_msg=name)


@by_name(ALL)
def test_backward_equals_finite_differences(case):
    x, kernel, bias, _, upstream, arguments = random_case(case)
    forward = {
        "x": (lambda v: conv2d_forward(v, kernel, bias, **arguments), x),
        "kernel": (lambda v: conv2d_forward(x, v, bias, **arguments), kernel),
        "bias": (lambda v: conv2d_forward(x, kernel, v, **arguments), bias),
    }
    received = conv2d_backward(upstream, x, kernel, **arguments)
    for (name, (f, at)), ours in zip(forward.items(), received, strict=True):
        estimate = numerical_gradient(f, at, upstream=upstream)
        np.testing.assert_allclose(ours, estimate, atol=1e-8, err_msg=name)


def test_layer_of_keras_float32():
    """The layer a student would use, with its weights, in its own dtype."""
    x = np.random.default_rng(0).normal(size=(2, 9, 7, 4)).astype("float32")
    layer = keras.layers.Conv2D(6, 3, strides=2, padding="same", groups=2)
    y = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = layer.get_weights()
    ours = conv2d_forward(x, kernel, bias, stride=2, padding="same", groups=2)
    np.testing.assert_allclose(ours, y, atol=1e-5)


def test_depthwise_layer_of_keras():
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3))
    layer = keras.layers.DepthwiseConv2D(
        3, depth_multiplier=2, use_bias=False, dtype="float64"
    )
    y = keras.ops.convert_to_numpy(layer(x))
    (kernel,) = layer.get_weights()
    ours = conv2d_forward(x, kernel.reshape(3, 3, 1, 6), groups=3)
    np.testing.assert_allclose(ours, y, atol=1e-12)


def test_gradient_of_the_input_is_a_full_convolution_with_the_rotated_kernel():
    """Bouvrie 2006, section 3: stride 1, padding kernel - 1, taps turned by 180°."""
    rng = np.random.default_rng(3)
    x, kernel = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(3, 2, 3, 4))
    grad = rng.normal(size=(2, 4, 6, 4))
    rotated = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    grad_x, _, _ = conv2d_backward(grad, x, kernel)
    np.testing.assert_allclose(
        grad_x, conv2d_forward(grad, rotated, padding=(2, 1)), atol=1e-12
    )


def test_groups_are_separate_convolutions():
    rng = np.random.default_rng(4)
    x, kernel = rng.normal(size=(1, 5, 5, 4)), rng.normal(size=(3, 3, 2, 6))
    halves = [
        conv2d_forward(x[..., :2], kernel[..., :3]),
        conv2d_forward(x[..., 2:], kernel[..., 3:]),
    ]
    np.testing.assert_allclose(
        conv2d_forward(x, kernel, groups=2), np.concatenate(halves, -1), atol=1e-12
    )


def test_a_kernel_is_not_flipped():
    x = np.array([[0.0, 0.0, 1.0, 0.0, 0.0]]).reshape(1, 1, 5, 1)
    kernel = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    assert conv2d_forward(x, kernel).ravel().tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept_and_arguments_are_not_changed(dtype):
    rng = np.random.default_rng(5)
    x, kernel, bias, grad = (
        rng.normal(size=shape).astype(dtype)
        for shape in [(1, 4, 5, 2), (3, 3, 2, 3), (3,), (1, 4, 5, 3)]
    )
    before = [v.copy() for v in (x, kernel, bias, grad)]
    y = conv2d_forward(x, kernel, bias, padding="same")
    gradients = conv2d_backward(grad, x, kernel, padding="same")
    assert {v.dtype for v in (y, *gradients)} == {np.dtype(dtype)}
    for now, then in zip((x, kernel, bias, grad), before, strict=True):
        np.testing.assert_array_equal(now, then)


X, KERNEL = np.zeros((2, 5, 6, 4)), np.zeros((3, 3, 4, 8))


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"x": X[0]}, r"x\.shape=\(5, 6, 4\)"),
        ({"x": X[:0]}, r"x\.shape=\(0, 5, 6, 4\)"),
        ({"x": X.astype(int)}, "x.dtype=int64"),
        ({"kernel": KERNEL[0]}, r"kernel\.shape=\(3, 4, 8\)"),
        ({"kernel": KERNEL[:, :, :3]}, r"kernel\.shape=\(3, 3, 3, 8\), C_in=4"),
        ({"kernel": KERNEL, "groups": 2}, r"kernel\.shape=\(3, 3, 4, 8\).*groups=2"),
        ({"groups": 3}, "groups=3, channels=4"),
        ({"kernel": np.zeros((3, 3, 1, 6)), "groups": 4}, "groups=4.*filters=6"),
        ({"groups": 0}, "groups=0"),
        ({"groups": (2, 2)}, r"groups=\(2, 2\)"),
        ({"kernel": np.zeros((6, 3, 4, 8))}, "n=5, kernel=6"),
        ({"dilation": 3}, "n=5, kernel=3, dilation=3"),
        ({"stride": 0}, "stride=0"),
        ({"stride": 1.5}, r"stride=1\.5"),
        ({"stride": (1, 2, 3)}, r"stride=\(1, 2, 3\)"),
        ({"stride": (1, -2)}, "stride=-2"),
        ({"dilation": 0}, "dilation=0"),
        ({"padding": "full"}, "padding='full'"),
        ({"padding": -1}, "padding=-1"),
        ({"padding": (1, 2, 3)}, r"padding=\(1, 2, 3\)"),
        ({"padding": ((1, 2), (3,))}, r"padding=\(3,\)"),
    ],
)
def test_bad_arguments_name_rule_and_value(changes, received):
    arguments = {"x": X, "kernel": KERNEL} | changes
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        conv2d_forward(**arguments)
    with pytest.raises(ValueError, match=f"must.*Received: .*{received}"):
        conv2d_backward(np.zeros((2, 3, 4, 8)), **arguments)


@pytest.mark.parametrize("bias", [np.zeros(4), np.zeros((1, 8)), 1.0])
def test_bias_must_have_one_value_per_filter(bias):
    with pytest.raises(ValueError, match=r"`bias` must have shape \(8,\).*Received"):
        conv2d_forward(X, KERNEL, bias)


@pytest.mark.parametrize(
    "grad", [np.zeros((2, 5, 6, 8)), np.zeros((2, 3, 4)), np.zeros((2, 3, 4, 8), int)]
)
def test_gradient_must_have_the_shape_of_the_output(grad):
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4, 8\). Received: grad.shape"):
        conv2d_backward(grad, X, KERNEL)


def test_sums_of_float16_do_not_overflow_on_the_way():
    """60000 + 60000 - 60000, in this order."""
    x = np.full((1, 1, 3, 1), 60000, "float16")
    kernel = np.array([1, 1, -1], "float16").reshape(1, 3, 1, 1)
    y = conv2d_forward(x, kernel)
    assert y.dtype == np.float16 and y.item() == x[0, 0, 0, 0]
    grads = conv2d_backward(np.ones_like(y), x, kernel)
    assert [grad.dtype for grad in grads] == [np.float16] * 3
