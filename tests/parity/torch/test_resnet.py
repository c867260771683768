"""ResNet-18 and 34 against torchvision; 50, 101 and 152 against pytorchcv.

torchvision's deeper networks are ResNet v1.5, which the last test shows to be others.
pytorchcv averages over 7x7 positions, all that a 224x224 image leaves; the images here
are smaller, so the average is taken over what there is.
"""

import re

import pytest
import torchvision
from pytorchcv.model_provider import get_model
from torch import nn

from companion.models import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-2
GIVEN = {"input_shape": (64, 64, 3), "classifier_activation": None}

pytestmark = pytest.mark.usefixtures("double_precision")


def torchvisions(layer):
    """conv3_1_2_bn is layer2.0.bn2; the shortcut is layer2.0.downsample."""
    layer, bn = re.subn("_bn$", "", layer)
    if layer in ("conv1", "fc"):
        return "bn1" if bn else layer
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "shortcut":
        return f"{unit}.downsample.{bn}"
    return f"{unit}.{'bn' if bn else 'conv'}{part}"


def pytorchcvs(layer):
    """conv3_1_2_bn is features.stage2.unit1.body.conv2.bn."""
    layer, bn = re.subn("_bn$", "", layer)
    kind = "bn" if bn else "conv"
    if layer == "fc":
        return "output"
    if layer == "conv1":
        return f"features.init_block.conv.{kind}"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"features.stage{int(stage) - 1}.unit{block}"
    if part == "shortcut":
        return f"{unit}.identity_conv.{kind}"
    return f"{unit}.body.conv{part}.{kind}"


@pytest.mark.parametrize("function", [ResNet18, ResNet34])
def test_resnet_of_basic_blocks(function, transplant, difference):
    network = getattr(torchvision.models, function.__name__.lower())()
    model = function(**GIVEN)
    transplant(network, model, torchvisions)
    assert difference(network, model) < TOLERANCE


@pytest.mark.parametrize("function", [ResNet50, ResNet101, ResNet152])
def test_resnet_of_bottlenecks(function, transplant, difference):
    network = get_model(function.__name__.lower())
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)
    model = function(**GIVEN)
    transplant(network, model, pytorchcvs)
    assert difference(network, model) < TOLERANCE


def test_torchvisions_resnet50_is_another(transplant, difference):
    """The same weights in the same places, but a stride elsewhere."""
    network, model = torchvision.models.resnet50(), ResNet50(**GIVEN)
    transplant(network, model, torchvisions)
    assert difference(network, model) > MISTAKE
