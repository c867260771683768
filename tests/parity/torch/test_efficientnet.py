"""EfficientNet-B0 with the weights of timm's network: the logits are equal.

``tf_efficientnet_b0`` pads like TensorFlow; ``efficientnet_b0`` has the same weights
and pads evenly, and is another network.
"""

import timm
import torch

from companion.models import EfficientNetB0

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64

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


def pair(name):
    torch.manual_seed(0)
    model = EfficientNetB0(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    return timm.create_model(name), model


def test_logits(transplant, difference):
    network, model = pair("tf_efficientnet_b0")
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_even_padding_is_seen(transplant, difference):
    network, model = pair("efficientnet_b0")
    transplant(network, model, path)
    assert difference(network, model) > 100 * TOLERANCE
