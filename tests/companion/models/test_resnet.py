"""ResNet's counts, maps and strides against the paper and independent code.

He et al., arXiv 1512.03385: Table 1 gives the maps and the blocks. The logits are
compared with other implementations in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.conformance import check_model
from companion.models import resnet
from companion.models.registry import MODELS
from companion.models.resnet import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152
from companion.receptive_field import receptive_field

COUNTED = [  # torchvision 0.28 (18, 34), pytorchcv 0.0.74, ResNet-101-deploy.prototxt
    (ResNet18, 11_689_512, 1_814_073_344),
    (ResNet34, 21_797_672, 3_663_761_408),
    (ResNet50, 25_557_032, 3_857_973_248),
    (ResNet101, 44_549_160, 7_570_194_432),
    (ResNet152, 60_192_808, 11_282_415_616),
]
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


@pytest.mark.parametrize("function, params, macs", COUNTED)
def test_counts(function, params, macs):
    entry = MODELS[function.__name__]
    assert (entry.params, entry.macs) == (params, macs)
    assert count_params(built(function)) == params
    assert count_macs(built(function)) == macs


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


FIELDS = [  # Araujo et al., Distill 2019 (50, 101, 152); torchvision's gradient
    (ResNet18, 435),
    (ResNet34, 899),
    (ResNet50, 483),
    (ResNet101, 1027),
    (ResNet152, 1507),
]


@pytest.mark.parametrize("function, size", FIELDS)
def test_field_of_the_last_map(function, size):
    field = receptive_field(built(function), built(function).layers[-3].name)
    assert (field.size, field.stride) == (size, 32)
    assert MODELS[function.__name__].receptive_field == size


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


def test_conformance():
    """The counts are checked above, at the published size."""
    check_model(ResNet18, (64, 64, 3), without=("params", "macs"))


def test_conformance_of_bottlenecks():
    one_each = functools.partial(
        resnet.build,
        (resnet.bottleneck, (1, 1, 1, 1)),
        classifier_activation=None,
        name="one_each",
    )
    check_model(one_each, (64, 64, 3), without=("params", "macs"))


def test_images_of_any_size_are_classified():
    keras.utils.set_random_seed(0)
    model = ResNet18(input_shape=(None, None, 3), classes=7)
    for height, width in ((1, 1), (33, 65)):
        images = np.ones((2, height, width, 3), "float32")
        assert model(images).shape == (2, 7)


def test_arguments_reach_the_model():
    with keras.StatelessScope(initialize_variables=False):
        model = ResNet18(classes=7, classifier_activation=None, name="mine")
    assert model.name == "mine"
    assert model.output.shape == (None, 7)
    assert model.get_layer("fc").activation is keras.activations.linear
    assert built(ResNet18).get_layer("fc").activation is keras.activations.softmax


@pytest.mark.parametrize("function", PAPER)
@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"input_shape": (0, 224, 3)}, "1 or more"),
        ({"input_shape": (224, 224)}, "height, width, channels"),
        ({"input_shape": (224, 224, None)}, "Channels"),
        ({"classes": -1}, "classes=-1"),
    ],
)
def test_bad_arguments(function, arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        function(**arguments)
    assert rule in str(error.value)
