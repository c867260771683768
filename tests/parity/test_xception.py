"""Xception against keras.applications: random weights, equal logits.

keras.applications holds a depthwise and a pointwise kernel in one SeparableConv2D; the
companion model has a layer for each. Shortcuts are the only layers that Keras numbers.
"""

import re

import keras
import pytest

from companion.models import Xception

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 75  # maps of 35, 18, 9, 5 and 3: poolings of odd and of even size

PARTS = {"depthwise": ".depthwise_kernel", "pointwise": ".pointwise_kernel"}
HALVING = (2, 3, 4, 13)


def numbered(reference, kind):
    """Names that Keras gave, in the order of the numbers they end with."""
    names = [layer.name for layer in reference.layers if isinstance(layer, kind)]
    given = [name for name in names if not name.startswith("block")]
    return sorted(given, key=lambda name: int(re.search(r"_(\d+)$|$", name)[1] or 0))


@pytest.fixture
def reference():
    keras.utils.set_random_seed(5)
    return keras.applications.Xception(
        weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


@pytest.fixture
def model(adopt, reference):
    kernels = numbered(reference, keras.layers.Conv2D)
    norms = numbered(reference, keras.layers.BatchNormalization)
    names = {"fc": "predictions"}
    for block, kernel, norm in zip(HALVING, kernels, norms, strict=True):
        names[f"block{block}_shortcut"] = kernel
        names[f"block{block}_shortcut_bn"] = norm

    def path(layer):
        if layer in names:
            return names[layer]
        if match := re.fullmatch(r"conv(\d)(_bn)?", layer):
            return f"block1_conv{match[1]}{match[2] or ''}"
        block, number, part = re.fullmatch(r"(block\d+)_(\d)_(\w+)", layer).groups()
        return f"{block}_sepconv{number}" + PARTS.get(part, "_bn")

    model = Xception(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    adopt(model, reference, path)
    return model


def test_logits_and_mistakes(model, distance, reference, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    assert distance(model, reference) < TOLERANCE
    relu = keras.ops.relu
    for layer, attribute, value in (
        ("block4_2_depthwise", "activation", relu),  # what the paper advises against
        ("block5_1_relu", "call", lambda x: x),
        ("block14_1_pointwise_bn", "epsilon", 1e-5),
        ("block12", "call", lambda xs: relu(xs[0] + xs[1])),
        ("block3_pool", "call", lambda x: keras.ops.average_pool(x, 3, 2, "same")),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert distance(model, reference) > 10 * TOLERANCE, layer
    first, second = (model.get_layer(f"block7_{number}_depthwise") for number in "12")
    kernels = first.get_weights(), second.get_weights()
    first.set_weights(kernels[1])
    second.set_weights(kernels[0])
    assert distance(model, reference) > 100 * TOLERANCE
