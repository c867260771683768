"""Xception against timm: random weights, equal logits.

timm pads the poolings on both sides, and adds 1e-5 to the variance. At 71 pixels every
pooled map has an odd side, where "same" pads both sides too; the other difference is
taken away from timm. At 75 pixels, where one map is even, they are two networks.
"""

import re

import pytest
import timm
import torch

from companion.models import Xception

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4

pytestmark = pytest.mark.usefixtures("double_precision")

PARTS = {"depthwise": ".conv1", "pointwise": ".pointwise"}
OUTSIDE = {"1": "3", "2": "4"}  # block14 of Keras is conv3 and conv4 of timm


def path(layer):
    if layer == "fc":
        return "fc"
    if match := re.fullmatch(r"conv(\d)(_bn)?", layer):
        return ("bn" if match[2] else "conv") + match[1]
    block, rest = re.fullmatch(r"block(\d+)_(\w+)", layer).groups()
    if rest.startswith("shortcut"):
        return f"block{int(block) - 1}.skip" + ("bn" if rest.endswith("bn") else "")
    number, part = rest.split("_", 1)
    normalization = part == "pointwise_bn"
    if block == "14":
        number = OUTSIDE[number]
        return f"bn{number}" if normalization else f"conv{number}{PARTS[part]}"
    first = 0 if block == "2" else 1  # the list begins with a ReLU, but for block2
    index = first + 3 * (int(number) - 1) + normalization
    return f"block{int(block) - 1}.rep.{index}{PARTS.get(part, '')}"


@pytest.fixture
def network():
    network = timm.create_model("legacy_xception")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    return network


def test_logits(network, transplant, difference):
    model = Xception(input_shape=(71, 71, 3), classifier_activation=None)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE
    network.bn2.eps = 1e-5
    assert difference(network, model) > MISTAKE


def test_padding_of_even_maps_is_seen(network, transplant, difference):
    model = Xception(input_shape=(75, 75, 3), classifier_activation=None)
    transplant(network, model, path)
    assert difference(network, model) > 10 * MISTAKE
