"""The CIFAR networks' layers and shortcuts against Section 4.2 of the paper.

He et al., arXiv 1512.03385. The logits are compared with other implementations in
tests/parity.
"""

import functools
import re

import keras
import numpy as np
import pytest

from companion.complexity import count_params
from companion.models import resnet_cifar
from companion.models.registry import MODELS

NETWORKS = [
    build for name, build in vars(resnet_cifar).items() if re.match("Res|Plain", name)
]


def depth(function):
    return int(re.search(r"\d+", function.__name__)[0])


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


def test_the_networks_of_the_paper_are_here():
    """n = 3, 5, 7, 9 with and without shortcuts, n = 18; Figure 6."""
    names = {function.__name__ for function in NETWORKS}
    depths = (20, 32, 44, 56, 110)
    expected = {f"{kind}{d}" for kind in ("ResNet", "PlainNet") for d in depths}
    assert names == expected | {"ResNet20Projection", "ResNet56Projection"}


@pytest.mark.parametrize("function", NETWORKS)
def test_table_of_section_4_2(function):
    """Maps of 32, 16, 8; 1 + 2n, 2n, 2n layers; 16, 32, 64 filters."""
    model, n = built(function), (depth(function) - 2) // 6
    kernels = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    main = [x for x in kernels if not x.name.endswith("shortcut")]
    found = [(x.output.shape[1], x.filters) for x in main]
    assert found == (1 + 2 * n) * [(32, 16)] + 2 * n * [(16, 32)] + 2 * n * [(8, 64)]
    assert {x.kernel_size for x in main} == {(3, 3)}
    assert len(main) + 1 == depth(function)
    assert [x.units for x in model.layers if isinstance(x, keras.layers.Dense)] == [10]


@pytest.mark.parametrize("function", NETWORKS)
def test_strides(function):
    model = built(function)
    found = {x.name for x in model.layers if getattr(x, "strides", 0) == (2, 2)}
    first = {"conv3_1_1", "conv4_1_1"}
    if function.__name__.startswith("Plain"):
        assert found == first
    elif function.__name__.endswith("Projection"):
        assert found == first | {"conv3_1_shortcut", "conv4_1_shortcut"}
    else:
        assert found == first | {"conv3_1_subsample", "conv4_1_subsample"}


@pytest.mark.parametrize("function", NETWORKS)
def test_shortcuts(function):
    """One around every two layers, none in a plain network; option A trains nothing."""
    model = built(function)
    sums = [x for x in model.layers if isinstance(x, keras.layers.Add)]
    plain = function.__name__.startswith("Plain")
    assert len(sums) == (0 if plain else (depth(function) - 2) // 2)
    trained = {x.name for x in model.layers if "shortcut" in x.name and x.weights}
    projected = function.__name__.endswith("Projection")
    parts = ("shortcut", "shortcut_bn")
    names = {f"conv{stage}_1_{part}" for stage in (3, 4) for part in parts}
    assert trained == (names if projected else set())


@pytest.mark.parametrize("number", [20, 32, 44, 56, 110])
def test_plain_and_residual_have_equal_parameters(number):
    """Section 4.2: "exactly the same depth, width, and number of parameters"."""
    plain, residual = (
        getattr(resnet_cifar, f"{kind}{number}") for kind in ("PlainNet", "ResNet")
    )
    assert count_params(built(plain)) == count_params(built(residual))
    shapes = [[w.shape for w in built(f).weights] for f in (plain, residual)]
    assert shapes[0] == shapes[1]


def test_parameters_of_table_6():
    """In millions, as the paper rounds them."""
    table = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85}
    for number, millions in table.items():
        assert round(MODELS[f"ResNet{number}"].params / 1e6, 2) == millions
    assert round(MODELS["ResNet110"].params / 1e6, 1) == 1.7


@pytest.mark.parametrize("height, width", [(8, 6), (7, 5)])
def test_option_a(height, width):
    """Every second pixel, the old channels first, then zeros; odd sizes round up."""
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    y = keras.ops.convert_to_numpy(resnet_cifar.every_second_pixel_and_zeros(x, "a"))
    assert y.shape == (2, -(-height // 2), -(-width // 2), 6)
    assert np.array_equal(y[..., :3], x[:, ::2, ::2])
    assert not y[..., 3:].any()


def test_a_residual_block_can_do_nothing():
    """Kernels of zeros: the block passes on its input, the plain one only zeros."""
    x = np.random.default_rng(0).uniform(size=(1, 4, 4, 16)).astype("float32")
    image = keras.Input((4, 4, 16))
    for block, expected in ((resnet_cifar.residual, x), (resnet_cifar.plain, 0 * x)):
        model = keras.Model(image, block(image, 16, 1, "block"))
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2D):
                layer.set_weights([np.zeros(layer.kernel.shape)])
        assert np.allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-6)


def test_normalization_and_biases():
    for function in NETWORKS:
        for layer in built(function).layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
            if isinstance(layer, keras.layers.Conv2D):
                assert not layer.use_bias
