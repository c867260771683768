"""Interleaved group convolution: Zhang, Qi, Xiao, Wang, *IGCNets* (2017)."""

import math

import keras

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.channel_shuffle import ChannelShuffle
from companion.layers.composite import Composite
from companion.layers.grouped_conv2d import GroupedConv2D
from companion.layers.inputs import channels_of
from companion.receptive_field import Window, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class InterleavedGroupConv2D(Composite, keras.layers.Layer):
    """Two grouped convolutions that complement each other, with permutations between.

    The channels are L groups of M. The primary convolution is spatial and mixes the M
    channels of a group; the secondary one is 1x1 and mixes L channels, one of each
    primary group:

        y = P' W_secondary P W_primary x                            Equations 2 to 6

    P deals the M channels of every primary group out to the M secondary groups, and P'
    puts them back. Nothing stands between the two, so the layer is one convolution,
    with a composed kernel:

    - dense: from every input channel to every output channel there is a path, because
      each secondary group has a channel of each primary group. With L M channels it is
      exactly one path. This is the condition that the layer insists on; with more
      groups some of the kernel is zero, with fewer there are more weights than needed.
    - of full rank, as a 1x1 convolution: a product of two invertible matrices, since
      each group is a square block. Rank is what a bottleneck of the same price loses.

    The weights are L M**2 kernel_size**2 + M L**2, where an ordinary convolution has
    (L M kernel_size)**2. For a given number of them the layer is widest at
    L = M kernel_size**2. With M = 1 it is a depthwise-separable convolution, with
    L = 1 an ordinary one whose outputs are scaled.

    The paper puts normalization and ReLU behind the whole block.

    Args:
        primary_groups: Integer >= 1, the paper's L.
        secondary_groups: Integer >= 1, the paper's M.
        kernel_size: Integer >= 1, side of the primary kernels.
        use_bias: Boolean, whether the secondary convolution adds a bias.

    Weights: `primary` (kernel_size, kernel_size, M, L M), `secondary` (1, 1, L, L M)
    and its bias, in this order.

    Input shape: `(batch, height, width, L M)`. Output shape: the same; borders are
    padded with zeros.

    Raises:
        ValueError: If an argument is not a positive integer, if the rank is not 4, or
            if the number of channels is not `primary_groups * secondary_groups`.

    Example:

    >>> import keras
    >>> layer = InterleavedGroupConv2D(24, 2, use_bias=False)  # L24M2
    >>> tuple(layer(keras.ops.ones((1, 32, 32, 48))).shape)
    (1, 32, 32, 48)
    >>> layer.count_params()  # 24 * 2**2 * 9 + 2 * 24**2, instead of 20736
    2016

    Reference: Zhang et al., arXiv 1707.02725, Section 3.
    """

    def __init__(
        self,
        primary_groups,
        secondary_groups,
        kernel_size=3,
        *,
        use_bias=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.primary_groups = integer("primary_groups", primary_groups)
        self.secondary_groups = integer("secondary_groups", secondary_groups)
        self.kernel_size = integer("kernel_size", kernel_size)
        self.use_bias = use_bias

    def build(self, input_shape):
        channels = self.primary_groups * self.secondary_groups
        if channels_of(self, input_shape) != channels:
            raise ValueError(
                "One channel of each primary group in each secondary group makes "
                f"{self.primary_groups} * {self.secondary_groups} channels. "
                f"Received: input_shape={input_shape}"
            )
        maps = (None, None, None, channels)
        self.primary = self.part(
            GroupedConv2D,
            channels,
            self.kernel_size,
            groups=self.primary_groups,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name="primary",
        )
        self.primary.build(maps)
        self.interleave = self.part(
            ChannelShuffle, self.primary_groups, name="interleave"
        )
        self.interleave.build(maps)
        self.secondary = self.part(
            GroupedConv2D,
            channels,
            1,
            groups=self.secondary_groups,
            use_bias=self.use_bias,
            kernel_initializer="he_normal",
            name="secondary",
        )
        self.secondary.build(maps)
        self.restore = self.part(ChannelShuffle, self.secondary_groups, name="restore")
        self.restore.build(maps)

    def call(self, inputs):
        x = self.interleave(self.primary(inputs))
        return self.restore(self.secondary(x))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "primary_groups": self.primary_groups,
            "secondary_groups": self.secondary_groups,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
        }


@kernel_geometry.register(InterleavedGroupConv2D)
def _geometry(layer, size):
    return [Window.sliding(units, layer.kernel_size, padding="same") for units in size]


@layer_macs.register(InterleavedGroupConv2D)
def _macs(layer, input_shape, output_shape):
    """Two grouped convolutions; the permutations are free."""
    kernels = layer.primary.kernel, layer.secondary.kernel
    weights = sum(math.prod(kernel.shape) for kernel in kernels)
    return weights * math.prod(output_shape[1:-1])
