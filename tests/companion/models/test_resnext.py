"""ResNeXt's widths, groups and strides against Table 1, and its two relatives.

Xie et al., arXiv 1611.05431. The logits are compared with other implementations in
tests/parity/torch.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.layers import GroupedConv2D
from companion.models import resnext
from companion.models.registry import MODELS
from companion.models.resnext import ResNeXt50, ResNeXt101

BLOCKS = {ResNeXt50: (3, 4, 6, 3), ResNeXt101: (3, 4, 23, 3)}


@functools.cache
def built(function, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


@pytest.mark.parametrize("function", BLOCKS)
def test_table_1(function):
    """conv2: 1x1 128, 3x3 128 with C = 32, 1x1 256; each stage doubles the widths."""
    model = built(function)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    stages = zip((2, 3, 4, 5), BLOCKS[function], (56, 28, 14, 7), strict=True)
    for stage, count, side in stages:
        for block in range(1, count + 1):
            name = f"conv{stage}_{block}"
            middle = model.get_layer(f"{name}_2")
            assert isinstance(middle, GroupedConv2D)
            assert (middle.groups, middle.kernel_size) == (32, (3, 3))
            assert middle.filters == model.get_layer(f"{name}_1").filters
            assert middle.filters == 2**stage * 32
            found = model.get_layer(f"{name}_relu").output.shape[1:]
            assert found == (side, side, 2**stage * 64)
    blocks = sum(layer.name.endswith("_add") for layer in model.layers)
    assert blocks == sum(BLOCKS[function])


@pytest.mark.parametrize("function", BLOCKS)
def test_strides_are_in_the_3x3(function):
    """Section 4: "in the 3x3 layer of the first block in each stage"."""
    model = built(function)
    found = {x.name for x in model.layers if getattr(x, "strides", 0) == (2, 2)}
    stages = {
        f"conv{stage}_1{part}" for stage in (3, 4, 5) for part in ("_2", "_shortcut")
    }
    assert found == stages | {"conv1", "pool1"}


def test_normalization_and_biases():
    for layer in built(ResNeXt50).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias


def test_64_paths():
    """pytorchcv 0.0.74 resnext101_64x4d."""
    model = built(ResNeXt101, cardinality=64)
    assert count_params(model) == 83_455_272
    assert count_macs(model) == 15_460_270_080


def test_one_path_of_64_is_resnet_50():
    model, entry = (
        built(ResNeXt50, cardinality=1, path_width=64),
        MODELS["ResNet50V1_5"],
    )
    assert count_params(model) == entry.params
    assert count_macs(model) == entry.macs
    assert not any(isinstance(layer, GroupedConv2D) for layer in model.layers)


def test_width_of_a_path():
    """32 paths of 8."""
    assert built(ResNeXt50, path_width=8).get_layer("conv2_1_2").filters == 256


def test_paths_of_a_block_are_added_up():
    """Figure 3a: 1x1 to d channels, 3x3, 1x1 back, path by path, then the sum."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 16)).astype("float32")
    image = keras.Input((6, 6, 16))
    model = keras.Model(image, resnext.aggregated(image, 16, 8, 1, 4, "block"))
    kernels = [model.get_layer(f"block_{n}").get_weights()[0] for n in (1, 2, 3)]
    one = np.float32(np.sqrt(1 + 1e-5))  # what batch normalization divides by at first
    total = np.zeros_like(x)
    for path in range(4):
        part = slice(2 * path, 2 * path + 2)
        z = keras.ops.relu(keras.ops.conv(x, kernels[0][..., part]) / one)
        z = keras.ops.conv(z, kernels[1][..., part], padding="same")
        z = keras.ops.relu(z / one)
        total += keras.ops.convert_to_numpy(keras.ops.conv(z, kernels[2][:, :, part]))
    expected = np.maximum(total / one + x, 0)
    assert np.allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-5)


@pytest.mark.parametrize("function", BLOCKS)
@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"cardinality": 0}, "cardinality=0"),
        ({"path_width": 4.0}, "path_width=4.0"),
    ],
)
def test_bad_arguments(function, arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        function(**arguments)
    assert rule in str(error.value)
