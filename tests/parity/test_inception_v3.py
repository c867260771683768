"""Inception-v3 against keras.applications: random weights, equal logits.

Keras numbers its layers in the order in which it creates them, branch after branch. The
lists below give the branches of each module in that order; they are taken from the
figures of the paper, and branches of equal shape are told apart by their names.
"""

import re

import keras
import pytest

from companion.models import InceptionV3

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 139  # maps of 15, 7 and 3 in the three kinds of modules

KEEP_35 = "1x1 5x5_reduce 5x5 double3x3_reduce double3x3_1 double3x3_2 pool_proj"
HALVE_35 = "3x3 double3x3_reduce double3x3_1 double3x3_2"
KEEP_17 = (
    "1x1 7x7_reduce 7x7_1 7x7_2 "
    "double7x7_reduce double7x7_1 double7x7_2 double7x7_3 double7x7_4 pool_proj"
)
HALVE_17 = "3x3_reduce 3x3 7x7_reduce 7x7_1 7x7_2 7x7_3"
KEEP_8 = (
    "1x1 3x3_reduce 3x3_1 3x3_2 "
    "double3x3_reduce double3x3 double3x3_1 double3x3_2 pool_proj"
)
CREATED = ["conv1", "conv2", "conv3", "conv4", "conv5"] + [
    f"mixed_{module}_{branch}"
    for modules, branches in (
        ("5b 5c 5d", KEEP_35),
        ("6a", HALVE_35),
        ("6b 6c 6d 6e", KEEP_17),
        ("7a", HALVE_17),
        ("7b 7c", KEEP_8),
    )
    for module in modules.split()
    for branch in branches.split()
]


def numbered(reference, kind):
    """Names of all layers of one kind, in the order of the numbers they end with."""
    names = [layer.name for layer in reference.layers if isinstance(layer, kind)]
    return sorted(names, key=lambda name: int(re.search(r"_(\d+)$|$", name)[1] or 0))


def branch_average_with_zeros(x):
    """What torch does unless told otherwise: the padding counts."""
    padded = keras.layers.ZeroPadding2D(1)(x)
    return keras.layers.AveragePooling2D(3, strides=1)(padded)


@pytest.fixture
def reference():
    keras.utils.set_random_seed(3)
    return keras.applications.InceptionV3(
        weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


@pytest.fixture
def names(reference):
    kernels = numbered(reference, keras.layers.Conv2D)
    norms = numbered(reference, keras.layers.BatchNormalization)
    names = dict(zip(CREATED, kernels, strict=True))
    names |= {f"{ours}_bn": name for ours, name in zip(CREATED, norms, strict=True)}
    return names | {"fc": "predictions"}


def build():
    return InceptionV3(input_shape=(SIDE, SIDE, 3), classifier_activation=None)


def test_logits(adopt, distance, reference, names):
    model = build()
    adopt(model, reference, names.get)
    assert distance(model, reference) < TOLERANCE


def test_mistakes_are_seen(adopt, distance, reference, names, monkeypatch):
    """Each keeps every shape, parameter count and multiply-add."""
    model = build()
    adopt(model, reference, names.get)
    maximum = keras.layers.MaxPooling2D(3, strides=1, padding="same")
    for layer, attribute, value in (
        ("mixed_5c_pool", "call", branch_average_with_zeros),
        ("mixed_7c_pool", "call", maximum.call),
        ("mixed_6b_7x7_1_bn", "epsilon", 1e-5),
        ("mixed_7b_1x1_relu", "call", lambda x: x),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), attribute, value)
            assert distance(model, reference) > 10 * TOLERANCE, layer
    first, last = (model.get_layer(f"mixed_6e_{end}") for end in ("1x1", "pool_proj"))
    kernels = first.get_weights(), last.get_weights()
    first.set_weights(kernels[1])
    last.set_weights(kernels[0])
    assert distance(model, reference) > 100 * TOLERANCE
