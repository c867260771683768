"""Blocks in a network of one's own: counts worked out by hand, and conformance.

`conv` and `bn` are the formulas of the text: a kernel sees its group's channels, and a
normalization trains two numbers per channel.
"""

import keras
import numpy as np
import pytest

from companion import blocks, conformance
from companion.complexity import count_params
from companion.models import resnet_cifar, resnet_v2, senet, wide_resnet

SIDE, CHANNELS = 16, 32


def conv(size, seen, filters):
    return size * size * seen * filters


def bn(channels):
    return 2 * channels


def depthwise(size, channels):
    return size * size * channels


CASES = {  # name: (block applied to 16x16x32, shape of its output, parameters)
    "basic": (
        lambda x: blocks.basic(x, 32, 1, "b"),
        (16, 16, 32),
        2 * (conv(3, 32, 32) + bn(32)),
    ),
    "bottleneck": (
        lambda x: blocks.bottleneck(x, 16, 2, "b"),
        (8, 8, 64),
        conv(1, 32, 16)
        + conv(3, 16, 16)
        + 2 * bn(16)
        + conv(1, 16, 64)
        + conv(1, 32, 64)
        + 2 * bn(64),
    ),
    "preactivated": (
        lambda x: blocks.preactivated(x, 8, 1, "b"),
        (16, 16, 32),
        bn(32) + conv(1, 32, 8) + bn(8) + conv(3, 8, 8) + bn(8) + conv(1, 8, 32),
    ),
    "aggregated": (
        lambda x: blocks.aggregated(x, 32, 16, 1, 4, "b"),
        (16, 16, 32),
        conv(1, 32, 16) + conv(3, 4, 16) + 2 * bn(16) + conv(1, 16, 32) + bn(32),
    ),
    "inception": (
        lambda x: blocks.inception(x, (8, 4, 6, 2, 3, 5), "b"),
        (16, 16, 8 + 6 + 3 + 5),
        conv(1, 32, 8 + 4 + 2 + 5)
        + conv(3, 4, 6)
        + conv(5, 2, 3)
        + (8 + 4 + 2 + 5 + 6 + 3),
    ),
    "separable": (
        lambda x: blocks.separable(x, 24, "b"),
        (16, 16, 24),
        depthwise(3, 32) + conv(1, 32, 24) + bn(24),
    ),
    "dense_basic": (
        lambda x: blocks.dense_block(x, blocks.dense_basic, 2, 4, "b"),
        (16, 16, 40),
        bn(32) + conv(3, 32, 4) + bn(36) + conv(3, 36, 4),
    ),
    "dense_bottleneck": (
        lambda x: blocks.dense_bottleneck(x, 4, "b"),
        (16, 16, 4),
        bn(32) + conv(1, 32, 16) + bn(16) + conv(3, 16, 4),
    ),
    "dense_block": (
        lambda x: blocks.dense_block(x, blocks.dense_bottleneck, 2, 4, "b"),
        (16, 16, 40),
        sum(bn(c) + conv(1, c, 16) + bn(16) + conv(3, 16, 4) for c in (32, 36)),
    ),
    "transition": (
        lambda x: blocks.transition(x, 0.5, "b"),
        (8, 8, 16),
        bn(32) + conv(1, 32, 16),
    ),
    "sk_unit": (
        lambda x: blocks.sk_unit(x, 64, 1, "b"),
        (16, 16, 64),
        conv(1, 32, 32)
        + bn(32)
        + 2 * (conv(3, 1, 32) + bn(32))
        + conv(1, 32, 32)
        + bn(32)
        + 2 * conv(1, 32, 32)
        + conv(1, 32, 64)
        + conv(1, 32, 64)
        + 2 * bn(64),
    ),
    "fire": (
        lambda x: blocks.fire(x, 4, 6, 8, "b"),
        (16, 16, 14),
        conv(1, 32, 4) + 4 + conv(1, 4, 6) + 6 + conv(3, 4, 8) + 8,
    ),
    "depthwise_separable": (
        lambda x: blocks.depthwise_separable(x, 48, 2, "b"),
        (8, 8, 48),
        depthwise(3, 32) + bn(32) + conv(1, 32, 48) + bn(48),
    ),
    "inverted_residual": (
        lambda x: blocks.inverted_residual(x, 32, 6, 1, "b"),
        (16, 16, 32),
        conv(1, 32, 192)
        + bn(192)
        + depthwise(3, 192)
        + bn(192)
        + conv(1, 192, 32)
        + bn(32),
    ),
    "excited_inverted_residual": (
        lambda x: blocks.excited_inverted_residual(
            x, 5, 64, 24, True, "hard_silu", 2, "b"
        ),
        (8, 8, 24),
        conv(1, 32, 64)
        + bn(64)
        + depthwise(5, 64)
        + bn(64)
        + (64 * 16 + 16 + 16 * 64 + 64)
        + conv(1, 64, 24)
        + bn(24),
    ),
    "mbconv": (
        lambda x: blocks.mbconv(x, 4, 5, 1, 32, 0.1, "b"),
        (16, 16, 32),
        conv(1, 32, 128)
        + bn(128)
        + depthwise(5, 128)
        + bn(128)
        + (128 * 8 + 8 + 8 * 128 + 128)
        + conv(1, 128, 32)
        + bn(32),
    ),
    "shuffle_unit": (
        lambda x: blocks.shuffle_unit(x, 96, 4, 2, "b"),
        (8, 8, 96),
        conv(1, 8, 24) + bn(24) + depthwise(3, 24) + bn(24) + conv(1, 6, 64) + bn(64),
    ),
    "split_shuffle_unit": (
        lambda x: blocks.split_shuffle_unit(x, 32, 1, "b"),
        (16, 16, 32),
        2 * (conv(1, 16, 16) + bn(16)) + depthwise(3, 16) + bn(16),
    ),
}


