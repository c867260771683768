"""SENet's gates, stages and strides against the paper and the authors' networks.

Hu et al., arXiv 1709.01507: Table 1 gives the stages, Figures 2 and 3 the place of the
gates, Equation 5 their parameters, the Appendix SENet-154; strides and poolings are
those of hujie-frank/SENet. The counts are checked in test_contract.py, the logits are
compared with other implementations in tests/parity/torch.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_params
from companion.layers import SqueezeExcite
from companion.models import MODELS, senet
from companion.models.senet import SEInception, SENet154, SEResNet50, SEResNeXt50

DEPTHS = {  # blocks in conv2_x to conv5_x
    "SE-ResNet-50": (3, 4, 6, 3),
    "SE-ResNet-101": (3, 4, 23, 3),
    "SE-ResNet-152": (3, 8, 36, 3),
    "SE-ResNeXt-50": (3, 4, 6, 3),
    "SE-ResNeXt-101": (3, 4, 23, 3),
    "SENet-154": (3, 8, 36, 3),
}
NETWORKS = [
    name for name, entry in MODELS.items() if entry.build.__module__ == senet.__name__
]
INCEPTION = {  # maps after the ten gates; SE-BN-Inception.prototxt
    "3a": (28, 256),
    "3b": (28, 320),
    "3c": (14, 576),
    "4a": (14, 576),
    "4b": (14, 576),
    "4c": (14, 608),
    "4d": (14, 608),
    "4e": (7, 1056),
    "5a": (7, 1024),
    "5b": (7, 1024),
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


@functools.cache
def short(name):
    """A row of the table with two blocks in each stage."""
    stem, block, _, dropout = senet.TABLE[name]
    with keras.StatelessScope(initialize_variables=False):
        return senet.SENet(stem, block, (2, 2, 2, 2), dropout, classes=10)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def strided(model):
    return {
        layer.name
        for layer in model.layers
        if getattr(layer, "strides", 0) in (2, (2, 2))
    }


def test_depths():
    """Three convolutions a block, the stem and the dense layer; 154 has two more."""
    assert {name: row[2] for name, row in senet.TABLE.items()} == DEPTHS
    for name, counts in DEPTHS.items():
        stem = 3 if name == "SENet-154" else 1
        assert name.endswith(f"-{stem + 3 * sum(counts) + 1}")


@pytest.mark.parametrize("function", [SEResNet50, SEResNeXt50])
def test_stages_of_table_1(function):
    model = built(function)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    inside = 1 if function is SEResNet50 else 2
    for stage, count, side, filters in zip(
        (2, 3, 4, 5), (3, 4, 6, 3), (56, 28, 14, 7), (64, 128, 256, 512), strict=True
    ):
        for number in range(1, count + 1):
            block = f"conv{stage}_{number}"
            for part, width in (("2", inside), ("se", 4), ("relu", 4)):
                found = model.get_layer(f"{block}_{part}").output.shape[1:]
                assert found == (side, side, width * filters)


def test_parameters_of_the_gates():
    """Equation 5, 2 / r times the sum of N C**2, and the biases of both layers."""
    weights = biases = 0
    for count, channels in zip((3, 4, 6, 3), (256, 512, 1024, 2048), strict=True):
        weights += 2 * count * channels**2 // 16
        biases += count * (channels // 16 + channels)
    for function, plain in ((SEResNet50, "ResNet50"), (SEResNeXt50, "ResNeXt50")):
        gates = layers_of(built(function), SqueezeExcite)
        assert len(gates) == 16
        found = sum(gate.count_params() for gate in gates)
        assert found == weights + biases == 2_530_992
        assert count_params(built(function)) - found == MODELS[plain].params


def test_gates_scale_the_residual():
    """After the last normalization, before the addition (Figure 3)."""
    for name in ("SE-ResNet-50", "SE-ResNeXt-50", "SENet-154"):
        model = short(name)
        for block in ("conv2_1", "conv4_2"):
            assert inputs_of(model, f"{block}_se") == [f"{block}_3_bn"]
            assert f"{block}_se" in inputs_of(model, f"{block}_add")
            assert inputs_of(model, f"{block}_relu") == [f"{block}_add"]
        assert "conv4_1_shortcut_bn" in inputs_of(model, "conv4_1_add")
        assert "conv4_1_relu" in inputs_of(model, "conv4_2_add")
        for gate in layers_of(model, SqueezeExcite):
            assert gate.reduce.units == gate.input.shape[-1] // 16
            assert gate.activation is keras.activations.relu
            assert gate.gate is keras.activations.sigmoid
            assert gate.use_bias


@pytest.mark.parametrize(
    "place, reads, read_by",
    [
        (senet.standard, "branch", ["block_add"]),
        (senet.pre, "image", ["branch"]),
        (senet.post, "block_relu", []),
        (senet.identity, "shortcut", ["block_add"]),
    ],
)
def test_places_of_figure_5(place, reads, read_by):
    inputs = keras.Input((4, 4, 16), name="image")
    y = place(
        inputs,
        keras.layers.Conv2D(16, 1, name="branch"),
        keras.layers.Conv2D(16, 1, name="shortcut"),
        "block",
    )
    model = keras.Model(inputs, y)
    assert inputs_of(model, "block_se") == [reads]
    readers = [
        layer.name
        for layer in model.layers
        if layer.name != "image" and "block_se" in inputs_of(model, layer.name)
    ]
    assert readers == read_by


@pytest.mark.parametrize(
    "name, part", [("SE-ResNet-50", 1), ("SE-ResNeXt-50", 2), ("SENet-154", 2)]
)
def test_strides(name, part):
    """In the first 1x1 of an SE-ResNet, in the 3x3 of the others."""
    blocks = {f"conv{stage}_1_{part}" for stage in (3, 4, 5)}
    shortcuts = {f"conv{stage}_1_shortcut" for stage in (3, 4, 5)}
    stem = "conv1_1" if name == "SENet-154" else "conv1"
    model = short(name)
    assert strided(model) == blocks | shortcuts | {stem, "pool1"}
    kernel = model.get_layer(f"conv3_1_{part}").kernel_size
    assert kernel == ((1, 1) if part == 1 else (3, 3))


@pytest.mark.parametrize(
    "name, groups", [("SE-ResNet-50", 1), ("SE-ResNeXt-50", 32), ("SENet-154", 64)]
)
def test_groups(name, groups):
    for conv in layers_of(short(name), keras.layers.Conv2D):
        assert conv.groups == (groups if conv.name.endswith("_2") else 1) or (
            conv.name.startswith("conv1")
        )


def test_what_is_other_in_senet_154():
    """The Appendix: stem, shortcuts, the first 1x1 of a block, dropout."""
    model = short("SENet-154")
    for number, width in ((1, 64), (2, 64), (3, 128)):
        conv = model.get_layer(f"conv1_{number}")
        assert conv.kernel_size == (3, 3)
        assert conv.output.shape[1:] == (112, 112, width)
    for stage, size in ((2, 1), (3, 3), (4, 3), (5, 3)):
        shortcut = model.get_layer(f"conv{stage}_1_shortcut")
        assert shortcut.kernel_size == (size, size)
        widths = [model.get_layer(f"conv{stage}_2_{i}").filters for i in (1, 2, 3)]
        assert widths == [2**stage * 32, 2**stage * 64, 2**stage * 64]
    assert model.get_layer("drop5").rate == 0.2
    assert inputs_of(model, "fc") == ["drop5"]
    assert inputs_of(short("SE-ResNet-50"), "fc") == ["pool5"]


def test_maps_of_se_inception():
    model = built(SEInception)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    assert model.get_layer("pool2").output.shape[1:] == (28, 28, 192)
    for module, (side, width) in INCEPTION.items():
        gate = model.get_layer(f"inception_{module}_se")
        assert gate.output.shape[1:] == (side, side, width)
        assert inputs_of(model, gate.name) == [f"inception_{module}"]
    assert len(layers_of(model, SqueezeExcite)) == 10


def test_poolings_of_se_inception():
    """Averages count the zeros around the map; 5b takes maxima."""
    model = built(SEInception)
    kinds = {
        module: type(model.get_layer(f"inception_{module}_pool")).__name__
        for module in INCEPTION
    }
    maxima = {module for module, kind in kinds.items() if kind == "MaxPooling2D"}
    assert maxima == {"3c", "4e", "5b"}
    x = keras.ops.ones((1, 4, 4, 2))
    inputs = keras.Input((4, 4, 2))
    y = senet.pool_and_project(inputs, "average", 3, "module")
    pooled = keras.Model(inputs, y).get_layer("module_pool").output
    averages = np.array(keras.Model(inputs, pooled)(x))[0, :, :, 0]
    np.testing.assert_allclose(averages[0], np.array([4, 6, 6, 4]) / 9, rtol=1e-6)
    names = {"conv1", "pool1", "pool2"}
    for module in ("3c", "4e"):
        parts = ("3x3", "double3x3_2", "pool")
        names |= {f"inception_{module}_{part}" for part in parts}
    assert strided(model) == names


def test_pooling_rounds_up_and_pads_no_first_row():
    for side in (5, 6):
        images = np.arange(1.0, side**2 + 1).reshape(1, side, side, 1)
        found = np.array(senet.halving_pool(images, "pool"))[0, :, :, 0]
        assert found.shape == (3, 3)
        if side == 6:  # Caffe's windows: 0-2, 2-4, 4-5
            last = [2, 4, 5]
            np.testing.assert_array_equal(found, images[0, :, :, 0][np.ix_(last, last)])


@pytest.mark.parametrize("name", ["SE-ResNet-50", "SE-ResNeXt-50", "SENet-154"])
def test_normalization_and_biases(name):
    model = short(name)
    for norm in layers_of(model, keras.layers.BatchNormalization):
        assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
    for conv in layers_of(model, keras.layers.Conv2D):
        assert not conv.use_bias
    assert model.get_layer("fc").use_bias


def test_every_function_has_its_row(monkeypatch):
    found = []
    monkeypatch.setattr(
        senet, "SENet", lambda *row, **given: found.append((row, given))
    )
    names = "SEResNet50 SEResNet101 SEResNet152 SEResNeXt50 SEResNeXt101 SENet154"
    for name in names.split():
        MODELS[name].build(name=name)
        assert found[-1][1] == {"name": name}
    assert [row for row, _ in found] == list(senet.TABLE.values())
    assert SENet154 is MODELS["SENet154"].build
