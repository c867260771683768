"""ResNet v1.5 against torchvision, whose resnet50, resnet101 and resnet152 it is."""

import re

import keras
import pytest
import torchvision

from companion.models import ResNet50V1_5, ResNet101V1_5, ResNet152V1_5

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


@pytest.mark.parametrize("function", [ResNet50V1_5, ResNet101V1_5, ResNet152V1_5])
def test_resnet_v1_5(function, transplant, difference):
    network = getattr(torchvision.models, function.__name__[:-4].lower())()
    model = function(**GIVEN)
    transplant(network, model, path)
    assert difference(network, model) < TOLERANCE


def test_padding_on_one_side_is_seen(transplant, difference, monkeypatch):
    """What "same" does where the stride is 2: the grid moves by one pixel."""
    network, model = torchvision.models.resnet50(), ResNet50V1_5(**GIVEN)
    transplant(network, model, path)
    pads = [x for x in model.layers if isinstance(x, keras.layers.ZeroPadding2D)]
    monkeypatch.setattr(pads[-1], "padding", ((0, 2), (0, 2)))
    assert difference(network, model) > MISTAKE
