"""ResNeXt-50 against torchvision, ResNeXt-101 against timm, both 32x4d."""

import re

import numpy as np
import pytest
import timm
import torchvision

from companion.models import ResNeXt50, ResNeXt101

TOLERANCE = 1e-10  # of the largest logit
MISTAKE = 1e-3
GIVEN = {"input_shape": (64, 64, 3), "classifier_activation": None}

pytestmark = pytest.mark.usefixtures("double_precision")


def path(layer):
    """conv3_1_2_bn is layer2.0.bn2; the shortcut is layer2.0.downsample."""
    layer, bn = re.subn("_bn$", "", layer)
    if layer in ("conv1", "fc"):
        return "bn1" if bn else layer
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", layer).groups()
    unit = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "shortcut":
        return f"{unit}.downsample.{bn}"
    return f"{unit}.{'bn' if bn else 'conv'}{part}"


@pytest.mark.parametrize(
    "function, build",
    [
        (ResNeXt50, torchvision.models.resnext50_32x4d),
        (ResNeXt101, lambda: timm.create_model("resnext101_32x4d")),
    ],
)
def test_resnext(function, build, transplant, difference):
    network, model = build(), function(**GIVEN)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_interleaved_groups_are_seen(transplant, difference):
    """Output channels dealt to the groups in turn, as a shuffle would."""
    network, model = torchvision.models.resnext50_32x4d(), ResNeXt50(**GIVEN)
    transplant(network, model, path)
    layer = model.get_layer("conv4_2_2")
    (kernel,) = layer.get_weights()
    dealt = kernel.reshape(*kernel.shape[:-1], 32, -1).swapaxes(-1, -2)
    layer.set_weights([np.ascontiguousarray(dealt).reshape(kernel.shape)])
    assert difference(network, model) > MISTAKE
