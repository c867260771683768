"""Layers of Keras, one at a time, against counts done by hand."""

import keras
import pytest
from keras import layers

from companion.complexity import count_macs, count_params
from companion.complexity.keras_rules import ELEMENTWISE
from companion.layers import GroupedConv2D

# One layer each: (layer, input shape, params, macs, output values)


BY_HAND = [
    (layers.Conv2D(16, 3), (32, 30, 3), 448, 30 * 28 * 16 * 9 * 3),
    (layers.Conv2D(16, 3, 2, "same"), (9, 9, 3), 448, 5 * 5 * 16 * 9 * 3),
    (layers.Conv2D(6, (1, 7), use_bias=False), (9, 9, 4), 168, 9 * 3 * 6 * 7 * 4),
    (layers.Conv2D(8, 3, dilation_rate=2), (9, 9, 4), 296, 5 * 5 * 8 * 9 * 4),
    (layers.Conv2D(8, 3, groups=4), (5, 5, 4), 80, 3 * 3 * 8 * 9 * 1),
    (GroupedConv2D(8, 3, groups=2), (5, 5, 4), 152, 3 * 3 * 8 * 9 * 2),
    (layers.DepthwiseConv2D(3), (5, 5, 4), 40, 3 * 3 * 4 * 9),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 4), 80, 3 * 3 * 8 * 9),
    (layers.SeparableConv2D(7, 3), (5, 5, 4), 71, 9 * (4 * 9 + 4 * 7)),
    (layers.Conv2DTranspose(5, 3, 2), (4, 6, 2), 95, 4 * 6 * 5 * 9 * 2),
    (layers.Conv2DTranspose(5, 3, 2, "same"), (4, 6, 2), 95, 4 * 6 * 5 * 9 * 2),
    (layers.Conv1D(4, 3), (10, 2), 28, 8 * 4 * 3 * 2),
    (layers.DepthwiseConv1D(3), (10, 2), 8, 8 * 2 * 3),
    (layers.SeparableConv1D(4, 3), (10, 2), 18, 8 * (2 * 3 + 2 * 4)),
    (layers.Conv1DTranspose(4, 3), (10, 2), 28, 10 * 4 * 3 * 2),
    (layers.Conv3D(4, 3), (5, 6, 7, 2), 220, 3 * 4 * 5 * 4 * 27 * 2),
    (layers.Conv3DTranspose(4, 2), (3, 4, 5, 2), 68, 3 * 4 * 5 * 4 * 8 * 2),
    (layers.Dense(10), (7,), 80, 70),
    (layers.Dense(10), (5, 3, 7), 80, 5 * 3 * 70),
    (layers.BatchNormalization(), (4, 4, 6), 12, 0),
    (layers.GroupNormalization(2), (4, 4, 6), 12, 0),
    (layers.RMSNormalization(), (4, 4, 6), 6, 0),
    (layers.PReLU(shared_axes=[1, 2]), (4, 4, 6), 6, 0),
    (layers.SpectralNormalization(layers.Conv2D(8, 3)), (5, 5, 4), 296, 9 * 8 * 9 * 4),
    (layers.TimeDistributed(layers.Conv2D(8, 3)), (2, 5, 5, 4), 296, 2 * 9 * 8 * 9 * 4),
    (layers.MaxPooling2D(), (4, 4, 6), 0, 0),
]


@pytest.mark.parametrize(
    "layer, shape, params, macs",
    BY_HAND,
    ids=[f"{row[0].__class__.__name__}-{i}" for i, row in enumerate(BY_HAND)],
)
def test_layers_by_hand(layer, shape, params, macs):
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    assert (count_params(model), count_macs(model)) == (params, macs)


def test_channels_first_counts_the_same():
    image = keras.Input((3, 32, 30))
    model = keras.Model(
        image, layers.Conv2D(16, 3, data_format="channels_first")(image)
    )
    assert count_macs(model) == 30 * 28 * 16 * 9 * 3


