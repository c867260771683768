"""Trainable sub-sampling: LeCun et al. (1998), section II-B, layers S2 and S4."""

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs, no_products
from companion.layers.inputs import channels_of
from companion.receptive_field import Window, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class Subsampling2D(keras.layers.Layer):
    """LeNet's pooling: the sum over a window, times a coefficient, plus a bias.

    Windows stand side by side. Every map has a coefficient and a bias of its own, both
    trained:

        y = activation(coefficient * sum of the window + bias)

    With a small coefficient the layer blurs, where the activation is nearly linear;
    with a large one it makes a noisy "or" or "and" of its inputs, says the paper.
    Average pooling is the special case of coefficient 1 / `pool_size`**2 and bias 0.

    Args:
        pool_size: Integer >= 1, side of a window and distance between two.
        activation: Activation of the output, none by default.
        coefficient_initializer: Initializer of the coefficients.
        bias_initializer: Initializer of the biases.

    Weights: `coefficient` (channels,) and `bias` (channels,).

    Input shape: `(batch, height, width, channels)`. Output shape:
    `(batch, height // pool_size, width // pool_size, channels)`; what is left at the
    right and at the bottom is not used.

    Raises:
        ValueError: If `pool_size` is not a positive integer, if the rank is not 4 or
            the number of channels unknown, or if the map is smaller than a window.

    Example:

    >>> import keras
    >>> layer = Subsampling2D(2)
    >>> y = layer(keras.ops.ones((1, 28, 28, 6)))
    >>> tuple(y.shape), float(y[0, 0, 0, 0])
    ((1, 14, 14, 6), 4.0)
    >>> layer.count_params()
    12
    """

    def __init__(
        self,
        pool_size=2,
        *,
        activation=None,
        coefficient_initializer="ones",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.pool_size = integer("pool_size", pool_size)
        self.activation = keras.activations.get(activation)
        self.coefficient_initializer = keras.initializers.get(coefficient_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        self.coefficient = self.add_weight(
            name="coefficient",
            shape=(channels,),
            initializer=self.coefficient_initializer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(channels,), initializer=self.bias_initializer
        )

    def call(self, inputs):
        size = self.pool_size
        mean = ops.average_pool(inputs, size, size, data_format="channels_last")
        return self.activation(size**2 * mean * self.coefficient + self.bias)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        if any(side is not None and side < self.pool_size for side in sides):
            raise ValueError(
                "A window must fit into the map. "
                f"Received: pool_size={self.pool_size} for input_shape={input_shape}"
            )
        sides = [side and side // self.pool_size for side in sides]
        return (batch, *sides, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "activation": keras.activations.serialize(self.activation),
            "coefficient_initializer": keras.initializers.serialize(
                self.coefficient_initializer
            ),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@kernel_geometry.register(Subsampling2D)
def _geometry(layer, size):
    pool = layer.pool_size
    return [Window.sliding(units, pool, stride=pool) for units in size]


layer_macs.register(Subsampling2D, no_products)
