"""ShuffleNetV2's counts, maps and units against the paper and independent code.

Ma et al., arXiv 1807.11164: Table 5 gives the maps, the channels and the cost, Figure 3
the units. The logits are compared with other implementations in tests/parity.
"""

import functools
import math

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.layers import ChannelShuffle
from companion.models import shufflenet_v2
from companion.models.shufflenet_v2 import ShuffleNetV2

CHANNELS = {  # of stages 2, 3 and 4, and of conv5      Table 5
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
COUNTED = [  # by megvii-model/ShuffleNet-Series, ShuffleNetV2; millions in Table 5
    (0.5, 1_365_792, 40_476_448, 1.4, 41),
    (1.0, 2_278_760, 145_814_296, 2.3, 146),
    (1.5, 3_506_720, 298_970_656, 3.5, 299),
    (2.0, 7_402_600, 590_783_000, 7.4, 591),
]


@functools.cache
def built(width=1.0):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return ShuffleNetV2(width=width)


@pytest.mark.parametrize("width, params, macs, millions, million_macs", COUNTED)
def test_counts(width, params, macs, millions, million_macs):
    assert count_params(built(width)) == params
    assert count_macs(built(width)) == macs
    assert round(params / 1e6, 1) == millions
    assert math.ceil(macs / 1e6) == million_macs  # the paper rounds up


@pytest.mark.parametrize("width", CHANNELS)
def test_maps_and_units_of_table_5(width):
    model = built(width)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 24)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 24)
    *stages, last = CHANNELS[width]
    for stage, units, side, channels in zip(
        (2, 3, 4), (4, 8, 4), (28, 14, 7), stages, strict=True
    ):
        for unit in range(1, units + 1):
            found = model.get_layer(f"stage{stage}_{unit}_shuffle").output.shape[1:]
            assert found == (side, side, channels)
    assert model.get_layer("conv5_relu").output.shape[1:] == (7, 7, last)
    shuffles = [layer for layer in model.layers if isinstance(layer, ChannelShuffle)]
    assert [shuffle.groups for shuffle in shuffles] == [2] * 16


def test_guidelines():
    """G1: equal widths; G2: no groups in a 1x1; G4: no addition."""
    for layer in built().layers:
        assert not isinstance(layer, keras.layers.Add)
        if type(layer) is keras.layers.Conv2D:
            assert layer.groups == 1
    for stage, width in ((2, 58), (3, 116), (4, 232)):
        for part in ("1", "3"):
            kernel = built().get_layer(f"stage{stage}_2_{part}").kernel
            assert kernel.shape == (1, 1, width, width)


def test_shortcut_of_a_strided_unit_keeps_its_width():
    """Otherwise the 1x network has 144.9 million multiply-adds, as torchvision's."""
    kernels = {
        part: tuple(built().get_layer(f"stage2_1_{part}").kernel.shape)
        for part in ("shortcut_1", "shortcut_2", "1", "2", "3")
    }
    assert kernels == {
        "shortcut_1": (3, 3, 24, 1),
        "shortcut_2": (1, 1, 24, 24),
        "1": (1, 1, 24, 58),
        "2": (3, 3, 58, 1),
        "3": (1, 1, 58, 92),
    }


def test_half_of_the_channels_pass_through():
    """Figure 3 (c): after the shuffle they are the even ones."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 5, 12))
    y = shufflenet_v2.shuffle_unit(inputs, 12, stride=1, name="unit")
    images = np.random.default_rng(0).normal(size=(2, 5, 5, 12)).astype("float32")
    found = np.array(keras.Model(inputs, y)(images))
    np.testing.assert_array_equal(found[..., ::2], images[..., :6])
    assert (found[..., 1::2] >= 0).all() and (found[..., 1::2] > 0).any()


def test_convolved_half_is_the_second():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 5, 12))
    y = shufflenet_v2.shuffle_unit(inputs, 12, stride=1, name="unit")
    unit = keras.Model(inputs, y)
    images = np.random.default_rng(0).normal(size=(2, 5, 5, 12)).astype("float32")
    changed = images.copy()
    changed[..., :6] += 1
    np.testing.assert_array_equal(unit(changed)[..., 1::2], unit(images)[..., 1::2])


def test_pointwise_convolutions_are_activated():
    names = {layer.name for layer in built().layers}
    pointwise = [
        layer.name for layer in built().layers if type(layer) is keras.layers.Conv2D
    ]
    assert len(pointwise) == 2 * 16 + 3 + 2
    for name in pointwise:
        assert {f"{name}_bn", f"{name}_relu"} <= names


def test_no_relu_after_a_depthwise_convolution():
    names = {layer.name for layer in built().layers}
    depthwise = [
        layer.name
        for layer in built().layers
        if isinstance(layer, keras.layers.DepthwiseConv2D)
    ]
    assert len(depthwise) == 16 + 3
    for name in depthwise:
        assert f"{name}_bn" in names and f"{name}_relu" not in names


def test_strides():
    strided = {
        layer.name for layer in built().layers if getattr(layer, "strides", 0) == (2, 2)
    }
    units = {
        f"stage{stage}_1_{part}" for stage in (2, 3, 4) for part in ("shortcut_1", "2")
    }
    assert strided == units | {"conv1", "pool1"}


def test_normalization_and_biases():
    for layer in built().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        assert not getattr(layer, "use_bias", False)
    assert not built().get_layer("fc").use_bias


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"width": 0.25}, "(0.5, 1.0, 1.5, 2.0)"),
        ({"width": "1x"}, "width='1x'"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        ShuffleNetV2(**arguments)
    assert rule in str(error.value)
