"""ShuffleNet's counts, maps and units against the paper and independent code.

Zhang et al., arXiv 1707.01083: Table 1 gives the maps, the channels and the cost,
Figure 2 the units. The logits are compared with other implementations in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import complexity_table, count_macs, count_params
from companion.layers import ChannelShuffle, GroupedConv2D
from companion.models import shufflenet_v1
from companion.models.shufflenet_v1 import ShuffleNetV1

CHANNELS = {  # of stages 2, 3 and 4; million multiply-adds.      Table 1
    1: ((144, 288, 576), 143),
    2: ((200, 400, 800), 140),
    3: ((240, 480, 960), 137),
    4: ((272, 544, 1088), 133),
    8: ((384, 768, 1536), 137),
}
COUNTED = [  # groups, width, trainable parameters, multiply-adds
    # pytorchcv 0.0.74, shufflenet_g*_w*
    (1, 1.0, 1_531_936, 143_078_976),
    (2, 1.0, 1_733_848, 140_836_512),
    (3, 1.0, 1_865_728, 137_460_672),
    (4, 1.0, 1_968_344, 134_339_776),
    (8, 1.0, 2_434_768, 138_365_952),
    (1, 0.75, 975_214, 82_542_672),
    (3, 0.75, 1_238_266, 79_740_144),
    (1, 0.5, 534_484, 38_517_408),
    (3, 0.5, 718_324, 37_589_856),
    (1, 0.25, 209_746, 11_003_184),
    (3, 0.25, 305_902, 11_009_808),
    # megvii-model/ShuffleNet-Series, ShuffleNetV1; and a bias for each of 1000 classes
    (3, 1.5, 3_441_168 + 1000, 292_443_552),
    (3, 2.0, 5_449_776 + 1000, 524_045_184),
    (8, 0.5, 1_010_448 + 1000, 40_469_760),
    (8, 1.5, 4_268_952 + 1000, 290_188_800),
    (8, 2.0, 6_521_232 + 1000, 521_942_016),
]
UNEVEN = [(groups, width) for groups in (2, 4) for width in (0.25, 0.5, 0.75, 1.5)]
UNCOUNTED = [(1, 1.5), (1, 2.0), (2, 2.0), (4, 2.0), (8, 0.25), (8, 0.75)]


@functools.cache
def built(groups=3, width=1.0):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return ShuffleNetV1(groups=groups, width=width)


def kernels(model, kind):
    """Layers of exactly this class, by name."""
    return {layer.name: layer for layer in model.layers if type(layer) is kind}


@pytest.mark.parametrize("groups, width, params, macs", COUNTED)
def test_counts(groups, width, params, macs):
    assert count_params(built(groups, width)) == params
    assert count_macs(built(groups, width)) == macs


@pytest.mark.parametrize("groups", CHANNELS)
def test_cost_in_table_1_is_that_of_the_convolutions(groups):
    table = complexity_table(built(groups))
    convolutions = table.macs["total"] - table.macs["fc"]
    assert round(convolutions / 1e6) == CHANNELS[groups][1]


@pytest.mark.parametrize("width, printed", [(1.5, 292), (2.0, 524)])
def test_cost_in_table_5_is_that_of_the_network(width, printed):
    assert round(count_macs(built(3, width)) / 1e6) == printed


@pytest.mark.parametrize("groups", CHANNELS)
def test_maps_and_units_of_table_1(groups):
    model = built(groups)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 24)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 24)
    maps = zip((2, 3, 4), (4, 8, 4), (28, 14, 7), CHANNELS[groups][0], strict=True)
    for stage, units, side, channels in maps:
        for unit in range(1, units + 1):
            found = model.get_layer(f"stage{stage}_{unit}_relu").output.shape[1:]
            assert found == (side, side, channels)
    assert len(kernels(model, keras.layers.DepthwiseConv2D)) == 16
    assert model.output.shape == (None, 1000)


@pytest.mark.parametrize("groups, width", [row[:2] for row in COUNTED] + UNCOUNTED)
def test_a_unit_costs_what_section_3_2_says(groups, width):
    """h w (2 c m / g + 9 m), for c channels and a bottleneck of m = c / 4."""
    table = complexity_table(built(groups, width)).macs
    for stage, side, channels in zip(
        (2, 3, 4), (28, 14, 7), CHANNELS[groups][0], strict=True
    ):
        c, m = channels * width, channels * width / 4
        unit = table[table.index.str.startswith(f"stage{stage}_2_")].sum()
        assert unit == side**2 * (2 * c * m / groups + 9 * m)


@pytest.mark.parametrize("groups", CHANNELS)
def test_only_the_first_pointwise_convolution_is_not_grouped(groups):
    """Caption of Table 1: its 24 input channels are too few."""
    found = kernels(built(groups), GroupedConv2D)
    assert len(found) == 32
    assert found.pop("stage2_1_compress").groups == 1
    assert {layer.groups for layer in found.values()} == {groups}
    shuffles = kernels(built(groups), ChannelShuffle).values()
    assert [shuffle.groups for shuffle in shuffles] == [groups] * 16


def sequence(stage_and_unit):
    """Kinds of the layers of one unit, in the order in which they were called."""
    prefix = f"stage{stage_and_unit}_"
    layers = [layer for layer in built().layers if layer.name.startswith(prefix)]
    return [type(layer).__name__ for layer in layers]


def test_order_within_a_unit():
    """Figure 2: the shuffle before the depthwise convolution, no ReLU after it."""
    bottleneck = "GroupedConv2D BatchNormalization ReLU ChannelShuffle ZeroPadding2D "
    bottleneck += "DepthwiseConv2D BatchNormalization"
    expand = "GroupedConv2D BatchNormalization"
    assert sequence("3_2") == f"{bottleneck} {expand} Add ReLU".split()
    shortcut = {"ZeroPadding2D", "AveragePooling2D"}
    strided = sequence("3_1")
    assert strided[:7] == bottleneck.split()
    assert set(strided[7:-2]) == {*expand.split(), *shortcut}
    assert strided[-2:] == ["Concatenate", "ReLU"]


def test_strides():
    strided = {
        layer.name for layer in built().layers if getattr(layer, "strides", 0) == (2, 2)
    }
    units = {
        f"stage{stage}_1_{part}"
        for stage in (2, 3, 4)
        for part in ("depthwise", "pool")
    }
    assert strided == units | {"conv1", "pool1"}


def test_normalization_and_biases():
    for layer in built().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if "Conv2D" in type(layer).__name__:
            assert not layer.use_bias
    assert built().get_layer("fc").use_bias


def test_the_pooled_shortcut_counts_padding_zeros():
    """Three of nine values in the windows at the top and on the left are zeros."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 6))
    y = shufflenet_v1.shuffle_unit(inputs, 24, 3, stride=2, name="unit")
    unit = keras.Model(inputs, y)
    pooled = unit(np.ones((1, 8, 8, 6), "float32"))[0, :, :, -6:]
    expected = np.ones((4, 4))
    expected[0] *= 2 / 3
    expected[:, 0] *= 2 / 3
    np.testing.assert_allclose(pooled, np.stack([expected] * 6, axis=-1), rtol=1e-6)


