"""DenseNets against keras.applications: random weights, equal logits.

The networks for CIFAR have no counterpart there; tests/parity/torch compares them.
"""

import re

import keras
import pytest

from companion.models import DenseNet121, DenseNet169, DenseNet201

TOLERANCE = 1e-4  # of the largest logit; 200 layers of float32 agree to about 1e-5
SMALL = {"input_shape": (64, 64, 3), "classifier_activation": None}


def path(name):
    """block1_2_1 -> conv2_block2_1_conv; its normalization has the number before."""
    if name in ("fc", "last_bn"):
        return {"fc": "predictions", "last_bn": "bn"}[name]
    kind = "bn" if name.endswith("_bn") else "conv"
    name = name.removesuffix("_bn")
    if name == "conv1":
        return f"conv1_{kind}"
    if name.startswith("transition"):
        return f"pool{int(name[-1]) + 1}_{kind}"
    block, layer, part = map(int, re.fullmatch(r"block(\d)_(\d+)_(\d)", name).groups())
    return f"conv{block + 1}_block{layer}_{part - (kind == 'bn')}_{kind}"


@pytest.mark.parametrize("function", [DenseNet121, DenseNet169, DenseNet201])
def test_logits(function, adopt, distance):
    theirs = getattr(keras.applications, function.__name__)(weights=None, **SMALL)
    model = function(**SMALL)
    adopt(model, theirs, path)
    assert distance(model, theirs) < TOLERANCE


def test_mistakes_are_seen(adopt, distance, monkeypatch):
    """Each keeps every shape, parameter count and multiply-add."""
    theirs = keras.applications.DenseNet121(weights=None, **SMALL)
    model = DenseNet121(**SMALL)
    adopt(model, theirs, path)
    for layer, call in (
        ("block2_1_concat", lambda maps: keras.ops.concatenate(maps[::-1], -1)),
        ("block2_2_1_bn", lambda x, **how: x),
        ("block2_2_2_relu", lambda x: x),
        ("transition2_pool", keras.layers.MaxPooling2D(2).call),
        ("last_relu", lambda x: x),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model.get_layer(layer), "call", call)
            assert distance(model, theirs) > 10 * TOLERANCE, layer
    assert distance(model, theirs) < TOLERANCE
