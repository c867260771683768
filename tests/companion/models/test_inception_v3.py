"""Inception-v3 against the paper's Table 1 and the network that its authors released.

Szegedy et al., arXiv 1512.00567. The logits are compared in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.models import InceptionV3, inception_v3


@functools.cache
def built(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return InceptionV3(**arguments)


MAPS = [  # Table 1 prints the first six and the last of each kind; released network
    ("conv1", (149, 149, 32)),
    ("conv2", (147, 147, 32)),
    ("conv3", (147, 147, 64)),
    ("pool3", (73, 73, 64)),
    ("conv4", (73, 73, 80)),
    ("conv5", (71, 71, 192)),
    ("pool5", (35, 35, 192)),
    ("mixed_5b", (35, 35, 256)),
    ("mixed_5c", (35, 35, 288)),
    ("mixed_5d", (35, 35, 288)),
    ("mixed_6a", (17, 17, 768)),
    ("mixed_6b", (17, 17, 768)),
    ("mixed_6c", (17, 17, 768)),
    ("mixed_6d", (17, 17, 768)),
    ("mixed_6e", (17, 17, 768)),
    ("mixed_7a", (8, 8, 1280)),
    ("mixed_7b", (8, 8, 2048)),
    ("mixed_7c", (8, 8, 2048)),
    ("average", (2048,)),
    ("fc", (1000,)),
]


def test_maps():
    for name, shape in MAPS:
        assert built().get_layer(name).output.shape[1:] == shape, name


def windows(row):
    """Kernel of every convolution of a module."""
    return {
        layer.name.removeprefix(f"{row}_"): (layer.kernel_size, layer.filters)
        for layer in built().layers
        if layer.name.startswith(f"{row}_") and isinstance(layer, keras.layers.Conv2D)
    }


def test_module_of_figure_6():
    """A 7x7 in one dimension after the other; its width grows from 6b to 6e."""
    for row, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        assert windows(f"mixed_{row}") == {
            "1x1": ((1, 1), 192),
            "7x7_reduce": ((1, 1), width),
            "7x7_1": ((1, 7), width),
            "7x7_2": ((7, 1), 192),
            "double7x7_reduce": ((1, 1), width),
            "double7x7_1": ((7, 1), width),
            "double7x7_2": ((1, 7), width),
            "double7x7_3": ((7, 1), width),
            "double7x7_4": ((1, 7), 192),
            "pool_proj": ((1, 1), 192),
        }


def test_module_of_figure_7():
    """1x3 and 3x1 see the same map, side by side."""
    for row in "mixed_7b", "mixed_7c":
        for fork, source in (("3x3", "3x3_reduce"), ("double3x3", "double3x3")):
            sides = [built().get_layer(f"{row}_{fork}_{number}") for number in (1, 2)]
            assert [side.kernel_size for side in sides] == [(1, 3), (3, 1)]
            for side in sides:
                before = side.input._keras_history.operation.name
                assert before == f"{row}_{source}_relu"
        concatenated = [x.shape[-1] for x in built().get_layer(row).input]
        assert concatenated == [320, 384, 384, 384, 384, 192]


def test_halving_uses_no_padding():
    strided = {
        x.name: x.padding for x in built().layers if getattr(x, "strides", 0) == (2, 2)
    }
    parts = ["mixed_6a_3x3", "mixed_6a_double3x3_2", "mixed_6a_pool"]
    parts += ["mixed_7a_3x3", "mixed_7a_7x7_3", "mixed_7a_pool"]
    assert strided == dict.fromkeys(["conv1", "pool3", "pool5", *parts], "valid")


def test_normalization_and_biases():
    for layer in built(auxiliary=True).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
            assert layer.scale
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
    assert built().get_layer("drop").rate == 0.2
    gammas = [x for x in built().weights if x.name == "gamma"]
    assert sum(gamma.shape[0] for gamma in gammas) == 17_216
    assert len(gammas) == 94


def test_averages_leave_the_padding_out():
    for row in "5b", "6b", "7c":
        pool = built().get_layer(f"mixed_{row}_pool")
        ones = keras.ops.convert_to_numpy(pool(np.ones((1, 4, 4, 1), "float32")))
        np.testing.assert_allclose(ones, 1, rtol=1e-6)


def test_auxiliary_head():
    """27,161,264 parameters with it, in timm and torchvision."""
    model = built(auxiliary=True)
    assert model.count_params() == 27_161_264 + 36_224  # moving averages
    assert model.output_names == ["fc", "auxiliary_6e"]
    shapes = {"pool": (5, 5, 768), "reduce": (5, 5, 128), "5x5": (1, 1, 768)}
    for part, shape in shapes.items():
        assert model.get_layer(f"auxiliary_6e_{part}").output.shape[1:] == shape
    before = model.get_layer("auxiliary_6e_pool").input._keras_history.operation
    assert before.name == "mixed_6e"
    assert "auxiliary_6e" not in {layer.name for layer in built().layers}


def test_arguments_reach_the_head():
    model = built(classes=7, classifier_activation=None, auxiliary=True)
    for output in model.output_names:
        assert model.get_layer(output).output.shape == (None, 7)
        assert model.get_layer(output).activation is keras.activations.linear


MODULES = [  # block, its arguments, output channels of a map of 11x9 with 5 channels
    (inception_v3.inception_a, (32,), (11, 9, 64 + 64 + 96 + 32)),
    (inception_v3.reduction_a, (), (5, 4, 384 + 96 + 5)),
    (inception_v3.inception_b, (128,), (11, 9, 768)),
    (inception_v3.reduction_b, (), (5, 4, 320 + 192 + 5)),
    (inception_v3.inception_c, (), (11, 9, 2048)),
]


@pytest.mark.parametrize("block, arguments, shape", MODULES)
def test_modules_stand_alone(block, arguments, shape):
    with keras.StatelessScope(initialize_variables=False):
        module = block(keras.Input((11, 9, 5)), *arguments, "module")
    assert module.shape == (None, *shape)


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"auxiliary": True, "input_shape": (299, 298, 3)}, "299 or more"),
        ({"auxiliary": True, "classes": None}, "needs `classes`"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        InceptionV3(**arguments)
    assert rule in str(error.value)
