"""Euclidean radial basis functions: LeCun et al. (1998), section II-B, equation 7."""

import math

import keras
import numpy as np
from keras import ops

from companion.arguments import real_numbers
from companion.complexity.rules import layer_macs
from companion.layers.inputs import channels_of
from companion.receptive_field import element_wise, kernel_geometry

FLOAT16_MAX = 65504.0


@keras.saving.register_keras_serializable(package="companion")
class RadialBasis(keras.layers.Layer):
    """Squared distances of a vector from fixed code words, one of each class.

        y_i = sum over j of (x_j - w_ij)**2

    The nearest code word wins: y is a penalty, 0 where x is the code itself. The codes
    w are chosen, not trained. LeNet-5 uses small black and white drawings of the
    digits, because confusable characters then get similar codes.

    If all codes have the same length, as codes of -1 and 1 do, then
    `softmax(-y) = softmax(2 w x)`: the layer decides as a dense layer without biases
    whose weights are frozen. The penalties themselves say more: a dense layer has no
    way to be far from all classes, which is how LeNet-5 rejects what is no character.

    Distances are summed in float32 even under a float16 policy. There those beyond
    65504, the largest number of float16, stop at it.

    Args:
        codes: Array or nested sequence (classes, features) of numbers.

    Weights: `codes` (classes, features), not trainable.

    Input shape: `(batch, features)`. Output shape: `(batch, classes)`.

    Raises:
        ValueError: If `codes` is not a rectangle of numbers, or the input has not as
            many features as a code.

    Example:

    >>> import keras
    >>> layer = RadialBasis([[1, 1], [1, -1], [-1, -1]])
    >>> [float(y) for y in layer(keras.ops.array([[1.0, 1.0]]))[0]]
    [0.0, 4.0, 8.0]
    >>> len(layer.trainable_weights)
    0
    """

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        array = real_numbers("codes", codes).astype("float32")
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():
            raise ValueError(
                "`codes` must be finite numbers of shape (classes, features). "
                f"Received: codes={codes}"
            )
        self.codes = array.tolist()

    def build(self, input_shape):
        shape = np.shape(self.codes)
        if channels_of(self, input_shape, ndim=2) != shape[1]:
            raise ValueError(
                f"The input must have as many features as a code, {shape[1]}. "
                f"Received: input_shape={input_shape}"
            )
        self._codes = self.add_weight(
            name="codes",
            shape=shape,
            initializer=lambda shape, dtype: ops.array(self.codes, dtype),
            trainable=False,
            autocast=False,
        )

    def call(self, inputs):
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        x = ops.cast(inputs, dtype)[:, None, :]  # (b, 1, features)
        apart = x - ops.cast(self._codes, dtype)  # (b, classes, features)
        y = ops.sum(ops.square(apart), axis=-1)  # (b, classes)
        if self.compute_dtype == "float16":
            y = ops.minimum(y, FLOAT16_MAX)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.codes))

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}


kernel_geometry.register(RadialBasis, element_wise)


@layer_macs.register(RadialBasis)
def _macs(layer, input_shape, output_shape):
    """A squared difference and its addition for every number of every code."""
    return math.prod(layer.weights[0].shape)
