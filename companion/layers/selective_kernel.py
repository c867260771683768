"""Selective kernels: Li, Wang, Hu, Yang, *Selective Kernel Networks* (2019)."""

import math

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.batch_normalization import BatchNormalization
from companion.layers.composite import Composite
from companion.layers.grouped_conv2d import GroupedConv2D
from companion.layers.inputs import channels_of
from companion.receptive_field import Window, kernel_geometry, local_geometry


@keras.saving.register_keras_serializable(package="companion")
class SelectiveKernel(Composite, keras.layers.Layer):
    """A 3x3 and a 5x5 convolution, and for each channel a choice between them.

    Both convolutions see the same input; the averages over the whole image decide, for
    each channel, how much of either goes on:

        U1 = ReLU(BN(3x3 x)), U2 = ReLU(BN(5x5 x))                  split
        z = ReLU(BN(W s)), s = average of U1 + U2                   fuse
        a = exp(A z) / (exp(A z) + exp(B z)), b = 1 - a             select
        V = a U1 + b U2

    So the size of a unit's receptive field depends on what is in the image. The 5x5 is
    a 3x3 with dilation 2: its reach, for nine weights. The width of z is the number of
    filters divided by `ratio`, but no less than `minimum`.

    With `strides=2` the dilated kernel lands on even positions only, so it is a plain
    3x3 on every second position of its input. Neither convolution has a bias. Both are
    padded with zeros to keep the size: one row on each side of the 3x3, two of the
    dilated one. Normalization adds 1e-5 and averages with momentum 0.95, as in the
    authors' definition.

    Args:
        filters: Integer, output channels, a multiple of `groups`.
        groups: Integer >= 1, groups of both convolutions, the paper's G.
        ratio: Integer >= 1, the paper's r.
        minimum: Integer >= 1, the paper's L.
        strides: 1 or 2.

    Input shape: `(batch, height, width, channels)`. Output shape:
    `(batch, new_height, new_width, filters)`, sizes divided by `strides`, rounded up.

    Raises:
        ValueError: If an argument is not a positive integer, if `strides` is neither 1
            nor 2, if the rank is not 4 or the number of channels unknown, or if
            `groups` does not divide the filters or the channels.

    Example:

    >>> import keras
    >>> layer = SelectiveKernel(128)
    >>> x = keras.ops.ones((1, 56, 56, 128))
    >>> tuple(layer(x).shape), tuple(layer.attention(x).shape)
    ((1, 56, 56, 128), (1, 2, 128))

    Reference: Li et al., arXiv 1903.06586, Sections 3.1 and 3.2.
    """

    def __init__(
        self, filters, *, groups=32, ratio=16, minimum=32, strides=1, **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = integer("filters", filters)
        self.groups = integer("groups", groups)
        self.ratio = integer("ratio", ratio)
        self.minimum = integer("minimum", minimum)
        self.strides = integer("strides", strides)
        if self.strides > 2:
            raise ValueError(f"Strides must be 1 or 2. Received: strides={strides!r}")

    def build(self, input_shape):
        padded = (None, None, None, channels_of(self, input_shape))
        self.small = self._convolution("small", strides=self.strides)
        self.small.build(padded)
        self.small_norm = self._normalization("small_norm")
        self.small_norm.build((None, None, None, self.filters))
        self.large = self._convolution("large", dilation_rate=2 // self.strides)
        self.large.build(padded)
        self.large_norm = self._normalization("large_norm")
        self.large_norm.build((None, None, None, self.filters))
        units = max(self.filters // self.ratio, self.minimum)
        self.reduce = self._dense(units, "reduce")
        self.reduce.build((None, self.filters))
        self.reduce_norm = self._normalization("reduce_norm")
        self.reduce_norm.build((None, units))
        self.expand = self._dense(2 * self.filters, "expand")
        self.expand.build((None, units))

    def _convolution(self, name, **kwargs):
        return self.part(
            GroupedConv2D,
            self.filters,
            3,
            groups=self.groups,
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
            **kwargs,
        )

    def _normalization(self, name):
        return self.part(BatchNormalization, momentum=0.95, epsilon=1e-5, name=name)

    def _dense(self, units, name):
        return self.part(keras.layers.Dense, units, use_bias=False, name=name)

    def call(self, inputs, training=False):
        small, large = self._split(inputs, training)
        a = self._select(small, large, training)
        a = a[:, :, None, None, :]  # (b, 2, 1, 1, f), beside maps of (b, h, w, f)
        return a[:, 0] * small + a[:, 1] * large

    def attention(self, inputs):
        """Shares of the 3x3 and the 5x5, `(batch, 2, filters)`; each pair adds to 1."""
        return self._select(*self._split(inputs, False), False)

    def _split(self, x, training):
        small = self.small(_pad(x, 1))
        small = ops.relu(self.small_norm(small, training=training))
        if self.strides == 2:
            # every second row and column
            x = ops.average_pool(x, 1, strides=2, data_format="channels_last")
        large = self.large(_pad(x, 2 // self.strides))
        large = ops.relu(self.large_norm(large, training=training))
        return small, large

    def _select(self, small, large, training):
        s = ops.mean(small + large, axis=(1, 2))  # (b, f)
        z = ops.relu(self.reduce_norm(self.reduce(s), training=training))
        # (b, 2 f) to (b, 2, f): the softmax goes over the two convolutions
        logits = ops.reshape(self.expand(z), (-1, 2, self.filters))
        return ops.softmax(logits, axis=1)

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sizes = [None if n is None else -(-n // self.strides) for n in sizes]
        return (batch, *sizes, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "ratio": self.ratio,
            "minimum": self.minimum,
            "strides": self.strides,
        }


def _pad(x, rows):
    return ops.pad(x, ((0, 0), (rows, rows), (rows, rows), (0, 0)))


@kernel_geometry.register(SelectiveKernel)
def _geometry(layer, size):
    return [Window.everything(units, -(-units // layer.strides)) for units in size]


@local_geometry.register(SelectiveKernel)
def _local_geometry(layer, size):
    """The 5x5, which is the larger of the two."""
    return [Window.sliding(units, 3, layer.strides, 2, dilation=2) for units in size]


@layer_macs.register(SelectiveKernel)
def _macs(layer, input_shape, output_shape):
    """Two convolutions; two dense layers, once for the whole map."""
    everywhere = layer.small.kernel, layer.large.kernel
    once = layer.reduce.kernel, layer.expand.kernel
    convolutions = sum(math.prod(kernel.shape) for kernel in everywhere)
    choice = sum(math.prod(kernel.shape) for kernel in once)
    return convolutions * math.prod(output_shape[1:-1]) + choice
