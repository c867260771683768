"""Non-local block: Wang, Girshick, Gupta, He, *Non-local Neural Networks* (2018)."""

import math

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.batch_normalization import BatchNormalization
from companion.layers.composite import Composite
from companion.layers.inputs import channels_of
from companion.receptive_field import (
    Window,
    element_wise,
    kernel_geometry,
    local_geometry,
)


@keras.saving.register_keras_serializable(package="companion")
class NonLocal(Composite, keras.layers.Layer):
    """Every position takes a weighted average of all positions: self-attention.

    This is the embedded Gaussian form of the paper, without its optional pooling:

        a_ij = exp(theta_i . phi_j) / sum of exp(theta_i . phi_m)     attention
        y_i = sum over j of a_ij g_j
        z_i = x_i + BN(W y_i)

    theta, phi and g are three 1x1 convolutions of x to `units` channels, W is one back
    to the channels of x. A convolution needs many layers until two distant positions
    meet; here they meet at once, for a matrix of (height * width)**2 weights. The scale
    of the normalization starts at zero, so a new block changes nothing.

    As in the paper's equations no product has a bias, and the scalar products are not
    scaled; the authors' code has biases and divides by the square root of `units`.

    Args:
        units: Integer >= 1, width of theta, phi and g; half the channels unless given.

    Input shape: `(batch, height, width, channels)`. Output shape: the same.

    Raises:
        ValueError: If `units` is not a positive integer, if the rank is not 4, or if
            the number of channels is unknown or, without `units`, below 2.

    Example:

    >>> import keras
    >>> layer = NonLocal()
    >>> x = keras.ops.ones((1, 14, 14, 1024))
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((1, 14, 14, 1024), (1, 196, 196))
    >>> sum(w.shape[0] * w.shape[1] for w in layer.weights if len(w.shape) == 2)
    2097152

    Reference: Wang et al., arXiv 1711.07971, Sections 3.2 and 3.3, Figure 2.
    """

    def __init__(self, units=None, **kwargs):
        super().__init__(**kwargs)
        self.units = None if units is None else integer("units", units)

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        units = self.units or channels // 2
        if not units:
            raise ValueError(
                "The channels must be 2 or more to be halved. "
                f"Received: input_shape={input_shape}"
            )
        self.theta = self._dense(units, "theta")
        self.phi = self._dense(units, "phi")
        self.g = self._dense(units, "g")
        for projection in (self.theta, self.phi, self.g):
            projection.build((None, None, None, channels))
        self.expand = self._dense(channels, "expand")
        self.expand.build((None, None, None, units))
        self.norm = self.part(
            BatchNormalization,
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer="zeros",
            name="norm",
        )
        self.norm.build((None, None, None, channels))

    def _dense(self, units, name):
        return self.part(keras.layers.Dense, units, use_bias=False, name=name)

    def call(self, inputs, training=False):
        batch, height, width, _ = ops.shape(inputs)
        # (b, h w, h w) times (b, h w, units)
        y = ops.matmul(self.attention(inputs), _flat(self.g(inputs)))
        y = ops.reshape(y, (batch, height, width, -1))  # (b, h, w, units)
        return inputs + self.norm(self.expand(y), training=training)

    def attention(self, inputs):
        """Weight of position j for position i, `(batch, positions i, positions j)`.

        Positions are counted row by row. Scalar products are taken in float32: in
        float16 a sum of hundreds of products may be infinite.
        """
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        theta = ops.cast(_flat(self.theta(inputs)), dtype)
        phi = ops.cast(_flat(self.phi(inputs)), dtype)
        logits = ops.matmul(theta, ops.transpose(phi, (0, 2, 1)))  # (b, h w, h w)
        return ops.cast(ops.softmax(logits), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _flat(x):
    """(b, h, w, c) to (b, h w, c): all positions in one axis, row by row."""
    batch, height, width, channels = ops.shape(x)
    return ops.reshape(x, (batch, height * width, channels))


@kernel_geometry.register(NonLocal)
def _geometry(layer, size):
    return [Window.everything(units, units) for units in size]


local_geometry.register(NonLocal, element_wise)


@layer_macs.register(NonLocal)
def _macs(layer, input_shape, output_shape):
    """Four 1x1 convolutions; every position meets every other, twice."""
    positions, (channels, units) = math.prod(input_shape[1:-1]), layer.g.kernel.shape
    return 4 * positions * channels * units + 2 * positions**2 * units
