"""DenseNet's maps, connections and depths against the paper.

Huang et al., arXiv 1608.06993: Table 1 gives the ImageNet networks, Section 3 those for
CIFAR, Table 2 their parameters. The counts are checked in test_contract.py, the logits
are compared with other implementations in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.models import MODELS, densenet

TABLE_1 = {  # layers of the blocks, k; 161 from the authors' models/densenet.lua
    "121": ((6, 12, 24, 16), 32),
    "161": ((6, 12, 36, 24), 48),
    "169": ((6, 12, 32, 32), 32),
    "201": ((6, 12, 48, 32), 32),
    "264": ((6, 12, 64, 48), 32),
}
ENDS = {  # maps after each block and each transition; torchvision 0.28
    "121": ((256, 512, 1024, 1024), (128, 256, 512)),
    "161": ((384, 768, 2112, 2208), (192, 384, 1056)),
    "264": ((256, 512, 2304, 2688), (128, 256, 1152)),
}
TABLE_2 = {  # millions of parameters
    "DenseNet40": 1.0,
    "DenseNet100": 7.0,
    "DenseNet100K24": 27.2,
    "DenseNetBC100": 0.8,
    "DenseNetBC250": 15.3,
    "DenseNetBC190": 25.6,
}
CIFAR = {  # maps of 32x32, 16x16 and 8x8 after the blocks: k0 + L k, kept or halved
    "L=40 k=12": (160, 304, 448),
    "C L=40 k=12": (168, 228, 258),  # also models.json: pytorchcv 0.0.74
    "BC L=100 k=12": (216, 300, 342),
}


@functools.cache
def built(row):
    """Shapes only: the weights have no values."""
    side = 224 if row in TABLE_1 else 32
    with keras.StatelessScope(initialize_variables=False):
        return densenet.DenseNet(
            *densenet.TABLE[row], input_shape=(side, side, 3), classes=10
        )


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


@pytest.mark.parametrize("row", ENDS)
def test_maps_of_table_1(row):
    model, (counts, _) = built(row), TABLE_1[row]
    assert model.get_layer("conv1_relu").output.shape[1:3] == (112, 112)
    assert model.get_layer("pool1").output.shape[1:3] == (56, 56)
    blocks, transitions = ENDS[row]
    for block, (side, count, maps) in enumerate(
        zip((56, 28, 14, 7), counts, blocks, strict=True), start=1
    ):
        last = model.get_layer(f"block{block}_{count}_concat")
        assert last.output.shape[1:] == (side, side, maps)
    for number, (side, maps) in enumerate(
        zip((28, 14, 7), transitions, strict=True), start=1
    ):
        pooled = model.get_layer(f"transition{number}_pool").output
        assert pooled.shape[1:] == (side, side, maps)


@pytest.mark.parametrize("row", CIFAR)
def test_maps_of_the_networks_for_cifar(row):
    model, count = built(row), densenet.TABLE[row][3][0]
    for block, (side, maps) in enumerate(
        zip((32, 16, 8), CIFAR[row], strict=True), start=1
    ):
        last = model.get_layer(f"block{block}_{count}_concat")
        assert last.output.shape[1:] == (side, side, maps)


def test_rows_of_table_1():
    for row, (counts, growth) in TABLE_1.items():
        _, maps, layer, found, k, compression = densenet.TABLE[row]
        assert (found, k, compression) == (counts, growth, 0.5)
        assert maps == 2 * growth  # Section 3: a "BC" network starts with 2 k
        assert layer is densenet.bottleneck
        depth = 1 + 2 * sum(counts) + len(counts) - 1 + 1
        assert depth == (265 if row == "264" else int(row))  # the paper's own misprint


def test_depth_of_the_networks_for_cifar():
    """L counts the convolutions and the dense layer."""
    rows = [row for row in densenet.TABLE if "L=" in row]
    assert len(rows) == 7
    for row in rows:
        _, _, layer, counts, growth, _ = densenet.TABLE[row]
        convolutions = 2 if layer is densenet.bottleneck else 1
        assert (layer is densenet.bottleneck) == row.startswith("BC")
        depth = 1 + convolutions * sum(counts) + len(counts) - 1 + 1
        assert row.endswith(f"L={depth} k={growth}")


@pytest.mark.parametrize("name, millions", TABLE_2.items())
def test_parameters_of_table_2(name, millions):
    assert round(MODELS[name].params / 1e6, 1) == millions


def test_each_layer_reads_all_maps_before_it():
    for row, growth, first in (("121", 32, 64), ("L=40 k=12", 12, 16)):
        model = built(row)
        for number in range(1, 7):
            read = first + (number - 1) * growth
            if row == "121":
                shapes = [(1, 1, read, 4 * growth), (3, 3, 4 * growth, growth)]
                names = [f"block1_{number}_1", f"block1_{number}_2"]
            else:
                shapes, names = [(3, 3, read, growth)], [f"block1_{number}"]
            found = [tuple(model.get_layer(name).kernel.shape) for name in names]
            assert found == shapes


def test_maps_are_kept_as_they_are_and_in_their_order():
    inputs = keras.Input((5, 4, 6))
    y = densenet.dense_block(inputs, densenet.bottleneck, 2, 3, "block")
    block = keras.Model(inputs, y)
    images = np.random.default_rng(0).normal(size=(2, 5, 4, 6)).astype("float32")
    found = np.array(block(images))
    np.testing.assert_array_equal(found[..., :6], images)
    first = block.get_layer("block_1_2").output
    written = np.array(keras.Model(inputs, first)(images))
    np.testing.assert_array_equal(found[..., 6:9], written)


def test_normalization_and_relu_come_first():
    model = built("121")
    for name in ("block1_2_1", "block1_2_2", "block3_24_2", "transition2"):
        assert inputs_of(model, name) == [f"{name}_relu"]
        assert inputs_of(model, f"{name}_relu") == [f"{name}_bn"]
    assert inputs_of(model, "block1_2_1_bn") == ["block1_1_concat"]
    assert inputs_of(model, "block1_2_concat") == ["block1_1_concat", "block1_2_2"]
    assert inputs_of(model, "transition1_bn") == ["block1_6_concat"]
    assert inputs_of(model, "pool") == ["last_relu"]
    assert inputs_of(model, "last_bn") == ["block4_16_concat"]


def test_stems():
    """7x7 with its normalization for ImageNet; a bare 3x3 for CIFAR."""
    model = built("121")
    assert inputs_of(model, "pool1_pad") == ["conv1_relu"]
    assert model.get_layer("conv1").kernel_size == (7, 7)
    assert model.get_layer("conv1_pad").padding == ((3, 3), (3, 3))
    assert model.get_layer("pool1").pool_size == (3, 3)
    assert model.get_layer("pool1_pad").padding == ((1, 1), (1, 1))
    model = built("L=40 k=12")
    assert model.get_layer("conv1").kernel_size == (3, 3)
    assert inputs_of(model, "block1_1_bn") == ["conv1"]


def test_strides():
    strided = {
        layer.name
        for layer in built("121").layers
        if getattr(layer, "strides", 0) in (2, (2, 2))
    }
    transitions = {f"transition{number}_pool" for number in (1, 2, 3)}
    assert strided == transitions | {"conv1", "pool1"}
    pools = layers_of(built("121"), keras.layers.AveragePooling2D)
    assert [(pool.name, pool.pool_size) for pool in pools] == [
        (f"transition{number}_pool", (2, 2)) for number in (1, 2, 3)
    ]


def test_normalization_and_biases():
    for row in ("121", "L=40 k=12"):
        model = built(row)
        for norm in layers_of(model, keras.layers.BatchNormalization):
            assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
        for conv in layers_of(model, keras.layers.Conv2D):
            assert not conv.use_bias
        assert model.get_layer("fc").use_bias
