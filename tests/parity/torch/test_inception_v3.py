"""Inception-v3 and its auxiliary head against timm: random weights, equal logits.

timm's average poolings count the zeros of the padding, those of the released network do
not. This is the only difference, and the test takes it away from timm.
"""

import functools

import keras
import pytest
import timm
import torch

from companion.models import InceptionV3

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")

STEM = {
    "conv1": "Conv2d_1a_3x3",
    "conv2": "Conv2d_2a_3x3",
    "conv3": "Conv2d_2b_3x3",
    "conv4": "Conv2d_3b_1x1",
    "conv5": "Conv2d_4a_3x3",
    "auxiliary_6e_reduce": "AuxLogits.conv0",
    "auxiliary_6e_5x5": "AuxLogits.conv1",
}
DENSE = {"fc": "fc", "auxiliary_6e": "AuxLogits.fc"}
KEEP_35 = {
    "1x1": "branch1x1",
    "5x5_reduce": "branch5x5_1",
    "5x5": "branch5x5_2",
    "double3x3_reduce": "branch3x3dbl_1",
    "double3x3_1": "branch3x3dbl_2",
    "double3x3_2": "branch3x3dbl_3",
    "pool_proj": "branch_pool",
}
HALVE_35 = KEEP_35 | {"3x3": "branch3x3"}
KEEP_17 = {
    "1x1": "branch1x1",
    "7x7_reduce": "branch7x7_1",
    "7x7_1": "branch7x7_2",
    "7x7_2": "branch7x7_3",
    "double7x7_reduce": "branch7x7dbl_1",
    "double7x7_1": "branch7x7dbl_2",
    "double7x7_2": "branch7x7dbl_3",
    "double7x7_3": "branch7x7dbl_4",
    "double7x7_4": "branch7x7dbl_5",
    "pool_proj": "branch_pool",
}
HALVE_17 = {
    "3x3_reduce": "branch3x3_1",
    "3x3": "branch3x3_2",
    "7x7_reduce": "branch7x7x3_1",
    "7x7_1": "branch7x7x3_2",
    "7x7_2": "branch7x7x3_3",
    "7x7_3": "branch7x7x3_4",
}
KEEP_8 = {
    "1x1": "branch1x1",
    "3x3_reduce": "branch3x3_1",
    "3x3_1": "branch3x3_2a",
    "3x3_2": "branch3x3_2b",
    "double3x3_reduce": "branch3x3dbl_1",
    "double3x3": "branch3x3dbl_2",
    "double3x3_1": "branch3x3dbl_3a",
    "double3x3_2": "branch3x3dbl_3b",
    "pool_proj": "branch_pool",
}
BRANCHES = dict.fromkeys(("5b", "5c", "5d"), KEEP_35) | {"6a": HALVE_35}
BRANCHES |= dict.fromkeys(("6b", "6c", "6d", "6e"), KEEP_17) | {"7a": HALVE_17}
BRANCHES |= dict.fromkeys(("7b", "7c"), KEEP_8)


class SideBySide(torch.nn.Module):
    """The logits of both heads in one row."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return torch.cat(self.network(x), 1)


def path(layer):
    if layer in DENSE:
        return f"network.{DENSE[layer]}"
    name = layer.removesuffix("_bn")
    leaf = ".conv" if name == layer else ".bn"
    if name in STEM:
        return f"network.{STEM[name]}{leaf}"
    _, row, branch = name.split("_", 2)
    return f"network.Mixed_{row}.{BRANCHES[row][branch]}{leaf}"


def test_logits_of_both_heads(transplant, difference, monkeypatch):
    network = SideBySide(timm.create_model("inception_v3", aux_logits=True))
    model = InceptionV3(auxiliary=True, classifier_activation=None)
    both = keras.layers.Concatenate()(model.outputs)
    model = keras.Model(model.input, both)
    transplant(network, model, path)
    with monkeypatch.context() as patch:
        average = torch.nn.functional.avg_pool2d
        without_zeros = functools.partial(average, count_include_pad=False)
        patch.setattr(torch.nn.functional, "avg_pool2d", without_zeros)
        assert difference(network, model) < TOLERANCE
    assert difference(network, model) > MISTAKE
