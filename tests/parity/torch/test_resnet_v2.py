"""ResNet v2 against pytorchcv's preresnet18, preresnet50b, 101b and 152b.

pytorchcv averages over 7x7 positions, all that a 224x224 image leaves; the images here
are smaller, so the average is taken over what there is. timm's network lacks one
normalization, and keras.applications has strides elsewhere: neither is this one.
"""

import re

import pytest
from pytorchcv.model_provider import get_model
from torch import nn

from companion.models import ResNet18V2, ResNet50V2, ResNet101V2, ResNet152V2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
GIVEN = {"input_shape": (64, 64, 3), "classifier_activation": None}

pytestmark = pytest.mark.usefixtures("double_precision")


def path(layer):
    """conv3_1_2_bn is features.stage2.unit1.body.conv2.bn, here before its kernel."""
    layer, bn = re.subn("_bn$", "", layer)
    kind = "bn" if bn else "conv"
    if layer == "fc":
        return "output"
    if layer == "conv1":
        return f"features.init_block.{kind}"
    if layer == "post":
        return "features.post_activ.bn"
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"features.stage{int(stage) - 1}.unit{block}"
    if part == "shortcut":
        return f"{unit}.identity_conv"
    return f"{unit}.body.conv{part}.{kind}"


def pytorchcvs(name):
    network = get_model(name)
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return network


@pytest.mark.parametrize(
    "function, name",
    [
        (ResNet18V2, "preresnet18"),
        (ResNet50V2, "preresnet50b"),
        (ResNet101V2, "preresnet101b"),
        (ResNet152V2, "preresnet152b"),
    ],
)
def test_resnet_v2(function, name, transplant, difference):
    network, model = pytorchcvs(name), function(**GIVEN)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_strides_in_the_1x1_are_seen(transplant, difference):
    """pytorchcv's preresnet50, without the b."""
    network, model = pytorchcvs("preresnet50"), ResNet50V2(**GIVEN)
    transplant(network, model, path)
    assert difference(network, model) > 10 * MISTAKE


class PlainShortcut(nn.Module):
    """A unit whose projection starts from its input, not from the active one."""

    def __init__(self, unit):
        super().__init__()
        self.body, self.identity_conv = unit.body, unit.identity_conv

    def forward(self, x):
        return self.body(x)[0] + self.identity_conv(x)


def test_a_projection_without_pre_activation_is_seen(transplant, difference):
    network, model = pytorchcvs("preresnet18"), ResNet18V2(**GIVEN)
    network.features.stage3.unit1 = PlainShortcut(network.features.stage3.unit1)
    transplant(network, model, path)
    assert difference(network, model) > MISTAKE
