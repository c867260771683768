"""ResNet v2's order of operations against the paper, and its relatives.

He et al., *Identity Mappings in Deep Residual Networks*, arXiv 1603.05027. The logits
are compared with other implementations in tests/parity/torch.
"""

import functools

import keras
import pytest

from companion.complexity import count_macs
from companion.models.resnet_v2 import ResNet18V2, ResNet50V2, ResNet101V2, ResNet152V2

PAPER = {  # blocks, convolutions of a block, width of the last one
    ResNet18V2: ((2, 2, 2, 2), 2, 1),
    ResNet50V2: ((3, 4, 6, 3), 3, 4),
    ResNet101V2: ((3, 4, 23, 3), 3, 4),
    ResNet152V2: ((3, 8, 36, 3), 3, 4),
}


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


@pytest.mark.parametrize("function", PAPER)
def test_blocks_and_maps(function):
    blocks, convolutions, expansion = PAPER[function]
    model = built(function)
    assert model.get_layer("conv1").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    stages = zip((2, 3, 4, 5), blocks, (56, 28, 14, 7), strict=True)
    for stage, count, side in stages:
        for block in range(1, count + 1):
            found = model.get_layer(f"conv{stage}_{block}_add").output.shape[1:]
            assert found == (side, side, 2**stage * 16 * expansion)
    kernels = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    main = [layer for layer in kernels if not layer.name.endswith("shortcut")]
    depth = int(function.__name__.removeprefix("ResNet").removesuffix("V2"))
    assert len(main) + 1 == 1 + convolutions * sum(blocks) + 1 == depth


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def chain(model, last, length):
    """The layers before a layer of one input each, first to last."""
    names = [last]
    while len(names) < length:
        (name,) = inputs_of(model, names[0])
        names.insert(0, name)
    return names


@pytest.mark.parametrize("function", PAPER)
def test_nothing_stands_on_the_identity_path(function):
    """Figure 4e: the sum of one block is an input of the next sum."""
    model, (blocks, *_) = built(function), PAPER[function]
    for stage, count in zip((2, 3, 4, 5), blocks, strict=True):
        for block in range(2, count + 1):
            before = f"conv{stage}_{block - 1}_add"
            assert before in inputs_of(model, f"conv{stage}_{block}_add")


def test_normalization_then_relu_then_convolution():
    order = [
        *("conv3_2_1_bn", "conv3_2_1_relu", "conv3_2_1"),
        *("conv3_2_2_bn", "conv3_2_2_relu", "conv3_2_2"),
        *("conv3_2_3_bn", "conv3_2_3_relu", "conv3_2_3"),
    ]
    assert chain(built(ResNet50V2), "conv3_2_3", 10) == ["conv3_1_add", *order]
    assert chain(built(ResNet18V2), "conv3_2_2", 7) == ["conv3_1_add", *order[:6]]


@pytest.mark.parametrize("function", PAPER)
def test_projections_are_pre_activated(function):
    """Appendix: "these projection shortcuts are also with pre-activation"."""
    model = built(function)
    names = {layer.name for layer in model.layers}
    found = {name for name in names if name.endswith("_shortcut")}
    first = 3 if function is ResNet18V2 else 2
    assert found == {f"conv{stage}_1_shortcut" for stage in range(first, 6)}
    for name in found:
        assert inputs_of(model, name) == [name.replace("_shortcut", "_1_relu")]


@pytest.mark.parametrize("function", PAPER)
def test_both_ends(function):
    """pytorchcv: activation before the pooling; the paper: one after the last sum."""
    model = built(function)
    head = ["conv1", "conv1_bn", "conv1_relu", "pool1_pad", "pool1"]
    assert chain(model, "pool1", 5) == head
    assert inputs_of(model, "conv2_1_1_bn") == ["pool1"]
    names = [layer.name for layer in model.layers[-4:]]
    assert names == ["post_bn", "post_relu", "pool5", "fc"]


@pytest.mark.parametrize("function", PAPER)
def test_strides(function):
    """In the 3x3 of a bottleneck, in the first 3x3 of a basic block."""
    model = built(function)
    found = {x.name for x in model.layers if getattr(x, "strides", 0) == (2, 2)}
    part = "_1" if function is ResNet18V2 else "_2"
    stages = {
        f"conv{stage}_1{end}" for stage in (3, 4, 5) for end in (part, "_shortcut")
    }
    assert found == stages | {"conv1", "pool1"}


def test_normalization_and_biases():
    for layer in built(ResNet50V2).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias


def test_keras_applications_has_another_network():
    """It strides in the last block of a stage: conv2 ends at 28x28."""
    with keras.StatelessScope(initialize_variables=False):
        theirs = keras.applications.ResNet50V2(weights=None)
    assert theirs.get_layer("conv2_block3_out").output.shape[1] == 28
    assert count_macs(theirs) == 3_482_255_360 < count_macs(built(ResNet50V2))