HALVED = {  # as above, with stride 2 and as many channels behind as before
    "basic": (
        lambda x: blocks.basic(x, 32, 2, "b"),
        2 * (conv(3, 32, 32) + bn(32)) + conv(1, 32, 32) + bn(32),
    ),
    "bottleneck": (
        lambda x: blocks.bottleneck(x, 8, 2, "b"),
        conv(1, 32, 8)
        + conv(3, 8, 8)
        + 2 * bn(8)
        + conv(1, 8, 32)
        + conv(1, 32, 32)
        + 2 * bn(32),
    ),
    "preactivated": (
        lambda x: blocks.preactivated(x, 8, 2, "b"),
        bn(32)
        + conv(1, 32, 8)
        + bn(8)
        + conv(3, 8, 8)
        + bn(8)
        + conv(1, 8, 32)
        + conv(1, 32, 32),
    ),
    "preactivated basic": (
        lambda x: resnet_v2.basic(x, 32, 2, "b"),
        2 * (bn(32) + conv(3, 32, 32)) + conv(1, 32, 32),
    ),
    "aggregated": (
        lambda x: blocks.aggregated(x, 32, 16, 2, 4, "b"),
        conv(1, 32, 16)
        + conv(3, 4, 16)
        + 2 * bn(16)
        + conv(1, 16, 32)
        + conv(1, 32, 32)
        + 2 * bn(32),
    ),
    "projected": (
        lambda x: resnet_cifar.projected(x, 32, 2, "b"),
        2 * (conv(3, 32, 32) + bn(32)) + conv(1, 32, 32) + bn(32),
    ),
    "wide": (
        lambda x: wide_resnet.wide_basic(x, 32, 2, 0.0, "b"),
        2 * (bn(32) + conv(3, 32, 32)) + conv(1, 32, 32),
    ),
    "excited": (
        lambda x: senet.bottleneck(x, 8, 2, "b", senet.standard),
        conv(1, 32, 8)
        + conv(3, 8, 8)
        + 2 * bn(8)
        + conv(1, 8, 32)
        + conv(1, 32, 32)
        + 2 * bn(32)
        + (32 * 2 + 2 + 2 * 32 + 32),
    ),
}


