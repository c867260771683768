"""ShuffleNetV1 with the weights of pytorchcv's networks: the logits are equal.

pytorchcv pools a map of 7x7; its last pooling is made global here, for small images.
"""

import copy

import pytest
import torch
from pytorchcv.model_provider import get_model
from pytorchcv.models.common.tutti import ChannelShuffle

from companion.models import ShuffleNetV1

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

NETWORKS = {  # name in pytorchcv: groups, width
    "shufflenet_g1_w1": (1, 1.0),
    "shufflenet_g2_w1": (2, 1.0),
    "shufflenet_g3_w1": (3, 1.0),
    "shufflenet_g4_w1": (4, 1.0),
    "shufflenet_g8_w1": (8, 1.0),
    "shufflenet_g3_w3d4": (3, 0.75),
    "shufflenet_g3_wd2": (3, 0.5),
    "shufflenet_g1_wd4": (1, 0.25),
}
PARTS = {
    "compress": "compress_conv1",
    "compress_bn": "compress_bn1",
    "depthwise": "dw_conv2",
    "depthwise_bn": "dw_bn2",
    "expand": "expand_conv3",
    "expand_bn": "expand_bn3",
}
OUTSIDE = {
    "conv1": "features.init_block.conv",
    "conv1_bn": "features.init_block.bn",
    "fc": "output",
}


def path(name):
    """Name in pytorchcv: its stage 1 is the paper's stage 2."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    stage, unit, part = name.removeprefix("stage").split("_", 2)
    return f"features.stage{int(stage) - 1}.unit{unit}.{PARTS[part]}"


def pytorchcv_network(name):
    torch.manual_seed(0)
    network = get_model(name)
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return network


def companion_network(name):
    groups, width = NETWORKS[name]
    return ShuffleNetV1(
        groups=groups,
        width=width,
        input_shape=(SIDE, SIDE, 3),
        classifier_activation=None,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_logits(name, transplant, difference):
    network, model = pytorchcv_network(name), companion_network(name)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


class PooledFirst(torch.nn.Module):
    """A strided unit that concatenates the pooled channels before the others."""

    def __init__(self, unit, made):
        super().__init__()
        self.unit = unit
        self.made = made

    def forward(self, x):
        return torch.roll(self.unit(x), -self.made, dims=1)


def no_padding_zeros_in_the_average(network):
    for stage in network.features[1:4]:
        stage.unit1.avgpool.count_include_pad = False


def inverse_shuffle(network):
    for stage in network.features[1:4]:
        for unit in stage:
            channels = unit.dw_conv2.in_channels
            unit.c_shuffle = ChannelShuffle(channels=channels, groups=channels // 3)


def no_shuffle(network):
    for stage in network.features[1:4]:
        for unit in stage:
            unit.c_shuffle = torch.nn.Identity()


def pooled_channels_first(network):
    for stage in network.features[1:4]:
        stage.unit1 = PooledFirst(stage.unit1, stage.unit1.expand_conv3.out_channels)


def relu_after_the_depthwise_convolution(network):
    for stage in network.features[1:4]:
        for unit in stage:
            unit.dw_bn2 = torch.nn.Sequential(unit.dw_bn2, torch.nn.ReLU())


SMALL = "shufflenet_g3_wd2"
MISTAKES = [
    no_padding_zeros_in_the_average,
    inverse_shuffle,
    no_shuffle,
    pooled_channels_first,
    relu_after_the_depthwise_convolution,
]


def test_mistakes_are_seen(transplant, difference):
    """Each keeps all shapes and counts."""
    network, model = pytorchcv_network(SMALL), companion_network(SMALL)
    transplant(network, model, path)
    for mistake in MISTAKES:
        broken = copy.deepcopy(network)
        mistake(broken)
        assert difference(broken, model) > MISTAKE, mistake.__name__
