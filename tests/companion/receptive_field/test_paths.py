"""Where the axes of the image go: reshapes, transpositions, products."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import assert_probe_agrees, assert_units_see, image_input, numbers


def test_reshape_to_tokens_sees_everything():
    image = image_input(8, channels=2)
    x = layers.Conv2D(2, 3, padding="same")(image)
    tokens = layers.Reshape((64, 2), name="tokens")(x)
    mixed = layers.MultiHeadAttention(1, 2, name="mixed")(tokens, tokens)
    model = keras.Model(image, layers.Reshape((8, 8, 1))(layers.Dense(1)(mixed)))
    assert numbers(rf.receptive_field(model)) == (8, 0, 0)
    assert numbers(rf.receptive_field(model, "tokens")) == (8, 0, 0)
    assert rf.probe_receptive_field(model).region(3, 3) == rf.Region(0, 0, 8, 8)


def test_channel_shuffle_by_reshape_keeps_positions():
    image = image_input(8, channels=4)
    x = layers.Reshape((8, 8, 2, 2))(layers.Conv2D(4, 3, padding="same")(image))
    x = layers.Reshape((8, 8, 4))(layers.Permute((1, 2, 4, 3))(x))
    assert_probe_agrees(keras.Model(image, x))


def image_6x7():
    return image_input((6, 7))


KEPT = {  # what is done to an image (6, 7, 1), and where its rows and columns lie then
    "reshape": (lambda x: layers.ReLU()(layers.Reshape((6, 7))(x)), [1, 2]),
    "reshape, dense": (lambda x: layers.Dense(3)(layers.Reshape((6, 7))(x)), [1, None]),
    "squeeze": (lambda x: ops.squeeze(layers.Conv2D(1, 3)(x), -1), [1, 2]),
    "squeeze, dense": (lambda x: layers.Dense(3)(ops.squeeze(x, -1)), [1, None]),
    "batch norm": (
        lambda x: layers.BatchNormalization()(layers.Reshape((6, 7))(x)),
        [1, 2],
    ),
    "layer norm": (
        lambda x: layers.LayerNormalization()(layers.Reshape((6, 7))(x)),
        [1, None],
    ),
    "softmax": (lambda x: layers.Softmax()(layers.Reshape((6, 7))(x)), [1, None]),
    "conv of rows": (
        lambda x: layers.Conv1D(2, 3)(layers.Reshape((6, 7))(x)),
        [1, None],
    ),
    "pooled rows": (
        lambda x: layers.AveragePooling1D(2)(layers.Reshape((6, 7))(x)),
        [1, 2],
    ),
    "mean row": (lambda x: layers.Conv1D(2, 3)(ops.mean(x, axis=1)), [None, 1]),
    "one row": (lambda x: x[:, 2], [None, 1]),
    "one of many rows": (lambda x: ops.unstack(x, axis=1)[3], [None, 1]),
    "transposed": (
        lambda x: layers.Conv2D(2, (3, 1))(layers.Permute((2, 1, 3))(x)),
        [2, 1],
    ),
    "axes swapped": (lambda x: layers.Conv2D(2, (3, 1))(ops.swapaxes(x, 1, 2)), [2, 1]),
    "axis moved": (lambda x: layers.Conv2D(2, (3, 1))(ops.moveaxis(x, 1, 2)), [2, 1]),
    "new axis": (lambda x: layers.Conv3D(1, (1, 3, 2))(x[:, None]), [2, 3]),
    "matrix product": (
        lambda x: ops.matmul(ops.squeeze(x, -1), np.ones((7, 3), "f")),
        [1, None],
    ),
    "einsum": (
        lambda x: layers.EinsumDense("abcd,ce->abed", output_shape=(6, 3, 1))(x),
        [1, None],
    ),
    "row by row": (lambda x: layers.TimeDistributed(layers.Conv1D(2, 3))(x), [1, 2]),
    "repeated": (lambda x: ops.repeat(x, 2, axis=1), [1, 2]),
}


@pytest.mark.parametrize("name", KEPT)
def test_where_rows_and_columns_lie(name):
    image = image_6x7()
    work, places = KEPT[name]
    assert_units_see(image, work(image), places)


def test_the_field_of_a_dense_layer_behind_a_reshape():
    """A row of the image is the vector of 14 that the layer multiplies."""
    image = image_input((12, 14))
    x = layers.Reshape((12, 14), name="rows")(image)
    model = keras.Model(image, layers.Dense(5)(x))
    field = rf.receptive_field(model)
    assert (field.size, field.stride) == ((1, 14), (1, 0))
    assert field.region(3, 0) == rf.Region(3, 0, 4, 14)
    table = rf.receptive_field_table(model)
    assert table["output shape"].tolist() == [(12, 14), (12, 5)]


def test_models_inside_time_distributed():
    image = image_6x7()
    row = keras.Input((7, 1))
    inner = keras.Model(row, layers.GlobalMaxPooling1D()(layers.Conv1D(2, 3)(row)))
    x = layers.TimeDistributed(inner)(layers.Conv2D(1, 3, padding="same")(image))
    field = rf.receptive_field(keras.Model(image, x))
    assert (field.size, field.stride, field.units) == ((3, 7), (1, 0), (6, 1))


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda x: ops.reshape(x, (-1, 7)), "batch"),
        (lambda x: ops.transpose(x, (1, 0, 2, 3)), "batch"),
        (lambda x: ops.sum(x), "batch"),
        (lambda x: x[:, ::-1], "turns a map round"),
        (lambda x: ops.split(x, 2, axis=1)[0], "slices"),
        (lambda x: layers.Concatenate(axis=2)([x, x]), "side by side"),
        (lambda x: ops.stack([x, x], axis=1), "side by side"),
        (
            lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"),
            "zeros",
        ),
        (
            lambda x: ops.matmul(
                ops.squeeze(x, -1), ops.transpose(x[..., 0], (0, 2, 1))
            ),
            "different axes",
        ),
        (lambda x: layers.DepthwiseConv1D(2)(layers.Reshape((6, 7))(x)), "channels"),
    ],
)
def test_what_cannot_be_followed_is_refused(work, words):
    image = image_6x7()
    with pytest.raises(ValueError, match=f"{words}.*Received: "):
        rf.receptive_field(keras.Model(image, work(image)))
