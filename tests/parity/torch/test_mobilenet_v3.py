"""MobileNetV3 against timm and torchvision: random weights, equal logits.

timm's networks with ``tf_`` in their names pad as TensorFlow does and add 1e-3 to the
variance; torchvision pads evenly, and is another network.
"""

import copy
import re

import pytest
import timm
import torch
import torchvision

from companion.models import (
    MobileNetV3Large,
    MobileNetV3LargeMinimalistic,
    MobileNetV3Small,
    MobileNetV3SmallMinimalistic,
)

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

STAGES = {"large": (1, 2, 3, 4, 2, 3), "small": (1, 2, 3, 2, 3)}  # blocks of timm's
CASES = {
    "tf_mobilenetv3_large_100": (MobileNetV3Large, {}),
    "tf_mobilenetv3_large_075": (MobileNetV3Large, {"width": 0.75}),
    "tf_mobilenetv3_large_minimal_100": (MobileNetV3LargeMinimalistic, {}),
    "tf_mobilenetv3_small_100": (MobileNetV3Small, {}),
    "tf_mobilenetv3_small_075": (MobileNetV3Small, {"width": 0.75}),
    "tf_mobilenetv3_small_minimal_100": (MobileNetV3SmallMinimalistic, {}),
}
OUTSIDE = {
    "conv1": "conv_stem",
    "conv1_bn": "bn1",
    "fc1": "conv_head",
    "fc2": "classifier",
}
FIRST = {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}
OTHERS = {
    "expand": ("conv_pw", "bn1"),
    "depthwise": ("conv_dw", "bn2"),
    "project": ("conv_pwl", "bn3"),
}


def timms(size):
    stages = STAGES[size]
    places = [(s, n) for s, count in enumerate(stages) for n in range(count)]

    def path(name):
        """block4_expand_bn of Large is blocks.2.0.bn1."""
        if name in OUTSIDE:
            return OUTSIDE[name]
        layer, bn = re.subn("_bn$", "", name)
        if layer == "conv2":
            return f"blocks.{len(stages)}.0.{'bn1' if bn else 'conv'}"
        number, part = re.fullmatch(r"block(\d+)_(\w+)", layer).groups()
        block = "blocks.{}.{}".format(*places[int(number) - 1])
        if part == "excite":
            return f"{block}.se.conv_reduce", f"{block}.se.conv_expand"
        return f"{block}.{(FIRST if number == '1' else OTHERS)[part][bn]}"

    return path


def torchvisions(name):
    """block4_expand_bn of Large is features.4.block.0.1."""
    layer, bn = re.subn("_bn$", "", name)
    if layer in ("fc1", "fc2"):
        return {"fc1": "classifier.0", "fc2": "classifier.3"}[layer]
    if layer in ("conv1", "conv2"):
        return f"features.{0 if layer == 'conv1' else 16}.{bn}"
    number, part = re.fullmatch(r"block(\d+)_(\w+)", layer).groups()
    parts = [] if number == "1" else ["expand"]
    parts += ["depthwise"]
    parts += ["excite"] if int(number) in (4, 5, 6, 11, 12, 13, 14, 15) else []
    parts += ["project"]
    module = f"features.{number}.block.{parts.index(part)}"
    return (f"{module}.fc1", f"{module}.fc2") if part == "excite" else f"{module}.{bn}"


def build(function, arguments):
    shape = (SIDE, SIDE, 3)
    return function(input_shape=shape, classifier_activation=None, **arguments)


@pytest.mark.parametrize("name", CASES)
def test_logits(name, transplant, difference):
    network, model = timm.create_model(name), build(*CASES[name])
    transplant(network, model, timms("large" if "large" in name else "small"))
    assert difference(network, model) < TOLERANCE


def gates_before_the_depthwise_activation(network):
    block = network.blocks[2][1]
    act, gates = block.bn2.act, block.se
    block.bn2.act, block.se = torch.nn.Identity(), torch.nn.Sequential(gates, act)


def sigmoid_gates(network):
    network.blocks[2][1].se.gate = torch.nn.Sigmoid()


def swish(network):
    network.blocks[2][1].bn1.act = torch.nn.SiLU()


def relu_after_the_wide_layer(network):
    network.act2 = torch.nn.ReLU()


def activated_bottleneck(network):
    network.blocks[2][1].bn3.act = torch.nn.ReLU()


MISTAKES = [
    gates_before_the_depthwise_activation,
    sigmoid_gates,
    swish,
    relu_after_the_wide_layer,
    activated_bottleneck,
]


def test_mistakes_are_seen(transplant, difference):
    """Each keeps all shapes and counts."""
    network = timm.create_model("tf_mobilenetv3_small_100")
    model = build(MobileNetV3Small, {})
    transplant(network, model, timms("small"))
    for mistake in MISTAKES:
        broken = copy.deepcopy(network)
        mistake(broken)
        assert difference(broken, model) > MISTAKE, mistake.__name__


def test_torchvisions_is_another(transplant, difference):
    """The same weights in the same places, but even padding."""
    network = torchvision.models.mobilenet_v3_large()
    model = build(MobileNetV3Large, {})
    transplant(network, model, torchvisions)
    assert difference(network, model) > 10 * MISTAKE
