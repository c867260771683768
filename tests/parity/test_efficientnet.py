"""EfficientNet with the weights of keras.applications' networks: the logits are equal.

Those begin with two layers that normalize pixels; the comparison starts behind them.
Sides of 72 and 90 pixels give maps of odd sides, which "same" pads evenly.
"""

import re

import keras
import pytest

from companion.models import EfficientNetB0, EfficientNetB1, EfficientNetB3

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6

NETWORKS = {  # name: our function, side of the images
    "EfficientNetB0": (EfficientNetB0, 64),
    "EfficientNetB1": (EfficientNetB1, 72),
    "EfficientNetB3": (EfficientNetB3, 90),
}
PARTS = {
    "expand": "expand_conv",
    "expand_bn": "expand_bn",
    "depthwise": "dwconv",
    "depthwise_bn": "bn",
    "project": "project_conv",
    "project_bn": "project_bn",
}
OUTSIDE = {
    "stage1": "stem_conv",
    "stage1_bn": "stem_bn",
    "stage9": "top_conv",
    "stage9_bn": "top_bn",
    "fc": "predictions",
}


def path(name):
    """Name in keras.applications: stage2_1 is block1a."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    stage, number, part = name.removeprefix("stage").split("_", 2)
    block = f"block{int(stage) - 1}{'abcdefgh'[int(number) - 1]}_"
    if part == "se":
        return [f"{block}se_reduce", f"{block}se_expand"]
    return block + PARTS[part]


def pair(name):
    """Our network, and that of keras.applications from the normalized image on."""
    keras.utils.set_random_seed(0)
    function, side = NETWORKS[name]
    shape = (side, side, 3)
    network = getattr(keras.applications, name)(
        weights=None, input_shape=shape, classifier_activation=None
    )
    normalized = network.get_layer("stem_conv_pad").input
    reference = keras.Model(normalized, network.output)
    return function(input_shape=shape, classifier_activation=None), reference


@pytest.mark.parametrize("name", NETWORKS)
def test_logits(name, adopt, distance):
    model, reference = pair(name)
    adopt(model, reference, path)
    assert distance(model, reference) < TOLERANCE


def padded_evenly(images, kernel):
    """A convolution with a zero on every side, as torchvision has it."""
    images = keras.ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return keras.ops.conv(images, kernel, strides=2, padding="valid")


MISTAKES = {  # names of layers, attribute, value; all shapes and counts stay
    "one zero on every side of the image": ("stage1", "convolution_op", padded_evenly),
    "epsilon of batch normalization": (".*_bn", "epsilon", 1e-5),
    "ReLU in the gates": ("reduce", "activation", keras.activations.relu),
    "hard gates": ("expand", "activation", keras.activations.hard_sigmoid),
    "activated projections": (".*_project", "activation", keras.activations.silu),
    "ReLU6 as in MobileNetV2": (".*_silu", "activation", keras.activations.relu6),
}


def test_mistakes_are_seen(adopt, distance, monkeypatch):
    model, reference = pair("EfficientNetB0")
    adopt(model, reference, path)
    for mistake, (names, attribute, value) in MISTAKES.items():
        layers = [x for x in model._flatten_layers() if re.fullmatch(names, x.name)]
        assert layers
        with monkeypatch.context() as broken:
            for layer in layers:
                broken.setattr(layer, attribute, value)
            assert distance(model, reference) > 10 * TOLERANCE, mistake
    assert distance(model, reference) < TOLERANCE
