"""MobileNetV1 against keras.applications: random weights, equal logits."""

import re

import keras
import pytest

from companion.models import MobileNetV1, mobilenet_v1

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64


def path(name):
    """block3_depthwise_bn -> conv_dw_3_bn."""
    if name == "fc":
        return "conv_preds"
    name = re.sub(r"block(\d+)_depthwise", r"conv_dw_\1", name)
    return re.sub(r"block(\d+)_pointwise", r"conv_pw_\1", name)


def reference(width, side=SIDE):
    return keras.applications.MobileNet(
        alpha=width,
        weights=None,
        input_shape=(side, side, 3),
        classifier_activation=None,
    )


def build(rows=mobilenet_v1.TABLE):
    return MobileNetV1(rows=rows, resolution=SIDE, classifier_activation=None)


@pytest.mark.parametrize(
    "width, side", [(1.0, SIDE), (0.75, 96), (0.5, 32), (0.25, 128), (1.25, 32)]
)
def test_logits(width, side, adopt, distance):
    theirs = reference(width, side)
    model = MobileNetV1(width=width, resolution=side, classifier_activation=None)
    adopt(model, theirs, path)
    assert distance(model, theirs) < TOLERANCE


def test_mistakes_are_seen(adopt, distance, monkeypatch):
    """Each keeps every shape, parameter count and multiply-add."""
    theirs, model = reference(1.0), build()
    adopt(model, theirs, path)
    for norm in (
        model.get_layer("block6_pointwise_bn"),
        theirs.get_layer("conv_pw_6_bn"),
    ):
        norm.gamma.assign(8 * norm.gamma)  # so that ReLU6 meets its bound
    strided = model.get_layer("block2_depthwise")

    def symmetric(x, call=strided.call):
        return call(keras.layers.ZeroPadding2D(1)(x))

    for layer, attributes in (
        ("block2_depthwise", {"padding": "valid", "call": symmetric}),
        ("block6_pointwise_relu", {"max_value": None}),
        ("block6_depthwise_relu", {"call": lambda x: x}),
        ("block6_depthwise_bn", {"epsilon": 1e-5}),
    ):
        with monkeypatch.context() as patch:
            for attribute, value in attributes.items():
                patch.setattr(model.get_layer(layer), attribute, value)
            assert distance(model, theirs) > 10 * TOLERANCE, layer
    assert distance(model, theirs) < TOLERANCE


def test_the_stride_that_table_1_prints_for_the_last_block_is_seen(adopt, distance):
    theirs, model = reference(1.0), build((*mobilenet_v1.TABLE[:-1], (2, 1024)))
    adopt(model, theirs, path)
    assert distance(model, theirs) > 100 * TOLERANCE