def network(block):
    """A model function whose middle is the block."""

    def build(input_shape=(SIDE, SIDE, CHANNELS), classes=10):
        image = keras.Input(input_shape)
        x = block(image)
        if classes is not None:
            x = keras.layers.GlobalAveragePooling2D()(x)
            x = keras.layers.Dense(classes)(x)
        return keras.Model(image, x)

    return build


def test_every_block_has_a_row():
    assert sorted(CASES) == sorted(blocks.__all__)


@pytest.mark.parametrize("name", CASES)
def test_shape_and_parameters(name):
    block, shape, params = CASES[name]
    model = network(block)(classes=None)
    assert model.output.shape == (None, *shape)
    assert count_params(model) == params


@pytest.mark.parametrize("name", CASES)
def test_conformance(name):
    block, shape, params = CASES[name]
    conformance.check_model(
        network(block),
        (SIDE, SIDE, CHANNELS),
        params=params + 10 * shape[-1] + 10,
        without=("macs", "channels"),
    )


@pytest.mark.parametrize("name", HALVED)
def test_a_stride_is_projected_also_where_the_channels_stay(name):
    """At 2x2 a sum with the input itself would broadcast, and forget the stride."""
    block, params = HALVED[name]
    for side in (2, None):
        image = keras.Input((side, side, CHANNELS))
        model = keras.Model(image, block(image))
        assert count_params(model) == params
        assert model(np.ones((1, 2, 2, CHANNELS), "float32")).shape == (1, 1, 1, 32)
    assert model(np.ones((1, 9, 6, CHANNELS), "float32")).shape == (1, 5, 3, 32)


WRONG = {  # call on 16x16x32: argument named, value received
    "basic": [
        (lambda x: blocks.basic(x, 0, 1, "b"), "filters=0"),
        (lambda x: blocks.basic(x, 32.0, 1, "b"), "filters=32.0"),
        (lambda x: blocks.basic(x, 32, True, "b"), "stride=True"),
    ],
    "bottleneck": [
        (lambda x: blocks.bottleneck(x, -8, 1, "b"), "filters=-8"),
        (lambda x: blocks.bottleneck(x, 8, 0, "b"), "stride=0"),
    ],
    "preactivated": [
        (lambda x: blocks.preactivated(x, "8", 1, "b"), "filters='8'"),
        (lambda x: blocks.preactivated(x, 8, (2, 2), "b"), r"stride=\(2, 2\)"),
    ],
    "aggregated": [
        (lambda x: blocks.aggregated(x, 32, 16, 1, 0, "b"), "cardinality=0"),
        (lambda x: blocks.aggregated(x, 32, 18, 1, 4, "b"), "width=18, cardinality=4"),
        (lambda x: blocks.aggregated(x, 32, None, 1, 4, "b"), "width=None"),
    ],
    "dense_basic": [(lambda x: blocks.dense_basic(x, 0, "b"), "growth=0")],
    "dense_bottleneck": [
        (lambda x: blocks.dense_bottleneck(x, 2.5, "b"), "growth=2.5")
    ],
    "dense_block": [
        (lambda x: blocks.dense_block(x, blocks.dense_basic, 0, 4, "b"), "count=0"),
        (lambda x: blocks.dense_block(x, blocks.dense_basic, 2, -4, "b"), "growth=-4"),
    ],
    "transition": [
        (lambda x: blocks.transition(x, 3, "b"), "compression=3"),
        (lambda x: blocks.transition(x, 0, "b"), "compression=0"),
        (
            lambda x: blocks.transition(x, 0.03, "b"),
            "compression=0.03",
        ),  # 0.96 channels
        (lambda x: blocks.transition(x, np.nan, "b"), "compression=nan"),
    ],
    "sk_unit": [
        (lambda x: blocks.sk_unit(x, 96, 1, "b"), "filters=96"),
        (lambda x: blocks.sk_unit(x, 64, -1, "b"), "stride=-1"),
    ],
    "residual": [  # without parameters it keeps the channels or doubles them
        (lambda x: resnet_cifar.residual(x, 32, 2, "b"), "filters=32, stride=2"),
        (lambda x: resnet_cifar.residual(x, 64, 1, "b"), "filters=64, stride=1"),
        (lambda x: resnet_cifar.residual(x, 96, 3, "b"), "filters=96, stride=3"),
    ],
    "wide": [
        (lambda x: wide_resnet.wide_basic(x, 32, 1, 1.0, "b"), "dropout=1.0"),
        (lambda x: wide_resnet.wide_bottleneck(x, 32, 0, 1, "b"), "widen=0"),
    ],
    "excited": [
        (lambda x: senet.aggregated(x, 32, 0, "b", senet.pre), "stride=0"),
        (lambda x: senet.inception(x, (8,) * 6, "median", "b"), "pooling='median'"),
    ],
}