def test_groups_talk_only_through_the_shuffle():
    """Section 3.1: without it the output of a group depends on one group of inputs."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 5, 48))
    y = shufflenet_v1.shuffle_unit(inputs, 48, 2, stride=1, name="unit")
    unit = keras.Model(inputs, keras.Model(inputs, y).get_layer("unit_expand").output)
    images = np.random.default_rng(0).normal(size=(1, 5, 5, 48)).astype("float32")
    changed = images.copy()
    changed[..., 24:] += 1

    def moved():
        return np.abs(unit(changed) - unit(images)).max(axis=(0, 1, 2))

    assert moved().min() > 1e-4
    unit.get_layer("unit_shuffle").groups = 1
    assert moved()[:24].max() == 0
    assert moved()[24:].min() > 1e-4


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"groups": 5}, "(1, 2, 3, 4, 8)"),
        ({"groups": [3]}, "groups=[3]"),
        ({"width": 1.25}, "0.25, 0.5, 0.75"),
        ({"width": "1x"}, "width='1x'"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        ShuffleNetV1(**arguments)
    assert rule in str(error.value)


@pytest.mark.parametrize("groups, width", UNEVEN)
def test_bottlenecks_that_do_not_divide_are_refused(groups, width):
    with pytest.raises(ValueError, match="must divide into the groups") as error:
        ShuffleNetV1(groups=groups, width=width)
    assert f"Received: groups={groups}, width={width}" in str(error.value)
