"""Channel-wise convolution: Gao, Wang, Ji, *ChannelNets* (2018)."""

import math

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.inputs import channels_of
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class ChannelWiseConv(keras.layers.Layer):
    """One small kernel slides along the channels, the same at every position.

    A 1x1 convolution connects every input channel to every output channel. Here an
    output channel sees `kernel_size` neighbouring channels, and all output channels
    share the weights, as positions do in an ordinary convolution:

        y[i] = sum over j of w[j] x[i + j - before]

    where `before` zeros are put in front of the first channel. So a mixing of m
    channels into m costs `kernel_size` weights instead of m**2.

    With `groups` g there are g kernels, which move g channels at a time. Each makes
    m / g of the outputs, the first kernel the first of them. Behind a grouped
    convolution, whose groups know nothing of each other, this mixes the groups and
    costs g times `kernel_size` weights; the kernels must be longer than a group to do
    so. The authors' networks take 4 g.

    Padding is TensorFlow's, where the paper's network was born: with "same",
    `kernel_size - groups` zeros, the odd one behind the last channel.

    Args:
        kernel_size: Integer >= 1, the paper's d_c.
        groups: Integer >= 1, number of kernels and step along the channels.
        padding: "same" keeps the number of channels; "valid" pads nothing.

    Weights: `kernel` (kernel_size, 1, groups).

    Input shape: `(batch, height, width, channels)`. Output shape: the same; with
    "valid", `groups * ((channels - kernel_size) // groups + 1)` channels.

    Raises:
        ValueError: If `kernel_size` or `groups` is not a positive integer, if `padding`
            is neither "same" nor "valid", if the rank is not 4 or the number of
            channels unknown, if `groups` does not divide it, or if the kernel is longer
            without padding.

    Example:

    >>> import keras
    >>> layer = ChannelWiseConv(8, groups=2)
    >>> tuple(layer(keras.ops.ones((1, 14, 14, 512))).shape)
    (1, 14, 14, 512)
    >>> layer.count_params()  # a 1x1 convolution has 262144 weights
    16

    Reference: Gao et al., arXiv 1809.01330, Sections 3.2 and 3.4.
    """

    def __init__(self, kernel_size, *, groups=1, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = integer("kernel_size", kernel_size)
        self.groups = integer("groups", groups)
        if not isinstance(padding, str) or padding not in ("same", "valid"):
            raise ValueError(
                f'`padding` must be "same" or "valid". Received: padding={padding!r}'
            )
        self.padding = padding

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        if channels % self.groups:
            raise ValueError(
                "The groups must divide the number of channels, the last axis. "
                f"Received: groups={self.groups} for input_shape={input_shape}"
            )
        if self.padding == "valid" and self.kernel_size > channels:
            raise ValueError(
                "Without padding the kernel must fit into the channels. "
                f"Received: kernel_size={self.kernel_size} for {channels} channels"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, 1, self.groups),
            initializer="he_normal",
        )

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        rows = ops.reshape(inputs, (-1, channels, 1))  # (b h w, c, 1)
        y = ops.conv(
            rows,
            ops.cast(self.kernel, self.compute_dtype),
            strides=self.groups,
            padding=self.padding,
            data_format="channels_last",
        )
        y = ops.transpose(y, (0, 2, 1))  # (b h w, m / g, g) to (b h w, g, m / g)
        made = y.shape[1] * y.shape[2]
        return ops.reshape(y, (batch, height, width, made))

    def compute_output_shape(self, input_shape):
        *others, channels = input_shape
        if self.padding == "valid":
            channels = (channels - self.kernel_size) // self.groups + 1
            channels *= self.groups
        return (*others, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "groups": self.groups,
            "padding": self.padding,
        }


kernel_geometry.register(ChannelWiseConv, element_wise)


@layer_macs.register(ChannelWiseConv)
def _macs(layer, input_shape, output_shape):
    """Each kernel at its places along the channels, at every position."""
    places = output_shape[-1] // layer.groups
    return math.prod(layer.kernel.shape) * places * math.prod(output_shape[1:-1])
