"""What every layer of images refuses, and what it takes for a whole number."""

import inspect

import keras
import numpy as np
import pytest

from companion import layers
from companion.layers import (
    ChannelShuffle,
    ChannelWiseConv,
    DropPath,
    GlobalContext,
    GroupedConv2D,
    InterleavedGroupConv2D,
    LocalResponseNormalization,
    NonLocal,
    RadialBasis,
    SelectiveKernel,
    SqueezeExcite,
    Subsampling2D,
    TableConv2D,
)

MAKERS = {  # of layers for (height, width, 12)
    "ChannelShuffle": lambda: ChannelShuffle(3),
    "ChannelWiseConv": lambda: ChannelWiseConv(3),
    "GlobalContext": lambda: GlobalContext(4),
    "GroupedConv2D": lambda: GroupedConv2D(12, 3, groups=3),
    "InterleavedGroupConv2D": lambda: InterleavedGroupConv2D(4, 3),
    "LocalResponseNormalization": LocalResponseNormalization,
    "NonLocal": NonLocal,
    "SelectiveKernel": lambda: SelectiveKernel(12, groups=3),
    "SqueezeExcite": lambda: SqueezeExcite(4),
    "Subsampling2D": Subsampling2D,
    "TableConv2D": lambda: TableConv2D([(0, 11)], 3),
}
ANY_RANK = ("LocalResponseNormalization",)
OTHERS = {  # of any or no channels
    "BatchNormalization",
    "DropConnect",
    "DropPath",
    "NoisyBatchNormalization",
    "RadialBasis",
}


def test_every_layer_of_images_is_here():
    assert set(MAKERS) | OTHERS == set(layers.__all__)


RANKS = [
    (name, shape)
    for name in MAKERS
    for shape in [(), (12,), (8, 12), (2, 8, 8, 12)]
    if not shape or name not in ANY_RANK
]


@pytest.mark.parametrize("name, shape", RANKS)
def test_another_rank_is_refused(name, shape):
    with pytest.raises(ValueError, match=r"rank|ndim"):
        MAKERS[name]()(keras.Input(shape))


@pytest.mark.parametrize("name", MAKERS)
def test_a_built_layer_refuses_other_channels_and_ranks(name):
    layer = MAKERS[name]()
    layer(np.zeros((2, 6, 6, 12), "float32"))
    for shape in [(2, 6, 6, 1), (2, 6, 6, 24), *([(2, 12)] * (name not in ANY_RANK))]:
        with pytest.raises(ValueError, match=f"{layer.name}.* is incompatible"):
            layer(np.zeros(shape, "float32"))


@pytest.mark.parametrize("name", MAKERS)
def test_one_input_of_known_channels(name):
    with pytest.raises(ValueError, match=r"Received.*None"):
        MAKERS[name]().build((None, 8, 8, None))
    image = keras.Input((8, 8, 12))
    with pytest.raises(ValueError, match=r"one input|1 input|must have|Exactly"):
        MAKERS[name]()([image, image])


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", MAKERS)
def test_channels_first_is_refused(name, channels_first):
    with pytest.raises(ValueError, match=r"channels_first"):
        MAKERS[name]()(keras.Input((8, 8, 12)))


def test_drop_path_takes_batches_only():
    with pytest.raises(ValueError, match="min_ndim=1"):
        DropPath(0.5)(np.float32(3.0), training=True)


def test_radial_basis_takes_vectors_only():
    with pytest.raises(ValueError, match="takes one input of rank 2"):
        RadialBasis([[1, -1]])(keras.Input((5, 2)))


WHOLE = [  # (layer, its argument, the others)
    (ChannelShuffle, "groups", {}),
    (ChannelWiseConv, "kernel_size", {}),
    (ChannelWiseConv, "groups", {"kernel_size": 3}),
    (DropPath, "seed", {"rate": 0.5}),
    (GlobalContext, "ratio", {}),
    (GroupedConv2D, "filters", {"kernel_size": 3, "groups": 2}),
    (GroupedConv2D, "groups", {"kernel_size": 3, "filters": 6}),
    (InterleavedGroupConv2D, "primary_groups", {"secondary_groups": 3}),
    (InterleavedGroupConv2D, "secondary_groups", {"primary_groups": 3}),
    (
        InterleavedGroupConv2D,
        "kernel_size",
        {"primary_groups": 3, "secondary_groups": 2},
    ),
    (LocalResponseNormalization, "depth_radius", {}),
    (NonLocal, "units", {}),
    (SelectiveKernel, "filters", {}),
    (SelectiveKernel, "groups", {"filters": 6}),
    (SelectiveKernel, "ratio", {"filters": 6}),
    (SelectiveKernel, "minimum", {"filters": 6}),
    (SelectiveKernel, "strides", {"filters": 6}),
    (SqueezeExcite, "ratio", {}),
    (SqueezeExcite, "units", {}),
    (Subsampling2D, "pool_size", {}),
]


@pytest.mark.parametrize("kind, argument, others", WHOLE)
def test_whole_numbers(kind, argument, others):
    """NumPy's are taken and stored as plain ones; truth values and the rest are not."""
    layer = kind(**others, **{argument: np.int64(2)})
    assert type(layer.get_config()[argument]) is int
    for value in (True, 2.0, "2", np.float32(2), [2, 2, 2], float("nan"), -1):
        with pytest.raises(ValueError, match=f"Received: {argument}="):
            kind(**others, **{argument: value})


@pytest.mark.parametrize("argument", ["kernel_size", "strides", "dilation_rate"])
@pytest.mark.parametrize(
    "kind, others",
    [(GroupedConv2D, {"filters": 2, "groups": 1}), (TableConv2D, {"table": [[0]]})],
)
def test_sizes_of_convolutions(kind, others, argument):
    arguments = {"kernel_size": 3, **others}
    layer = kind(**{**arguments, argument: np.int32(2)})
    assert layer.get_config()[argument] == (2, 2)
    assert all(type(side) is int for side in layer.get_config()[argument])
    for value in (True, 2.0, "2", (2, 2, 2), 0, (1, None)):
        with pytest.raises(ValueError, match=f"Received: {argument}="):
            kind(**{**arguments, argument: value})


def test_every_whole_number_of_a_constructor_is_here():
    """An argument whose default is one."""
    told = {(kind, argument) for kind, argument, _ in WHOLE}
    for name in MAKERS:
        kind = getattr(layers, name)
        for parameter in inspect.signature(kind).parameters.values():
            if type(parameter.default) is int:
                assert (kind, parameter.name) in told


@pytest.mark.parametrize("argument", ["bias", "alpha", "beta"])
def test_numbers_of_local_response_normalization(argument):
    layer = LocalResponseNormalization(**{argument: np.float32(0.5)})
    assert type(layer.get_config()[argument]) is float
    for value in (True, "1", None, float("nan"), float("inf"), 1j, [1.0]):
        with pytest.raises(ValueError, match=f"Received: {argument}="):
            LocalResponseNormalization(**{argument: value})


def test_a_window_of_subsampling_must_fit():
    with pytest.raises(ValueError, match="pool_size=3 for input_shape"):
        Subsampling2D(3)(keras.Input((8, 2, 12)))
