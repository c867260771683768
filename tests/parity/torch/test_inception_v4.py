"""Inception-v4 against timm and pytorchcv: random weights, equal logits.

pytorchcv's network ends in an average of 8x8; a global one lets it take smaller images.
"""

import keras
import pytest
import timm
import torch
from pytorchcv.models.inceptionv4 import inceptionv4

from companion.models import InceptionV4

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4
SIDE = 107  # maps of 11, 5 and 2 in the three kinds of modules

pytestmark = pytest.mark.usefixtures("double_precision")

# Layer in Keras: branch in timm, branch in pytorchcv

STEM = {
    "conv1": ("0", "conv1"),
    "conv2": ("1", "conv2"),
    "conv3": ("2", "conv3"),
    "stem1_3x3": ("3.conv", "block1.branches.branch2.conv"),
    "stem2_3x3_reduce": ("4.branch0.0", "block2.branches.branch1.conv_list.conv1"),
    "stem2_3x3": ("4.branch0.1", "block2.branches.branch1.conv_list.conv2"),
    "stem2_7x7_reduce": ("4.branch1.0", "block2.branches.branch2.conv_list.conv1"),
    "stem2_7x7_1": ("4.branch1.1", "block2.branches.branch2.conv_list.conv2"),
    "stem2_7x7_2": ("4.branch1.2", "block2.branches.branch2.conv_list.conv3"),
    "stem2_7x7_3": ("4.branch1.3", "block2.branches.branch2.conv_list.conv4"),
    "stem3_3x3": ("5.conv", "block3.branches.branch1.conv"),
}
A = {
    "1x1": ("branch0", "branch1.conv"),
    "3x3_reduce": ("branch1.0", "branch2.conv_list.conv1"),
    "3x3": ("branch1.1", "branch2.conv_list.conv2"),
    "double3x3_reduce": ("branch2.0", "branch3.conv_list.conv1"),
    "double3x3_1": ("branch2.1", "branch3.conv_list.conv2"),
    "double3x3_2": ("branch2.2", "branch3.conv_list.conv3"),
    "pool_proj": ("branch3.1", "branch4.conv"),
}
HALVE_A = {
    "3x3": ("branch0", "branch1.conv_list.conv1"),
    "double3x3_reduce": ("branch1.0", "branch2.conv_list.conv1"),
    "double3x3_1": ("branch1.1", "branch2.conv_list.conv2"),
    "double3x3_2": ("branch1.2", "branch2.conv_list.conv3"),
}
B = {
    "1x1": ("branch0", "branch1.conv"),
    "7x7_reduce": ("branch1.0", "branch2.conv_list.conv1"),
    "7x7_1": ("branch1.1", "branch2.conv_list.conv2"),
    "7x7_2": ("branch1.2", "branch2.conv_list.conv3"),
    "double7x7_reduce": ("branch2.0", "branch3.conv_list.conv1"),
    "double7x7_1": ("branch2.1", "branch3.conv_list.conv2"),
    "double7x7_2": ("branch2.2", "branch3.conv_list.conv3"),
    "double7x7_3": ("branch2.3", "branch3.conv_list.conv4"),
    "double7x7_4": ("branch2.4", "branch3.conv_list.conv5"),
    "pool_proj": ("branch3.1", "branch4.conv"),
}
HALVE_B = {
    "3x3_reduce": ("branch0.0", "branch1.conv_list.conv1"),
    "3x3": ("branch0.1", "branch1.conv_list.conv2"),
    "7x7_reduce": ("branch1.0", "branch2.conv_list.conv1"),
    "7x7_1": ("branch1.1", "branch2.conv_list.conv2"),
    "7x7_2": ("branch1.2", "branch2.conv_list.conv3"),
    "7x7_3": ("branch1.3", "branch2.conv_list.conv4"),
}
C = {
    "1x1": ("branch0", "branch1.conv"),
    "3x3_reduce": ("branch1_0", "branch2.conv_list.conv1"),
    "3x3_1": ("branch1_1a", "branch2.conv1x3"),
    "3x3_2": ("branch1_1b", "branch2.conv3x1"),
    "double3x3_reduce": ("branch2_0", "branch3.conv_list.conv1"),
    "double3x3_1": ("branch2_1", "branch3.conv_list.conv2"),
    "double3x3_2": ("branch2_2", "branch3.conv_list.conv3"),
    "double3x3_3": ("branch2_3a", "branch3.conv1x3"),
    "double3x3_4": ("branch2_3b", "branch3.conv3x1"),
    "pool_proj": ("branch3.1", "branch4.conv"),
}
MODULES = [f"inception_a{number}" for number in range(1, 5)] + ["reduction_a"]
MODULES += [f"inception_b{number}" for number in range(1, 8)] + ["reduction_b"]
MODULES += [f"inception_c{number}" for number in range(1, 4)]
UNITS = [f"stage1.unit{number}" for number in range(1, 5)]
UNITS += [f"stage2.unit{number}" for number in range(1, 9)]
UNITS += [f"stage3.unit{number}" for number in range(1, 5)]
PLACES = dict(zip(MODULES, enumerate(UNITS, start=6), strict=True))
BRANCHES = {"inception_a": A, "reduction_a": HALVE_A, "inception_b": B}
BRANCHES |= {"reduction_b": HALVE_B, "inception_c": C}


def paths(layer):
    """The layer's module in timm and in pytorchcv."""
    name = layer.removesuffix("_bn")
    leaf = ".conv" if name == layer else ".bn"
    if name == "fc":
        return "last_linear", "output.fc"
    if name in STEM:
        theirs, others = STEM[name]
        return f"features.{theirs}{leaf}", f"features.init_block.{others}{leaf}"
    kind, which, branch = name.split("_", 2)
    index, unit = PLACES[f"{kind}_{which}"]
    theirs, others = BRANCHES[f"{kind}_{which[0]}"][branch]
    return (
        f"features.{index}.{theirs}{leaf}",
        f"features.{unit}.branches.{others}{leaf}",
    )


def build():
    return InceptionV4(input_shape=(SIDE, SIDE, 3), classifier_activation=None)


def test_logits_of_timm_and_mistakes(transplant, difference, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    network, model = timm.create_model("inception_v4"), build()
    transplant(network, model, lambda layer: paths(layer)[0])
    assert difference(network, model) < TOLERANCE
    maximum = keras.layers.MaxPooling2D(3, strides=1, padding="same")
    for layer, attribute, value in (
        ("inception_b4_pool", "call", maximum.call),
        ("inception_c3_1x1_relu", "call", lambda x: x),
        ("stem2_7x7_1_bn", "epsilon", 1e-5),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert difference(network, model) > MISTAKE, layer
    pair = [
        model.get_layer(f"inception_a2_{end}reduce") for end in ("3x3_", "double3x3_")
    ]
    kernels = [layer.get_weights() for layer in pair]
    for layer, weights in zip(pair, reversed(kernels), strict=True):
        layer.set_weights(weights)
    assert difference(network, model) > 10 * MISTAKE


def test_logits_of_pytorchcv(transplant, difference):
    network, model = inceptionv4(), build()
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    transplant(network, model, lambda layer: paths(layer)[1])
    assert difference(network, model) < TOLERANCE
