"""The networks of the shared benchmark differ in their blocks, and in little else."""

import keras
import pytest

from book._kit.chapter import BOOK
from companion import results
from companion.complexity import count_macs, count_params
from companion.training import FAMILIES, family_network


@pytest.mark.parametrize("family", FAMILIES)
def test_budget_and_sides(family):
    network = family_network(family)
    assert 70_000 <= count_params(network) <= 91_000
    assert count_macs(network) <= 10_000_000
    features = family_network(family, classes=None)
    assert features.output_shape[1:3] == (4, 4)
    assert network.get_layer("stem").output.shape[1:3] == (16, 16)
    assert (BOOK / f"{FAMILIES[family].chapter}.md").exists()


def three_by_three(network):
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    return sum(
        max(layer.kernel_size) == 3
        for layer in network.layers
        if isinstance(layer, kinds)
    )


@pytest.mark.parametrize(
    "family",
    ["VGG", "plain", "ResNet", "ResNet v2", "SENet", "Xception", "MobileNetV1"]
    + ["MobileNetV2", "MobileNetV3", "ShuffleNetV1"],
)
def test_two_layers_of_3x3_in_a_stage(family):
    assert three_by_three(family_network(family)) == 1 + 3 * 2


def test_resnet_is_plain_with_shortcuts():
    """The shortcuts that project have 1x1 kernels and a normalization: 2,752 more."""
    plain, residual = map(family_network, ("plain", "ResNet"))
    projections = (16 * 32 + 4 * 32) + (32 * 64 + 4 * 64)
    assert residual.count_params() - plain.count_params() == projections


@pytest.mark.parametrize("family", FAMILIES)
def test_running_averages_arrive(family):
    """What is left of the initial ones after an epoch of the record, 125 steps."""
    layers = family_network(family).layers
    momenta = [layer.momentum for layer in layers if hasattr(layer, "momentum")]
    assert momenta and max(momenta) ** 125 < 0.002


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match=r"A family is one of AlexNet, VGG.*'resnet'"):
        family_network("resnet")
    with pytest.raises(ValueError, match=r"Received: \['resnet'\]"):
        results.compare("plain", "resnet")


def test_every_family_has_its_row():
    """The counts of the record are those of the networks."""
    known = results.load("shared_benchmark")["families"]
    assert list(known) == list(FAMILIES)
    for family, row in known.items():
        network = family_network(family)
        assert row["parameters"] == count_params(network)
        assert row["multiply-adds"] == count_macs(network)
        assert len(row["runs"]) >= 3


def test_the_mean_is_that_of_the_last_epochs(monkeypatch):
    runs = {
        seed: [
            {"test error": 0.9, "cpu seconds": 1},
            {"test error": e, "cpu seconds": 2},
        ]
        for seed, e in zip("012", (0.5, 0.6, 0.7), strict=True)
    }
    row = {"parameters": 1234, "multiply-adds": 5, "runs": runs}
    monkeypatch.setattr(results, "load", lambda name: {"families": {"one": row}})
    shown = results.compare().loc["one"]
    assert list(shown) == ["1,234", "5", "60.0%", "50.0% to 70.0%", "3"]


# What the chapters say below their rows, and the page on the zoo.
AHEAD = """
    ResNet < AlexNet, AlexNet < VGG, AlexNet < GoogLeNet, Inception v2 < GoogLeNet,
    ResNet < ResNet v2, DenseNet < ResNet, DenseNet < ResNet v2, ResNet < ResNeXt,
    Xception < Inception v2, ResNet < SENet, ResNet < SKNet, Xception < ResNet,
    MobileNetV1 < ResNet, MobileNetV2 < MobileNetV1, MobileNetV2 < MobileNetV3,
    MobileNetV2 < ResNet, ShuffleNetV1 < ResNeXt, ShuffleNetV1 < ShuffleNetV2
"""


def test_families_that_are_ahead_with_every_seed():
    families = results.load("shared_benchmark")["families"]
    ends = {
        name: [run[-1]["test error"] for run in row["runs"].values()]
        for name, row in families.items()
    }
    for pair in AHEAD.split(","):
        better, worse = map(str.strip, pair.split("<"))
        assert max(ends[better]) < min(ends[worse]), pair
    for one, other in ("plain", "ResNet"), ("SENet", "SKNet"):
        assert min(ends[one]) < max(ends[other]) and min(ends[other]) < max(ends[one])
    vgg, googlenet = ends["VGG"], ends["GoogLeNet"]
    assert min(vgg) < min(googlenet) and max(googlenet) < max(vgg)
    seconds = {
        name: sum(epoch["cpu seconds"] for run in row["runs"].values() for epoch in run)
        for name, row in families.items()
    }
    assert 3.5 < seconds["DenseNet"] / seconds["ResNet"] < 4.5
    assert 2.5 < seconds["GoogLeNet"] / seconds["VGG"] < 3.5
    assert seconds["ShuffleNetV2"] < seconds["ShuffleNetV1"] / 2
    assert seconds["MobileNetV1"] < seconds["MobileNetV2"]
    macs = {name: row["multiply-adds"] for name, row in families.items()}
    assert 0.45 < macs["MobileNetV3"] / macs["MobileNetV2"] < 0.55
    assert 2.5 < macs["DenseNet"] / macs["ResNet"] < 3.5
    assert macs["MobileNetV1"] > macs["ResNet"]
    assert min(macs.values()) > 2e6 and 9e6 < max(macs.values()) < 1e7
    assert FAMILIES["MobileNetV1"].width == 3 * FAMILIES["ResNet"].width
