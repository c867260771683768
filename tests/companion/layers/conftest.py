"""The gradient of a function of tensors, on either backend."""

import keras
import numpy as np
import pytest
from keras import ops


@pytest.fixture
def gradient():
    def of(function, *arrays):
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        if keras.backend.backend() == "jax":
            import jax

            return [*map(np.asarray, jax.grad(function, range(len(arrays)))(*tensors))]
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = function(*tensors)
        return [gradient.numpy() for gradient in tape.gradient(y, tensors)]

    return of
