"""GCNet's contexts and stages against the paper and the authors' code.

Cao et al., arXiv 1904.11492: Section 4.2 says where the global contexts stand, and how
many parameters they add. The logits are compared with another implementation in
tests/parity/torch.
"""

import functools
from unittest import mock

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.layers import GlobalContext
from companion.models import MODELS, gcnet

CONTEXTS = ((4, 512), (6, 1024), (3, 2048))  # blocks and channels of conv3_x to conv5_x


@functools.cache
def built(table=gcnet.TABLE):
    """Shapes only: the weights have no values."""
    with (
        mock.patch.object(gcnet, "TABLE", table),
        keras.StatelessScope(initialize_variables=False),
    ):
        return gcnet.GCResNet50()


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def ratios(conv2, others):
    return tuple(
        (stage, count, conv2 if stage == "conv2" else others)
        for stage, count, _ in gcnet.TABLE
    )


@pytest.mark.parametrize(
    "table, params, macs",
    [  # ContextBlock2d of xvjiarui/GCNet in torchvision 0.28 resnet50
        (ratios(None, 16), 28_078_773, 4_094_785_536),
        (ratios(None, 4), 35_557_941, 4_102_256_640),
        (ratios(16, 16), 28_105_032, 4_097_218_560),
        (ratios(4, 4), 35_658_360, 4_104_763_392),
    ],
)
def test_counts_with_other_ratios_and_stages(table, params, macs):
    assert (count_params(built(table)), count_macs(built(table))) == (params, macs)


def test_parameters_of_the_contexts():
    """w, V1, LN and V2 with their biases, on top of ResNet-50."""
    contexts = layers_of(built(), GlobalContext)
    expected = []
    for count, channels in CONTEXTS:
        units = channels // 16
        expected += count * [2 * channels * units + 2 * channels + 1 + 3 * units]
    assert [layer.count_params() for layer in contexts] == expected
    assert count_params(built()) - sum(expected) == MODELS["ResNet50"].params


def test_paddings_are_the_same_on_all_sides():
    sides = {x.name: x.padding for x in layers_of(built(), keras.layers.ZeroPadding2D)}
    assert sides.pop("conv1_pad") == ((3, 3), (3, 3))
    assert set(sides.values()) == {((1, 1), (1, 1))}


def test_stages():
    model = built()
    assert model.get_layer("conv1_relu").output.shape[1:] == (112, 112, 64)
    assert model.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    for stage, count, side, width in zip(
        (2, 3, 4, 5), (3, 4, 6, 3), (56, 28, 14, 7), (256, 512, 1024, 2048), strict=True
    ):
        for number in range(1, count + 1):
            found = model.get_layer(f"conv{stage}_{number}_relu").output.shape[1:]
            assert found == (side, side, width)


def test_context_is_added_to_the_residual():
    """In conv3_x to conv5_x, after the last normalization, before the shortcut."""
    model = built()
    contexts = {layer.name for layer in layers_of(model, GlobalContext)}
    blocks = {
        f"conv{stage}_{number}"
        for stage, (count, _) in enumerate(CONTEXTS, start=3)
        for number in range(1, count + 1)
    }
    assert contexts == {f"{block}_gc" for block in blocks}
    for block in blocks:
        assert inputs_of(model, f"{block}_gc") == [f"{block}_3_bn"]
        assert f"{block}_gc" in inputs_of(model, f"{block}_add")
        assert inputs_of(model, f"{block}_relu") == [f"{block}_add"]
    assert "conv2_1_3_bn" in inputs_of(model, "conv2_1_add")


def test_strides_are_in_the_3x3():
    strided = {
        layer.name for layer in built().layers if getattr(layer, "strides", 0) == (2, 2)
    }
    parts = ("2", "shortcut")
    blocks = {f"conv{stage}_1_{part}" for stage in (3, 4, 5) for part in parts}
    assert strided == blocks | {"conv1", "pool1"}
    assert built().get_layer("conv3_1_2").kernel_size == (3, 3)
    assert built().get_layer("pool1_pad").padding == ((1, 1), (1, 1))


def test_normalization_and_biases():
    for norm in layers_of(built(), keras.layers.BatchNormalization):
        assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
    for conv in layers_of(built(), keras.layers.Conv2D):
        assert not conv.use_bias
    for context in layers_of(built(), GlobalContext):
        assert context.norm.epsilon == 1e-5


def small(input_shape=(40, 24, 3), classes=7, ratio=16):
    table = (("conv2", 1, None), ("conv3", 2, ratio))
    with mock.patch.object(gcnet, "TABLE", table):
        return gcnet.GCResNet50(
            input_shape=input_shape, classes=classes, classifier_activation=None
        )


def test_contexts_change_nothing_at_first():
    keras.utils.set_random_seed(0)
    model, without = small(), small(ratio=None)
    images = np.random.default_rng(0).normal(size=(2, 40, 24, 3)).astype("float32")
    for layer in without.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    before = np.array(model(images))
    np.testing.assert_array_equal(before, without(images))
    context = model.get_layer("conv3_2_gc")
    context.expand.kernel.assign(context.expand.kernel + 0.1)
    assert np.abs(np.array(model(images)) - before).max() > 1e-3


def test_conformance_of_training():
    """All weights move but w's idle bias: the softmax cancels a constant."""
    keras.utils.set_random_seed(0)
    model = small()
    random = np.random.default_rng(0)
    images = random.normal(size=(4, 40, 24, 3)).astype("float32")
    targets = random.normal(size=(4, 7)).astype("float32")
    before = [np.array(weight) for weight in model.trainable_weights]
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error")
    for _ in range(2):  # the first step moves only V2 from its zeros
        model.train_on_batch(images, targets)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        if not weight.path.endswith("mask/bias"):
            assert not np.array_equal(np.array(weight), old), weight.path
