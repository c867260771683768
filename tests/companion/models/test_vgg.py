"""VGG's columns, kernels and pools against Table 1 of the paper.

Simonyan, Zisserman, arXiv 1409.1556. The logits are compared with other
implementations in tests/parity.
"""

import functools

import keras
import pytest

from companion.models.vgg import VGG11, VGG13, VGG16, VGG19

COLUMNS = {  # Table 1: conv3-<width>, and M for a maxpool
    VGG11: "64 M 128 M 256 256 M 512 512 M 512 512 M",  # A
    VGG13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",  # B
    VGG16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",  # D
    VGG19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M "
    "512 512 512 512 M",  # E
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


def of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("function", COLUMNS)
def test_column_of_table_1(function):
    column, side = [], 224
    for layer in built(function).layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            column.append(str(layer.filters))
        elif isinstance(layer, keras.layers.MaxPooling2D):
            column.append("M")
            side //= 2
        else:
            break
        assert layer.output.shape[1:3] == (side, side)
    assert " ".join(column) == COLUMNS[function]
    assert side == 7


@pytest.mark.parametrize("function", COLUMNS)
def test_depth_is_in_the_name(function):
    model = built(function)
    found = of(model, keras.layers.Conv2D) + of(model, keras.layers.Dense)
    assert len(found) == int(function.__name__.removeprefix("VGG"))


@pytest.mark.parametrize("function", COLUMNS)
def test_every_convolution_is_alike(function):
    """Section 2.1: 3x3, stride 1, padding 1, ReLU; pooling 2x2, stride 2."""
    for layer in of(built(function), keras.layers.Conv2D):
        assert (layer.kernel_size, layer.strides) == ((3, 3), (1, 1))
        assert (layer.padding, layer.use_bias) == ("same", True)
        assert layer.activation is keras.activations.relu
    for layer in of(built(function), keras.layers.MaxPooling2D):
        assert (layer.pool_size, layer.strides) == ((2, 2), (2, 2))


def test_classifier():
    """4096, 4096, 1000; ReLU and dropout behind the first two (Section 3.1)."""
    model = built(VGG16)
    names = [layer.name for layer in model.layers[-6:]]
    assert names == ["flatten", "fc6", "drop6", "fc7", "drop7", "fc8"]
    dense = of(model, keras.layers.Dense)
    assert [layer.units for layer in dense] == [4096, 4096, 1000]
    for layer in dense[:2]:
        assert layer.activation is keras.activations.relu
    for layer in of(model, keras.layers.Dropout):
        assert layer.rate == 0.5
