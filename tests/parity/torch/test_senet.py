"""The squeeze-and-excitation networks against timm and pytorchcv.

timm's ``legacy_`` networks hold the weights that the authors released; nothing is
changed in them. pytorchcv's pad the first pooling, which is undone here; one test shows
that it would have been seen. No library has SE-BN-Inception: pytorchcv's gates are put
behind the ten modules of its BN-Inception.
"""

import re

import pytest
import timm
import torch
from pytorchcv.model_provider import get_model
from pytorchcv.models.common.att import SEBlock

from companion.models import (
    SEInception,
    SENet154,
    SEResNet50,
    SEResNet101,
    SEResNet152,
    SEResNeXt50,
    SEResNeXt101,
    senet,
)

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")
SMALL = {"input_shape": (64, 64, 3), "classifier_activation": None}


def timm_path(name):
    """conv3_1_2_bn -> layer2.0.bn2; conv3_1_se -> both layers of its gate."""
    if name == "fc":
        return "last_linear"
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    if name.startswith("conv1"):
        return f"layer0.{kind}{name.partition('_')[2] or 1}"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    unit = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "se":
        return f"{unit}.se_module.fc1", f"{unit}.se_module.fc2"
    if part == "shortcut":
        return f"{unit}.downsample.{'01'[kind == 'bn']}"
    return f"{unit}.{kind}{part}"


def pytorchcv_path(name):
    if name == "fc":
        return "output"
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    if name == "conv1":
        return f"features.init_block.conv.{kind}"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    unit = f"features.stage{int(stage) - 1}.unit{block}"
    if part == "se":
        return f"{unit}.se.conv1", f"{unit}.se.conv2"
    if part == "shortcut":
        return f"{unit}.identity_conv.{kind}"
    return f"{unit}.body.conv{part}.{kind}"


def inception_path(name):
    """inception_4b_3x3_reduce_bn -> features.stage2.unit3.0.branches..."""
    if name == "fc":
        return "output"
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    stem = {"conv1": "conv1", "conv2_reduce": "conv2.conv1", "conv2": "conv2.conv2"}
    if name in stem:
        return f"features.init_block.{stem[name]}.{kind}"
    module, part = re.fullmatch(r"inception_(\w\w)_(\w+)", name).groups()
    units = {"3c": "stage2.unit1", "4e": "stage3.unit1", "5a": "stage3.unit2"}
    units |= {"3a": "stage1.unit1", "3b": "stage1.unit2", "5b": "stage3.unit3"}
    units |= {f"4{letter}": f"stage2.unit{i}" for i, letter in enumerate("abcd", 2)}
    unit = f"features.{units[module]}"
    if part == "se":
        return f"{unit}.1.conv1", f"{unit}.1.conv2"
    first = 0 if module in ("3c", "4e") else 1  # whether there is a 1x1 branch
    branches = {
        "1x1": "branch1",
        "3x3_reduce": f"branch{first + 1}.conv1",
        "3x3": f"branch{first + 1}.conv2",
        "double3x3_reduce": f"branch{first + 2}.conv1",
        "double3x3_1": f"branch{first + 2}.conv2",
        "double3x3_2": f"branch{first + 2}.conv3",
        "pool_proj": "branch4.conv",
    }
    return f"{unit}.0.branches.{branches[part]}.{kind}"


def unpadded(network):
    """Caffe's pooling, and an average over maps of any size."""
    network.features.init_block.pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return network


def gated_inception():
    """pytorchcv's BN-Inception without biases, a gate behind each module."""
    network = get_model("bninception")
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.bias = None
    widths = ((256, 320), (576, 576, 576, 608, 608), (1056, 1024, 1024))
    for stage, channels in enumerate(widths, start=1):
        units = network.features.get_submodule(f"stage{stage}")
        for number, width in enumerate(channels, start=1):
            unit = units.get_submodule(f"unit{number}")
            gated = torch.nn.Sequential(unit, SEBlock(channels=width))
            setattr(units, f"unit{number}", gated)
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return network


CASES = {
    "SE-ResNet-50, timm": (
        lambda: timm.create_model("legacy_seresnet50"),
        SEResNet50,
        timm_path,
    ),
    "SE-ResNet-50, pytorchcv": (
        lambda: unpadded(get_model("seresnet50")),
        SEResNet50,
        pytorchcv_path,
    ),
    "SE-ResNet-101": (
        lambda: timm.create_model("legacy_seresnet101"),
        SEResNet101,
        timm_path,
    ),
    "SE-ResNet-152": (
        lambda: timm.create_model("legacy_seresnet152"),
        SEResNet152,
        timm_path,
    ),
    "SE-ResNeXt-101": (
        lambda: timm.create_model("legacy_seresnext101_32x4d"),
        SEResNeXt101,
        timm_path,
    ),
    "SE-ResNeXt-50, timm": (
        lambda: timm.create_model("legacy_seresnext50_32x4d"),
        SEResNeXt50,
        timm_path,
    ),
    "SE-ResNeXt-50, pytorchcv": (
        lambda: unpadded(get_model("seresnext50_32x4d")),
        SEResNeXt50,
        pytorchcv_path,
    ),
    "SENet-154": (lambda: timm.create_model("legacy_senet154"), SENet154, timm_path),
    "SE-BN-Inception": (gated_inception, SEInception, inception_path),
}


@pytest.mark.parametrize("name", CASES)
def test_logits(name, transplant, difference):
    make, build, path = CASES[name]
    network, model = make(), build(**SMALL)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


@pytest.mark.parametrize("place", [senet.pre, senet.post, senet.identity])
def test_another_place_of_the_gates_is_seen(place, transplant, difference):
    """Without the four blocks whose gates would have another width."""
    network = timm.create_model("legacy_seresnet50")
    row = senet.TABLE["SE-ResNet-50"]

    def placed(x, branch, shortcut, name):
        same = name in ("conv2_2", "conv3_3", "conv4_6", "conv5_2")
        return (place if same else senet.standard)(x, branch, shortcut, name)

    model = senet.SENet(*row, placed, classes=1000, name="wrong", **SMALL)
    transplant(network, model, timm_path)
    assert difference(network, model) > MISTAKE


def test_padding_of_the_pooling_is_seen(transplant, difference):
    network, model = unpadded(get_model("seresnet50")), SEResNet50(**SMALL)
    network.features.init_block.pool = torch.nn.MaxPool2d(3, 2, padding=1)
    transplant(network, model, pytorchcv_path)
    assert difference(network, model) > MISTAKE


def test_stride_in_the_3x3_is_seen(transplant, difference):
    network, model = unpadded(get_model("seresnet50b")), SEResNet50(**SMALL)
    transplant(network, model, pytorchcv_path)
    assert difference(network, model) > MISTAKE
