"""The Inception-ResNets against the figures of the paper and the released network.

Szegedy et al., arXiv 1602.07261. The logits are compared in tests/parity.
"""

import functools

import keras
import pytest

from companion.models import InceptionResNetV1, InceptionResNetV2


@functools.cache
def built(function, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


MAPS = {
    InceptionResNetV1: [  # Figures 14 and 15
        ("conv3", (147, 147, 64)),
        ("pool3", (73, 73, 64)),
        ("conv4", (73, 73, 80)),
        ("conv5", (71, 71, 192)),
        ("conv6", (35, 35, 256)),
        ("inception_a5_relu", (35, 35, 256)),
        ("reduction_a", (17, 17, 896)),
        ("inception_b10_relu", (17, 17, 896)),
        ("reduction_b", (8, 8, 1792)),
        ("inception_c5_relu", (8, 8, 1792)),
        ("average", (1792,)),
    ],
    InceptionResNetV2: [  # timm 1.0.31 and keras.applications
        ("conv3", (147, 147, 64)),
        ("conv5", (71, 71, 192)),
        ("pool5", (35, 35, 192)),
        ("mixed", (35, 35, 320)),
        ("inception_a10_relu", (35, 35, 320)),
        ("reduction_a", (17, 17, 1088)),
        ("inception_b20_relu", (17, 17, 1088)),
        ("reduction_b", (8, 8, 2080)),
        ("inception_c9_relu", (8, 8, 2080)),
        ("last_inception_c_add", (8, 8, 2080)),
        ("conv7_relu", (8, 8, 1536)),
        ("average", (1536,)),
    ],
}
COUNTS = {InceptionResNetV1: (5, 10, 5), InceptionResNetV2: (10, 20, 10)}


@pytest.mark.parametrize("function", MAPS)
def test_maps(function):
    for name, shape in MAPS[function]:
        assert built(function).get_layer(name).output.shape[1:] == shape, name
    assert built(function).get_layer("fc").output.shape == (None, 1000)


@pytest.mark.parametrize("function", COUNTS)
def test_numbers_of_modules(function):
    names = [layer.name for layer in built(function).layers]
    added = [name for name in names if name.endswith("_add")]
    found = [sum(f"inception_{kind}" in name for name in added) for kind in "abc"]
    assert tuple(found) == COUNTS[function]
    assert len(added) == sum(COUNTS[function])


@pytest.mark.parametrize("function", COUNTS)
def test_scaled_residuals(function):
    """x + scale * expansion, ReLU; only the released v2 ends otherwise."""
    model = built(function)
    scales = {"a": 0.17, "b": 0.10, "c": 0.20}
    for layer in model.layers:
        if not layer.name.endswith("_add"):
            continue
        module = layer.name.removesuffix("_add")
        scale = model.get_layer(f"{module}_scale")
        expand = model.get_layer(f"{module}_expand")
        shortcut, residual = layer.input
        assert residual is scale.output
        assert scale.input is expand.output
        assert expand.use_bias
        assert expand.kernel_size == (1, 1)
        assert shortcut._keras_history.operation.name != f"{module}_scale"
        followers = {node.operation.name for node in layer._outbound_nodes}
        if module == "last_inception_c":
            assert (scale.scale, followers) == (1.0, {"conv7"})
        else:
            assert scale.scale == scales[module.split("_")[1][0]]
            assert followers == {f"{module}_relu"}


def test_reduction_a_of_table_1():
    """k, l, m, n."""
    parts = ("double3x3_reduce", "double3x3_1", "double3x3_2", "3x3")
    printed = {
        InceptionResNetV1: [192, 192, 256, 384],
        InceptionResNetV2: [256, 256, 384, 384],
    }
    for function, widths in printed.items():
        layers = [built(function).get_layer(f"reduction_a_{part}") for part in parts]
        assert [layer.filters for layer in layers] == widths


@pytest.mark.parametrize("function", COUNTS)
def test_normalization_and_biases(function):
    for layer in built(function).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
        if isinstance(layer, keras.layers.Conv2D):
            assert layer.use_bias == layer.name.endswith("_expand")
        if getattr(layer, "strides", 0) == (2, 2):
            assert layer.padding == "valid"
    assert built(function).get_layer("drop").rate == 0.2
