"""SqueezeNet 1.0 and 1.1 against torchvision: random weights, equal logits.

At 64 pixels a map of 14 in v1.0 and one of 31 in v1.1 are pooled; the former shows
whether sizes are rounded up.
"""

import copy

import pytest
import torch
import torchvision
from torchvision.models.squeezenet import Fire

from companion.models import SqueezeNet1_0, SqueezeNet1_1

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
SIDE = 64

pytestmark = pytest.mark.usefixtures("double_precision")

PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}


def fires(network):
    """Places of the eight fire modules, which torchvision counts with the poolings."""
    return [i for i, module in enumerate(network.features) if isinstance(module, Fire)]


def path_in(network):
    def path(name):
        """fire2_squeeze1x1 is the first fire module's squeeze."""
        if name in ("conv1", "conv10"):
            return {"conv1": "features.0", "conv10": "classifier.1"}[name]
        fire, part = name.removeprefix("fire").split("_")
        return f"features.{fires(network)[int(fire) - 2]}.{PARTS[part]}"

    return path


def pair(function):
    network = getattr(torchvision.models, function.__name__.lower())()
    model = function(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    return network, model


@pytest.mark.parametrize("function", [SqueezeNet1_0, SqueezeNet1_1])
def test_logits(function, transplant, difference):
    network, model = pair(function)
    transplant(network, model, path_in(network))
    assert difference(network, model) < TOLERANCE


def poolings_that_round_down(network):
    for module in network.features:
        if isinstance(module, torch.nn.MaxPool2d):
            module.ceil_mode = False


def expansions_exchanged(network):
    """The 3x3 maps before the 1x1 maps, in one module."""
    fire = network.features[fires(network)[3]]
    forward = fire.forward
    fire.forward = lambda x: torch.cat(forward(x).chunk(2, dim=1)[::-1], dim=1)


def linear_last_convolution(network):
    network.classifier[2] = torch.nn.Identity()


def padded_last_convolution(network):
    """As in the released Caffe network."""
    network.classifier[1].padding = (1, 1)


MISTAKES = [
    poolings_that_round_down,
    expansions_exchanged,
    linear_last_convolution,
    padded_last_convolution,
]


def test_mistakes_are_seen(transplant, difference):
    """Each keeps the parameters."""
    network, model = pair(SqueezeNet1_0)
    transplant(network, model, path_in(network))
    for mistake in MISTAKES:
        broken = copy.deepcopy(network)
        mistake(broken)
        assert difference(broken, model) > MISTAKE, mistake.__name__
