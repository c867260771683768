"""MobileNetV1's maps, widths and costs against the paper and keras.applications.

Howard et al., arXiv 1704.04861: Table 1 gives the layers, Table 6 the cost of each
width. The logits are compared with another implementation in tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.models import mobilenet_v1
from companion.models.mobilenet_v1 import MobileNetV1

COUNTED = [  # width, resolution: MobileNet of keras.applications 3.15.1
    (1.0, 224, 4_231_976, 568_740_352),  # also pytorchcv 0.0.74, timm 1.0.31
    (1.0, 160, 4_231_976, 290_675_200),
    (1.0, 128, 4_231_976, 186_400_768),
    (0.75, 224, 2_585_560, 325_400_448),  # also pytorchcv 0.0.74
    (0.75, 192, 2_585_560, 239_273_472),
    (0.75, 160, 2_585_560, 166_396_800),
    (0.5, 224, 1_331_592, 149_497_088),  # also pytorchcv 0.0.74
    (0.5, 192, 1_331_592, 109_970_432),
    (0.5, 128, 1_331_592, 49_160_192),
    (0.25, 192, 470_072, 30_212_608),
    (0.25, 160, 470_072, 21_059_200),
]
TABLE_6 = {1.0: (569, 4.2), 0.75: (325, 2.6), 0.5: (149, 1.3)}  # millions
TABLE_1 = (  # side of the map, channels, stride that led to it; conv1, then 13 blocks
    (112, 32, 2),
    (112, 64, 1),
    (56, 128, 2),
    (56, 128, 1),
    (28, 256, 2),
    (28, 256, 1),
    (14, 512, 2),
    (14, 512, 1),
    (14, 512, 1),
    (14, 512, 1),
    (14, 512, 1),
    (14, 512, 1),
    (7, 1024, 2),
    (7, 1024, 1),  # the table prints 2 here, and 7x7 on both sides of it
)


@functools.cache
def built(width=1.0, resolution=224):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return MobileNetV1(width=width, resolution=resolution)


@pytest.mark.parametrize("width, resolution, params, macs", COUNTED)
def test_counts(width, resolution, params, macs):
    model = built(width, resolution)
    assert (count_params(model), count_macs(model)) == (params, macs)
    if resolution == 224:
        assert TABLE_6[width] == (round(macs / 1e6), round(params / 1e6, 1))


def test_layers_of_table_1():
    model = built()
    names = ["conv1", *(f"block{number}" for number in range(1, 14))]
    for name, (side, channels, stride) in zip(names, TABLE_1, strict=True):
        if name == "conv1":
            spatial = last = model.get_layer(name)
        else:
            spatial = model.get_layer(f"{name}_depthwise")
            last = model.get_layer(f"{name}_pointwise")
            assert last.kernel_size == (1, 1) and last.strides == (1, 1)
            assert spatial.output.shape[1:3] == (side, side)
        assert spatial.kernel_size == (3, 3)
        assert spatial.strides == (stride, stride), name
        assert last.output.shape[1:] == (side, side, channels)


def test_every_channel_is_filtered_by_itself():
    depthwise = [
        layer
        for layer in built().layers
        if isinstance(layer, keras.layers.DepthwiseConv2D)
    ]
    assert len(depthwise) == 13
    for layer in depthwise:
        assert tuple(layer.kernel.shape) == (3, 3, layer.input.shape[-1], 1)


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


def test_normalization_and_relu6_follow_every_convolution():
    model = built()
    kernels = [
        layer
        for layer in model.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    ]
    assert len(kernels) == 27
    for layer in kernels:
        norm = model.get_layer(f"{layer.name}_bn")
        assert inputs_of(model, norm.name) == [layer.name]
        assert (norm.epsilon, norm.momentum) == (1e-3, 0.99)
        relu = model.get_layer(f"{layer.name}_relu")
        assert inputs_of(model, relu.name) == [norm.name]
        assert relu.max_value == 6
        assert not layer.use_bias
    assert inputs_of(model, "block1_pointwise") == ["block1_depthwise_relu"]
    assert inputs_of(model, "pool") == ["block13_pointwise_relu"]
    assert inputs_of(model, "fc") == ["pool"]
    assert model.get_layer("fc").use_bias


def test_padding_is_tensorflows():
    """An even side with stride 2: the first window starts at the first pixel."""
    keras.utils.set_random_seed(0)
    model = MobileNetV1(resolution=8, classes=None)
    for layer in model.layers:
        assert getattr(layer, "padding", "same") == "same"
    conv = keras.Model(model.input, model.get_layer("conv1").output)
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    kernel = np.array(model.get_layer("conv1").kernel)
    first = np.einsum("hwc,hwcf->f", images[0, :3, :3], kernel)
    np.testing.assert_allclose(conv(images)[0, 0, 0], first, rtol=1e-4, atol=1e-5)


def test_widths_are_rounded_down_to_8_at_least():
    assert [mobilenet_v1.thinned(32, width) for width in (1, 0.77, 0.25, 0.1)] == [
        32,
        24,
        8,
        8,
    ]
    assert mobilenet_v1.thinned(64, 0.3) == 19


def test_resolution_and_input_shape():
    with keras.StatelessScope(initialize_variables=False):
        for arguments, shape in (
            ({"resolution": 160}, (160, 160, 3)),
            ({"input_shape": (64, 96, 1)}, (64, 96, 1)),
            ({"resolution": 96, "input_shape": (96, 96, 4)}, (96, 96, 4)),
        ):
            model = MobileNetV1(width=0.25, classes=None, **arguments)
            assert model.input.shape[1:] == shape


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"width": 0}, "width=0"),
        ({"width": "1.0"}, "`width` must be a positive number"),
        ({"resolution": 0}, "resolution=0"),
        ({"resolution": 160.0}, "`resolution` must be a positive integer"),
        ({"resolution": 160, "input_shape": (224, 224, 3)}, "must agree"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        MobileNetV1(**arguments)
    assert rule in str(error.value)
