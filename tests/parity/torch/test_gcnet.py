"""GCNet against torchvision's ResNet-50 with a context block of its own.

The block is written here a second time, in torch, from Equation 5 of the paper.
"""

import re
from collections import OrderedDict

import pytest
import torch
from torchvision.models import resnet50

from companion.models import GCResNet50

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")


class Context(torch.nn.Module):
    """x + V2 ReLU(LN(V1 sum of a_j x_j))."""

    def __init__(self, channels, ratio):
        super().__init__()
        units = channels // ratio
        self.w = torch.nn.Linear(channels, 1)
        self.v1 = torch.nn.Linear(channels, units)
        self.norm = torch.nn.LayerNorm(units)
        self.v2 = torch.nn.Linear(units, channels)

    def forward(self, x):
        positions = x.flatten(2).transpose(1, 2)
        context = (torch.softmax(self.w(positions), 1) * positions).sum(1)
        y = self.v2(torch.relu(self.norm(self.v1(context))))
        return x + y[:, :, None, None]


def reference():
    network = resnet50()
    for stage in (network.layer2, network.layer3, network.layer4):
        for block in stage:
            context = Context(block.conv3.out_channels, 16)
            parts = OrderedDict(norm=block.bn3, context=context)
            block.bn3 = torch.nn.Sequential(parts)
    return network


def path(name):
    """conv3_1_3_bn -> layer2.0.bn3.norm, because the context is its neighbour."""
    if name == "fc":
        return "fc"
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    if name == "conv1":
        return f"{kind}1"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    unit = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "gc":
        parts = ("w", "v1", "norm", "v2")
        return tuple(f"{unit}.bn3.context.{part}" for part in parts)
    if part == "shortcut":
        return f"{unit}.downsample.{'01'[kind == 'bn']}"
    if part == "3" and kind == "bn" and stage != "2":
        return f"{unit}.bn3.norm"
    return f"{unit}.{kind}{part}"


@pytest.fixture
def networks(transplant):
    network = reference()
    model = GCResNet50(input_shape=(64, 64, 3), classifier_activation=None)
    transplant(network, model, path)
    return network, model


def test_logits(networks, difference):
    assert difference(*networks) < TOLERANCE


@pytest.mark.parametrize("part", ["mask", "norm"])
def test_average_and_normalization_are_seen(part, networks, difference):
    """All positions alike, or the layer normalization moved."""
    network, model = networks
    sublayer = getattr(model.get_layer("conv4_2_gc"), part)
    sublayer.set_weights([0.5 * weight for weight in sublayer.get_weights()])
    assert difference(network, model) > MISTAKE
