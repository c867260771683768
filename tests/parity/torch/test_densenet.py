"""DenseNets against torchvision, those for CIFAR against pytorchcv.

DenseNet-264 is no network of torchvision's, but its class makes it. All transitions of
pytorchcv's CIFAR networks halve the maps; the three of Section 3 that keep them are
assembled here from pytorchcv's units.
"""

import re
from collections import OrderedDict

import pytest
import torchvision
from pytorchcv.model_provider import get_model
from pytorchcv.models.densenet import TransitionBlock
from pytorchcv.models.densenet_cifar import DenseSimpleUnit
from pytorchcv.models.preresnet import PreResActivation
from torch import nn

from companion.models import (
    DenseNet40,
    DenseNet100,
    DenseNet100K24,
    DenseNet121,
    DenseNet161,
    DenseNet169,
    DenseNet201,
    DenseNet264,
    DenseNetBC100,
    DenseNetBC190,
    DenseNetBC250,
    DenseNetC40,
)

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")
GIVEN = {"input_shape": (64, 64, 3), "classifier_activation": None}
GIVEN_CIFAR = {"input_shape": (16, 16, 3), "classifier_activation": None}


def torchvisions(name):
    """block1_2_1_bn is denseblock1.denselayer2.norm1."""
    layer, bn = re.subn("_bn$", "", name)
    kind = "norm" if bn else "conv"
    if layer in ("fc", "last"):
        return {"fc": "classifier", "last": "features.norm5"}[layer]
    if layer == "conv1":
        return f"features.{kind}0"
    if layer.startswith("transition"):
        return f"features.{layer}.{kind}"
    block, number, part = re.fullmatch(r"block(\d)_(\d+)_(\d)", layer).groups()
    return f"features.denseblock{block}.denselayer{number}.{kind}{part}"


def pytorchcvs(name):
    """block1_2_1_bn is stage1.unit2.conv1.bn, block1_2_bn is stage1.unit2.conv.bn."""
    layer, bn = re.subn("_bn$", "", name)
    kind = "bn" if bn else "conv"
    if layer in ("fc", "conv1", "last"):
        names = {"fc": "output", "conv1": "features.init_block"}
        return names.get(layer, "features.post_activ.bn")
    if layer.startswith("transition"):
        stage = int(layer.removeprefix("transition")) + 1
        return f"features.stage{stage}.trans{stage}.conv.{kind}"
    block, number, part = re.fullmatch(r"block(\d)_(\d+)_?(\d?)", layer).groups()
    return f"features.stage{block}.unit{number}.conv{part}.{kind}"


IMAGENET = {
    DenseNet121: torchvision.models.densenet121,
    DenseNet161: torchvision.models.densenet161,
    DenseNet169: torchvision.models.densenet169,
    DenseNet201: torchvision.models.densenet201,
    DenseNet264: lambda: torchvision.models.DenseNet(32, (6, 12, 64, 48), 64),
}


@pytest.mark.parametrize("function", IMAGENET)
def test_logits(function, transplant, difference):
    network, model = IMAGENET[function](), function(**GIVEN)
    transplant(network, model, torchvisions)
    assert difference(network, model) < TOLERANCE


def test_caffes_pooling_is_seen(transplant, difference):
    """The authors' Caffe networks round up, without padding."""
    network, model = torchvision.models.densenet121(), DenseNet121(**GIVEN)
    transplant(network, model, torchvisions)
    network.features.pool0 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    assert difference(network, model) > MISTAKE


def halving(name):
    network = get_model(name)
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return network


def keeping(count, growth):
    """Section 3 without bottlenecks: 16 maps at first, all kept in transitions."""
    features, channels = nn.Sequential(), 16
    features.add_module("init_block", nn.Conv2d(3, channels, 3, padding=1, bias=False))
    for stage in (1, 2, 3):
        units = nn.Sequential()
        if stage > 1:
            transition = TransitionBlock(in_channels=channels, out_channels=channels)
            units.add_module(f"trans{stage}", transition)
        for number in range(1, count + 1):
            unit = DenseSimpleUnit(
                in_channels=channels, out_channels=channels + growth, dropout_rate=0.0
            )
            units.add_module(f"unit{number}", unit)
            channels += growth
        features.add_module(f"stage{stage}", units)
    features.add_module("post_activ", PreResActivation(in_channels=channels))
    features.add_module("final_pool", nn.AdaptiveAvgPool2d(1))
    parts = {"features": features, "flatten": nn.Flatten()}
    return nn.Sequential(OrderedDict(parts, output=nn.Linear(channels, 10)))


CIFAR = {
    DenseNet40: lambda: keeping(12, 12),
    DenseNet100: lambda: keeping(32, 12),
    DenseNet100K24: lambda: keeping(32, 24),
    DenseNetC40: lambda: halving("densenet40_k12_cifar10"),
    DenseNetBC100: lambda: halving("densenet100_k12_bc_cifar10"),
    DenseNetBC250: lambda: halving("densenet250_k24_bc_cifar10"),
    DenseNetBC190: lambda: halving("densenet190_k40_bc_cifar10"),
}


@pytest.mark.parametrize("function", CIFAR)
def test_cifar(function, transplant, difference):
    network, model = CIFAR[function](), function(**GIVEN_CIFAR)
    transplant(network, model, pytorchcvs)
    assert difference(network, model) < TOLERANCE


def test_activation_after_the_first_convolution_is_seen(transplant, difference):
    """As in the networks for ImageNet."""
    network, model = CIFAR[DenseNet40](), DenseNet40(**GIVEN_CIFAR)
    transplant(network, model, pytorchcvs)
    first = network.features.init_block
    first.register_forward_hook(lambda module, inputs, maps: maps.relu())
    assert difference(network, model) > MISTAKE
