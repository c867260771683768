"""Functions of `keras.ops` in a graph: counted, free, or refused by name."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import layers as ours
from companion.complexity import count_macs, count_operations


def model_of(function, *shapes):
    images = [keras.Input(shape) for shape in shapes]
    return keras.Model(images, function(*images))


def constant(*shape):
    return np.ones(shape, "float32")


def attention(x):
    query, key, value = layers.Dense(8)(x), layers.Dense(8)(x), layers.Dense(6)(x)
    scores = ops.softmax(query @ ops.transpose(key, (0, 2, 1)))
    return scores @ value


IMAGE = (12, 14, 4)
PRODUCTS = {  # name: (function, input shape, multiply-adds)
    "conv": (lambda x: ops.conv(x, constant(3, 3, 4, 8)), IMAGE, 120 * 9 * 4 * 8),
    "conv of stride 2": (
        lambda x: ops.conv(x, constant(3, 3, 4, 8), 2, "same"),
        IMAGE,
        6 * 7 * 9 * 4 * 8,
    ),
    "depthwise_conv": (
        lambda x: ops.depthwise_conv(x, constant(3, 3, 4, 2)),
        IMAGE,
        120 * 9 * 4 * 2,
    ),
    "separable_conv": (
        lambda x: ops.separable_conv(x, constant(3, 3, 4, 1), constant(1, 1, 4, 6)),
        IMAGE,
        120 * (9 * 4 + 4 * 6),
    ),
    "conv_transpose": (
        lambda x: ops.conv_transpose(x, constant(3, 3, 6, 4), 2),
        IMAGE,
        168 * 9 * 4 * 6,
    ),
    "matmul": (lambda x: ops.matmul(x, constant(4, 8)), IMAGE, 168 * 4 * 8),
    "matmul from the left": (
        lambda x: ops.matmul(constant(5, 12), x),
        (12, 7),
        5 * 12 * 7,
    ),
    "matmul with a list of lists": (
        lambda x: x @ ops.convert_to_tensor([[1.0, 2.0]] * 4),
        IMAGE,
        168 * 4 * 2,
    ),
    "dot": (lambda x: ops.dot(x, constant(7, 5)), (12, 7), 12 * 7 * 5),
    "dot with a number": (lambda x: ops.dot(x, 2.0), (12, 7), 0),
    "inner": (lambda x: ops.inner(x, constant(5, 7)), (12, 7), 12 * 7 * 5),
    "tensordot": (lambda x: ops.tensordot(x, constant(4, 8), 1), IMAGE, 168 * 4 * 8),
    "tensordot over two axes": (
        lambda x: ops.tensordot(x, constant(4, 14, 3), [[3, 2], [0, 1]]),
        IMAGE,
        12 * 14 * 4 * 3,
    ),
    "outer tensordot": (lambda x: ops.tensordot(x, constant(3), 0), (5,), 0),
    "einsum": (
        lambda x: ops.einsum("bhwc,cd->bhwd", x, constant(4, 8)),
        IMAGE,
        168 * 4 * 8,
    ),
    "einsum with dots": (
        lambda x: ops.einsum("...c,cd->...d", x, constant(4, 8)),
        IMAGE,
        168 * 4 * 8,
    ),
    "einsum that sums dots": (
        lambda x: ops.einsum("b...c,...c->b", x, constant(12, 14, 4)),
        IMAGE,
        168 * 4,
    ),
    "einsum that names no output": (
        lambda x: ops.einsum("bwc,cd", x, constant(7, 8)),
        (12, 7),
        12 * 7 * 8,
    ),
    "einsum that scales": (
        lambda x: ops.einsum("bhwc,c->bhwc", x, constant(4)),
        IMAGE,
        0,
    ),
    "einsum that transposes": (lambda x: ops.einsum("bij->bji", x), (12, 7), 0),
    "attention": (attention, (10, 7), 10 * 7 * (8 + 8 + 6) + 100 * (8 + 6)),
    "batch folded into positions": (
        lambda x: ops.reshape(
            layers.Dense(8)(ops.reshape(x, (-1, 4))), (-1, 12, 14, 8)
        ),
        IMAGE,
        168 * 4 * 8,
    ),
    "element-wise": (lambda x: ops.relu(2 * x[:, ::2] - 1) ** 2, IMAGE, 0),
    "reductions": (lambda x: ops.max(x, (1, 2)) - ops.mean(x, (1, 2)), IMAGE, 0),
    "pooling": (lambda x: ops.average_pool(x, 3, 1), IMAGE, 0),
    "moves": (lambda x: ops.concatenate(ops.split(x, 2, -1)[::-1], -1), IMAGE, 0),
    "resize": (lambda x: ops.image.resize(x, (5, 5)), IMAGE, 0),
}


@pytest.mark.parametrize("function, shape, macs", PRODUCTS.values(), ids=PRODUCTS)
def test_multiply_adds_of_operations(function, shape, macs):
    assert count_macs(model_of(function, shape)) == macs


def test_products_of_two_inputs():
    model = model_of(lambda x, y: ops.einsum("bij,bjk->bik", x, y), (3, 4), (4, 5))
    assert count_macs(model) == 3 * 4 * 5


def test_fused_attention_of_other_widths():
    query, key, value = (10, 2, 4), (6, 2, 4), (6, 2, 4)
    model = model_of(ops.dot_product_attention, query, key, value)
    assert count_macs(model) == 2 * 10 * 6 * (4 + 4)


UNKNOWN = {
    "FFT": lambda x: ops.fft((x, x))[0],
    "GaussianBlur": lambda x: ops.image.gaussian_blur(x[..., None]),
    "Cholesky": ops.cholesky,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_operation_is_named(name):
    """Not counted as nothing, and no advice that would do so for other layers."""
    model = model_of(UNKNOWN[name], (8, 8))
    with pytest.raises(TypeError, match=f"No rule counts .* of {name}. Put it into"):
        count_macs(model)


def test_three_operands_are_refused_because_their_order_decides():
    def product(x):
        return ops.einsum("bi,ij,jk->bk", x, constant(7, 5), constant(5, 3))

    with pytest.raises(TypeError, match=r"one einsum for each.*'bi,ij,jk->bk'"):
        count_macs(model_of(product, (7,)))


# Floating-point operations: 2 for a multiply-add, and the work on single values.


def recurrent(cell_products, element_wise):
    return 10 * (2 * cell_products + element_wise)


OPERATIONS = {
    "convolution, bias, ReLU": (
        lambda x: layers.Conv2D(16, 3, activation="relu")(x),
        IMAGE,
        120 * 16 * (2 * 9 * 4 + 2),
    ),
    "no bias": (lambda x: layers.Dense(5, use_bias=False)(x), (7,), 70),
    "batch normalization": (lambda x: layers.BatchNormalization()(x), IMAGE, 2 * 672),
    "our batch normalization": (
        lambda x: ours.BatchNormalization()(x),
        IMAGE,
        2 * 672,
    ),
    "sum of three": (lambda x: layers.Add()([x, x, x]), IMAGE, 2 * 672),
    "max pooling": (lambda x: layers.MaxPooling2D(2)(x), IMAGE, 6 * 7 * 4 * 4),
    "global pooling": (lambda x: layers.GlobalAveragePooling2D()(x), IMAGE, 672),
    "moves": (lambda x: ours.ChannelShuffle(2)(layers.Dropout(0.5)(x)), IMAGE, 0),
    "grouped": (
        lambda x: ours.GroupedConv2D(4, 3, groups=2)(x),
        IMAGE,
        120 * 4 * (2 * 9 * 2 + 1),
    ),
    "gates": (  # mean, W1 b1 ReLU, W2 b2 sigmoid, scale
        lambda x: ours.SqueezeExcite(2)(x),
        IMAGE,
        672 + (2 * 8 + 2 + 2) + (2 * 8 + 4 + 4) + 672,
    ),
    # Two sums, or a sum and two biases; activations; products and sums with gates.
    "LSTM": (
        lambda x: layers.LSTM(6)(x),
        (10, 7),
        recurrent(24 * 13, (4 + 4 + 4 + 3 + 1 + 1) * 6),
    ),
    "GRU": (
        lambda x: layers.GRU(6)(x),
        (10, 7),
        recurrent(18 * 13, (3 + 3 + 2 + 2 + 3 + 4) * 6),
    ),
    "bilinear": (
        lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x),
        IMAGE,
        8 * 4 * 672,
    ),
    "operations": (lambda x: ops.relu(x * 2 + 1), IMAGE, 3 * 672),
    "scaling": (lambda x: ops.einsum("bhwc,c->bhwc", x, constant(4)), IMAGE, 672),
}


@pytest.mark.parametrize("function, shape, count", OPERATIONS.values(), ids=OPERATIONS)
def test_floating_point_operations(function, shape, count):
    assert count_operations(model_of(function, shape)) == count


def test_work_that_cannot_be_counted_is_named():
    model = model_of(lambda x: ops.sort(layers.Dense(3)(x)), (7,))
    assert count_macs(model) == 21
    with pytest.raises(TypeError, match="operations of Sort"):
        count_operations(model)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's own profiler"
)
def test_tensorflows_profiler_counts_the_same():
    """It counts convolutions, products, biases and element-wise arithmetic alike.

    It has no number for a ReLU, which is left out.
    """
    import tensorflow as tf

    image = keras.Input((12, 14, 4))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(image)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.MaxPooling2D(2)(layers.Add()([x, y]))
    x = layers.Dense(5)(layers.Flatten()(x))
    model = keras.Model(image, x)

    graph = tf.Graph()
    with graph.as_default():
        spec = tf.TensorSpec((1, *model.input_shape[1:]), "float32")
    concrete = tf.function(model).get_concrete_function(spec)
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    profile = tf.compat.v1.profiler.profile(
        convert_variables_to_constants_v2(concrete).graph,
        options=tf.compat.v1.profiler.ProfileOptionBuilder(
            tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        )
        .with_empty_output()
        .build(),
    )
    assert count_operations(model) == profile.total_float_ops
