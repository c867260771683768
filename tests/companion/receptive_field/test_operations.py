"""Calls of `keras.ops` in a graph."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import assert_probe_agrees, image_input


def test_operations_of_keras_ops():
    image = image_input(17, channels=4)
    x = ops.relu(image) * 2.0 + 1.0
    x = ops.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0)))
    x = ops.max_pool(x, 3, 2, padding="valid")
    x = ops.average_pool(x, 2, 1, padding="same")
    x = ops.conv(x, np.ones((3, 1, 4, 4), "float32"), 1, "same", dilation_rate=2)
    first, second = ops.split(x, 2, axis=-1)
    x = ops.concatenate([first, ops.exp(second)], axis=-1)
    mask = ops.expand_dims(ops.mean(x, axis=-1), -1)
    x = ops.reshape(x * mask, (-1, *x.shape[1:3], 2, 2))
    x = ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, *x.shape[1:3], 4))
    model = keras.Model(image, x[..., 1:])
    assert_probe_agrees(model, least=10)
    kernels = np.ones((3, 2, 4, 1), "f"), np.ones((1, 1, 4, 2), "f")
    moved = [ops.separable_conv(image, *kernels, 2, "same")]
    if hasattr(ops, "space_to_depth"):
        moved += [ops.space_to_depth(image[:, :16, :16], 2)]
        moved += [ops.depth_to_space(image, 2)]
    for y in moved:
        assert_probe_agrees(keras.Model(image, y), least=40)
    centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
    field = rf.receptive_field(keras.Model(image, centred))
    assert field.is_global and field.size == 17


def test_a_transposed_convolution_of_keras_ops_is_that_of_the_layer():
    """Keras 3.15 cannot run the operation inside a model, so no probe here."""
    image = image_input(17, channels=4)
    operation = ops.conv_transpose(image, np.ones((3, 2, 1, 4), "float32"), 2, "same")
    layer = layers.Conv2DTranspose(1, (3, 2), 2, "same")(image)
    fields = [rf.receptive_field(keras.Model(image, y)) for y in (operation, layer)]
    assert fields[0].rows == fields[1].rows
    assert fields[0].columns == fields[1].columns


def test_unknown_operation():
    image = image_input(12)
    with pytest.raises(TypeError, match=r"operation 'flip.*\(Flip\).*of your own"):
        rf.receptive_field(keras.Model(image, ops.flip(image, axis=1)))
