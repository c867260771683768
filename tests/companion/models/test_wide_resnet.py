"""Wide ResNet's widths, order and dropout against the paper, and its relatives.

Zagoruyko, Komodakis, arXiv 1605.07146. The logits are compared with other
implementations in tests/parity/torch.
"""

import functools

import keras
import pytest

from companion.complexity import count_macs, count_params
from companion.models import wide_resnet
from companion.models.wide_resnet import WideResNet28_10, WideResNet50_2


@functools.cache
def built(function, *positional, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(*positional, **arguments)


def test_groups_of_table_1():
    """WRN-28-10: N = 4 blocks of two convolutions in each of three groups."""
    model = built(WideResNet28_10)
    assert model.get_layer("conv1").output.shape[1:] == (32, 32, 16)
    groups = zip((2, 3, 4), (32, 16, 8), (160, 320, 640), strict=True)
    for group, side, width in groups:
        for block in range(1, 5):
            for layer in "1", "2", "add":
                found = model.get_layer(f"conv{group}_{block}_{layer}").output.shape
                assert found[1:] == (side, side, width)
    kernels = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    shortcuts = [x.name for x in kernels if x.kernel_size == (1, 1)]
    assert shortcuts == [f"conv{group}_1_shortcut" for group in (2, 3, 4)]
    assert len(kernels) == 28  # the name counts the shortcuts, not the dense layer


@pytest.mark.parametrize(
    "depth, widen, params, macs",
    [(16, 10, 17_116_634, 2_412_173_568), (40, 8, 35_748_314, 5_172_024_320)],
)
def test_other_depths_and_widths(depth, widen, params, macs):
    """pytorchcv 0.0.74 wrn16_10_cifar10 and wrn40_8_cifar10."""
    model = built(wide_resnet.CifarWideResNet, depth, widen, name="other")
    assert count_params(model) == params
    assert count_macs(model) == macs


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def test_order_of_a_block():
    """Normalization, ReLU, convolution; a shortcut starts behind the first ReLU."""
    model = built(WideResNet28_10, dropout=0.3)
    order = [
        *("conv3_1_1_bn", "conv3_1_1_relu", "conv3_1_1_pad", "conv3_1_1"),
        *("conv3_1_2_bn", "conv3_1_2_relu", "conv3_1_drop", "conv3_1_2"),
    ]
    names, name = [], "conv3_1_2"
    while name != "conv2_4_add":
        names.insert(0, name)
        (name,) = inputs_of(model, name)
    assert names == order
    assert inputs_of(model, "conv3_1_shortcut") == ["conv3_1_1_relu"]
    assert inputs_of(model, "conv3_2_add") == ["conv3_2_2", "conv3_1_add"]


def test_dropout_is_off_unless_asked_for():
    def rates(model):
        return [x.rate for x in model.layers if isinstance(x, keras.layers.Dropout)]

    assert rates(built(WideResNet28_10)) == []
    assert rates(built(WideResNet28_10, dropout=0.3)) == [0.3] * 12


def test_only_the_3x3_of_a_bottleneck_is_wide():
    """WRN-50-2: 128, 128, 256 channels where ResNet-50 has 64, 64, 256."""
    model = built(WideResNet50_2)
    stages = zip((2, 3, 4, 5), (3, 4, 6, 3), (56, 28, 14, 7), strict=True)
    for stage, count, side in stages:
        for block in range(1, count + 1):
            widths = [
                model.get_layer(f"conv{stage}_{block}_{part}").filters
                for part in (1, 2, 3)
            ]
            assert widths == [2**stage * 32, 2**stage * 32, 2**stage * 64]
            found = model.get_layer(f"conv{stage}_{block}_relu").output.shape[1:]
            assert found == (side, side, 2**stage * 64)


def test_strides():
    """In the 3x3 of a bottleneck, in the first 3x3 of a CIFAR block."""
    stages = {
        f"conv{stage}_1{part}" for stage in (3, 4, 5) for part in ("_2", "_shortcut")
    }
    groups = {
        f"conv{group}_1{part}" for group in (3, 4) for part in ("_1", "_shortcut")
    }
    expected = {
        WideResNet50_2: stages | {"conv1", "pool1"},
        WideResNet28_10: groups,
    }
    for function, names in expected.items():
        layers = built(function).layers
        assert {x.name for x in layers if getattr(x, "strides", 0) == (2, 2)} == names


def test_normalization_and_biases():
    for function in (WideResNet50_2, WideResNet28_10):
        for layer in built(function).layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
            if isinstance(layer, keras.layers.Conv2D):
                assert not layer.use_bias


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_bad_dropout(dropout):
    with pytest.raises(ValueError, match=f"Received: dropout={dropout}"):
        WideResNet28_10(dropout=dropout)
