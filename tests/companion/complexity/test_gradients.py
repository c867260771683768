"""The backward pass: two gradients for each product, where they are needed."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import layers as ours
from companion.complexity import count_macs


def backward(function, shape, frozen=()):
    image = keras.Input(shape)
    model = keras.Model(image, function(image))
    for name in frozen:
        model.get_layer(name).trainable = False
    return count_macs(model, backward=True)


def two_dense(x):
    return layers.Dense(3, name="second")(layers.Dense(5, name="first")(x))


@pytest.mark.parametrize(
    "frozen, macs",
    [
        ([], 7 * 5 + 2 * 5 * 3),
        (["first"], 5 * 3),
        (["second"], 7 * 5 + 5 * 3),
        (["first", "second"], 0),
    ],
)
def test_only_what_is_trained_needs_gradients(frozen, macs):
    assert backward(two_dense, (7,), frozen) == macs


def constant(x):
    return ops.matmul(layers.Dense(5)(x), np.ones((5, 3), "float32"))


def stopped(x):
    return layers.Dense(3)(ops.stop_gradient(layers.Dense(5)(x)))


def attention(x):
    query, key, value = layers.Dense(8)(x), layers.Dense(8)(x), layers.Dense(6)(x)
    return ops.softmax(query @ ops.transpose(key, (0, 2, 1))) @ value


CASES = {
    "a constant factor": (constant, (7,), 7 * 5 + 5 * 3),
    "behind stop_gradient": (stopped, (7,), 5 * 3),
    "two activations": (attention, (10, 7), 10 * 7 * 22 + 2 * 100 * (8 + 6)),
    "two kernels": (
        lambda x: layers.SeparableConv2D(6, 3)(x),
        (10, 10, 4),
        64 * 9 * 4 + 2 * 64 * 4 * 6,
    ),
    "gates on an image": (lambda x: ours.SqueezeExcite(2)(x), (6, 6, 4), 8 + 2 * 8),
    # The state meets trained weights from the second step on.
    "LSTM": (
        lambda x: layers.LSTM(6)(x),
        (10, 5),
        10 * 24 * 5 + 2 * 10 * 24 * 6,
    ),
    "LSTM behind a layer": (
        lambda x: layers.LSTM(6)(layers.Dense(4)(x)),
        (10, 5),
        10 * 5 * 4 + 2 * 10 * 24 * (4 + 6),
    ),
    "every step": (
        lambda x: layers.TimeDistributed(layers.Dense(3))(layers.Dense(5)(x)),
        (2, 7),
        2 * 7 * 5 + 2 * 2 * 5 * 3,
    ),
    "self-attention": (
        lambda x: layers.MultiHeadAttention(2, 4)(x, x),
        (10, 7),
        3 * 10 * 7 * 8 + 2 * 2 * 100 * 8 + 2 * 10 * 8 * 7,
    ),
}


@pytest.mark.parametrize("function, shape, macs", CASES.values(), ids=CASES)
def test_backward_pass_by_hand(function, shape, macs):
    assert backward(function, shape) == macs
