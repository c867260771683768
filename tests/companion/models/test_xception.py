"""Xception against Figure 5 and the text of the paper.

Chollet, arXiv 1610.02357. The logits are compared in tests/parity.
"""

import functools

import keras

from companion.models import Xception
from companion.models.xception import separable


@functools.cache
def built(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return Xception(**arguments)


MAPS = [  # Figure 5: 299x299x3 images, 19x19x728 feature maps
    ("conv1", (149, 149, 32)),
    ("conv2", (147, 147, 64)),
    ("block2", (74, 74, 128)),
    ("block3", (37, 37, 256)),
    ("block4", (19, 19, 728)),
    ("block12", (19, 19, 728)),
    ("block13", (10, 10, 1024)),
    ("block14_1_relu", (10, 10, 1536)),
    ("block14_2_relu", (10, 10, 2048)),
    ("average", (2048,)),
    ("fc", (1000,)),
]


def test_maps_of_figure_5():
    for name, shape in MAPS:
        assert built().get_layer(name).output.shape[1:] == shape, name


def kinds(kind):
    return [layer for layer in built().layers if type(layer) is kind]


def test_36_convolutions_in_14_modules():
    """Section 3; the four shortcuts are not counted."""
    depthwise = kinds(keras.layers.DepthwiseConv2D)
    others = [layer.name for layer in kinds(keras.layers.Conv2D)]
    ordinary = [name for name in others if name.startswith("conv")]
    pointwise = [name for name in others if name.endswith("_pointwise")]
    shortcuts = [name for name in others if name.endswith("_shortcut")]
    assert len(depthwise) == len(pointwise) == 34
    assert len(ordinary) + len(pointwise) == 36
    assert shortcuts == [f"block{number}_shortcut" for number in (2, 3, 4, 13)]
    modules = {name.split("_")[0] for name in pointwise}
    assert len(modules) + 1 == 14  # the first module has ordinary convolutions
    added = [layer.name for layer in kinds(keras.layers.Add)]
    assert added == [f"block{number}" for number in range(2, 14)]


def test_nothing_between_depthwise_and_pointwise():
    """Section 4.7."""
    for layer in kinds(keras.layers.DepthwiseConv2D):
        (node,) = layer._outbound_nodes
        assert node.operation.name == layer.name.replace("depthwise", "pointwise")
        assert layer.activation is keras.activations.linear
        assert layer.kernel_size == (3, 3)
        assert layer.depth_multiplier == 1


def test_relu_stands_before_the_convolutions():
    """Figure 5: not before the first of block2, and after those of block14."""
    for layer in kinds(keras.layers.DepthwiseConv2D):
        before = layer.input._keras_history.operation.name
        name = layer.name.removesuffix("_depthwise")
        expected = {
            "block2_1": "conv2_relu",
            "block14_1": "block13",
            "block14_2": "block14_1_relu",
        }
        assert before == expected.get(name, f"{name}_relu")


def test_shortcuts_take_the_input_before_its_relu():
    for number in (3, 4, 13):
        shortcut = built().get_layer(f"block{number}_shortcut")
        assert shortcut.input is built().get_layer(f"block{number - 1}").output
        assert shortcut.strides == (2, 2)
        pool = built().get_layer(f"block{number}_pool")
        assert (pool.pool_size, pool.strides, pool.padding) == ((3, 3), (2, 2), "same")


def test_normalization_biases_and_dropout():
    for layer in built().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            assert not layer.use_bias
    assert built().get_layer("drop").rate == 0.5


def test_the_unit_stands_alone():
    image = keras.Input((9, 7, 5))
    model = keras.Model(image, separable(image, 6, "unit"))
    assert model.output.shape == (None, 9, 7, 6)
    weights = [layer.count_params() for layer in model.layers if layer.weights]
    assert weights == [9 * 5, 5 * 6, 4 * 6]
