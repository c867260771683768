"""The CIFAR networks against pytorchcv, which projects its shortcuts (option B).

Option A is put into pytorchcv's networks, written in torch, and for the plain networks
the shortcuts are taken out; all layers with weights stay pytorchcv's.

Without shortcuts a small change grows from layer to layer, a hundred million times in
the plain network of 110 layers, and so do rounding errors. The tolerance grows with it.
"""

import re

import pytest
import torch
from pytorchcv.models.resnet_cifar import get_resnet_cifar
from torch import nn

from companion.models import (
    PlainNet20,
    PlainNet32,
    PlainNet44,
    PlainNet56,
    PlainNet110,
    ResNet20,
    ResNet20Projection,
    ResNet32,
    ResNet44,
    ResNet56,
    ResNet56Projection,
    ResNet110,
)

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")


def path(layer):
    """conv3_1_2_bn is features.stage2.unit1.body.conv2.bn."""
    layer, bn = re.subn("_bn$", "", layer)
    kind = "bn" if bn else "conv"
    if layer == "fc":
        return "output"
    if layer == "conv1":
        return f"features.init_block.{kind}"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"features.stage{int(stage) - 1}.unit{block}"
    if part == "shortcut":
        return f"{unit}.identity_conv.{kind}"
    return f"{unit}.body.conv{part}.{kind}"


class OptionA(nn.Module):
    """Every second pixel, and zeros behind the channels."""

    def forward(self, x):
        x = x[:, :, ::2, ::2]
        return torch.cat([x, torch.zeros_like(x)], dim=1)


class Plain(nn.Module):
    """A residual unit without its shortcut."""

    def __init__(self, unit):
        super().__init__()
        self.body = unit.body

    def forward(self, x):
        return torch.relu(self.body(x))


def option_a(network):
    for stage in (network.features.stage2, network.features.stage3):
        stage.unit1.identity_conv = OptionA()


def plain(network):
    for number in (1, 2, 3):
        stage = network.features.get_submodule(f"stage{number}")
        for name, unit in list(stage.named_children()):
            setattr(stage, name, Plain(unit))


def projected(network):
    """As pytorchcv has it."""


def pytorchcvs(depth, change):
    network = get_resnet_cifar(num_classes=10, blocks=depth, bottleneck=False)
    change(network)
    return network


def growth(network):
    """How much larger a small relative change of the images is in the logits."""
    step = 2.0**-44
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        before = network(images)
        after = network(images + step * torch.randn_like(images))
    return ((after - before).abs().max() / before.abs().max()).item() / step


@pytest.mark.parametrize(
    "function, depth, change",
    [
        (ResNet20Projection, 20, projected),
        (ResNet56Projection, 56, projected),
        (ResNet20, 20, option_a),
        (ResNet32, 32, option_a),
        (ResNet44, 44, option_a),
        (ResNet56, 56, option_a),
        (ResNet110, 110, option_a),
        (PlainNet20, 20, plain),
        (PlainNet32, 32, plain),
        (PlainNet44, 44, plain),
        (PlainNet56, 56, plain),
        (PlainNet110, 110, plain),
    ],
)
def test_cifar(function, depth, change, transplant, difference):
    network = pytorchcvs(depth, change)
    model = function(classifier_activation=None)
    transplant(network, model, path)
    found = difference(network, model)
    tolerance = max(TOLERANCE, 100 * growth(network) * 2.0**-53)
    assert found < tolerance < MISTAKE / 100


class ZerosFirst(OptionA):
    def forward(self, x):
        return torch.roll(super().forward(x), x.shape[1], dims=1)


def test_zeros_before_the_channels_are_seen(transplant, difference):
    network = pytorchcvs(20, option_a)
    network.features.stage3.unit1.identity_conv = ZerosFirst()
    model = ResNet20(classifier_activation=None)
    transplant(network, model, path)
    assert difference(network, model) > MISTAKE
