"""MobileNetV3's blocks, gates and nonlinearities against the paper.

Howard et al., arXiv 1905.02244: Tables 1 and 2 give the blocks, Figure 4 the place of
the gates, Section 5 their width and h-swish. The counts are checked in
test_contract.py, the logits are compared with other implementations in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.models import mobilenet_v3
from companion.models.mobilenet_v3 import (
    MobileNetV3Large,
    MobileNetV3LargeMinimalistic,
    MobileNetV3Small,
    MobileNetV3SmallMinimalistic,
)

LARGE = """\
112 3  16  16 -- RE 1
112 3  64  24 -- RE 2
 56 3  72  24 -- RE 1
 56 5  72  40 SE RE 2
 28 5 120  40 SE RE 1
 28 5 120  40 SE RE 1
 28 3 240  80 -- HS 2
 14 3 200  80 -- HS 1
 14 3 184  80 -- HS 1
 14 3 184  80 -- HS 1
 14 3 480 112 SE HS 1
 14 3 672 112 SE HS 1
 14 5 672 160 SE HS 2
  7 5 960 160 SE HS 1
  7 5 960 160 SE HS 1
"""  # Table 1: side of the input, kernel, expanded to, out, gates, nonlinearity, stride
SMALL = """\
112 3  16  16 SE RE 2
 56 3  72  24 -- RE 2
 28 3  88  24 -- RE 1
 28 5  96  40 SE HS 2
 14 5 240  40 SE HS 1
 14 5 240  40 SE HS 1
 14 5 120  48 SE HS 1
 14 5 144  48 SE HS 1
 14 5 288  96 SE HS 2
  7 5 576  96 SE HS 1
  7 5 576  96 SE HS 1
