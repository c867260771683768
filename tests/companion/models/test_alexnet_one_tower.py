"""The one-tower network against torchvision's published layers and counts."""

import keras
import pytest

from companion.models import AlexNetOneTower


def build(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return AlexNetOneTower(**arguments)


TORCHVISION = [  # layer, its output, its parameters
    ("conv1", (55, 55, 64), 64 * (3 * 11 * 11 + 1)),
    ("pool1", (27, 27, 64), 0),
    ("conv2", (27, 27, 192), 192 * (64 * 5 * 5 + 1)),
    ("pool2", (13, 13, 192), 0),
    ("conv3", (13, 13, 384), 384 * (192 * 9 + 1)),
    ("conv4", (13, 13, 256), 256 * (384 * 9 + 1)),
    ("conv5", (13, 13, 256), 256 * (256 * 9 + 1)),
    ("pool5", (6, 6, 256), 0),
    ("fc6", (4096,), 4096 * (9216 + 1)),
    ("fc7", (4096,), 4096 * (4096 + 1)),
    ("fc8", (1000,), 1000 * (4096 + 1)),
]


def test_shapes_and_parameters_of_every_layer():
    model = build()
    for name, shape, params in TORCHVISION:
        layer = model.get_layer(name)
        assert layer.output.shape == (None, *shape)
        assert layer.count_params() == params
    assert model.count_params() == 61_100_840  # torchvision's num_params


def test_dropout_comes_before_the_dense_layers():
    names = [layer.name for layer in build().layers]
    assert names[-6:] == ["flatten", "drop6", "fc6", "drop7", "fc7", "fc8"]


@pytest.mark.parametrize("side", [223, 224, 254])
def test_sides_whose_map_the_classifier_takes(side):
    assert build(input_shape=(side, side, 3)).count_params() == 61_100_840


@pytest.mark.parametrize("side", [222, 255])
def test_other_sides_are_refused_with_the_reason(side):
    with pytest.raises(ValueError, match=rf"223 to 254.*Received.*\({side}, {side}, 3"):
        build(input_shape=(side, side, 3))
