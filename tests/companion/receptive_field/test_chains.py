"""Chains of layers: fields found numerically, with torch or TensorFlow gradients."""

import keras
import numpy as np
import pytest

from companion import receptive_field as rf

from .nets import conv, image_input, numbers, padded

ALEXNET = [
    (11, 4, 2, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1),
    (3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1),
]  # fmt: skip


ZFNET = [
    (7, 2, 1, 1), (3, 2, 1, 1), (5, 2, 0, 1), (3, 2, 1, 1),
    (3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1),
]  # fmt: skip
C3, POOL = (3, 1, 1, 1), (2, 2, 0, 1)


CHAINS = {  # layers, size, stride, padding, outputs, input
    "9x9": ([(9, 1, 4, 1)], 9, 1, 4, 101, 101),
    "two 3x3": ([C3] * 2, 5, 1, 2, 101, 101),
    "three 3x3": ([C3] * 3, 7, 1, 3, 101, 101),
    "dilated": ([(3, 1, d, d) for d in (1, 2, 4)], 15, 1, 7, 101, 101),
    "context module": (
        [(3, 1, d, d) for d in (1, 1, 2, 4, 8, 16, 1)], 67, 1, 33, 301, 301,
    ),
    "alexnet_v2": ([(11, 4, 0, 1), *ALEXNET[1:]], 195, 32, 64, 32, 1059),
    "torchvision alexnet": (ALEXNET, 195, 32, 66, 32, 1059),
    "zfnet": (ZFNET, 171, 32, 59, 36, 1200),
    "vgg_a": (
        [C3, POOL, C3, POOL, C3, C3, POOL, C3, C3, POOL, C3, C3, POOL],
        150, 32, 59, 32, 1024,
    ),
    "vgg_19": (
        ([C3] * 2 + [POOL]) * 2 + ([C3] * 4 + [POOL]) * 3, 268, 32, 118, 32, 1024,
    ),
    "lenet5": ([(5, 1, 0, 1), POOL] * 2, 16, 4, 0, 13, 64),
    "unet": (
        ([(3, 1, 0, 1)] * 2 + [POOL]) * 4 + [(3, 1, 0, 1)] * 2, 140, 16, 0, 58, 1052,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name):
    chain, size, stride, padding, outputs, pixels = CHAINS[name]
    image = x = image_input(pixels)
    for kernel, step, pad, dilation in chain:
        x = conv(padded(x, pad), kernel, step, "valid", dilation)
    field = rf.receptive_field(keras.Model(image, x))
    assert numbers(field) == (size, stride, -padding)
    assert field.units == (outputs, outputs)
    assert numbers(rf.compose(chain)) == (size, stride, -padding)


@pytest.mark.parametrize(
    "chain",
    [
        [(0, 1, 0, 1)],
        [(3, 0, 0, 1)],
        [(3, 1, -1, 1)],
        [(3, 1, 0, 0)],
        [(3, 1, 0)],
        [3],
        [(3.0, 1, 0, 1)],
        [(True, 1, 0, 1)],
        [("3", 1, 0, 1)],
        [((3, 3, 3), 1, 0, 1)],
        [None],
        (3, 1, 0, 1),
        7,
    ],
)
def test_compose_rejects(chain):
    with pytest.raises(ValueError, match="Received: "):
        rf.compose(chain)


def test_compose_reads_any_series_of_layers():
    chain = [(3, 2, 1, 1), (np.int64(3), 1, 1, 1)]
    expected = (7, 2, -3)
    assert numbers(rf.compose(chain)) == expected
    assert numbers(rf.compose(iter(chain))) == expected
    assert numbers(rf.compose(tuple(chain))) == expected
