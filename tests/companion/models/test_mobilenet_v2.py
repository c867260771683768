"""MobileNetV2's maps, blocks and costs against the paper and keras.applications.

Sandler et al., arXiv 1801.04381: Table 2 gives the layers, Table 4 the cost. The logits
are compared with other implementations in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.models import mobilenet_v2
from companion.models.mobilenet_v2 import MobileNetV2

COUNTED = [  # MobileNetV2 of keras.applications 3.15.1 at 224x224
    (0.35, 1_677_128, 59_285_808),
    (0.5, 1_968_680, 97_131_840),
    (1.0, 3_504_872, 300_774_272),  # also torchvision 0.28, timm 1.0.31
    (1.3, 5_386_792, 509_374_560),
]
CHANNELS = {  # conv1, rows of Table 2, conv2: the maps of the same networks
    0.35: (16, 8, 8, 16, 24, 32, 56, 112, 1280),
    0.5: (16, 8, 16, 16, 32, 48, 80, 160, 1280),
    1.0: (32, 16, 24, 32, 64, 96, 160, 320, 1280),  # also Table 2
    1.3: (40, 24, 32, 40, 80, 128, 208, 416, 1664),
}
ROWS = (  # side of the map, t, n, s     Table 2
    (112, 1, 1, 1),
    (56, 6, 2, 2),
    (28, 6, 3, 2),
    (14, 6, 4, 2),
    (14, 6, 3, 1),
    (7, 6, 3, 2),
    (7, 6, 1, 1),
)


@functools.cache
def built(width=1.0):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return MobileNetV2(width=width)


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


@pytest.mark.parametrize("width, params, macs", COUNTED)
def test_counts(width, params, macs):
    model = built(width)
    assert (count_params(model), count_macs(model)) == (params, macs)


@pytest.mark.parametrize("width", CHANNELS)
def test_maps_and_blocks_of_table_2(width):
    model = built(width)
    first, *rows, last = CHANNELS[width]
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, first)
    before = first
    for row, (channels, (side, t, n, s)) in enumerate(
        zip(rows, ROWS, strict=True), start=1
    ):
        for number in range(1, n + 1):
            block = f"block{row}_{number}"
            depthwise = model.get_layer(f"{block}_depthwise")
            assert depthwise.kernel_size == (3, 3)
            assert depthwise.strides == ((s, s) if number == 1 else (1, 1))
            assert depthwise.output.shape[1:] == (side, side, t * before)
            projected = model.get_layer(f"{block}_project_bn")
            assert projected.output.shape[1:] == (side, side, channels)
            before = channels
    assert model.get_layer("conv2_relu").output.shape[1:] == (7, 7, last)


def test_the_first_block_does_not_expand():
    names = {layer.name for layer in built().layers}
    expanded = {name for name in names if name.endswith("_expand")}
    assert "block1_1_depthwise" in names
    assert "block1_1_expand" not in expanded and len(expanded) == 16
    assert inputs_of(built(), "block1_1_depthwise") == ["conv1_relu"]


def test_bottlenecks_are_linear():
    """Nothing but the next block or the shortcut reads a projection."""
    model = built()
    names = {layer.name for layer in model.layers}
    assert not any(name.endswith("_project_relu") for name in names)
    assert inputs_of(model, "block2_2_expand") == ["block2_1_project_bn"]
    assert inputs_of(model, "block3_1_expand") == ["block2_2_add"]
    relus = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    assert len(relus) == 2 + 16 + 17
    assert {relu.max_value for relu in relus} == {6.0}


def test_shortcuts_stand_where_the_shapes_agree():
    """From narrow map to narrow map: in all repetitions, so not in block7_1."""
    found = {
        layer.name: set(inputs_of(built(), layer.name))
        for layer in built().layers
        if isinstance(layer, keras.layers.Add)
    }
    expected = {}
    for row, (_, _, n, _) in enumerate(ROWS, start=1):
        for number in range(2, n + 1):
            end = "project_bn" if number == 2 else "add"
            expected[f"block{row}_{number}_add"] = {
                f"block{row}_{number}_project_bn",
                f"block{row}_{number - 1}_{end}",
            }
    assert found == expected
    assert len(found) == 10


def test_normalization_padding_and_biases():
    for layer in built().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            assert not layer.use_bias
            assert layer.padding == "same"  # TensorFlow's, also where the stride is 2
            assert f"{layer.name}_bn" in {each.name for each in built().layers}
    assert built().get_layer("fc").use_bias
    assert inputs_of(built(), "fc") == ["pool"]


def test_widths_are_multiples_of_8_and_lose_a_tenth_at_most():
    for channels in np.arange(1, 400, 0.7):
        rounded = mobilenet_v2.make_divisible(channels)
        assert rounded % 8 == 0
        assert rounded >= max(8, 0.9 * channels)
        assert rounded <= max(8, channels + 8)
    assert mobilenet_v2.make_divisible(35.5) == 32
    assert mobilenet_v2.make_divisible(35.6) == 40  # 32 would be 10.1 % less


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"width": 0}, "width=0"),
        ({"width": "1.0"}, "`width` must be a positive number"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        MobileNetV2(**arguments)
    assert rule in str(error.value)
