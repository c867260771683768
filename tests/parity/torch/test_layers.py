"""Layers of the package against the modules of torch, timm and pytorchcv.

Each is compared by itself, once as it should be and once with a mistake that keeps
every shape.
"""

import keras
import numpy as np
import pytest
import timm
import torch
from pytorchcv.models.common.att import SEBlock
from pytorchcv.models.sknet import SKConvBlock

from companion.layers import (
    ChannelShuffle,
    GlobalContext,
    NonLocal,
    SelectiveKernel,
    SqueezeExcite,
)

TOLERANCE = 1e-10  # of the largest output
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")


class ChannelsLast(torch.nn.Module):
    """A module whose output has the axes of Keras."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).permute(0, 2, 3, 1)


@pytest.fixture
def pair(transplant):
    """Function `(module, layer, side, channels, names)`: both, with equal weights."""

    def make(module, layer, side, channels, names=()):
        inputs = keras.Input((side, side, channels))
        network, model = ChannelsLast(module), keras.Model(inputs, layer(inputs))
        transplant(network, model, lambda _: tuple(f"inner.{name}" for name in names))
        return network, model

    return make


def test_squeeze_excite(pair, difference):
    layer = SqueezeExcite(ratio=16)
    both = pair(SEBlock(channels=64), layer, 11, 64, ("conv1", "conv2"))
    assert difference(*both) < TOLERANCE
    layer.expand.activation = keras.activations.hard_sigmoid
    assert difference(*both) > MISTAKE


def test_channel_shuffle(pair, difference):
    module = torch.nn.ChannelShuffle(3)
    assert difference(*pair(module, ChannelShuffle(3), 5, 24)) == 0
    assert difference(*pair(module, ChannelShuffle(8), 5, 24)) > 0.1


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("side", [12, 11])
def test_selective_kernel(strides, side, pair, difference):
    layer = SelectiveKernel(64, groups=32, strides=strides)
    module = SKConvBlock(in_channels=64, out_channels=64, stride=strides)
    names = ["branches.branch2.conv", "branches.branch2.bn"]
    names += ["branches.branch3.conv", "branches.branch3.bn"]
    names += ["fc1.conv", "fc1.bn", "fc2"]
    both = pair(module, layer, side, 64, names)
    assert difference(*both) < TOLERANCE
    (kernel,) = layer.expand.get_weights()
    layer.expand.set_weights([np.roll(kernel, 64, axis=1)])  # a and b exchanged
    assert difference(*both) > MISTAKE


def test_global_context(pair, difference):
    """timm's adds 1e-6 to the variance, the authors' 1e-5."""
    layer = GlobalContext(ratio=16)
    module = timm.layers.GlobalContext(
        64, fuse_add=True, fuse_scale=False, rd_ratio=1 / 16
    )
    torch.nn.init.normal_(module.mlp_add.fc2.weight)  # zero in a new block
    module.mlp_add.norm.eps = 1e-5
    names = ("conv_attn", "mlp_add.fc1", "mlp_add.norm", "mlp_add.fc2")
    both = pair(module, layer, 11, 64, names)
    assert difference(*both) < TOLERANCE
    layer.mask.kernel.assign(keras.ops.zeros_like(layer.mask.kernel))
    assert difference(*both) > MISTAKE


def test_non_local(pair, difference):
    """timm's has biases and scales the products; without them it is the paper's."""
    layer = NonLocal(units=8)
    module = timm.layers.NonLocalAttn(64, use_scale=False)
    for name in "tpgz":
        module.get_submodule(name).bias = None
    both = pair(module, layer, 11, 64, ("t", "p", "g", "z", "norm"))
    assert difference(*both) < TOLERANCE
    layer.theta, layer.phi = layer.phi, layer.theta
    assert difference(*both) > MISTAKE
