"""SKNet-50 and SKNet-101 against pytorchcv's.

pytorchcv pads the first pooling on each side, the authors on none: undone here, and
seen where it is not.
"""

import re

import pytest
import torch
from pytorchcv.model_provider import get_model

from companion.models import SKNet50, SKNet101

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")


def path(name):
    """conv3_1_sk -> the seven modules of its selective convolution, in order."""
    if name == "fc":
        return "output"
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    if name == "conv1":
        return f"features.init_block.conv.{kind}"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    unit = f"features.stage{int(stage) - 1}.unit{block}"
    if part == "sk":
        parts = ["branches.branch2.conv", "branches.branch2.bn"]
        parts += ["branches.branch3.conv", "branches.branch3.bn"]
        parts += ["fc1.conv", "fc1.bn", "fc2"]
        return tuple(f"{unit}.body.conv2.{part}" for part in parts)
    if part == "shortcut":
        return f"{unit}.identity_conv.{kind}"
    return f"{unit}.body.conv{part}.{kind}"


def unpadded(name):
    """Caffe's pooling, and an average over maps of any size."""
    network = get_model(name)
    network.features.init_block.pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return network


@pytest.fixture
def networks(transplant):
    network = unpadded("sknet50")
    model = SKNet50(input_shape=(64, 64, 3), classifier_activation=None)
    transplant(network, model, path)
    return network, model


def test_logits_of_sknet101(transplant, difference):
    network = unpadded("sknet101")
    model = SKNet101(input_shape=(64, 64, 3), classifier_activation=None)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_logits_and_what_they_see(networks, difference):
    network, model = networks
    assert difference(network, model) < TOLERANCE
    network.features.init_block.pool = torch.nn.MaxPool2d(3, 2, padding=1)
    assert difference(network, model) > MISTAKE


def test_one_kernel_for_the_other_is_seen(networks, difference):
    network, model = networks
    layer = model.get_layer("conv4_3_sk")
    small, large = layer.small.get_weights(), layer.large.get_weights()
    layer.small.set_weights(large)
    layer.large.set_weights(small)
    assert difference(network, model) > MISTAKE
