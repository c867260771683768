"""Inception-ResNet-v2 against keras.applications: random weights, equal logits.

Keras numbers most of its layers in the order in which it creates them, branch after
branch. The lists below give the branches of each module in that order; branches of
equal shape are told apart by their names.
"""

import re

import keras
import pytest

from companion.models import InceptionResNetV2

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 107  # maps of 11, 5 and 2 in the three kinds of modules

MIXED = "1x1 5x5_reduce 5x5 double3x3_reduce double3x3_1 double3x3_2 pool_proj"
A = "1x1 3x3_reduce 3x3 double3x3_reduce double3x3_1 double3x3_2"
HALVE_A = "3x3 double3x3_reduce double3x3_1 double3x3_2"
B = "1x1 7x7_reduce 7x7_1 7x7_2"
HALVE_B = "3x3a_reduce 3x3a 3x3b_reduce 3x3b double3x3_reduce double3x3_1 double3x3_2"
C = "1x1 3x3_reduce 3x3_1 3x3_2"
LAST = "last_inception_c"
CREATED = ["conv1", "conv2", "conv3", "conv4", "conv5"] + [
    f"{module}_{branch}"
    for modules, branches in (
        (["mixed"], MIXED),
        ([f"inception_a{number}" for number in range(1, 11)], A),
        (["reduction_a"], HALVE_A),
        ([f"inception_b{number}" for number in range(1, 21)], B),
        (["reduction_b"], HALVE_B),
        ([*(f"inception_c{number}" for number in range(1, 10)), LAST], C),
    )
    for module in modules
    for branch in branches.split()
]
BLOCKS = {"a": "block35", "b": "block17", "c": "block8"}
NAMED = {"conv7": "conv_7b", "conv7_bn": "conv_7b_bn", "fc": "predictions"}
NAMED |= {
    f"inception_{kind}{number}_expand": f"{block}_{number}_conv"
    for kind, block in BLOCKS.items()
    for number in range(1, 21)
}
NAMED[f"{LAST}_expand"] = "block8_10_conv"


def numbered(reference, kind):
    """Names that Keras gave, in the order of the numbers they end with."""
    names = [layer.name for layer in reference.layers if isinstance(layer, kind)]
    given = [name for name in names if name not in NAMED.values()]
    return sorted(given, key=lambda name: int(re.search(r"_(\d+)$|$", name)[1] or 0))


@pytest.fixture
def reference():
    keras.utils.set_random_seed(4)
    return keras.applications.InceptionResNetV2(
        weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


@pytest.fixture
def model(adopt, reference):
    kernels = numbered(reference, keras.layers.Conv2D)
    norms = numbered(reference, keras.layers.BatchNormalization)
    names = dict(zip(CREATED, kernels, strict=True))
    names |= {f"{ours}_bn": name for ours, name in zip(CREATED, norms, strict=True)}
    model = InceptionResNetV2(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    adopt(model, reference, (names | NAMED).get)
    return model


def test_logits_and_mistakes(model, distance, reference, monkeypatch):
    """Each mistake keeps every shape, parameter count and multiply-add."""
    assert distance(model, reference) < TOLERANCE
    for layer, attribute, value in (
        ("inception_a3_scale", "scale", 0.10),
        ("inception_b20_scale", "scale", 1.0),
        (f"{LAST}_scale", "scale", 0.20),
        ("inception_c9_relu", "call", lambda x: x),
        (f"{LAST}_add", "call", lambda xs: keras.ops.relu(xs[0] + xs[1])),
        ("conv3_bn", "epsilon", 1e-5),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert distance(model, reference) > 10 * TOLERANCE, layer
    first, second = (model.get_layer(f"reduction_b_3x3{end}_reduce") for end in "ab")
    kernels = first.get_weights(), second.get_weights()
    first.set_weights(kernels[1])
    second.set_weights(kernels[0])
    assert distance(model, reference) > 100 * TOLERANCE
