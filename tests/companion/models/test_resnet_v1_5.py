"""ResNet v1.5: what differs from the paper's ResNet, and what does not.

Goyal et al., arXiv 1706.02677, Section 5.1. The logits are compared with torchvision
in tests/parity/torch.
"""

import functools

import keras
import pytest

from companion.models.resnet_v1_5 import ResNet50V1_5, ResNet101V1_5, ResNet152V1_5

BLOCKS = {  # He et al., arXiv 1512.03385, Table 1
    ResNet50V1_5: (3, 4, 6, 3),
    ResNet101V1_5: (3, 4, 23, 3),
    ResNet152V1_5: (3, 8, 36, 3),
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


@pytest.mark.parametrize("function", BLOCKS)
def test_blocks_and_maps_of_table_1(function):
    model = built(function)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    stages = zip((2, 3, 4, 5), BLOCKS[function], (56, 28, 14, 7), strict=True)
    for stage, count, side in stages:
        for block in range(1, count + 1):
            found = model.get_layer(f"conv{stage}_{block}_relu").output.shape[1:]
            assert found == (side, side, 2**stage * 64)
    blocks = sum(layer.name.endswith("_add") for layer in model.layers)
    assert blocks == sum(BLOCKS[function])


@pytest.mark.parametrize("function", BLOCKS)
def test_strides_are_in_the_3x3(function):
    """And in the shortcut beside it; the 1x1 before it sees every position."""
    model = built(function)
    found = {x.name for x in model.layers if getattr(x, "strides", 0) == (2, 2)}
    stages = {
        f"conv{stage}_1{part}" for stage in (3, 4, 5) for part in ("_2", "_shortcut")
    }
    assert found == stages | {"conv1", "pool1"}
    for stage in (3, 4, 5):
        assert model.get_layer(f"conv{stage}_1_2").kernel_size == (3, 3)


@pytest.mark.parametrize("function", BLOCKS)
def test_projections_stand_where_the_shape_changes(function):
    names = {layer.name for layer in built(function).layers}
    found = {name for name in names if name.endswith("_shortcut")}
    assert found == {f"conv{stage}_1_shortcut" for stage in (2, 3, 4, 5)}


def test_normalization_and_biases():
    for layer in built(ResNet50V1_5).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
