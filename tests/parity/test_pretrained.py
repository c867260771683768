"""Files that keras.applications' networks save are loaded: the logits are equal.

Each file is HDF5 in the layout of the published ones, with random weights, biases and
batch-norm statistics, written by Keras itself.
"""

import importlib.util
from pathlib import Path

import keras
import pytest

from companion import models, pretrained
from companion.pretrained.names import INCEPTION_RESNET_V2

TOLERANCE = 1e-4  # of the largest logit
SIDES = {"InceptionV3": 75, "Xception": 75}  # others: 64

NETWORKS = {  # our model: arguments
    "ResNet50": {},
    "VGG16": {},
    "DenseNet121": {},
    "InceptionV3": {},
    "Xception": {},
    "MobileNetV1": {},
    "MobileNetV2": {"width": 0.35},
    "MobileNetV3Small": {},
    "EfficientNetB0": {},
}


def shape_of(name):
    side = SIDES.get(name, 64)
    return side, side, 3


def build(name, **arguments):
    given = {"input_shape": shape_of(name), "classifier_activation": None}
    return getattr(models, name)(**given, **arguments)


def row_of(name, arguments):
    (row,) = (
        row
        for row in pretrained.files(name, "keras")
        if row.arguments.get("width", 1.0) == arguments.get("width", 1.0)
    )
    return row


@pytest.fixture
def saved(request, tmp_path, monkeypatch, scattered):
    """A network of keras.applications with random weights, and its file."""
    name, arguments = request.param, NETWORKS[request.param]
    keras.utils.set_random_seed(7)
    row = row_of(name, arguments)
    function, given = row.network
    given = {**given, "input_shape": shape_of(name)}
    network = getattr(keras.applications, function)(
        weights=None, classifier_activation=None, **given
    )
    if name == "VGG16":  # from Glorot's to He's scale: the images reach the logits
        for layer in network.layers:
            if layer.weights:
                layer.kernel.assign(2**0.5 * layer.kernel)
    scattered(network)
    path = tmp_path / row.name
    network.save(path)
    if name == "VGG16":  # whose dense layer depends on the side of the images
        small = row._replace(
            network=(function, given), arguments={"input_shape": shape_of(name)}
        )
        monkeypatch.setattr(pretrained, "FILES", [small])
    if name == "EfficientNetB0":  # the file includes the layers that normalize pixels
        start = network.get_layer("stem_conv_pad").input
        network = keras.Model(start, network.output)
    return network, path


@pytest.mark.parametrize("saved", NETWORKS, indirect=True)
def test_logits(saved, request, distance, monkeypatch):
    network, path = saved
    name = request.node.callspec.params["saved"]
    model = build(name, **NETWORKS[name])
    assert pretrained.load(model, file=path) is model
    assert distance(model, network) < TOLERANCE
    if name in MISTAKES:
        MISTAKES[name](model, network, path, monkeypatch)
        assert distance(model, network) > 100 * TOLERANCE


def biases_dropped(model, network, path, monkeypatch):
    """As if the normalization did not absorb them."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.bias.assign(keras.ops.zeros_like(layer.bias))


def branches_exchanged(model, network, path, monkeypatch):
    """Two of the same shape: no count and no shape tells them apart."""
    (row,) = pretrained.files("InceptionV3", "keras")
    first, second = "mixed_6b_7x7_reduce", "mixed_6b_double7x7_reduce"
    wrong = row.naming | {first: row.naming[second], second: row.naming[first]}
    monkeypatch.setattr(pretrained, "FILES", [row._replace(naming=wrong)])
    pretrained.load(model, file=path)


MISTAKES = {"ResNet50": biases_dropped, "InceptionV3": branches_exchanged}


def test_names_of_inception_resnet_v2():
    """The order that the logits in test_inception_resnet.py prove, a slower test."""
    path = Path(__file__).with_name("test_inception_resnet.py")
    spec = importlib.util.spec_from_file_location("proved", path)
    proved = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(proved)
    expected = dict(proved.NAMED)
    for index, layer in enumerate(proved.CREATED):
        expected[layer] = f"conv2d:{index}"
        expected[f"{layer}_bn"] = f"batch_normalization:{index}"
    for layer, name in INCEPTION_RESNET_V2.items():
        assert name == expected[layer], layer
