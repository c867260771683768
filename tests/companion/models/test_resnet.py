"""ResNet's maps, blocks and strides against the paper and the released networks.

He et al., arXiv 1512.03385: Table 1 gives the maps and the blocks. The logits are
compared with other implementations in tests/parity.
"""

import functools

import keras
import pytest

from companion.models.resnet import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152

PAPER = {  # blocks, convolutions of a block, width of the last one; Table 1
    ResNet18: ((2, 2, 2, 2), 2, 1),
    ResNet34: ((3, 4, 6, 3), 2, 1),
    ResNet50: ((3, 4, 6, 3), 3, 4),
    ResNet101: ((3, 4, 23, 3), 3, 4),
    ResNet152: ((3, 8, 36, 3), 3, 4),
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


@pytest.mark.parametrize("function", PAPER)
def test_blocks_and_maps_of_table_1(function):
    blocks, convolutions, expansion = PAPER[function]
    model = built(function)
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    maps = zip((2, 3, 4, 5), blocks, (56, 28, 14, 7), (64, 128, 256, 512), strict=True)
    for stage, count, side, filters in maps:
        for block in range(1, count + 1):
            found = model.get_layer(f"conv{stage}_{block}_relu").output.shape[1:]
            assert found == (side, side, expansion * filters)
    kernels = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    main = [layer for layer in kernels if not layer.name.endswith("shortcut")]
    depth = int(function.__name__.removeprefix("ResNet"))
    assert len(main) + 1 == 1 + convolutions * sum(blocks) + 1 == depth


def strided(model):
    return {
        layer.name for layer in model.layers if getattr(layer, "strides", 0) == (2, 2)
    }


def test_strides_are_in_the_first_1x1():
    """KaimingHe/deep-residual-networks: res3a_branch2a, res4a_..., res5a_branch2a."""
    stages = {
        f"conv{stage}_1{part}" for stage in (3, 4, 5) for part in ("_1", "_shortcut")
    }
    assert strided(built(ResNet50)) == stages | {"conv1", "pool1"}
    assert built(ResNet50).get_layer("conv3_1_1").kernel_size == (1, 1)


def test_projections_stand_where_the_shape_changes():
    """Also in conv2_1 of a bottleneck network, there with stride 1."""
    for function, stages in ((ResNet34, (3, 4, 5)), (ResNet50, (2, 3, 4, 5))):
        names = {layer.name for layer in built(function).layers}
        found = {name for name in names if name.endswith("_shortcut")}
        assert found == {f"conv{stage}_1_shortcut" for stage in stages}
    assert built(ResNet50).get_layer("conv2_1_shortcut").strides == (1, 1)


def test_normalization_and_biases():
    for layer in built(ResNet50).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
