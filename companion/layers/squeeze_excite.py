"""Squeeze and excitation: Hu, Shen, Sun, *Squeeze-and-Excitation Networks* (2018)."""

import math

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.composite import Composite
from companion.layers.inputs import channels_of
from companion.receptive_field import (
    Window,
    element_wise,
    kernel_geometry,
    local_geometry,
)


@keras.saving.register_keras_serializable(package="companion")
class SqueezeExcite(Composite, keras.layers.Layer):
    """Multiplies every channel by a number between 0 and 1 that the image decides.

    The layer looks at the averages of all channels over the whole map and computes
    one gate for each channel:

        z = average of x over height and width                       squeeze
        s = gate(W2 activation(W1 z + b1) + b2)                      excitation
        y = x * s, the same s at every position                      scale

    W1 reduces the channels to `units`, W2 expands them again, so the layer costs
    2 C**2 / r weights for C channels and as many multiply-adds: both products are made
    once per image, not once per position.

    Two families changed the block. MobileNetV3 takes `gate="hard_sigmoid"`, and
    `units` that are a quarter of the channels, rounded to a multiple of 8;
    EfficientNet takes `activation="silu"`, and a quarter of the width that its block
    received before the expansion.

    Args:
        ratio: Integer >= 1, the paper's r: `units` are the channels divided by it.
        units: Integer >= 1, width of the reduced vector, instead of a ratio.
        activation: Activation of the reduced vector.
        gate: Activation of the gates.
        use_bias: Boolean, whether both products add a bias.

    Weights: `reduce` (channels, units) and its bias, `expand` (units, channels) and
    its bias, in this order.

    Input shape: `(batch, height, width, channels)`. Output shape: the same.

    Raises:
        ValueError: If `ratio` or `units` is not a positive integer, if the rank is not
            4 or the number of channels unknown, or if `ratio` leaves no unit.

    Example:

    >>> import keras
    >>> layer = SqueezeExcite(ratio=16)
    >>> x = keras.ops.ones((1, 56, 56, 256))
    >>> tuple(layer(x).shape), tuple(layer.gates(x).shape)
    ((1, 56, 56, 256), (1, 256))
    >>> layer.count_params()  # 2 * 256**2 / 16, and 16 + 256 biases
    8464

    Reference: Hu et al., arXiv 1709.01507, Section 3; r in Section 6.1.
    """

    def __init__(
        self,
        ratio=16,
        *,
        units=None,
        activation="relu",
        gate="sigmoid",
        use_bias=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.ratio = integer("ratio", ratio)
        self.units = None if units is None else integer("units", units)
        self.activation = keras.activations.get(activation)
        self.gate = keras.activations.get(gate)
        self.use_bias = use_bias

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        units = self.units or channels // self.ratio
        if units == 0:
            raise ValueError(
                "The ratio must not be larger than the number of channels. "
                f"Received: ratio={self.ratio} for {channels} channels"
            )
        self.reduce = self._dense(units, self.activation, "reduce")
        self.reduce.build((None, channels))
        self.expand = self._dense(channels, self.gate, "expand")
        self.expand.build((None, units))

    def _dense(self, units, activation, name):
        return self.part(
            keras.layers.Dense,
            units,
            activation=activation,
            use_bias=self.use_bias,
            name=name,
        )

    def call(self, inputs):
        return inputs * self.gates(inputs)[:, None, None, :]  # (b, 1, 1, c)

    def gates(self, inputs):
        """The factor of each channel, `(batch, channels)`."""
        z = ops.mean(inputs, axis=(1, 2))  # (b, c)
        return self.expand(self.reduce(z))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "gate": keras.activations.serialize(self.gate),
            "use_bias": self.use_bias,
        }


@kernel_geometry.register(SqueezeExcite)
def _geometry(layer, size):
    return [Window.everything(units, units) for units in size]


local_geometry.register(SqueezeExcite, element_wise)


@layer_macs.register(SqueezeExcite)
def _macs(layer, input_shape, output_shape):
    """Two dense layers, once for the whole map; the scaling is element-wise."""
    return math.prod(layer.reduce.kernel.shape) + math.prod(layer.expand.kernel.shape)
