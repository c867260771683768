"""Right blocks written in many ways pass, wrong ones are caught: by chapter."""

import functools

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from companion import blocks
from companion.conformance import (
    BLOCK_CHECKS,
    ConformanceError,
    NotJudged,
    check_block,
    report_block,
)

SHAPE = (8, 7, 6)


def conv(x, filters, size=3, stride=1, norm=True, relu=True, **options):
    x = L.Conv2D(filters, size, stride, "same", use_bias=not norm, **options)(x)
    x = L.BatchNormalization()(x) if norm else x
    return L.ReLU()(x) if relu else x


# --- ResNet ---------------------------------------------------------------------------


def basic(x, filters, stride, middle=True, norm=True, size=3, early=False, add=True):
    y = conv(x, filters, size, stride, norm, relu=middle)
    y = conv(y, filters, size, norm=norm, relu=early)
    if not add:
        return L.ReLU()(y)
    if stride != 1 or x.shape[-1] != filters:
        x = conv(x, filters, 1, stride, norm, relu=False)
    return L.Add()([y, x]) if early else L.ReLU()(L.Add()([y, x]))


def basic_shortcut_first(x, filters, stride):
    """Right: other order, other epsilon, operators instead of layers."""
    short = x
    if stride != 1 or x.shape[-1] != filters:
        short = L.Conv2D(filters, 1, stride, use_bias=False)(x)
        short = L.BatchNormalization(epsilon=1e-5)(short)
    y = L.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
    y = L.Activation("relu")(L.BatchNormalization(epsilon=1e-5)(y))
    y = L.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    return ops.relu(short + L.BatchNormalization(epsilon=1e-5)(y))


def stopped(x, filters, stride):
    y = conv(conv(ops.stop_gradient(x), filters, 3, stride), filters, relu=False)
    if stride != 1 or x.shape[-1] != filters:
        x = conv(x, filters, 1, stride, relu=False)
    return L.ReLU()(L.Add()([y, x]))


def never_in_training(x, filters, stride):
    y = L.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y, training=False))
    y = conv(y, filters, relu=False)
    if stride != 1 or x.shape[-1] != filters:
        x = conv(x, filters, 1, stride, relu=False)
    return L.ReLU()(L.Add()([y, x]))


# --- ResNet v2, DenseNet, MobileNetV2, GoogLeNet --------------------------------------


def unit(x, filters, stride, raw=False, last=False, first=True):
    active = L.ReLU()(L.BatchNormalization()(x)) if first else x
    y = L.Conv2D(filters, 3, stride, "same", use_bias=False)(active)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = L.ReLU()(y) if last else y
    if x.shape[-1] != filters:
        x = L.Conv2D(filters, 1, stride, use_bias=False)(x if raw else active)
    return L.Add()([y, x])


def dense(x, count, growth, chain=False, before=True):
    y = x
    for _ in range(count):
        z = y if chain else x
        if before:
            z = L.ReLU()(L.BatchNormalization()(z))
        y = L.Conv2D(growth, 3, padding="same", use_bias=False)(z)
        if not before:
            y = L.ReLU()(L.BatchNormalization()(y))
        x = L.Concatenate()([x, y])
    return x


def inverted(x, filters, expansion, stride, early=False, full=False, act=6.0, last=0):
    def activated(y):
        return L.ReLU(act)(y) if act else y

    y = x
    if expansion > 1:
        y = L.Conv2D(
            expansion * x.shape[-1], 1, stride if early else 1, use_bias=False
        )(y)
        y = activated(L.BatchNormalization()(y))
    depth = {"strides": 1 if early else stride, "padding": "same", "use_bias": False}
    y = (
        L.Conv2D(y.shape[-1], 3, **depth)(y)
        if full
        else L.DepthwiseConv2D(3, **depth)(y)
    )
    y = activated(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(y))
    y = L.ReLU(6.0)(y) if last else y
    return y + x if stride == 1 and x.shape[-1] == filters else y


def module(x, widths, norm=False, once=False):
    a, b1, b3, c1, c3, d = widths
    last = conv(conv(x, c1, 1, norm=norm), c3, norm=norm)
    branches = [
        conv(x, a, 1, norm=norm),
        conv(conv(x, b1, 1, norm=norm), b3, norm=norm),
        last if once else conv(last, c3, norm=norm),
        conv(L.MaxPooling2D(3, 1, "same")(x), d, 1, norm=norm),
    ]
    return L.Concatenate()(branches)


def halve(x, first=False, sizes=(3, 3)):
    width = x.shape[-1]
    a = L.Conv2D(width, sizes[0], 2, padding="same")(x)
    b = L.MaxPooling2D(sizes[1], 2, padding="same")(x)
    if first:
        x = L.MaxPooling2D(2)(x)
        return L.Concatenate()([x, L.Conv2D(width, 3, padding="same")(x)])
    return L.Concatenate()([a, b])


def returns(what):
    return lambda x, *case: what


RESIDUAL = [(6, 1), (12, 2)]
DENSE = [(3, 2)]
MOBILE = [(6, 4, 1), (9, 4, 2), (6, 1, 1)]
WIDTHS = [((4, 3, 5, 2, 8, 7),)]
EITHER = [module, functools.partial(module, norm=True)]
part = functools.partial

