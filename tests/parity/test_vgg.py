"""VGG-16 and VGG-19 against keras.applications: random weights, equal logits."""

import keras
import numpy as np
import pytest

from companion.models import VGG16, VGG19

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64  # pool5 is 2x2, so that the order of flattening matters

DENSE = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}


def path(layer):
    return DENSE.get(layer) or f"block{layer[4]}_conv{layer[6]}"


@pytest.fixture(params=[VGG16, VGG19], ids=lambda function: function.__name__)
def pair(request, adopt):
    keras.utils.set_random_seed(5)
    given = {"input_shape": (SIDE, SIDE, 3), "classifier_activation": None}
    theirs = getattr(keras.applications, request.param.__name__)
    model, reference = request.param(**given), theirs(weights=None, **given)
    for layer in reference.layers:
        if layer.weights:  # from Glorot's to He's scale: the images reach the logits
            layer.kernel.assign(2**0.5 * layer.kernel)
    adopt(model, reference, path)
    return model, reference


def flatten_channels_first(kernel):
    return kernel.reshape(2, 2, 512, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


def test_logits_and_mistakes(pair, distance, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    model, reference = pair
    assert distance(model, reference) < TOLERANCE
    monkeypatch.setattr(model.get_layer("fc7"), "activation", keras.ops.tanh)
    assert distance(model, reference) > 100 * TOLERANCE
    monkeypatch.undo()
    kernel, bias = model.get_layer("fc6").get_weights()
    wrong = np.ascontiguousarray(flatten_channels_first(kernel))
    model.get_layer("fc6").set_weights([wrong, bias])
    assert distance(model, reference) > 100 * TOLERANCE
