"""The Inception-ResNets against pytorchcv and timm: random weights, equal logits.

pytorchcv's v1 descends from a network for faces. Its sixth module C and its dense layer
of 512 units, both absent from the paper, are taken out, and its average of 8x8 becomes
a global one, for smaller images.
"""

import keras
import numpy as np
import pytest
import timm
import torch
from pytorchcv.models.inceptionresnetv1 import inceptionresnetv1

from companion.models import InceptionResNetV1, InceptionResNetV2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4
SIDE = 107  # maps of 11, 5 and 2 in the three kinds of modules

pytestmark = pytest.mark.usefixtures("double_precision")

# Layer in Keras: branch in pytorchcv, branch in timm

A = {
    "1x1": ("branch1.conv", "branch0"),
    "3x3_reduce": ("branch2.conv_list.conv1", "branch1.0"),
    "3x3": ("branch2.conv_list.conv2", "branch1.1"),
    "double3x3_reduce": ("branch3.conv_list.conv1", "branch2.0"),
    "double3x3_1": ("branch3.conv_list.conv2", "branch2.1"),
    "double3x3_2": ("branch3.conv_list.conv3", "branch2.2"),
}
HALVE_A = {
    "3x3": ("branch1.conv_list.conv1", "branch0"),
    "double3x3_reduce": ("branch2.conv_list.conv1", "branch1.0"),
    "double3x3_1": ("branch2.conv_list.conv2", "branch1.1"),
    "double3x3_2": ("branch2.conv_list.conv3", "branch1.2"),
}
B = {
    "1x1": ("branch1.conv", "branch0"),
    "7x7_reduce": ("branch2.conv_list.conv1", "branch1.0"),
    "7x7_1": ("branch2.conv_list.conv2", "branch1.1"),
    "7x7_2": ("branch2.conv_list.conv3", "branch1.2"),
}
HALVE_B = {
    "3x3a_reduce": ("branch1.conv_list.conv1", "branch0.0"),
    "3x3a": ("branch1.conv_list.conv2", "branch0.1"),
    "3x3b_reduce": ("branch2.conv_list.conv1", "branch1.0"),
    "3x3b": ("branch2.conv_list.conv2", "branch1.1"),
    "double3x3_reduce": ("branch3.conv_list.conv1", "branch2.0"),
    "double3x3_1": ("branch3.conv_list.conv2", "branch2.1"),
    "double3x3_2": ("branch3.conv_list.conv3", "branch2.2"),
}
C = {
    "1x1": ("branch1.conv", "branch0"),
    "3x3_reduce": ("branch2.conv_list.conv1", "branch1.0"),
    "3x3_1": ("branch2.conv_list.conv2", "branch1.1"),
    "3x3_2": ("branch2.conv_list.conv3", "branch1.2"),
}
BRANCHES = {"inception_a": A, "reduction_a": HALVE_A, "inception_b": B}
BRANCHES |= {"reduction_b": HALVE_B, "inception_c": C, "last_inception_c": C}
STAGES = {"a": "stage1", "b": "stage2", "c": "stage3"}
REPEATED = {"a": "repeat", "b": "repeat_1", "c": "repeat_2"}
STEM = {
    "conv1": "conv2d_1a",
    "conv2": "conv2d_2a",
    "conv3": "conv2d_2b",
    "conv4": "conv2d_3b",
    "conv5": "conv2d_4a",
    "conv7": "conv2d_7b",
    "mixed_1x1": "mixed_5b.branch0",
    "mixed_5x5_reduce": "mixed_5b.branch1.0",
    "mixed_5x5": "mixed_5b.branch1.1",
    "mixed_double3x3_reduce": "mixed_5b.branch2.0",
    "mixed_double3x3_1": "mixed_5b.branch2.1",
    "mixed_double3x3_2": "mixed_5b.branch2.2",
    "mixed_pool_proj": "mixed_5b.branch3.1",
}
HALVING = {"reduction_a": "mixed_6a", "reduction_b": "mixed_7a"}


def split(layer):
    """`inception_b10_7x7_1_bn` into `inception_b`, 10, `7x7_1` and `.bn`."""
    name = layer.removesuffix("_bn")
    leaf = ".conv" if name == layer else ".bn"
    name = name.replace("last_", "last")
    kind, which, branch = name.split("_", 2)
    kind = f"{kind}_{which[0]}".replace("last", "last_")
    return kind, int(which[1:] or 0), branch, leaf


def path_v1(layer):
    if layer == "fc":
        return "output"
    if layer.startswith("conv"):
        name = layer.removesuffix("_bn")
        leaf = "conv" if name == layer else "bn"
        return f"features.init_block.{name}.{leaf}"
    kind, number, branch, leaf = split(layer)
    if kind in HALVING:
        unit = (
            "features.stage2.unit1"
            if kind == "reduction_a"
            else "features.stage3.unit1"
        )
    else:
        after_reduction = kind != "inception_a"
        unit = f"features.{STAGES[kind[-1]]}.unit{number + after_reduction}"
    if branch == "expand":
        return f"{unit}.conv"
    return f"{unit}.branches.{BRANCHES[kind][branch][0]}{leaf}"


def path_v2(layer):
    if layer == "fc":
        return "classif"
    name = layer.removesuffix("_bn")
    if name in STEM:
        return STEM[name] + (".conv" if name == layer else ".bn")
    kind, number, branch, leaf = split(layer)
    if kind == "last_inception_c":
        unit = "block8"
    else:
        unit = HALVING.get(kind) or f"{REPEATED[kind[-1]]}.{number - 1}"
    if branch == "expand":
        return f"{unit}.conv2d"
    return f"{unit}.{BRANCHES[kind][branch][1]}{leaf}"


def papers_v1():
    network = inceptionresnetv1()
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    network.output = torch.nn.Linear(1792, 1000)
    del network.features.stage3.unit7
    return network


def exact_scales(model):
    """Keras rounds a Python number to float32 on its way to float64."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Rescaling):
            layer.scale = np.float64(layer.scale)


def test_v1_of_pytorchcv_and_mistakes(transplant, difference, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    network = papers_v1()
    model = InceptionResNetV1(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    exact_scales(model)
    transplant(network, model, path_v1)
    assert difference(network, model) < TOLERANCE
    for layer, attribute, value in (
        ("inception_a5_scale", "scale", 0.10),
        ("inception_c5_scale", "scale", 1.0),
        ("inception_c5_relu", "call", lambda x: x),
        ("conv6_bn", "epsilon", 1e-5),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert difference(network, model) > MISTAKE, layer
    pair = [model.get_layer(f"inception_b7_{end}") for end in ("1x1", "7x7_reduce")]
    kernels = [layer.get_weights() for layer in pair]
    for layer, weights in zip(pair, reversed(kernels), strict=True):
        layer.set_weights(weights)
    assert difference(network, model) > 10 * MISTAKE


def test_v2_of_timm(transplant, difference):
    network = timm.create_model("inception_resnet_v2")
    model = InceptionResNetV2(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    exact_scales(model)
    transplant(network, model, path_v2)
    assert difference(network, model) < TOLERANCE