@pytest.mark.parametrize(
    "block, received", [case for cases in WRONG.values() for case in cases]
)
def test_wrong_arguments_are_refused_in_words(block, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        block(keras.Input((SIDE, SIDE, CHANNELS)))


@pytest.mark.parametrize("name", CASES)
def test_maps_without_known_channels_are_refused(name):
    block, *_ = CASES[name]
    for shape in (
        (CHANNELS,),
        (SIDE, CHANNELS),
        (SIDE, SIDE, None),
        (4, 4, 4, CHANNELS),
    ):
        with pytest.raises(ValueError, match=r"known channels. Received: x="):
            block(keras.Input(shape))


@pytest.mark.parametrize("name", CASES)
def test_channels_first_is_refused(name):
    block, *_ = CASES[name]
    image = keras.Input((SIDE, SIDE, CHANNELS))
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="image_data_format='channels_first'"):
            block(image)
    finally:
        keras.config.set_image_data_format("channels_last")


INTEGERS = {  # the same block with another kind of integer
    "basic": lambda x, n: blocks.basic(x, n(8), n(2), "b"),
    "bottleneck": lambda x, n: blocks.bottleneck(x, n(8), n(2), "b"),
    "preactivated": lambda x, n: blocks.preactivated(x, n(8), n(2), "b"),
    "aggregated": lambda x, n: blocks.aggregated(x, n(32), n(16), n(2), n(4), "b"),
    "dense_block": lambda x, n: blocks.dense_block(
        x, blocks.dense_bottleneck, n(2), n(4), "b"
    ),
    "sk_unit": lambda x, n: blocks.sk_unit(x, n(64), n(2), "b"),
    "depthwise_separable": lambda x, n: blocks.depthwise_separable(x, n(48), n(2), "b"),
    "inverted_residual": lambda x, n: blocks.inverted_residual(
        x, n(8), n(6), n(2), "b"
    ),
    "mbconv": lambda x, n: blocks.mbconv(x, n(4), n(5), n(2), n(8), 0.1, "b"),
    "shuffle_unit": lambda x, n: blocks.shuffle_unit(x, n(96), n(4), n(2), "b"),
    "split_shuffle_unit": lambda x, n: blocks.split_shuffle_unit(x, n(64), n(2), "b"),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_numpy_integers_count_as_integers(name):
    image = keras.Input((SIDE, SIDE, CHANNELS), name="image")
    theirs, ours = (
        keras.Model(image, INTEGERS[name](image, kind), name="m")
        for kind in (np.int64, int)
    )
    assert theirs.to_json() == ours.to_json()
