"""SKNet's stages and selective convolutions against the paper.

Li et al., arXiv 1903.06586: Table 1 gives the stages and SK[M, G, r], Section 3.1 the
width of the vector between. The counts are checked in test_contract.py, the logits are
compared with another implementation in tests/parity/torch.
"""

import functools

import keras
import numpy as np

from companion.complexity import count_macs, count_params
from companion.layers import SelectiveKernel
from companion.models import sknet
from companion.models.sknet import SKNet50


@functools.cache
def built():
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return SKNet50()


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def test_counts_of_table_2():
    """The authors print 27.5 million and 4.47 billion."""
    assert round(count_params(built()) / 1e6, 1) == 27.5
    assert count_macs(built()) == 4_462_710_784  # pytorchcv 0.0.74 and timm 1.0.31


def test_stages_of_table_1():
    model = built()
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    for stage, count, side, width in zip(
        (2, 3, 4, 5), (3, 4, 6, 3), (56, 28, 14, 7), (128, 256, 512, 1024), strict=True
    ):
        for number in range(1, count + 1):
            unit = f"conv{stage}_{number}"
            assert model.get_layer(f"{unit}_1").filters == width
            found = model.get_layer(f"{unit}_sk").output.shape[1:]
            assert found == (side, side, width)
            found = model.get_layer(f"{unit}_relu").output.shape[1:]
            assert found == (side, side, 2 * width)
    assert len(layers_of(model, SelectiveKernel)) == 16
    assert sknet.TABLE == {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
    for depth, counts in sknet.TABLE.items():
        assert 3 * sum(counts) + 2 == depth


def test_selective_convolutions():
    """SK[2, 32, 16]: a 3x3 and a dilated one in 32 groups, d = max(C / r, L = 32)."""
    for layer in layers_of(built(), SelectiveKernel):
        assert layer.small.kernel.shape == layer.large.kernel.shape
        assert layer.small.kernel_size == (3, 3)
        assert layer.small.groups == layer.large.groups == 32
        assert layer.reduce.units == max(layer.filters // 16, 32)
        assert layer.expand.units == 2 * layer.filters
        dilation = 1 if layer.strides == 2 else 2
        assert layer.large.dilation_rate == (dilation, dilation)
        assert not (layer.reduce.use_bias or layer.expand.use_bias)
    widths = [layer.reduce.units for layer in layers_of(built(), SelectiveKernel)]
    assert widths == [32] * 13 + [64] * 3


def test_strides_are_in_the_selective_convolutions():
    strided = {
        layer.name
        for layer in built().layers
        if getattr(layer, "strides", 0) in (2, (2, 2))
    }
    parts = ("sk", "shortcut")
    units = {f"conv{stage}_1_{part}" for stage in (3, 4, 5) for part in parts}
    assert strided == units | {"conv1", "pool1"}


def test_order_in_a_unit():
    """The selective convolution has its own normalization and ReLU."""
    model = built()
    assert inputs_of(model, "conv3_2_sk") == ["conv3_2_1_relu"]
    assert inputs_of(model, "conv3_2_3") == ["conv3_2_sk"]
    assert set(inputs_of(model, "conv3_2_add")) == {"conv3_2_3_bn", "conv3_1_relu"}
    assert "conv3_1_shortcut_bn" in inputs_of(model, "conv3_1_add")
    assert inputs_of(model, "conv3_2_relu") == ["conv3_2_add"]


def test_shortcuts_are_projected_where_the_width_changes():
    names = {layer.name for layer in built().layers}
    found = {name for name in names if name.endswith("_shortcut")}
    assert found == {f"conv{stage}_1_shortcut" for stage in (2, 3, 4, 5)}
    assert built().get_layer("conv2_1_shortcut").strides == (1, 1)


def test_normalization_and_biases():
    model = built()
    norms = layers_of(model, keras.layers.BatchNormalization)
    for layer in layers_of(model, SelectiveKernel):
        norms += [layer.small_norm, layer.large_norm, layer.reduce_norm]
        assert not (layer.small.use_bias or layer.large.use_bias)
    assert len(norms) == 1 + 2 * 16 + 4 + 3 * 16
    for norm in norms:
        assert (norm.epsilon, norm.momentum) == (1e-5, 0.95)
    for conv in layers_of(model, keras.layers.Conv2D):
        assert not conv.use_bias
    assert model.get_layer("fc").use_bias


def test_pooling_is_caffes_at_even_sides():
    """Windows 0-2, 2-4, 4-5 of six pixels; one zero on each side would move them."""
    pool = built().get_layer("pool1")
    images = np.arange(1.0, 37).reshape(1, 6, 6, 1)
    found = np.array(pool(images))[0, :, :, 0]
    last = [2, 4, 5]
    np.testing.assert_array_equal(found, images[0, :, :, 0][np.ix_(last, last)])
