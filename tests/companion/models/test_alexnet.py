"""AlexNet's shapes, order and initial values against the paper's text.

Krizhevsky, Sutskever, Hinton (NIPS 2012): Section 3.5 gives the kernels, Figure 2 the
maps, Section 5 the initial values. The logits are compared in tests/parity.
"""

import keras
import numpy as np
import pytest

from companion.models import AlexNet, AlexNetTwoCards, CaffeNet
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


@pytest.mark.parametrize("function", [AlexNet, AlexNetTwoCards, CaffeNet])
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


# --- the authors' network: 224x224, and each card on its own


@pytest.mark.parametrize(
    "side, maps", [(224, [55, 27, 13, 6]), (227, [55, 27, 13, 6]), (64, [15, 7, 3, 1])]
)
def test_the_authors_count_windows_by_rounding_up(side, maps):
    """layer.py of cuda-convnet2: 1 + ceil((2 * padding + imgSize - filterSize) / s)."""
    model = build(AlexNetTwoCards, input_shape=(side, side, 3), classes=None)
    names = "conv1", "pool1", "pool2", "pool5"
    assert [model.get_layer(name).output.shape[1] for name in names] == maps
    assert maps[0] == 1 - (side - 11) // -4


def test_each_card_normalizes_its_own_channels():
    """layers-imagenet-2gpu-model.cfg: rnorm1a and b of 48, rnorm2a and b of 128."""
    model = build(AlexNetTwoCards)
    for name, channels in (("norm1a", 48), ("norm1b", 48), ("norm2a", 128)):
        norm = model.get_layer(name)
        assert norm.output.shape[-1] == channels
        assert (norm.depth_radius, norm.bias, norm.alpha) == (2, 2.0, 1e-4)


def test_at_the_edge_the_last_window_reads_zeros():
    """So a 224x224 image is a 227x227 one whose last rows and columns are black."""
    keras.utils.set_random_seed(0)
    authors = AlexNetTwoCards(classes=None)
    image = np.random.default_rng(0).normal(0, 60, (1, 224, 224, 3)).astype("float32")
    wide = np.pad(image, ((0, 0), (0, 3), (0, 3), (0, 0)))
    caffe = AlexNet(classes=None)
    caffe.set_weights(authors.get_weights())
    ends = [keras.Model(m.input, m.get_layer("conv1").output) for m in (authors, caffe)]
    assert np.allclose(ends[0](image), ends[1](wide), atol=1e-4)


def silenced(function):
    """Layer: channels that change when the second card's conv1 falls silent."""
    keras.utils.set_random_seed(1)
    model = function(classes=None)
    image = np.random.default_rng(1).normal(0, 60, (1, *model.input.shape[1:]))
    names = ["conv2", "pool2", "conv3", "conv5"]
    ends = keras.Model(model.input, [model.get_layer(name).output for name in names])
    before = [np.array(y) for y in ends(image.astype("float32"))]
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[..., 48:] = 0
    model.get_layer("conv1").set_weights([kernel, bias])
    after = [np.array(y) for y in ends(image.astype("float32"))]
    changed = [(a != b).any((0, 1, 2)) for a, b in zip(before, after, strict=True)]
    return dict(zip(names, changed, strict=True))


def test_a_silent_card_changes_nothing_on_the_other_before_conv3():
    changed = silenced(AlexNetTwoCards)
    assert not changed["conv2"][:128].any() and changed["conv2"][128:].all()
    assert not changed["pool2"][:128].any() and changed["pool2"][128:].all()
    assert changed["conv3"].mean() > 0.9, "conv3 reads both cards"


def test_normalization_over_all_channels_lets_the_cards_talk():
    """Channels 46 and 47 have neighbours on the other card."""
    changed = silenced(AlexNet)
    assert changed["conv2"][:128].sum() > 100


def test_conv4_and_conv5_stay_on_a_card():
    keras.utils.set_random_seed(1)
    model = AlexNetTwoCards(classes=None)
    tail = keras.Model(model.get_layer("conv3").output, model.get_layer("pool5").output)
    maps = np.random.default_rng(2).normal(0, 1, (1, 13, 13, 384)).astype("float32")
    before = np.array(tail(maps))
    maps[..., 192:] = 0
    changed = (np.array(tail(maps)) != before).any((0, 1, 2))
    assert not changed[:128].any() and changed[128:].all()