RIGHT = {  # name: block, reference, cases
    "the residual block of the package, padded as in other frameworks": (
        lambda x, filters, stride: blocks.basic(x, filters, stride, "b"),
        [basic, lambda x, *case: blocks.basic(x, *case, "right")],
        RESIDUAL,
    ),
    "a residual block, shortcut first": (basic_shortcut_first, basic, RESIDUAL),
    "a pre-activation unit": (unit, unit, RESIDUAL),
    "a dense block": (dense, dense, DENSE),
    "the inverted residual of the package": (
        lambda x, *case: blocks.inverted_residual(x, *case, "b"),
        [inverted, lambda x, *case: blocks.inverted_residual(x, *case, "right")],
        MOBILE,
    ),
    "a module with batch norm": (part(module, norm=True), EITHER, WIDTHS),
    "a module without": (module, EITHER, WIDTHS),
    "a reduction": (halve, halve, [()]),
}

WRONG = {  # name: block, reference, cases, check
    "nothing": (returns(None), basic, RESIDUAL, "runs"),
    "an array": (returns(np.zeros(3)), basic, RESIDUAL, "runs"),
    "no ReLU in the middle": (part(basic, middle=False), basic, RESIDUAL, "values"),
    "no normalization": (part(basic, norm=False), basic, RESIDUAL, "weights"),
    "1x1 kernels": (part(basic, size=1), basic, RESIDUAL, "weights"),
    "ReLU before the sum": (part(basic, early=True), basic, RESIDUAL, "values"),
    "no shortcut": (part(basic, add=False), basic, RESIDUAL, "weights"),
    "stride lost": (
        lambda x, filters, stride: basic(x, filters, 1),
        basic,
        RESIDUAL,
        "shape",
    ),
    "a gradient stopped": (stopped, basic, RESIDUAL, "gradient"),
    "not normalized in training": (never_in_training, basic, RESIDUAL, "training"),
    "a unit that ends in ReLU": (part(unit, last=True), unit, RESIDUAL, "values"),
    "a unit that is not pre-activated": (
        part(unit, first=False),
        unit,
        RESIDUAL,
        "weights",
    ),
    "the raw input projected": (part(unit, raw=True), unit, RESIDUAL, "values"),
    "a chain": (part(dense, chain=True), dense, DENSE, "weights"),
    "activated afterwards": (part(dense, before=False), dense, DENSE, "weights"),
    "the expansion strides": (part(inverted, early=True), inverted, MOBILE, "values"),
    "a full 3x3": (part(inverted, full=True), inverted, MOBILE, "weights"),
    "linear": (part(inverted, act=None), inverted, MOBILE, "values"),
    "ReLU for ReLU6": (
        lambda *given: inverted(*given, act=1e9),
        inverted,
        MOBILE,
        "values",
    ),
    "activated after projecting": (part(inverted, last=1), inverted, MOBILE, "values"),
    "one 3x3 for two": (part(module, once=True), EITHER, WIDTHS, "weights"),
    "pooled first": (part(halve, first=True), halve, [()], "shape"),
    "5x5": (part(halve, sizes=(5, 3)), halve, [()], "weights"),
}


def only(check):
    """The check and those it needs: one network is built for each case of each."""
    return set(BLOCK_CHECKS) - {"runs", "shape", "weights", "values", check}


@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarm(name):
    block, reference, cases = RIGHT[name]
    check_block(block, reference, SHAPE, cases)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_block_is_caught(name):
    block, reference, cases, check = WRONG[name]
    with pytest.raises(ConformanceError) as caught:
        check_block(block, reference, SHAPE, cases, without=only(check))
    assert caught.value.check == check, str(caught.value)


def test_every_check_catches_a_mistake():
    assert {row[-1] for row in WRONG.values()} == {*BLOCK_CHECKS}


def test_a_known_mistake_gets_its_sentence():
    mistakes = {
        "Is something missing between the convolutions?": part(basic, middle=False),
        "What comes first, the sum or the ReLU?": part(basic, early=True),
    }
    for sentence, wrong in mistakes.items():
        with pytest.raises(ConformanceError) as caught:
            check_block(wrong, basic, SHAPE, RESIDUAL, mistakes=mistakes)
        assert str(caught.value).endswith(sentence)
    unknown = part(inverted, act=None)
    report = report_block(unknown, inverted, SHAPE, MOBILE, mistakes=mistakes)
    assert report["values"].hint == BLOCK_CHECKS["values"].hint


def test_a_frozen_block_is_caught():
    def frozen(x, filters, stride):
        return conv(x, filters, 3, stride, trainable=False)

    with pytest.raises(ConformanceError, match=r"^\[weights\].*trainable=False"):
        check_block(frozen, conv_block, SHAPE, RESIDUAL)


def conv_block(x, filters, stride):
    return conv(x, filters, 3, stride)


def test_no_answer_in_the_message():
    report = report_block(conv_block, basic, SHAPE, [(12, 2)])
    assert "3" not in report["weights"].observed.replace("(12, 2)", "")
    assert "Not run because `weights`" in report["values"].observed


def test_a_broken_reference_is_not_the_block_s_fault():
    with pytest.raises(NotJudged, match="The reference itself raised"):
        check_block(conv_block, lambda x: x, SHAPE, RESIDUAL)


def test_a_block_must_be_a_function():
    with pytest.raises(ValueError, match="Received: block="):
        check_block(keras.Input(SHAPE), basic, SHAPE)
