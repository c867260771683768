"""Blocks refuse what they cannot build, and say what they received."""

import keras
import pytest

from companion.blocks import (
    depthwise_separable,
    excited_inverted_residual,
    fire,
    inception,
    inverted_residual,
    mbconv,
    separable,
    shuffle_unit,
    split_shuffle_unit,
)

WRONG = [  # block, its arguments, what is received
    (depthwise_separable, (0, 1), "filters=0"),
    (depthwise_separable, (8, 1.5), r"stride=1\.5"),
    (excited_inverted_residual, (3, -16, 8, True, "relu", 1), "expanded=-16"),
    (excited_inverted_residual, (3, 16, 8, True, "relu", 0), "stride=0"),
    (fire, (4, 8, 0), "expand3x3=0"),
    (fire, (True, 8, 8), "squeeze1x1=True"),
    (inception, ((4, 4, 4, 4, 4),), r"widths=\(4, 4, 4, 4, 4\)"),
    (inception, ((4, 4, 4, 4, 4, 0),), "widths=0"),
    (inverted_residual, (8, -3, 1), "expansion=-3"),
    (inverted_residual, (8, 0.5, 1), r"expansion=0\.5"),
    (inverted_residual, ("8", 6, 1), "filters='8'"),
    (mbconv, (0, 3, 1, 8, 0.2), "expansion=0"),
    (mbconv, (6, 3, 1, 8, 1.0), r"drop_rate=1\.0"),
    (separable, (None,), "filters=None"),
    (shuffle_unit, (24, 2, 1), "filters=24, stride=1 for 12 channels"),
    (shuffle_unit, (12, 2, 2), "filters=12, stride=2 for 12 channels"),
    (shuffle_unit, (24, 2, 3), "filters=24, stride=3"),
    (shuffle_unit, (24, 0, 2), "groups=0"),
    (split_shuffle_unit, (24, 1), "filters=24, stride=1 for 12 channels"),
    (split_shuffle_unit, (12, 2), "filters=12, stride=2 for 12 channels"),
    (split_shuffle_unit, (25, 2), "filters=25"),
]


@pytest.mark.parametrize("block, arguments, received", WRONG)
def test_wrong_numbers(block, arguments, received):
    with pytest.raises(ValueError, match=f"Received: .*{received}"):
        block(keras.Input((8, 8, 12)), *arguments, name="block")


RIGHT = {
    depthwise_separable: (8, 1),
    excited_inverted_residual: (3, 16, 8, True, "relu", 1),
    fire: (4, 8, 8),
    inception: ((4, 4, 4, 4, 4, 4),),
    inverted_residual: (8, 6, 1),
    mbconv: (6, 3, 1, 8, 0.2),
    separable: (8,),
    shuffle_unit: (24, 2, 2),
    split_shuffle_unit: (24, 2),
}


@pytest.mark.parametrize("block", RIGHT)
@pytest.mark.parametrize("shape", [(12,), (8, 12), (8, 8, 8, 12), (8, 8, None)])
def test_wrong_maps(block, shape):
    with pytest.raises(ValueError, match=r"known channels.*Received: x="):
        block(keras.Input(shape), *RIGHT[block], name="block")


@pytest.mark.parametrize("block", RIGHT)
def test_channels_first(block):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="image_data_format='channels_first'"):
            block(keras.Input((8, 8, 12)), *RIGHT[block], name="block")
    finally:
        keras.config.set_image_data_format("channels_last")


def test_four_channels_for_a_gate():
    with pytest.raises(ValueError, match=r"at least 4.*Received: .*=3"):
        mbconv(keras.Input((8, 8, 3)), 6, 3, 1, 8, 0.0, name="block")
