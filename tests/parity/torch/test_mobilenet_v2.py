"""MobileNetV2 against timm and torchvision: random weights, equal logits.

Both were made for torch's padding and variance; timm can be told to pad as TensorFlow
does and to add 1e-3. torchvision cannot: the last test shows it to be another network.
"""

import copy
import re

import pytest
import timm
import torch
import torchvision

from companion.models import MobileNetV2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

REPETITIONS = (1, 2, 3, 4, 3, 3, 1)
NAMES = {1.0: "mobilenetv2_100", 0.5: "mobilenetv2_050", 1.4: "mobilenetv2_140"}
OUTSIDE = {
    "conv1": "conv_stem",
    "conv1_bn": "bn1",
    "conv2": "conv_head",
    "conv2_bn": "bn2",
    "fc": "classifier",
}
FIRST = {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}
OTHERS = {
    "expand": ("conv_pw", "bn1"),
    "depthwise": ("conv_dw", "bn2"),
    "project": ("conv_pwl", "bn3"),
}


def timms(name):
    """block2_1_expand_bn is blocks.1.0.bn1."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    layer, bn = re.subn("_bn$", "", name)
    row, number, part = re.fullmatch(r"block(\d)_(\d)_(\w+)", layer).groups()
    parts = FIRST if row == "1" else OTHERS
    return f"blocks.{int(row) - 1}.{int(number) - 1}.{parts[part][bn]}"


def torchvisions(name):
    """block2_1_expand_bn is features.2.conv.0.1."""
    layer, bn = re.subn("_bn$", "", name)
    if layer == "fc":
        return "classifier.1"
    if layer in ("conv1", "conv2"):
        return f"features.{0 if layer == 'conv1' else 18}.{bn}"
    row, number, part = re.fullmatch(r"block(\d)_(\d)_(\w+)", layer).groups()
    block = f"features.{sum(REPETITIONS[: int(row) - 1]) + int(number)}.conv"
    place = ("expand", "depthwise", "project").index(part) - (row == "1")
    return f"{block}.{place + bn}" if part == "project" else f"{block}.{place}.{bn}"


def like_tensorflow(width):
    return timm.create_model(NAMES[width], pad_type="same", bn_eps=1e-3)


def companion_network(width=1.0):
    return MobileNetV2(
        width=width, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


@pytest.mark.parametrize("width", NAMES)
def test_logits(width, transplant, difference):
    network, model = like_tensorflow(width), companion_network(width)
    transplant(network, model, timms)
    assert difference(network, model) < TOLERANCE


def activated_bottleneck(network):
    network.blocks[2][1].bn3.act = torch.nn.ReLU6()


def no_activation_after_the_depthwise_convolution(network):
    network.blocks[2][1].bn2.act = torch.nn.Identity()


def no_shortcut(network):
    network.blocks[2][1].has_skip = False


def variance_plus_1e_5(network):
    network.blocks[2][1].bn2.eps = 1e-5


MISTAKES = [
    activated_bottleneck,
    no_activation_after_the_depthwise_convolution,
    no_shortcut,
    variance_plus_1e_5,
]


def test_mistakes_are_seen(transplant, difference):
    """Each keeps all shapes and counts."""
    network, model = like_tensorflow(1.0), companion_network()
    transplant(network, model, timms)
    for mistake in MISTAKES:
        broken = copy.deepcopy(network)
        mistake(broken)
        assert difference(broken, model) > MISTAKE, mistake.__name__


def test_torchvisions_is_another(transplant, difference):
    """The same weights in the same places, but a zero on every side."""
    network, model = torchvision.models.mobilenet_v2(), companion_network()
    transplant(network, model, torchvisions)
    assert difference(network, model) > 10 * MISTAKE
