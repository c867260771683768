"""NiN's maps, pools and activations against the published definitions.

Lin et al., arXiv 1312.4400. The outputs are compared with other implementations in
tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.models import nin
from companion.models.nin import NiN, NiNCIFAR


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


MAPS = {
    NiN: (  # Caffe's shapes at 224x224
        ("conv1", (54, 54, 96)),
        ("cccp2", (54, 54, 96)),
        ("pool1", (27, 27, 96)),
        ("cccp4", (27, 27, 256)),
        ("pool2", (13, 13, 256)),
        ("cccp6", (13, 13, 384)),
        ("pool3", (6, 6, 384)),
        ("conv4", (6, 6, 1024)),
        ("cccp7", (6, 6, 1024)),
        ("cccp8", (6, 6, 1000)),
        ("pool4", (1000,)),
    ),
    NiNCIFAR: (
        ("conv1", (32, 32, 192)),
        ("cccp1", (32, 32, 160)),
        ("cccp2", (32, 32, 96)),
        ("pool1", (16, 16, 96)),
        ("cccp4", (16, 16, 192)),
        ("pool2", (8, 8, 192)),
        ("cccp5", (8, 8, 192)),
        ("cccp6", (8, 8, 10)),
        ("pool3", (10,)),
    ),
}


@pytest.mark.parametrize("function", MAPS)
def test_maps(function):
    for name, shape in MAPS[function]:
        assert built(function).get_layer(name).output.shape[1:] == shape


@pytest.mark.parametrize("function", MAPS)
def test_every_convolution_has_a_bias_and_relu(function):
    """Also the last one, before the average: relu12 of Caffe's definition."""
    found = [
        layer
        for layer in built(function).layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(found) == (12 if function is NiN else 9)
    for layer in found:
        assert layer.use_bias
        assert layer.activation is keras.activations.relu


def test_nothing_is_trained_after_the_last_map():
    for function in MAPS:
        names = [layer.name for layer in built(function).layers if layer.weights]
        assert names[-1] == ("cccp8" if function is NiN else "cccp6")


def test_dropout_stands_before_a_convolution():
    """nin_imagenet: once, after pool3. pytorchcv: after both pools."""
    for function, expected in ((NiN, ["drop3"]), (NiNCIFAR, ["drop1", "drop2"])):
        layers = built(function).layers
        drops = [n for n, kind in enumerate(layers) if "drop" in kind.name]
        assert [layers[n].name for n in drops] == expected
        assert {layers[n].rate for n in drops} == {0.5}
        assert {layers[n - 1].name[:4] for n in drops} == {"pool"}
        assert {layers[n + 1].name[:4] for n in drops} == {"conv"}


@pytest.mark.parametrize("side", range(3, 12))
def test_caffe_rounds_up(side):
    """pooling_layer.cpp: ceil((side - 3) / 2) + 1 windows, cut off at the edge."""
    image = np.random.default_rng(side).uniform(size=(1, side, side, 1))
    found = keras.ops.convert_to_numpy(nin.max_pool_up(image, "pool"))[0, :, :, 0]
    count = -(-(side - 3) // 2) + 1
    starts = range(0, 2 * count, 2)
    expected = [
        [image[0, row : row + 3, column : column + 3].max() for column in starts]
        for row in starts
    ]
    assert np.allclose(found, expected)
