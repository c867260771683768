"""WRN-50-2 against torchvision, WRN-28-10 for CIFAR against pytorchcv."""

import re

import pytest
import torchvision
from pytorchcv.model_provider import get_model

from companion.models import WideResNet28_10, WideResNet50_2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4

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
    """conv3_1_2_bn is features.stage2.unit1.body.conv2.bn, here before its kernel."""
    layer, bn = re.subn("_bn$", "", layer)
    names = {
        "conv1": "features.init_block",
        "post": "features.post_activ.bn",
        "fc": "output",
    }
    if layer in names:
        return names[layer]
    group, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"features.stage{int(group) - 1}.unit{block}"
    if part == "shortcut":
        return f"{unit}.identity_conv"
    return f"{unit}.body.conv{part}.{'bn' if bn else 'conv'}"


def test_wide_resnet50_2(transplant, difference):
    network = torchvision.models.wide_resnet50_2()
    model = WideResNet50_2(input_shape=(64, 64, 3), classifier_activation=None)
    transplant(network, model, torchvisions)
    assert difference(network, model) < TOLERANCE


def test_wide_resnet28_10_and_a_mistake(transplant, difference, monkeypatch):
    """At 32x32, where pytorchcv's average over 8x8 is the whole map."""
    network = get_model("wrn28_10_cifar10")
    model = WideResNet28_10(classifier_activation=None)
    transplant(network, model, pytorchcvs)
    assert difference(network, model) < TOLERANCE
    monkeypatch.setattr(model.get_layer("conv3_2_1_bn"), "epsilon", 1e-3)
    assert difference(network, model) > MISTAKE
