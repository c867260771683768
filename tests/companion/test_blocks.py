"""Blocks in a network of one's own: counts worked out by hand, and conformance.

`conv` and `bn` are the formulas of the text: a kernel sees its group's channels, and a
normalization trains two numbers per channel.
"""

import keras
import pytest

from companion import blocks, conformance
from companion.complexity import count_params

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
