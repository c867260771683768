"""DropConnect: Wan, Zeiler, Zhang, LeCun, Fergus (2013)."""

import math

import keras
from keras import ops

from companion.arguments import integer, number
from companion.complexity.rules import layer_macs
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class DropConnect(keras.layers.Dense):
    """A dense layer that, in training, cuts a random part of its connections.

    Dropout silences a unit, and with it all connections that leave it. Here every
    weight has its own draw, for every sample:

        y = activation((mask * kernel)^T x / (1 - rate) + bias)

    At inference the layer is `keras.layers.Dense`, with its weights and names. Biases
    are never cut.

    The paper cuts biases too, and at inference replaces the sum over the masks by
    draws from a normal distribution with the same mean and variance, whose activations
    are averaged. The form here keeps the mean of the sum, as dropout does.

    In training a batch needs batch * inputs * units numbers for its masks.

    Args:
        units: Length of the output.
        rate: Float in [0, 1), the chance that a connection is cut.
        seed: Integer that makes the draws reproducible, or None.
        **kwargs: Every other argument of `keras.layers.Dense`.

    Input shape: `(batch, inputs)`. Output shape: `(batch, units)`.

    Raises:
        ValueError: If `rate` is outside [0, 1), `seed` is no integer >= 0, or the input
            is not of rank 2.

    Example: with weights of 1, an output counts the connections that are left.

    >>> import keras
    >>> layer = DropConnect(3, rate=0.5, seed=0, kernel_initializer="ones")
    >>> ones = keras.ops.ones((2, 8))
    >>> keras.ops.convert_to_numpy(layer(ones)).tolist()
    [[8.0, 8.0, 8.0], [8.0, 8.0, 8.0]]
    >>> y = keras.ops.convert_to_numpy(layer(ones, training=True))
    >>> bool((y % 2 == 0).all()), bool((y == 8).all())
    (True, False)

    Reference: Wan et al., ICML 2013, Section 2.
    """

    def __init__(self, units, rate=0.5, seed=None, **kwargs):
        super().__init__(units, **kwargs)
        self.rate = number("rate", rate, least=0, below=1)
        self.seed = None if seed is None else integer("seed", seed, least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(
                "The input must have the shape (batch, inputs). "
                f"Received: input_shape={input_shape}"
            )
        super().build(input_shape)

    def call(self, inputs, training=None):
        if not training or self.rate == 0:
            return super().call(inputs, training=training)
        shape = (ops.shape(inputs)[0], *self.kernel.shape)  # (batch, inputs, units)
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        kept = ops.cast(draw >= self.rate, inputs.dtype)
        kernels = ops.multiply(kept, self.kernel)
        y = ops.einsum("bi,biu->bu", inputs, kernels) / (1 - self.rate)
        if self.use_bias:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


kernel_geometry.register(DropConnect, element_wise)


@layer_macs.register(DropConnect)
def _macs(layer, input_shape, output_shape):
    """Those of a dense layer: at inference no connection is cut."""
    return math.prod(layer.kernel.shape)
