"""SqueezeNet's maps, parameters and poolings against the paper and Caffe's rules.

Iandola et al., arXiv 1602.07360: Table 1 gives the maps and the parameters of v1.0,
SqueezeNet_v1.1/deploy.prototxt of forresti/SqueezeNet the layers of v1.1. The logits
are compared with another implementation in tests/parity/torch.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import count_macs, count_params
from companion.models import squeezenet
from companion.models.squeezenet import SqueezeNet1_0, SqueezeNet1_1

MAPS = {  # at 227x227
    SqueezeNet1_0: {  # Table 1
        "conv1": (111, 111, 96),
        "pool1": (55, 55, 96),
        "fire2_concat": (55, 55, 128),
        "fire3_concat": (55, 55, 128),
        "fire4_concat": (55, 55, 256),
        "pool4": (27, 27, 256),
        "fire5_concat": (27, 27, 256),
        "fire6_concat": (27, 27, 384),
        "fire7_concat": (27, 27, 384),
        "fire8_concat": (27, 27, 512),
        "pool8": (13, 13, 512),
        "fire9_concat": (13, 13, 512),
        "conv10": (13, 13, 1000),
    },
    SqueezeNet1_1: {  # deploy.prototxt, sizes by Caffe's rule
        "conv1": (113, 113, 64),
        "pool1": (56, 56, 64),
        "fire2_concat": (56, 56, 128),
        "pool3": (28, 28, 128),
        "fire4_concat": (28, 28, 256),
        "pool5": (14, 14, 256),
        "fire6_concat": (14, 14, 384),
        "fire7_concat": (14, 14, 384),
        "fire8_concat": (14, 14, 512),
        "fire9_concat": (14, 14, 512),
        "conv10": (14, 14, 1000),
    },
}
PARAMETERS = {  # Table 1, before pruning
    "conv1": 14_208,
    "fire2": 11_920,
    "fire3": 12_432,
    "fire4": 45_344,
    "fire5": 49_440,
    "fire6": 104_880,
    "fire7": 111_024,
    "fire8": 188_992,
    "fire9": 197_184,
    "conv10": 513_000,
}
AT_224 = [  # torchvision 0.28 and pytorchcv 0.0.74, which round up too
    (SqueezeNet1_0, 818_924_576, (109, 54, 27, 13)),
    (SqueezeNet1_1, 349_151_936, (111, 55, 27, 13)),
]


@functools.cache
def built(function, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def inputs_of(model, name):
    """Names of the layers that feed a layer."""
    tensors = keras.tree.flatten(model.get_layer(name).input)
    outputs = {id(layer.output): layer.name for layer in model.layers}
    return [outputs[id(tensor)] for tensor in tensors]


@pytest.mark.parametrize("function", MAPS)
def test_maps(function):
    model = built(function)
    for name, shape in MAPS[function].items():
        assert model.get_layer(name).output.shape[1:] == shape, name


def test_parameters_of_table_1():
    model = built(SqueezeNet1_0)
    for name, number in PARAMETERS.items():
        layers = [layer for layer in model.layers if layer.name.startswith(f"{name}_")]
        layers = layers or [model.get_layer(name)]
        assert sum(layer.count_params() for layer in layers) == number, name
    assert sum(PARAMETERS.values()) == count_params(model) == 1_248_424


@pytest.mark.parametrize("function, macs, sides", AT_224)
def test_maps_and_multiply_adds_at_224(function, macs, sides):
    """Rounding down would give v1.0 a map of 26x26 where there are 27x27."""
    model = built(function, input_shape=(224, 224, 3))
    found = [
        layer.output.shape[1]
        for layer in model.layers
        if layer.name == "conv1" or isinstance(layer, keras.layers.MaxPooling2D)
    ]
    assert found == list(sides)
    assert count_macs(model) == macs


def test_pooling_rounds_up():
    """Caffe's rule for 3x3 windows, 2 apart: ceil((side - 3) / 2) + 1."""
    for side in range(3, 12):
        images = np.arange(1.0, side**2 + 1).reshape(1, side, side, 1)
        found = np.array(squeezenet.ceil_pool(images, "pool"))[0, :, :, 0]
        count = -(-(side - 3) // 2) + 1
        last = np.minimum(2 * np.arange(count) + 2, side - 1)
        np.testing.assert_array_equal(found, images[0, :, :, 0][np.ix_(last, last)])


def test_fire_modules():
    """Squeeze, then both expansions read it; the 1x1 comes first (Figure 1)."""
    for function in MAPS:
        model = built(function)
        for number in range(2, 10):
            fire = f"fire{number}"
            branches = [f"{fire}_expand1x1", f"{fire}_expand3x3"]
            assert inputs_of(model, f"{fire}_concat") == branches
            for branch in branches:
                assert inputs_of(model, branch) == [f"{fire}_squeeze1x1"]
                assert (
                    model.get_layer(branch).output.shape[1:3]
                    == (model.get_layer(f"{fire}_squeeze1x1").output.shape[1:3])
                )


def test_relu_and_bias_in_every_convolution():
    """No batch normalization and no dense layer; conv10 has a ReLU too."""
    for function in MAPS:
        model = built(function)
        assert len(convolutions(model)) == 26
        for conv in convolutions(model):
            assert conv.activation is keras.activations.relu and conv.use_bias
        weighted = [layer for layer in model.layers if layer.weights]
        assert weighted == convolutions(model)


def test_strides():
    pools = {SqueezeNet1_0: (1, 4, 8), SqueezeNet1_1: (1, 3, 5)}
    for function, numbers in pools.items():
        strided = [
            layer.name
            for layer in built(function).layers
            if getattr(layer, "strides", 0) in (2, (2, 2))
        ]
        assert strided == ["conv1", *(f"pool{number}" for number in numbers)]
        assert built(function).get_layer("conv1").padding == "valid"
    assert built(SqueezeNet1_0).get_layer("conv1").kernel_size == (7, 7)
    assert built(SqueezeNet1_1).get_layer("conv1").kernel_size == (3, 3)


def test_the_classifier():
    model = built(SqueezeNet1_0)
    assert inputs_of(model, "drop9") == ["fire9_concat"]
    assert inputs_of(model, "conv10") == ["drop9"]
    assert inputs_of(model, "prob") == ["pool10"]
    assert model.get_layer("drop9").rate == 0.5


def test_no_logit_is_negative():
    keras.utils.set_random_seed(0)
    model = SqueezeNet1_1(input_shape=(33, 33, 3), classifier_activation=None)
    images = np.random.default_rng(0).normal(size=(2, 33, 33, 3)).astype("float32")
    logits = np.array(model(images))
    assert logits.min() == 0 < logits.max()
