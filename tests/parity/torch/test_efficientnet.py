"""EfficientNets with the weights of timm's networks: the logits are equal.

``tf_efficientnet_b0`` pads like TensorFlow; ``efficientnet_b0`` has the same weights
and pads evenly, and is another network.
"""

import pytest
import timm

from companion.models import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

OUTSIDE = {
    "stage1": "conv_stem",
    "stage1_bn": "bn1",
    "stage9": "conv_head",
    "stage9_bn": "bn2",
    "fc": "classifier",
}
FIRST = {  # of the stage without expansion
    "depthwise": "conv_dw",
    "depthwise_bn": "bn1",
    "project": "conv_pw",
    "project_bn": "bn2",
}
OTHERS = {
    "expand": "conv_pw",
    "expand_bn": "bn1",
    "depthwise": "conv_dw",
    "depthwise_bn": "bn2",
    "project": "conv_pwl",
    "project_bn": "bn3",
}


def path(name):
    """Name in timm: stage2_1 is blocks.0.0."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    stage, number, part = name.removeprefix("stage").split("_", 2)
    block = f"blocks.{int(stage) - 2}.{int(number) - 1}"
    if part == "se":
        return f"{block}.se.conv_reduce", f"{block}.se.conv_expand"
    return f"{block}.{(FIRST if stage == '2' else OTHERS)[part]}"


def pair(name, function):
    model = function(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    return timm.create_model(name), model


@pytest.mark.parametrize(
    "function",
    [
        EfficientNetB0,
        EfficientNetB1,
        EfficientNetB2,
        EfficientNetB3,
        EfficientNetB4,
        EfficientNetB5,
        EfficientNetB6,
        EfficientNetB7,
    ],
)
def test_logits(function, transplant, difference):
    name = function.__name__.lower().replace("net", "net_")
    network, model = pair(f"tf_{name}", function)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_even_padding_is_seen(transplant, difference):
    network, model = pair("efficientnet_b0", EfficientNetB0)
    transplant(network, model, path)
    assert difference(network, model) > MISTAKE
