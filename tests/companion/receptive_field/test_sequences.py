"""Sequences and volumes: images of one and of three axes."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import assert_units_see, numbers


def sequence(steps=9):
    return keras.Input((steps, 4))


def volume(size=(4, 5, 6)):
    return keras.Input((*size, 1))


SEQUENCES = {
    "conv": lambda x: layers.Conv1D(3, 3, 2)(x),
    "causal": lambda x: layers.Conv1D(3, 3, padding="causal")(x),
    "causal, strided": lambda x: layers.Conv1D(3, 3, 2, padding="causal")(x),
    "separable": lambda x: layers.SeparableConv1D(3, 3, 2, padding="same")(x),
    "depthwise": lambda x: layers.DepthwiseConv1D(3, 2)(x),
    "transposed": lambda x: layers.Conv1D(2, 2)(layers.Conv1DTranspose(3, 3, 2)(x)),
    "pooling": lambda x: layers.AveragePooling1D(3, 2, padding="same")(x),
    "edges": lambda x: layers.UpSampling1D(2)(
        layers.Cropping1D((1, 0))(layers.Conv1D(2, 2)(x))
    ),
    "dropout": lambda x: layers.SpatialDropout1D(0.5)(layers.Conv1D(3, 3)(x)),
    "recurrent": lambda x: layers.GRU(2, return_sequences=True)(x),
    "recurrent between": lambda x: layers.Conv1D(2, 2)(
        layers.SimpleRNN(2, return_sequences=True)(layers.Conv1D(2, 3)(x))
    ),
    "masked": lambda x: layers.LSTM(2, return_sequences=True)(layers.Masking()(x)),
    "both directions": lambda x: layers.Bidirectional(
        layers.GRU(2, return_sequences=True)
    )(x),
    "attention": lambda x: layers.MultiHeadAttention(1, 2)(x, x),
    "cross attention": lambda x: layers.Attention()([layers.Conv1D(4, 3, 3)(x), x]),
    "sum so far": lambda x: ops.cumsum(x, axis=1),
    "mixer": lambda x: layers.Permute((2, 1))(
        layers.Dense(5)(layers.Permute((2, 1))(x))
    ),
}
WHOLE = {
    "last state": lambda x: layers.LSTM(2)(layers.Conv1D(2, 3)(x)),
    "state beside": lambda x: layers.GRU(2, return_sequences=True, return_state=True)(
        x
    )[1],
    "pooled": lambda x: layers.GlobalAveragePooling1D()(x),
    "flat": lambda x: layers.Flatten()(x),
    "last step": lambda x: layers.Conv1D(2, 3, padding="same")(x)[:, -1],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_steps_of_a_sequence(name):
    steps = sequence()
    assert_units_see(steps, SEQUENCES[name](steps), [1])


@pytest.mark.parametrize("name", WHOLE)
def test_one_field_for_all_units(name):
    steps = sequence()
    field = assert_units_see(steps, WHOLE[name](steps), [None])
    assert field.stride == 0


def test_causal_attention_sees_the_past():
    """NaN would pass the mask, which multiplies by 0: steps are changed instead."""
    keras.utils.set_random_seed(0)
    steps = sequence()
    x = layers.MultiHeadAttention(1, 2)(steps, steps, use_causal_mask=True)
    model = keras.Model(steps, x)
    inputs = np.random.default_rng(0).normal(size=(10, 9, 4)).astype("float32")
    inputs[1:] = inputs[0]
    inputs[1 + np.arange(9), np.arange(9)] += 1
    outputs = ops.convert_to_numpy(model(inputs, training=False))
    changed = (outputs[1:] != outputs[0]).any(axis=-1)
    field = rf.receptive_field(model)
    for step in range(9):
        ((first, end),) = field.region(step)
        assert np.flatnonzero(changed[:, step]).tolist() == list(range(first, end))
    assert field.aligned and field.size == 9


def test_causal_convolutions_add_up():
    """WaveNet: kernels of 2, dilations 1, 2, 4, ... 512 see 1,024 samples."""
    x = samples = keras.Input((None, 1))
    for layer in range(10):
        x = layers.Conv1D(1, 2, padding="causal", dilation_rate=2**layer)(x)
    assert numbers(rf.receptive_field(keras.Model(samples, x))) == (1024, 1, -1023)


def test_recurrence_over_a_sequence_of_unknown_length():
    steps = sequence(None)
    x = layers.Conv1D(2, 3, 2, padding="same")(steps)
    x = layers.GRU(2, return_sequences=True)(x)
    field = rf.receptive_field(keras.Model(steps, x))
    assert (field.size, field.stride, field.offset) == (math.inf, 2, None)
    with pytest.raises(ValueError, match="depends on the image size"):
        field.region(0)
    field = rf.receptive_field(keras.Model(steps, x), input_size=8)
    assert field.region(3) == ((0, 9),)  # a "same" 3 of stride 2 pads the end only


def test_a_sequence_that_is_read_from_the_end():
    steps = sequence()
    x = layers.GRU(2, return_sequences=True, go_backwards=True, name="back")(steps)
    with pytest.raises(ValueError, match=r"'back'.*Bidirectional"):
        rf.receptive_field(keras.Model(steps, x))


VOLUMES = {
    "conv": lambda x: layers.Conv3D(2, (2, 3, 1), (1, 2, 1), padding="same")(x),
    "two and one": lambda x: layers.Conv3D(2, (2, 1, 1))(
        layers.Conv3D(2, (1, 3, 3))(x)
    ),
    "pooling": lambda x: layers.AveragePooling3D(2)(layers.Conv3D(1, 2)(x)),
    "transposed": lambda x: layers.Conv3D(1, 2)(layers.Conv3DTranspose(2, 2, 2)(x)),
    "edges": lambda x: layers.UpSampling3D(2)(layers.Cropping3D(1)(x)),
    "image by image": lambda x: layers.TimeDistributed(layers.Conv2D(2, 3))(x),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_voxels_of_a_volume(name):
    voxels = volume()
    assert_units_see(voxels, VOLUMES[name](voxels), [1, 2, 3])


def test_volumes_that_lose_an_axis():
    voxels = volume()
    x = ops.squeeze(layers.Conv3D(1, (4, 3, 3))(voxels), 1)
    assert_units_see(voxels, x, [None, 1, 2])
    x = layers.Permute((2, 3, 1))(layers.Reshape((4, 5, 6))(voxels))
    assert_units_see(voxels, layers.Conv2D(2, 3)(x), [None, 1, 2])
    assert_units_see(
        voxels, layers.ConvLSTM2D(2, 3, padding="same")(voxels), [None, 1, 2]
    )
    field = assert_units_see(voxels, layers.GlobalMaxPooling3D()(voxels), [None] * 3)
    assert field.region(0, 0, 0) == ((0, 4), (0, 5), (0, 6))


def test_a_recurrent_convolution_widens_from_step_to_step():
    voxels = volume()
    x = layers.ConvLSTM2D(2, 3, return_sequences=True, name="states")(voxels)
    with pytest.raises(ValueError, match=r"'states'.*return_sequences=True"):
        rf.receptive_field(keras.Model(voxels, x))


def test_numbers_of_a_field_are_those_of_its_axes():
    voxels = volume((8, 9, 10))
    model = keras.Model(voxels, layers.Conv3D(1, (3, 5, 5), (1, 2, 2))(voxels))
    field = rf.receptive_field(model)
    assert (field.size, field.stride) == ((3, 5, 5), (1, 2, 2))
    assert field.units == (6, 3, 3) and field.offset == 0
    assert field.region(1, 0, 2) == ((1, 4), (0, 5), (4, 9))
    assert field.center(1, 0, 2) == (2, 2, 6)
    assert field.rows.size == field.columns.size == 5
    assert rf.probe_receptive_field(model).region(1, 0, 2) == field.region(1, 0, 2)
    with pytest.raises(ValueError, match=r"3 axes.*\(1, 0\)"):
        field.region(1, 0)
    with pytest.raises(ValueError, match=r"input_size=\(8, 9\)"):
        rf.receptive_field(model, input_size=(8, 9))


def test_measured_sequences():
    steps = sequence(7)
    ones = layers.Conv1D(1, 3, padding="same", kernel_initializer="ones")
    model = keras.Model(steps, ones(steps))
    assert rf.probe_receptive_field(model).region(3) == ((2, 5),)
    weights = rf.effective_receptive_field(model, samples=1)
    assert weights == pytest.approx(np.array([0, 0, 1, 1, 1, 0, 0]) / 3)
