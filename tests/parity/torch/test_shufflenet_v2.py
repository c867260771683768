"""ShuffleNetV2 with the weights of pytorchcv's networks: the logits are equal.

``shufflenetv2b`` has the paper's unit of stride 2. Its classifier gets no bias here,
and its last pooling, of a 7x7 map, is made global. The 1.5x and 2x networks of
pytorchcv have other widths; theirs are built here from its class with those of Table 5.
"""

import copy

import pytest
import torch
from pytorchcv.models.common.tutti import ChannelShuffle, ChannelShuffle2
from pytorchcv.models.shufflenetv2b import ShuffleNetV2b

from companion.models import ShuffleNetV2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

CHANNELS = {  # of stages 2, 3 and 4, and of conv5      Table 5
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
PARTS = {
    "1": "conv1",
    "2": "dconv",
    "3": "conv2",
    "shortcut_1": "shortcut_dconv",
    "shortcut_2": "shortcut_conv",
}
OUTSIDE = {"conv1": "features.init_block.conv", "conv5": "features.final_block"}


def path(name):
    """Name in pytorchcv: its stage 1 is the paper's stage 2."""
    if name == "fc":
        return "output"
    base = name.removesuffix("_bn")
    if base in OUTSIDE:
        module = OUTSIDE[base]
    else:
        stage, unit, part = base.removeprefix("stage").split("_", 2)
        module = f"features.stage{int(stage) - 1}.unit{unit}.{PARTS[part]}"
    return f"{module}.{'bn' if name.endswith('_bn') else 'conv'}"


def pytorchcv_network(width):
    torch.manual_seed(0)
    *stages, last = CHANNELS[width]
    network = ShuffleNetV2b(
        channels=[[c] * n for c, n in zip(stages, (4, 8, 4), strict=True)],
        init_block_channels=24,
        final_block_channels=last,
    )
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    network.output = torch.nn.Linear(last, 1000, bias=False)
    return network


def companion_network(width):
    return ShuffleNetV2(
        width=width, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


@pytest.mark.parametrize("width", CHANNELS)
def test_logits(width, transplant, difference):
    network, model = pytorchcv_network(width), companion_network(width)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def units(network):
    return [unit for stage in network.features[1:4] for unit in stage]


def even_and_odd_channels_as_megvii_splits(network):
    for unit in units(network):
        channels = unit.dconv.conv.in_channels * 2
        unit.c_shuffle = ChannelShuffle2(channels=channels, groups=2)


def no_shuffle(network):
    for unit in units(network):
        unit.c_shuffle = torch.nn.Identity()


def shuffle_in_four_groups(network):
    for unit in units(network):
        channels = unit.dconv.conv.in_channels * 2
        unit.c_shuffle = ChannelShuffle(channels=channels, groups=4)


def relu_after_the_depthwise_convolution(network):
    for unit in units(network):
        unit.dconv.activate, unit.dconv.activ = True, torch.nn.ReLU()


def linear_last_convolution(network):
    for unit in units(network):
        unit.conv2.activate = False


MISTAKES = [
    even_and_odd_channels_as_megvii_splits,
    no_shuffle,
    shuffle_in_four_groups,
    relu_after_the_depthwise_convolution,
    linear_last_convolution,
]


def test_mistakes_are_seen(transplant, difference):
    """Each keeps all shapes and counts."""
    network, model = pytorchcv_network(0.5), companion_network(0.5)
    transplant(network, model, path)
    for mistake in MISTAKES:
        broken = copy.deepcopy(network)
        mistake(broken)
        assert difference(broken, model) > MISTAKE, mistake.__name__
