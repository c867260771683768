"""NiN for CIFAR against pytorchcv; NiN for ImageNet against its layers in torch."""

import pytest
from pytorchcv.model_provider import get_model
from torch import nn

from companion.models import NiN, NiNCIFAR

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3

pytestmark = pytest.mark.usefixtures("double_precision")


def path_cifar(name):
    """cccp2 is features.stage1.unit3; cccp6 is output.final_conv."""
    kind, number = name[:4], int(name[4:])
    if name == "cccp6":
        return "output.final_conv.conv"
    stage = number if kind == "conv" else (number + 1) // 2
    unit = 1 if kind == "conv" else 3 - number % 2
    return f"features.stage{stage}.unit{unit}.conv"


def test_nin_cifar(transplant, difference):
    network = get_model("nin_cifar10")
    model = NiNCIFAR(classifier_activation=None)
    transplant(network, model, path_cifar)
    assert difference(network, model) < TOLERANCE


def nin_imagenet():
    """The authors' Caffe definition; Caffe's rounding is torch's `ceil_mode`."""

    def mlpconv(channels, filters, size, stride, padding, first, second):
        return [
            nn.Conv2d(channels, filters, size, stride, padding),
            nn.ReLU(),
            nn.Conv2d(filters, first, 1),
            nn.ReLU(),
            nn.Conv2d(first, second, 1),
            nn.ReLU(),
        ]

    network = nn.Sequential(
        *mlpconv(3, 96, 11, 4, 0, 96, 96),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *mlpconv(96, 256, 5, 1, 2, 256, 256),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *mlpconv(256, 384, 3, 1, 1, 384, 384),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *mlpconv(384, 1024, 3, 1, 1, 1024, 1000),
        nn.AvgPool2d(6, 1),
        nn.Flatten(),
    )
    for module in network:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network


ORDER = (
    *("conv1", "cccp1", "cccp2"),
    *("conv2", "cccp3", "cccp4"),
    *("conv3", "cccp5", "cccp6"),
    *("conv4", "cccp7", "cccp8"),
)


def test_nin_imagenet(transplant, difference):
    network = nin_imagenet()
    found = [name for name, kind in network.named_modules() if hasattr(kind, "bias")]
    model = NiN(classifier_activation=None)
    transplant(network, model, dict(zip(ORDER, found, strict=True)).get)
    assert difference(network, model) < TOLERANCE


@pytest.mark.parametrize("mistake", ["average without the zeros", "maximum twice"])
def test_mistakes_are_seen(mistake, transplant, difference):
    network = get_model("nin_cifar10")
    model = NiNCIFAR(classifier_activation=None)
    transplant(network, model, path_cifar)
    if mistake == "maximum twice":
        network.features.stage3.pool3 = nn.MaxPool2d(3, 2, 1)
    else:
        network.features.stage3.pool3.count_include_pad = False
    assert difference(network, model) > MISTAKE