IMAGE, SEQUENCE = (12, 14, 4), (10, 7)
# name: (layer, input shape, multiply-adds)
OPENED = {
    # Each step multiplies the input, of 7, and the state, of 6.
    "SimpleRNN": (layers.SimpleRNN(6), SEQUENCE, 10 * 6 * (7 + 6)),
    "GRU": (layers.GRU(6), SEQUENCE, 10 * 3 * 6 * (7 + 6)),
    "GRU of 2014": (layers.GRU(6, reset_after=False), SEQUENCE, 10 * 3 * 6 * 13),
    "LSTM": (layers.LSTM(6), SEQUENCE, 10 * 4 * 6 * (7 + 6)),
    "LSTM, whole sequence and states": (
        layers.LSTM(6, return_sequences=True, return_state=True),
        SEQUENCE,
        10 * 4 * 6 * 13,
    ),
    "RNN of two cells": (
        layers.RNN([layers.LSTMCell(6), layers.GRUCell(5)]),
        SEQUENCE,
        10 * (4 * 6 * (7 + 6) + 3 * 5 * (6 + 5)),
    ),
    "Bidirectional": (
        layers.Bidirectional(layers.LSTM(6), merge_mode="sum"),
        SEQUENCE,
        2 * 10 * 4 * 6 * 13,
    ),
    # The kernel of the input, "valid", and that of the state, "same", on 10 x 12.
    "ConvLSTM2D": (
        layers.ConvLSTM2D(5, 3),
        (3, *IMAGE),
        3 * 10 * 12 * 9 * (4 + 5) * 4 * 5,
    ),
    "ConvLSTM1D": (layers.ConvLSTM1D(5, 3), (3, 9, 4), 3 * 7 * 3 * (4 + 5) * 4 * 5),
    "Embedding": (layers.Embedding(20, 8), (10,), 0),
    "EinsumDense": (
        layers.EinsumDense("...c,cde->...de", output_shape=(2, 3)),
        SEQUENCE,
        10 * 7 * 2 * 3,
    ),
    "TimeDistributed model": (
        layers.TimeDistributed(
            keras.Sequential([keras.Input(IMAGE), layers.Conv2D(8, 3), layers.ReLU()])
        ),
        (3, *IMAGE),
        3 * 10 * 12 * 9 * 4 * 8,
    ),
    "Resizing": (layers.Resizing(6, 7, interpolation="bilinear"), IMAGE, 0),
    "random images": (layers.RandomFlip(), IMAGE, 0),
}


@pytest.mark.parametrize("layer, shape, macs", OPENED.values(), ids=OPENED)
def test_layers_without_a_rule_of_their_own(layer, shape, macs):
    image = keras.Input(shape)
    assert count_macs(keras.Model(image, layer(image))) == macs


def test_attention_counts_its_projections_and_both_products():
    query, value = keras.Input((10, 7)), keras.Input((6, 5))
    heads, size = 2, 4
    attention = layers.MultiHeadAttention(heads, size, value_dim=3)
    model = keras.Model([query, value], attention(value=value, query=query))
    projections = 10 * 7 * 8 + 6 * 5 * 8 + 6 * 5 * 6 + 10 * 6 * 7
    products = heads * 10 * 6 * (size + 3)
    assert count_macs(model) == projections + products


def test_self_attention_with_fewer_keys_than_queries():
    x = keras.Input((10, 8))
    attention = layers.GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)
    projections = 10 * 8 * 16 + 2 * 10 * 8 * 8 + 10 * 16 * 8
    products = 2 * 10 * 10 * 16
    assert count_macs(keras.Model(x, attention(x, x))) == projections + products


def test_attention_without_projections():
    query, value = keras.Input((10, 7)), keras.Input((6, 7))
    model = keras.Model([query, value], layers.Attention()([query, value]))
    assert count_macs(model) == 10 * 6 * 7 + 10 * 6 * 7
    model = keras.Model([query, value], layers.Dot(axes=2)([query, value]))
    assert count_macs(model) == 10 * 6 * 7
    additive = layers.AdditiveAttention(use_scale=True)
    model = keras.Model([query, value], additive([query, value]))
    assert count_macs(model) == 10 * 6 * 7 + 10 * 6 * 7


def test_the_list_of_layers_without_products_names_layers_of_keras():
    newest = {"AdaptiveAveragePooling", "AdaptiveMaxPooling", "Random", "RMS"}
    for name in ELEMENTWISE:
        young = any(name.startswith(prefix) for prefix in newest)
        assert hasattr(layers, name) or young, name