"""  # Table 2
GATES = {  # expanded width: reduced width; torchvision 0.28, timm 1.0.31
    16: 8,
    72: 24,
    96: 24,
    120: 32,
    144: 40,
    240: 64,
    288: 72,
    480: 120,
    576: 144,
    672: 168,
    960: 240,
}
NETWORKS = {  # blocks, last convolution, last wide layer, minimalistic
    MobileNetV3Large: (LARGE, 960, 1280, False),
    MobileNetV3Small: (SMALL, 576, 1024, False),
    MobileNetV3LargeMinimalistic: (LARGE, 960, 1280, True),
    MobileNetV3SmallMinimalistic: (SMALL, 576, 1024, True),
}
ACTIVATIONS = {"RE": keras.activations.relu, "HS": keras.activations.hard_silu}


@functools.cache
def built(function, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


def rows(table):
    for line in table.splitlines():
        side, kernel, expanded, out, gates, nonlinearity, stride = line.split()
        sizes = map(int, (side, kernel, expanded, out, stride))
        yield *sizes, gates == "SE", ACTIVATIONS[nonlinearity]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


@pytest.mark.parametrize("function", NETWORKS)
def test_blocks_of_the_tables(function):
    model, (table, *_, minimalistic) = built(function), NETWORKS[function]
    names = {layer.name for layer in model.layers}
    before = 16
    assert model.get_layer("conv1").output.shape[1:] == (112, 112, 16)
    for number, row in enumerate(rows(table), start=1):
        side, kernel, expanded, out, stride, gates, nonlinearity = row
        if minimalistic:
            kernel, gates, nonlinearity = 3, False, keras.activations.relu
        block = f"block{number}"
        depthwise = model.get_layer(f"{block}_depthwise")
        assert depthwise.input.shape[1:] == (side, side, expanded)
        assert depthwise.kernel_size == (kernel, kernel)
        assert depthwise.strides == (stride, stride)
        side = side // stride
        project = model.get_layer(f"{block}_project")
        assert project.output.shape[1:] == (side, side, out)
        assert (f"{block}_expand" in names) == (expanded != before)
        assert (f"{block}_excite" in names) == gates
        assert (f"{block}_add" in names) == (stride == 1 and before == out)
        for part in ("expand", "depthwise"):
            if f"{block}_{part}" in names:
                found = model.get_layer(f"{block}_{part}_activation").activation
                assert found is nonlinearity, (block, part)
        before = out


@pytest.mark.parametrize("function", NETWORKS)
def test_the_cheap_end(function):
    """Section 5.1, Figure 5: the wide layer comes after the pooling, with a bias."""
    model = built(function)
    _, last, units, minimalistic = NETWORKS[function]
    nonlinearity = ACTIVATIONS["RE" if minimalistic else "HS"]
    assert model.get_layer("conv2").output.shape[1:] == (7, 7, last)
    for name in ("conv1_activation", "conv2_activation"):
        assert model.get_layer(name).activation is nonlinearity
    assert inputs_of(model, "pool") == ["conv2_activation"]
    assert inputs_of(model, "fc1") == ["pool"]
    assert inputs_of(model, "drop") == ["fc1"]
    assert inputs_of(model, "fc2") == ["drop"]
    wide = model.get_layer("fc1")
    assert wide.units == units and wide.use_bias
    assert wide.activation is nonlinearity
    assert "fc1_bn" not in {layer.name for layer in model.layers}
    assert model.get_layer("drop").rate == 0.2


@pytest.mark.parametrize("function", [MobileNetV3Large, MobileNetV3Small])
def test_gates(function):
    """A quarter of the expanded width, between activation and projection (Figure 4)."""
    model = built(function)
    gates = [layer for layer in model.layers if layer.name.endswith("_excite")]
    assert len(gates) == {MobileNetV3Large: 8, MobileNetV3Small: 9}[function]
    for layer in gates:
        block = layer.name.removesuffix("_excite")
        assert inputs_of(model, layer.name) == [f"{block}_depthwise_activation"]
        assert inputs_of(model, f"{block}_project") == [layer.name]
        assert layer.reduce.units == GATES[layer.input.shape[-1]]
        assert layer.activation is keras.activations.relu
        assert layer.gate is keras.activations.hard_sigmoid
        assert layer.use_bias


def test_nonlinearities_are_the_papers():
    """ReLU6(x + 3) / 6 and x times that (Section 5.2)."""
    x = np.linspace(-5, 5, 41, dtype="float32")
    gate = np.clip(x + 3, 0, 6) / 6
    excite = built(MobileNetV3Small).get_layer("block1_excite")
    np.testing.assert_allclose(np.array(excite.gate(x)), gate, atol=1e-6)
    h_swish = built(MobileNetV3Small).get_layer("conv1_activation").activation
    np.testing.assert_allclose(np.array(h_swish(x)), x * gate, atol=1e-6)


def test_bottlenecks_are_linear():
    model = built(MobileNetV3Large)
    assert inputs_of(model, "block2_expand") == ["block1_add"]
    assert inputs_of(model, "block3_expand") == ["block2_project_bn"]
    assert set(inputs_of(model, "block3_add")) == {
        "block2_project_bn",
        "block3_project_bn",
    }
    assert inputs_of(model, "block1_depthwise") == ["conv1_activation"]


def test_normalization_padding_and_biases():
    for layer in built(MobileNetV3Large).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            assert not layer.use_bias
            assert layer.padding == "same"  # TensorFlow's, also where the stride is 2


@pytest.mark.parametrize("function", [MobileNetV3Large, MobileNetV3Small])
@pytest.mark.parametrize("width", [0.5, 0.75, 1.25])
def test_widths(function, width):
    """Multiples of 8; the last wide layer grows, but never shrinks."""
    model, (table, last, units, _) = built(function, width=width), NETWORKS[function]
    nearest = mobilenet_v3.make_divisible
    for number, row in enumerate(rows(table), start=1):
        project = model.get_layer(f"block{number}_project")
        assert project.output.shape[-1] == nearest(width * row[3])
        assert project.kernel.shape[2] % 8 == 0
    assert model.get_layer("conv2").filters == nearest(width * last)
    assert model.get_layer("fc1").units == (units if width < 1 else width * units)


@pytest.mark.parametrize("function", [MobileNetV3Large, MobileNetV3Small])
@pytest.mark.parametrize("width", [0, -1.0, "1.0"])
def test_bad_widths(function, width):
    rule = r"`width` must be a positive number\. Received: width="
    with pytest.raises(ValueError, match=rule):
        function(width=width)
