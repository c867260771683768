"""Channel shuffle: Zhang, Zhou, Lin, Sun, *ShuffleNet* (2018), section 3.1."""

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs, no_products
from companion.layers.inputs import channels_of
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class ChannelShuffle(keras.layers.Layer):
    """Deals the channels of every group out to all groups of the next convolution.

    Two grouped convolutions in a row never exchange anything between groups. The
    shuffle writes the channels as a matrix of `groups` rows, transposes it and reads
    it row by row again: channel j of group i, at i * (c / g) + j, moves to j * g + i.
    Nothing is learned. Shuffling with c / g groups undoes it.

    Args:
        groups: Integer >= 1, the number g of groups of the convolution before.

    Input shape: `(batch, height, width, channels)`. Output shape: the same.

    Raises:
        ValueError: If `groups` is not a positive integer, or does not divide the
            number of channels, which must be known; if the rank is not 4.

    Example:

    >>> import keras
    >>> x = keras.ops.reshape(keras.ops.arange(6), (1, 1, 1, 6))  # 0 1 2 | 3 4 5
    >>> [int(channel) for channel in ChannelShuffle(2, dtype="int32")(x)[0, 0, 0]]
    [0, 3, 1, 4, 2, 5]

    Reference: Zhang et al., arXiv 1707.01083, Section 3.1 and Figure 1.
    """

    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = integer("groups", groups)

    def build(self, input_shape):
        if channels_of(self, input_shape) % self.groups:
            raise ValueError(
                "The groups must divide the number of channels, the last axis. "
                f"Received: groups={self.groups} for input_shape={input_shape}"
            )

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        g = self.groups
        x = ops.reshape(inputs, (batch, height, width, g, channels // g))
        x = ops.transpose(x, (0, 1, 2, 4, 3))  # (b, h, w, c / g, g)
        return ops.reshape(x, (batch, height, width, channels))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}


kernel_geometry.register(ChannelShuffle, element_wise)
layer_macs.register(ChannelShuffle, no_products)
