"""AlexNet's shapes, order and initial values against the paper's text.

Krizhevsky, Sutskever, Hinton (NIPS 2012): Section 3.5 gives the kernels, Figure 2 the
maps, Section 5 the initial values. The logits are compared in tests/parity.
"""

import keras
import numpy as np
import pytest

from companion.models import AlexNet, CaffeNet
from companion.receptive_field import receptive_field


def build(function=AlexNet, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


def order(model):
    return [layer.name for layer in model.layers]


PAPER = [  # layer, its output, its parameters
    ("conv1", (55, 55, 96), 34_944),
    ("pool1", (27, 27, 96), 0),
    ("conv2", (27, 27, 256), 307_456),
    ("pool2", (13, 13, 256), 0),
    ("conv3", (13, 13, 384), 885_120),
    ("conv4", (13, 13, 384), 663_936),
    ("conv5", (13, 13, 256), 442_624),
    ("pool5", (6, 6, 256), 0),
    ("fc6", (4096,), 37_752_832),
    ("fc7", (4096,), 16_781_312),
    ("fc8", (1000,), 4_097_000),
]


@pytest.mark.parametrize("function", [AlexNet, CaffeNet])
def test_shapes_and_parameters_of_every_layer(function):
    model = build(function)
    for name, shape, params in PAPER:
        layer = model.get_layer(name)
        assert layer.output.shape == (None, *shape)
        assert layer.count_params() == params
    assert sum(params for *_, params in PAPER) == 60_965_224 == model.count_params()


def test_the_paper_normalizes_before_it_pools():
    first = order(build())[1:7]
    assert first == ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2"]
    norm = build().get_layer("norm1")
    assert (norm.depth_radius, norm.bias, norm.alpha, norm.beta) == (2, 2.0, 1e-4, 0.75)


def test_caffenet_pools_before_it_normalizes():
    first = order(build(CaffeNet))[1:7]
    assert first == ["conv1", "pool1", "norm1", "conv2", "pool2", "norm2"]
    norm = build(CaffeNet).get_layer("norm2")
    assert (norm.depth_radius, norm.bias, norm.beta) == (2, 1.0, 0.75)
    assert norm.alpha == pytest.approx(1e-4 / 5, rel=1e-12)


def test_two_groups_where_the_two_gpus_did_not_talk():
    model = build()
    groups = [model.get_layer(f"conv{i}").groups for i in range(1, 6)]
    assert groups == [1, 2, 1, 2, 2]


def test_dropout_of_one_half_after_both_hidden_layers():
    model = build()
    assert order(model)[-5:] == ["fc6", "drop6", "fc7", "drop7", "fc8"]
    assert model.get_layer("drop6").rate == model.get_layer("drop7").rate == 0.5


def test_initial_values():
    model = AlexNet(classes=10)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            assert abs(kernel.mean()) < 1e-3
            assert kernel.std() == pytest.approx(0.01, rel=0.03)
            ones = layer.name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            assert np.all(bias == (1.0 if ones else 0.0)), layer.name


def test_field_of_the_last_map():
    """Araujo et al. (Distill 2019), alexnet_v2/pool5: the same kernels and strides."""
    field = receptive_field(build(classes=None), "pool5")
    assert (field.size, field.stride) == (195, 32)
    assert field.offset == -64


@pytest.mark.parametrize(
    "side, maps",
    [(227, [55, 27, 13, 6]), (224, [54, 26, 12, 5]), (67, [15, 7, 3, 1])],
)
def test_chain_of_sizes(side, maps):
    model = build(input_shape=(side, side, 3), classes=None)
    names = "conv1", "pool1", "pool2", "pool5"
    assert [model.get_layer(name).output.shape[1] for name in names] == maps


def test_the_224_pixels_of_the_text_give_another_network():
    lost = (6 * 6 - 5 * 5) * 256 * 4096
    small = build(input_shape=(224, 224, 3))
    assert small.count_params() == 60_965_224 - lost == 49_430_888
