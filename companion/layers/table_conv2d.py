"""Convolution with a connection table: LeCun et al. (1998), section II-B, table I."""

import math

import keras
import numpy as np
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.inputs import channels_of, convolution_sizes


@keras.saving.register_keras_serializable(package="companion")
class TableConv2D(keras.layers.Conv2D):
    """A convolution whose output maps see some of the input maps each.

    Row i of the table lists the input maps that output map i is connected to. Only
    these connections have weights, one `k` x `k` kernel each, so the layer has as many
    parameters and multiply-adds as the table says. LeNet-5 connects its third layer
    so: to have fewer connections, and to make the maps different, because "they get
    different sets of inputs". A grouped convolution is the table of equal blocks.

    The weights are spread into an ordinary kernel, with zeros where nothing is
    connected, and convolved as usual: the layer saves parameters, not time.

    Args:
        table: One row for each output map: the numbers of the input maps that it
            sees, from 0.
        kernel_size: Integer or pair.
        **kwargs: Every other argument of `keras.layers.Conv2D`, channels last, except
            `filters` and `groups`. The kernel initializer draws an ordinary kernel,
            of which the connections are kept.

    Weights: `kernel` (height, width, connections), in the order of the table, and
    `bias` (filters,).

    Input shape: `(batch, height, width, channels)`. Output shape: as `Conv2D`,
    `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If the table is empty, has an empty row, names a map twice in a
            row or one that the input does not have; or if `data_format` is not
            "channels_last".

    Example:

    >>> import keras
    >>> layer = TableConv2D([(0, 1), (1, 2), (0, 1, 2)], 5)
    >>> tuple(layer(keras.ops.zeros((1, 14, 14, 3))).shape)
    (1, 10, 10, 3)
    >>> layer.count_params()  # 7 connections of 25 weights, 3 biases
    178
    """

    def __init__(self, table, kernel_size, **kwargs):
        self.table = _rows(table)
        sizes = convolution_sizes(kernel_size=kernel_size, **kwargs)
        super().__init__(len(self.table), **sizes)
        if self.data_format != "channels_last":
            raise ValueError(
                f"Channels must come last. Received: data_format={self.data_format}"
            )

    def build(self, input_shape):
        channels = channels_of(self, input_shape)
        maps = [number for row in self.table for number in row]
        if not set(maps) <= set(range(channels)):
            raise ValueError(
                "The table must name input maps only, counted from 0. "
                f"Received: table={self.table} for input_shape={tuple(input_shape)}"
            )
        filters = np.repeat(np.arange(self.filters), [len(row) for row in self.table])
        # For each pair of maps the number of its connection; where there is none, the
        # number after the last, under which `convolution_op` puts a zero.
        self._place = np.full((channels, self.filters), len(maps))
        self._place[maps, filters] = np.arange(len(maps))

        def connected(shape, dtype):
            full = (*self.kernel_size, channels, self.filters)
            drawn = self.kernel_initializer(full, dtype=dtype)
            drawn = ops.reshape(drawn, (*self.kernel_size, -1))  # (kh, kw, c f)
            return ops.take(drawn, np.array(maps) * self.filters + filters, axis=-1)

        self._kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, len(maps)),
            initializer=connected,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def convolution_op(self, inputs, kernel):
        kernel = ops.convert_to_tensor(kernel)
        # (kh, kw, connections) to (kh, kw, connections + 1) to (kh, kw, c, f)
        kernel = ops.concatenate([kernel, ops.zeros_like(kernel[..., :1])], axis=-1)
        kernel = ops.take(kernel, self._place, axis=-1)
        return super().convolution_op(inputs, kernel)

    def get_config(self):
        config = super().get_config()
        del config["filters"], config["groups"]
        return {**config, "table": self.table}


def _rows(table):
    """The table as lists of plain integers."""
    try:
        rows = [[integer("map", each, least=0) for each in row] for row in table]
    except (TypeError, ValueError):
        rows = []
    if not rows or not all(rows) or any(len(set(row)) < len(row) for row in rows):
        raise ValueError(
            "Every row of the table must name one input map or more, each once. "
            f"Received: table={table}"
        )
    return rows


@layer_macs.register(TableConv2D)
def _macs(layer, input_shape, output_shape):
    """The whole kernel at every output position."""
    return math.prod(layer.kernel.shape) * math.prod(output_shape[1:-1])
