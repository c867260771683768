"""EfficientNet's maps, widths, depths and rates against the paper and independent code.

Tan and Le, arXiv 1905.11946: Table 1 gives B0, Section 4 the scaling, Section 5.2 the
rates. Counts are checked in test_contract.py, logits in tests/parity.
"""

import functools

import keras
import pytest

from companion.layers import DropPath, SqueezeExcite
from companion.models import efficientnet
from companion.models.efficientnet import (
    EfficientNetB0,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB6,
    EfficientNetB7,
)
from companion.receptive_field import receptive_field

MAPS = {  # side and channels of the stages 1 to 9
    # Table 1
    EfficientNetB0: (
        (112, 32),
        (112, 16),
        (56, 24),
        (28, 40),
        (14, 80),
        (14, 112),
        (7, 192),
        (7, 320),
        (7, 1280),
    ),
    # torchvision 0.28 efficientnet_b4 and efficientnet_b6, features.0 to features.8
    EfficientNetB4: (
        (190, 48),
        (190, 24),
        (95, 32),
        (48, 56),
        (24, 112),
        (24, 160),
        (12, 272),
        (12, 448),
        (12, 1792),
    ),
    EfficientNetB6: (
        (264, 56),
        (264, 32),
        (132, 40),
        (66, 72),
        (33, 144),
        (33, 200),
        (17, 344),
        (17, 576),
        (17, 2304),
    ),
}
BLOCKS = {  # in the stages 2 to 8
    EfficientNetB0: (1, 2, 2, 3, 3, 4, 1),  # Table 1
    EfficientNetB3: (2, 3, 3, 5, 5, 6, 2),  # timm 1.0.31 tf_efficientnet_b3
    EfficientNetB7: (4, 7, 7, 10, 10, 13, 4),  # timm 1.0.31 tf_efficientnet_b7
}
SIDES = {  # tensorflow/tpu, models/official/efficientnet/efficientnet_builder.py
    "B0": (224, 0.2),
    "B1": (240, 0.2),
    "B2": (260, 0.3),
    "B3": (300, 0.3),
    "B4": (380, 0.4),
    "B5": (456, 0.4),
    "B6": (528, 0.5),
    "B7": (600, 0.5),
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


def blocks(model):
    """Names of the blocks, `stage2_1` and so on, in order."""
    ending = "_project"
    names = [layer.name for layer in model.layers if layer.name.endswith(ending)]
    return [name.removesuffix(ending) for name in names]


@pytest.mark.parametrize("function", MAPS)
def test_maps_of_the_stages(function):
    model = built(function)
    last = {name.split("_")[0]: name for name in blocks(model)}
    for stage, (side, channels) in enumerate(MAPS[function], start=1):
        name = last.get(f"stage{stage}", f"stage{stage}")
        ending = "_silu" if stage in (1, 9) else "_project_bn"
        found = model.get_layer(name + ending).output.shape[1:]
        assert found == (side, side, channels)


@pytest.mark.parametrize("function", BLOCKS)
def test_blocks_of_the_stages(function):
    stages = [name.split("_")[0] for name in blocks(built(function))]
    counts = tuple(stages.count(f"stage{stage}") for stage in range(2, 9))
    assert counts == BLOCKS[function]


@pytest.mark.parametrize("name", SIDES)
def test_side_of_the_image_and_dropout(name):
    function = getattr(efficientnet, f"EfficientNet{name}")
    side, rate = SIDES[name]
    assert built(function).input.shape == (None, side, side, 3)
    assert built(function).get_layer("dropout").rate == rate


def test_compound_scaling_gives_the_released_coefficients_up_to_b3():
    """Section 4: depth 1.2**phi, width 1.1**phi, side 224 * 1.15**phi."""
    for name, phi in (("B0", 0), ("B1", 0.5), ("B2", 1), ("B3", 2)):
        width, depth, _ = efficientnet.SCALING[name]
        assert abs(depth - 1.2**phi) < 0.05
        assert abs(width - 1.1**phi) < 0.05
        assert abs(SIDES[name][0] - 224 * 1.15**phi) < 4
    for name, phi in (("B4", 3), ("B5", 4), ("B6", 5), ("B7", 6)):
        width, depth, _ = efficientnet.SCALING[name]
        assert depth > 1.2**phi and width > 1.1**phi
        assert SIDES[name][0] > 224 * 1.15**phi


def test_gates_are_squeezed_to_a_quarter_of_the_block_input():
    model = built(EfficientNetB0)
    assert len(blocks(model)) == 16
    gates = [model.get_layer(f"{name}_se") for name in blocks(model)]
    received = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192]
    assert [gate.reduce.units for gate in gates] == [n // 4 for n in received]
    for gate in gates:
        assert isinstance(gate, SqueezeExcite)
        assert gate.activation is keras.activations.silu
        assert gate.gate is keras.activations.sigmoid


def test_chance_to_drop_a_block_grows_linearly():
    """From 0 at the first of 16 blocks to 0.2 behind the last."""
    model = built(EfficientNetB0)
    names = blocks(model)
    rates = {
        layer.name.removesuffix("_drop"): layer.rate
        for layer in model.layers
        if isinstance(layer, DropPath)
    }
    assert list(rates) == [
        "stage3_2",
        "stage4_2",
        *("stage5_2", "stage5_3"),
        *("stage6_2", "stage6_3"),
        *("stage7_2", "stage7_3", "stage7_4"),
    ]
    for name, rate in rates.items():
        assert rate == pytest.approx(0.2 * names.index(name) / 16)


def test_normalization_activation_and_biases():
    for layer in built(EfficientNetB0).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)
            linear = layer.name.endswith("_project_bn")
            silu = layer.name.replace("_bn", "_silu")
            names = {other.name for other in built(EfficientNetB0).layers}
            assert (silu in names) != linear
        if "Conv2D" in type(layer).__name__:
            assert not layer.use_bias
            assert layer.padding == "same"  # TensorFlow's


def test_first_stage_has_no_expansion():
    names = {layer.name for layer in built(EfficientNetB7).layers}
    assert not {f"stage2_{number}_expand" for number in range(1, 5)} & names
    assert all(f"{name}_expand" in names for name in blocks(built(EfficientNetB7))[4:])


@pytest.mark.parametrize(
    "channels, width, rounded",
    [(32, 1.1, 32), (112, 1.1, 120), (24, 1.2, 32), (80, 1.2, 96), (8, 1.4, 16)],
)
def test_widths_are_multiples_of_8_and_never_shrink_by_a_tenth(
    channels, width, rounded
):
    """timm's tf_efficientnet_b2 and _b3; torchvision's `_make_divisible(11.2, 8)`."""
    assert efficientnet.round_width(channels, width) == rounded


def without_gate(layer):
    if isinstance(layer, SqueezeExcite):
        return keras.layers.Identity(name=layer.name)
    return type(layer).from_config(layer.get_config())


def test_field_of_the_last_map_without_the_gates():
    """The gradient of timm's tf_efficientnet_b0 without its gates reaches 851 pixels.

    With the gates every unit sees the whole image.
    """
    with keras.StatelessScope(initialize_variables=False):
        model = EfficientNetB0(classes=None)
        convolutions = keras.models.clone_model(model, clone_function=without_gate)
    field = receptive_field(convolutions)
    assert (field.size, field.stride) == (851, 32)
    assert receptive_field(model).is_global
