"""The VGGs against torchvision.

torchvision pools the last map to 7x7, which changes nothing at 224 pixels. The images
here are smaller, so this step is taken out and the first dense layer is smaller too.
"""

import numpy as np
import pytest
import torchvision
from torch import nn

from companion.models import VGG11, VGG13, VGG16, VGG19

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
SIDE = 64  # pool5 is 2x2, so that the order of flattening matters

pytestmark = pytest.mark.usefixtures("double_precision")


def smaller(network):
    network.avgpool = nn.Identity()
    network.classifier[0] = nn.Linear(512 * 2 * 2, 4096)
    for layer in network.classifier:
        if isinstance(layer, nn.Linear):  # at He's scale the images reach the logits
            nn.init.kaiming_normal_(layer.weight)
    return network


def paths(network, model):
    """Both have their convolutions, and then their dense layers, in order."""
    names = [
        name for name, module in network.named_modules() if hasattr(module, "bias")
    ]
    layers = [layer.name for layer in model.layers if layer.weights]
    return dict(zip(layers, names, strict=True))


@pytest.mark.parametrize("function", [VGG11, VGG13, VGG16, VGG19])
def test_vgg(function, transplant, difference):
    network = smaller(getattr(torchvision.models, function.__name__.lower())())
    model = function(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    path = paths(network, model).get
    transplant(network, model, path, flattened={"fc6": (512, 2, 2)})
    assert difference(network, model) < TOLERANCE


def test_kernels_that_are_not_correlated_are_seen(transplant, difference):
    """A convolution in the mathematical sense turns the kernel around."""
    network = smaller(torchvision.models.vgg11())
    model = VGG11(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    path = paths(network, model).get
    transplant(network, model, path, flattened={"fc6": (512, 2, 2)})
    kernel, bias = model.get_layer("conv3_1").get_weights()
    model.get_layer("conv3_1").set_weights([np.flip(kernel, (0, 1)), bias])
    assert difference(network, model) > MISTAKE
