"""BN-Inception against pytorchcv: random weights, equal logits.

pytorchcv's network is Caffe's: biases, poolings that round up and count the padding. It
ends in an average of 7x7; a global one lets it take smaller images.
"""

import keras
import pytest
import torch
from pytorchcv.models.bninception import bninception

from companion.models import InceptionV2

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-4
SIDE = 96  # maps of 48, 24, 12, 6 and 3: even where one is halved by a pooling

pytestmark = pytest.mark.usefixtures("double_precision")

UNITS = ["1.unit1", "1.unit2"] + [f"2.unit{number}" for number in range(1, 6)]
UNITS += ["3.unit1", "3.unit2", "3.unit3"]
ROWS = ["3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
STAGES = dict(zip(ROWS, UNITS, strict=True))
KEEPING = {
    "1x1": "branch1",
    "3x3_reduce": "branch2.conv1",
    "3x3": "branch2.conv2",
    "double3x3_reduce": "branch3.conv1",
    "double3x3_1": "branch3.conv2",
    "double3x3_2": "branch3.conv3",
    "pool_proj": "branch4.conv",
}
HALVING = {
    "3x3_reduce": "branch1.conv1",
    "3x3": "branch1.conv2",
    "double3x3_reduce": "branch2.conv1",
    "double3x3_1": "branch2.conv2",
    "double3x3_2": "branch2.conv3",
}
STEM = {"conv1": "conv1", "conv2_reduce": "conv2.conv1", "conv2": "conv2.conv2"}


def path(layer):
    if layer == "fc":
        return "output"
    name = layer.removesuffix("_bn")
    leaf = ".conv" if name == layer else ".bn"
    if name in STEM:
        return f"features.init_block.{STEM[name]}{leaf}"
    _, row, branch = name.split("_", 2)
    branches = HALVING if row in ("3c", "4e") else KEEPING
    return f"features.stage{STAGES[row]}.branches.{branches[branch]}{leaf}"


def exchanged(layer):
    """Both reductions of 4b are 1x1 from 576 to 96 channels."""
    if layer.startswith("inception_4b_3x3_reduce"):
        return path(layer.replace("3x3", "double3x3"))
    if layer.startswith("inception_4b_double3x3_reduce"):
        return path(layer.replace("double3x3", "3x3"))
    return path(layer)


def repeat_the_border(x):
    return keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")


def pair():
    network = bninception()
    network.features.final_pool = torch.nn.AdaptiveAvgPool2d(1)
    return network, InceptionV2(input_shape=(SIDE, SIDE, 3), classifier_activation=None)


def test_logits_and_mistakes(transplant, difference, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    network, model = pair()
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE
    average = keras.layers.AveragePooling2D(3, strides=1, padding="same")
    for layer, attribute, value in (
        ("inception_5b_pool", "call", average.call),
        ("inception_4a_pool_pad", "call", repeat_the_border),
        ("conv1_pad", "padding", ((2, 3), (2, 3))),
        ("inception_3c_3x3_pad", "padding", ((0, 1), (0, 1))),
        ("pool2", "padding", "valid"),
        ("conv2_bn", "epsilon", 1e-3),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert difference(network, model) > MISTAKE, layer


def test_exchanged_branches_are_seen(transplant, difference):
    network, model = pair()
    transplant(network, model, exchanged)
    assert difference(network, model) > 10 * MISTAKE
