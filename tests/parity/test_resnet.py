"""ResNet-50, 101 and 152 against keras.applications: random weights, equal logits.

These networks of keras.applications are the paper's, with the stride in the first 1x1.
Their convolutions have biases, which the normalization behind them makes superfluous;
here they are set to zero.
"""

import keras
import pytest

from companion.models import ResNet50, ResNet101, ResNet152

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64


def path(layer):
    """conv3_1_2_bn is conv3_block1_2_bn; a shortcut is number 0 of its block."""
    if layer == "fc":
        return "predictions"
    name = layer.removesuffix("_bn").replace("shortcut", "0").split("_")
    if len(name) > 1:
        name[1] = f"block{name[1]}"
    return "_".join(name) + ("_bn" if layer.endswith("_bn") else "_conv.kernel")


@pytest.fixture
def pair(request, adopt):
    keras.utils.set_random_seed(5)
    given = {"input_shape": (SIDE, SIDE, 3), "classifier_activation": None}
    theirs = getattr(keras.applications, request.param.__name__)
    model, reference = request.param(**given), theirs(weights=None, **given)
    adopt(model, reference, path)
    for layer in reference.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.bias.assign(keras.ops.zeros_like(layer.bias))
    return model, reference


def by_name(function):
    return function.__name__


@pytest.mark.parametrize(
    "pair", [ResNet50, ResNet101, ResNet152], ids=by_name, indirect=True
)
def test_logits(pair, distance):
    assert distance(*pair) < TOLERANCE


MISTAKES = {  # layer, attribute, value; shapes, parameters, multiply-adds stay
    "epsilon of Keras": ("conv4_2_2_bn", "epsilon", 1e-3),
    "no ReLU between 3x3 and 1x1": ("conv4_2_2_relu", "negative_slope", 1.0),
    "no ReLU after the addition": ("conv3_2_relu", "negative_slope", 1.0),
    "padding on one side only": ("pool1_pad", "padding", ((0, 2), (0, 2))),
}


@pytest.mark.parametrize("pair", [ResNet50], ids=by_name, indirect=True)
def test_mistakes_are_seen(pair, distance, monkeypatch):
    model, reference = pair
    for name, attribute, value in MISTAKES.values():
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(name), attribute, value)
            assert distance(model, reference) > 10 * TOLERANCE, (name, attribute)
    assert distance(model, reference) < TOLERANCE
