"""Where the axes of the image go: reshapes, transpositions, products."""

import keras
from keras import layers

from companion import receptive_field as rf

from .nets import assert_probe_agrees, image_input, numbers


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
