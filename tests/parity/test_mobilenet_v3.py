"""MobileNetV3 against keras.applications: random weights, equal logits."""

import re

import keras
import pytest

from companion.models import (
    MobileNetV3Large,
    MobileNetV3LargeMinimalistic,
    MobileNetV3Small,
    MobileNetV3SmallMinimalistic,
)

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64

ENDS = {
    "conv1": "conv",
    "conv1_bn": "conv_bn",
    "conv2": "conv_1",
    "conv2_bn": "conv_1_bn",
    "fc1": "conv_2",
    "fc2": "logits",
}


def path(name):
    """block2_expand_bn -> expanded_conv_1_expand_bn; a gate is two convolutions."""
    if name in ENDS:
        return ENDS[name]
    block, part = re.fullmatch(r"block(\d+)_(\w+)", name).groups()
    prefix = f"expanded_conv_{int(block) - 1}" if block != "1" else "expanded_conv"
    if part == "excite":
        gate = f"{prefix}_squeeze_excite_conv"
        return gate, f"{gate}_1"
    return f"{prefix}_{part}"


def reference(function, side=SIDE, **arguments):
    return function(
        weights=None,
        input_shape=(side, side, 3),
        classifier_activation=None,
        include_preprocessing=False,
        **arguments,
    )


def build(function, side=SIDE, **arguments):
    shape = (side, side, 3)
    return function(input_shape=shape, classifier_activation=None, **arguments)


LARGE, SMALL = keras.applications.MobileNetV3Large, keras.applications.MobileNetV3Small
CASES = {
    "Large": (MobileNetV3Large, {}, LARGE, {}, SIDE),
    "Large 0.75": (MobileNetV3Large, {"width": 0.75}, LARGE, {"alpha": 0.75}, 96),
    "Small": (MobileNetV3Small, {}, SMALL, {}, SIDE),
    "Small 0.75": (MobileNetV3Small, {"width": 0.75}, SMALL, {"alpha": 0.75}, 96),
    "Large minimalistic": (
        MobileNetV3LargeMinimalistic,
        {},
        LARGE,
        {"minimalistic": True},
        SIDE,
    ),
    "Small minimalistic": (
        MobileNetV3SmallMinimalistic,
        {},
        SMALL,
        {"minimalistic": True},
        SIDE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_logits(name, adopt, distance):
    ours, width, theirs, alpha, side = CASES[name]
    model, other = build(ours, side, **width), reference(theirs, side, **alpha)
    adopt(model, other, path)
    assert distance(model, other) < TOLERANCE


def test_mistakes_are_seen(adopt, distance, monkeypatch):
    """Each keeps every shape, parameter count and multiply-add."""
    model, theirs = build(MobileNetV3Small), reference(SMALL)
    adopt(model, theirs, path)
    excite = model.get_layer("block5_excite")

    def gate(x):
        z = keras.ops.mean(x, axis=(1, 2))
        return excite.expand(excite.reduce(z))[:, None, None, :]

    for layer, attributes in (
        (excite, {"call": lambda x: x + gate(x)}),
        (excite.expand, {"activation": keras.ops.sigmoid}),
        (excite.reduce, {"activation": keras.ops.hard_silu}),
        (
            excite.expand,
            {"activation": lambda x: keras.ops.clip(0.2 * x + 0.5, 0, 1)},
        ),
        (model.get_layer("block5_expand_activation"), {"activation": keras.ops.silu}),
        (model.get_layer("block2_expand_activation"), {"activation": excite.gate}),
        (model.get_layer("fc1"), {"activation": keras.ops.relu}),
        (model.get_layer("block5_add"), {"call": lambda maps: maps[0]}),
    ):
        with monkeypatch.context() as patch:
            for attribute, value in attributes.items():
                patch.setattr(layer, attribute, value)
            assert distance(model, theirs) > 10 * TOLERANCE, (layer.name, attributes)
    assert distance(model, theirs) < TOLERANCE
