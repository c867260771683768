"""Inception-v4 against the figures of the paper and the network that was released.

Szegedy et al., arXiv 1602.07261. The logits are compared with timm and pytorchcv in
tests/parity/torch.
"""

import functools

import keras
import pytest

from companion.models import InceptionV4


@functools.cache
def built(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return InceptionV4(**arguments)


MAPS = [  # Figures 3 and 9
    ("conv1", (149, 149, 32)),
    ("conv2", (147, 147, 32)),
    ("conv3", (147, 147, 64)),
    ("stem1", (73, 73, 160)),
    ("stem2", (71, 71, 192)),
    ("stem3", (35, 35, 384)),
    ("inception_a1", (35, 35, 384)),
    ("inception_a4", (35, 35, 384)),
    ("reduction_a", (17, 17, 1024)),
    ("inception_b1", (17, 17, 1024)),
    ("inception_b7", (17, 17, 1024)),
    ("reduction_b", (8, 8, 1536)),
    ("inception_c1", (8, 8, 1536)),
    ("inception_c3", (8, 8, 1536)),
    ("average", (1536,)),
    ("fc", (1000,)),
]


def test_maps_of_figures_3_and_9():
    for name, shape in MAPS:
        assert built().get_layer(name).output.shape[1:] == shape, name


def test_no_residual_connection():
    """Three concatenations in the stem, one for each module; nothing is added."""
    kinds = [type(layer).__name__ for layer in built().layers]
    assert kinds.count("Concatenate") == 3 + 4 + 1 + 7 + 1 + 3
    assert "Add" not in kinds


def test_reduction_a_of_table_1():
    """k, l, m, n = 192, 224, 256, 384."""
    parts = ("double3x3_reduce", "double3x3_1", "double3x3_2", "3x3")
    filters = [built().get_layer(f"reduction_a_{part}").filters for part in parts]
    assert filters == [192, 224, 256, 384]


def kernels(module):
    return [
        tuple(layer.kernel.shape)
        for layer in built().layers
        if layer.name.startswith(f"{module}_")
        and isinstance(layer, keras.layers.Conv2D)
    ]


@pytest.mark.parametrize(
    "kind, modules, size", [("a", 4, 7), ("b", 7, 10), ("c", 3, 10)]
)
def test_modules_of_a_kind_are_equal(kind, modules, size):
    first = kernels(f"inception_{kind}1")
    assert len(first) == size
    for number in range(2, modules + 1):
        assert sorted(kernels(f"inception_{kind}{number}")) == sorted(first)


def test_halving_uses_no_padding():
    strided = {
        x.name: x.padding for x in built().layers if getattr(x, "strides", 0) == (2, 2)
    }
    parts = ["conv1", "stem1_pool", "stem1_3x3", "stem3_3x3", "stem3_pool"]
    parts += ["reduction_a_3x3", "reduction_a_double3x3_2", "reduction_a_pool"]
    parts += ["reduction_b_3x3", "reduction_b_7x7_3", "reduction_b_pool"]
    assert strided == dict.fromkeys(parts, "valid")


def test_normalization_and_biases():
    for layer in built().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
    assert built().get_layer("drop").rate == 0.2
