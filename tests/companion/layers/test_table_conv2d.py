"""TableConv2D beside the layers that it generalizes; the suite is in test_cases.py."""

import keras
import numpy as np
import pytest

from companion.complexity import count_macs
from companion.layers import GroupedConv2D, TableConv2D

FULL = [(0, 1, 2, 3)] * 6
BLOCKS = [(0, 1)] * 3 + [(2, 3)] * 3  # two groups


def image():
    return np.random.default_rng(0).normal(size=(2, 7, 6, 4)).astype("float32")


def connected(layer, like):
    """Both outputs, after the layer got the weights of a convolution."""
    x = image()
    like(x)
    layer(x)
    kernel, bias = like.get_weights()
    width = kernel.shape[2]
    pairs = [(c % width, i) for i, row in enumerate(layer.table) for c in row]
    layer.set_weights([np.stack([kernel[:, :, c, i] for c, i in pairs], -1), bias])
    return layer(x), like(x)


def test_the_full_table_is_a_convolution():
    ours, keras_own = connected(TableConv2D(FULL, 3), keras.layers.Conv2D(6, 3))
    assert np.allclose(ours, keras_own, atol=1e-6)


def test_a_table_of_blocks_is_a_grouped_convolution():
    ours, grouped = connected(
        TableConv2D(BLOCKS, 3), GroupedConv2D(6, 3, groups=2, padding="valid")
    )
    assert np.allclose(ours, grouped, atol=1e-6)


def test_counts_follow_the_table():
    inputs = keras.Input((14, 14, 4))
    model = keras.Model(inputs, TableConv2D(BLOCKS, 5)(inputs))
    assert model.count_params() == 12 * 25 + 6
    assert count_macs(model) == 12 * 25 * 10 * 10


def test_the_initializer_draws_an_ordinary_kernel():
    """Glorot's limit is that of Conv2D, and no two connections start equal."""
    keras.utils.set_random_seed(0)
    layer = TableConv2D(FULL, 5)
    layer.build((None, 14, 14, 4))
    start = layer.get_weights()[0]
    limit = np.sqrt(6 / (25 * 4 + 25 * 6))
    assert 0.95 * limit < np.abs(start).max() <= limit
    assert len(np.unique(start)) == start.size


def test_regularizer_and_missing_bias():
    layer = TableConv2D(BLOCKS, 3, use_bias=False, kernel_regularizer="l2")
    layer(image())
    (kernel,) = layer.get_weights()
    assert float(layer.losses[0]) == pytest.approx(0.01 * (kernel**2).sum(), rel=1e-5)


@pytest.mark.parametrize(
    "table", [[(0, 1), ()], [(0, 0)], [], [(-1,)], [(0.5,)], ["01"], [0], None]
)
def test_rows_name_maps_once(table):
    with pytest.raises(ValueError, match=r"Every row of the table.*Received: table="):
        TableConv2D(table, 3)


@pytest.mark.parametrize("table", [[(0, 4)], [(3,), (7, 0)]])
def test_maps_that_the_input_lacks(table):
    with pytest.raises(ValueError, match=r"input maps only.*Received: table="):
        TableConv2D(table, 3).build((None, 7, 6, 4))


def test_unknown_channels():
    with pytest.raises(ValueError, match=r"input_shape=\(None, 7, 6, None\)"):
        TableConv2D(FULL, 3).build((None, 7, 6, None))


def test_channels_come_last():
    with pytest.raises(ValueError, match="data_format=channels_first"):
        TableConv2D(FULL, 3, data_format="channels_first")
