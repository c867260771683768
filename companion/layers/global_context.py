"""Global context: Cao, Xu, Lin, Wei, Hu, *GCNet* (2019)."""

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
class GlobalContext(Composite, keras.layers.Layer):
    """Adds one vector, computed from the whole map, to every position.

    A non-local block gives every position its own weighted average of the map. In
    trained networks these averages are almost the same everywhere, so one is enough:

        a_j = exp(w x_j) / sum of exp(w x_m) over all positions m     attention
        c = sum of a_j x_j                                            context
        y_i = x_i + V2 ReLU(LN(V1 c))                                 transform, add

    V1 reduces the channels by `ratio` and V2 expands them again, as in
    `SqueezeExcite`; the differences to it are the learned average and the addition.
    V2 starts at zero, so a new block changes nothing. The layer costs 2 C**2 / r
    weights for C channels, where a non-local block costs 2 C**2.

    As in the authors' code every product has a bias. That of w has no effect: the
    softmax cancels a constant.

    Args:
        ratio: Integer >= 1, the paper's r.

    Input shape: `(batch, height, width, channels)`. Output shape: the same.

    Raises:
        ValueError: If `ratio` is not a positive integer, if the rank is not 4 or the
            number of channels unknown, or if `ratio` leaves no unit.

    Example:

    >>> import keras
    >>> layer = GlobalContext(ratio=16)
    >>> x = keras.ops.ones((1, 14, 14, 1024))
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((1, 14, 14, 1024), (1, 14, 14))
    >>> layer.count_params()  # 2 * 1024**2 / 16, and 1025 + 64 + 128 + 1024
    133313

    Reference: Cao et al., arXiv 1904.11492, Section 3.4, Figure 4d and Equation 5.
    """

    def __init__(self, ratio=16, **kwargs):
        super().__init__(**kwargs)
        self.ratio = integer("ratio", ratio)

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        units = channels // self.ratio
        if units == 0:
            raise ValueError(
                "The ratio must not be larger than the number of channels. "
                f"Received: ratio={self.ratio} for {channels} channels"
            )
        dense = keras.layers.Dense
        self.mask = self.part(dense, 1, name="mask")
        self.mask.build((None, None, channels))
        self.reduce = self.part(dense, units, name="reduce")
        self.reduce.build((None, channels))
        self.norm = self.part(
            keras.layers.LayerNormalization, epsilon=1e-5, name="norm"
        )
        self.norm.build((None, units))
        self.expand = self.part(
            dense, channels, kernel_initializer="zeros", name="expand"
        )
        self.expand.build((None, units))

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        rows = ops.reshape(inputs, (batch, height * width, channels))  # (b, h w, c)
        attention = ops.reshape(self.attention(inputs), (batch, 1, height * width))
        context = ops.matmul(attention, rows)[:, 0]  # (b, 1, h w) (b, h w, c): (b, c)
        y = self.expand(ops.relu(self.norm(self.reduce(context))))
        return inputs + y[:, None, None, :]  # (b, 1, 1, c)

    def attention(self, inputs):
        """How much each position counts, `(batch, height, width)`; the sum is 1."""
        batch, height, width, _ = ops.shape(inputs)
        # (b, h, w, 1) to (b, h w): the softmax goes over all positions
        logits = ops.reshape(self.mask(inputs), (batch, height * width))
        return ops.reshape(ops.softmax(logits), (batch, height, width))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


@kernel_geometry.register(GlobalContext)
def _geometry(layer, size):
    return [Window.everything(units, units) for units in size]


local_geometry.register(GlobalContext, element_wise)


@layer_macs.register(GlobalContext)
def _macs(layer, input_shape, output_shape):
    """A 1x1 convolution to one map; two dense layers, once for the whole map.

    The sum that the map weighs is left out, like a pooling. Torch's own counter adds
    its h w c products: 4,097,896,448 for GC-ResNet-50 in place of 4,094,785,536.
    """
    mask = math.prod(input_shape[1:-1]) * input_shape[-1]
    once = layer.reduce.kernel, layer.expand.kernel
    return mask + sum(math.prod(kernel.shape) for kernel in once)
