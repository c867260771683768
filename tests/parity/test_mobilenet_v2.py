"""MobileNetV2 against keras.applications: random weights, equal logits."""

import keras
import pytest

from companion.models import MobileNetV2, mobilenet_v2

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 64

BLOCKS = [  # ours; theirs are numbered from 0
    f"block{row}_{number}"
    for row, (_, _, repetitions, _) in enumerate(mobilenet_v2.TABLE, start=1)
    for number in range(1, repetitions + 1)
]
ENDS = {
    "conv1": "Conv1",
    "conv1_bn": "bn_Conv1",
    "conv2": "Conv_1",
    "conv2_bn": "Conv_1_bn",
    "fc": "predictions",
}


def path(name):
    """block2_1_expand_bn -> block_1_expand_BN; the first one is expanded_conv."""
    if name in ENDS:
        return ENDS[name]
    row, number, *part = name.split("_")
    block = BLOCKS.index(f"{row}_{number}")
    prefix = f"block_{block}" if block else "expanded_conv"
    return "_".join([prefix, *part]).replace("_bn", "_BN")


def reference(width, side=SIDE):
    return keras.applications.MobileNetV2(
        alpha=width,
        weights=None,
        input_shape=(side, side, 3),
        classifier_activation=None,
    )


def build(width, side=SIDE):
    return MobileNetV2(
        width=width, input_shape=(side, side, 3), classifier_activation=None
    )


@pytest.mark.parametrize(
    "width, side", [(1.0, SIDE), (0.35, 96), (0.5, 32), (0.75, 32), (1.3, 32)]
)
def test_logits(width, side, adopt, distance):
    model, theirs = build(width, side), reference(width, side)
    adopt(model, theirs, path)
    assert distance(model, theirs) < TOLERANCE


def test_mistakes_are_seen(adopt, distance, monkeypatch):
    """Each keeps every shape, parameter count and multiply-add."""
    model, theirs = build(1.0), reference(1.0)
    adopt(model, theirs, path)
    strided, narrow = map(
        model.get_layer, ("block3_1_depthwise", "block3_2_project_bn")
    )

    norms = "block3_2_expand_bn", path("block3_2_expand_bn")
    for network, name in zip((model, theirs), norms, strict=True):
        norm = network.get_layer(name)
        norm.gamma.assign(8 * norm.gamma)  # so that ReLU6 meets its bound

    def symmetric(x, call=strided.call):
        return call(keras.layers.ZeroPadding2D(1)(x))

    def not_linear(x, call=narrow.call, **how):
        return keras.ops.relu6(call(x, **how))

    for layer, attributes in (
        ("block3_1_depthwise", {"padding": "valid", "call": symmetric}),
        ("block3_2_project_bn", {"call": not_linear}),
        ("block3_2_project_bn", {"epsilon": 1e-5}),
        ("block3_2_add", {"call": lambda maps: maps[0]}),
        ("block3_2_expand_relu", {"max_value": None}),
    ):
        with monkeypatch.context() as patch:
            for attribute, value in attributes.items():
                patch.setattr(model.get_layer(layer), attribute, value)
            assert distance(model, theirs) > 10 * TOLERANCE, (layer, attributes)
    assert distance(model, theirs) < TOLERANCE
