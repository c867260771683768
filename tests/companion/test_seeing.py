"""What networks see: the record, the drawings of it, and the live computation."""

import hashlib
import json

import keras
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from companion import data, models, pretrained, results
from companion.plotting import plot_filters, plot_maps, plot_photograph, plot_top
from companion.pretrained import seeing
from companion.results import photographs

RECORD = json.loads((results.FOLDER / "see_it.json").read_text("utf8"))
PAIRS = [
    (network, photograph)
    for network, facts in RECORD["networks"].items()
    for photograph in facts["photographs"]
]
CLASSIFIERS = {"MobileNetV1", "MobileNetV2", "ResNet50"}
KERNELS = {  # from the papers
    "AlexNetOneTower": (11, 11, 3, 64),
    "VGG16": (3, 3, 3, 64),
    "InceptionV3": (3, 3, 3, 32),
    "ResNet50": (7, 7, 3, 64),
    "MobileNetV1": (3, 3, 3, 32),
    "MobileNetV2": (3, 3, 3, 32),
    "ResNet56Projection": (3, 3, 3, 16),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


# The record --------------------------------------------------------------------------


def test_the_record_is_small_and_whole():
    packed = (results.FOLDER / "see_it.npz").read_bytes()
    assert len(packed) < 300_000
    assert hashlib.sha256(packed).hexdigest() == RECORD["arrays_sha256"]
    assert set(RECORD["networks"]) == set(KERNELS)


@pytest.mark.parametrize("network, photograph", PAIRS)
def test_what_was_seen(network, photograph):
    found = results.seen(network, photograph)
    side = {"InceptionV3": 299, "ResNet56Projection": 32}.get(network, 224)
    assert found.image.shape == (side, side, 3) and found.image.dtype == np.uint8
    assert found.filters.shape == KERNELS[network]
    assert len(found.maps) == 3
    for layer, maps in found.maps.items():
        assert maps.shape[2] == len(found.channels[layer]) == 5
        assert max(maps.shape[:2]) <= seeing.LARGEST and maps.dtype == np.uint8
    if network in CLASSIFIERS:
        assert found.occlusion.shape == (14, 14)
        assert [chance for _, chance in found.top] == sorted(
            (chance for _, chance in found.top), reverse=True
        )


@pytest.mark.parametrize("network", sorted(CLASSIFIERS))
def test_cats_are_cats_and_coffee_is_coffee(network):
    """The classes that other programs found with the same weights."""
    cats = [name for name, _ in results.seen(network).top[:3]]
    assert set(cats) == {"Egyptian_cat", "tiger_cat", "tabby"}
    (first, chance), *_ = results.seen(network, "coffee").top
    assert first == "espresso" and chance > 0.5


def test_resnet_56_of_cifar_10():
    """Its file's name says 93.20 %, on all 10,000 test images."""
    assert RECORD["networks"]["ResNet56Projection"]["test_accuracy"] == 93.2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("VGG19",), "A network must be one of .*ResNet50.*network='VGG19'"),
        (("VGG16", "dog"), "one of chelsea, coffee. Received: photograph='dog'"),
    ],
)
def test_what_was_not_seen(arguments, message):
    with pytest.raises(ValueError, match=message):
        results.seen(*arguments)


def test_arrays_of_another_record_are_refused(monkeypatch, tmp_path):
    for name in ("see_it.json", "see_it.npz"):
        (tmp_path / name).write_bytes((results.FOLDER / name).read_bytes())
    (tmp_path / "see_it.npz").write_bytes(b"other")
    monkeypatch.setattr(photographs, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"is not that of see_it\.json"):
        results.seen("VGG16")


# Live --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    """ResNet50 of random weights: the shape of what comes out, and its arithmetic."""
    keras.utils.set_random_seed(5)
    return models.ResNet50(input_shape=(64, 64, 3))


@pytest.fixture
def known(network, monkeypatch):
    row = pretrained.files("ResNet50", "npm")[0]
    monkeypatch.setitem(pretrained.LOADED, pretrained.digest(network), row)
    return row


def test_see(network, known):
    layers = ["conv1_relu", "conv5_3_relu"]
    found = pretrained.see(network, data.photograph("chelsea"), layers, channels=4)
    assert found.network == "ResNet50" and found.weights == pretrained.describe(known)
    assert found.image.shape == (64, 64, 3)
    assert len(found.top) == 5 and found.occlusion is None
    inner = keras.Model(network.input, network.get_layer("conv5_3_relu").output)
    maps = np.asarray(inner(pretrained.preprocess(network, found.image)))[0]
    means = maps.mean((0, 1))
    kernel = network.get_layer("conv1").get_weights()[0]  # reads blue first
    np.testing.assert_array_equal(found.filters[:, :, 0], kernel[:, :, 2])
    best = found.channels["conv5_3_relu"]
    assert best == np.argsort(-means, kind="stable")[:4].tolist()
    one = maps[..., best[0]]
    scaled = 255 * (one - one.min()) / (one.max() - one.min())
    np.testing.assert_allclose(found.maps["conv5_3_relu"][..., 0], scaled, atol=0.51)


def test_the_crop_is_that_of_preprocess():
    for name in data.photographs.NAMES:
        image = data.photograph(name)
        np.testing.assert_array_equal(
            photographs.cropped(image, 224), pretrained.centre(image, 224, 224)
        )


def test_occlusion_hides_three_cells(network, known, monkeypatch):
    """The probability where a square is over the corner and over the centre."""
    image = photographs.cropped(data.photograph("coffee"), 64)
    found = seeing.occlusion(network, image, 7, 4)
    assert found.shape == (4, 4)
    for place, rows, columns in (
        ((0, 0), slice(0, 32), slice(0, 32)),
        ((2, 1), slice(16, 64), slice(0, 48)),
    ):
        hidden = image.copy()
        hidden[rows, columns] = seeing.GREY
        expected = network.predict(pretrained.preprocess(network, hidden), verbose=0)
        np.testing.assert_allclose(found[place], expected[0, 7], rtol=1e-3)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"layers": ["conv9"]}, "has no such layer. Received: 'conv9'"),
        ({"grid": 1}, "grid"),
    ],
)
def test_arguments_of_see(given, message, network, known):
    with pytest.raises(ValueError, match=message):
        pretrained.see(network, data.photograph("coffee"), **given)


def test_a_network_without_a_classifier_has_no_occlusion_map(monkeypatch):
    trunk = models.VGG16(input_shape=(32, 32, 3), classes=None)
    row = pretrained.files("VGG16", "pypi")[0]
    monkeypatch.setitem(pretrained.LOADED, pretrained.digest(trunk), row)
    assert pretrained.see(trunk, data.photograph("coffee")).top == []
    with pytest.raises(ValueError, match="must have its classifier"):
        pretrained.see(trunk, data.photograph("coffee"), grid=14)


def test_large_maps_are_averaged():
    maps = np.arange(224 * 224, dtype=float).reshape(224, 224, 1)
    found = seeing.reduced(maps)
    assert found.shape == (56, 56, 1)
    assert found[0, 0, 0] == maps[:4, :4].mean()


# Drawings ----------------------------------------------------------------------------


def test_filters_are_pictures():
    """A filter that reads only red, positive: red against grey."""
    kernel = np.zeros((3, 3, 3, 5))
    kernel[..., 0, 0] = 2
    kernel[..., 1, 4] = -2
    ax = plot_filters(kernel, columns=3, title="filters")
    (image,) = ax.get_images()
    pixels = np.asarray(image.get_array())
    assert pixels.shape == (2 * 3 + 1, 3 * 3 + 2, 3)
    np.testing.assert_allclose(pixels[0, 0], (1, 0.5, 0.5))
    np.testing.assert_allclose(pixels[4, 4], (0.5, 0, 0.5))
    np.testing.assert_allclose(pixels[3], 1)  # between the rows
    assert ax.get_title() == "filters"


def test_maps_are_stretched_one_by_one():
    maps = np.stack([np.arange(4).reshape(2, 2), 100 + np.arange(4).reshape(2, 2)], -1)
    (image,) = plot_maps(maps).get_images()
    pixels = np.asarray(image.get_array())
    assert pixels.shape == (2, 5)
    np.testing.assert_allclose(pixels[:, :2], pixels[:, 3:])
    assert pixels[0, 0] == 0 and pixels[1, 1] == 1


def test_the_smallest_number_over_a_photograph_is_ringed():
    image = np.zeros((100, 200, 3), "uint8")
    heat = np.ones((2, 4))
    heat[1, 2] = 0
    ax = plot_photograph(image, heat, label="p")
    assert len(ax.get_images()) == 2
    (ring,) = ax.lines
    np.testing.assert_allclose(ring.get_xydata(), [(124.5, 74.5)])


def test_bars_of_classes():
    ax = plot_top([("Egyptian_cat", 0.7), ("tabby", 0.2)])
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "Egyptian cat",
        "tabby",
    ]
    assert [bar.get_width() for bar in ax.patches] == [0.7, 0.2]
    assert ax.yaxis_inverted()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plot_filters(np.ones((3, 3, 64, 8))), r"shape \(3, 3, 64, 8\)"),
        (lambda: plot_maps(np.ones((3, 3))), r"shape \(3, 3\)"),
        (lambda: plot_photograph(np.ones((3, 3))), r"shape \(3, 3\)"),
        (lambda: plot_photograph(np.ones((3, 3, 3)), np.ones(3)), r"shape \(3,\)"),
        (lambda: plot_top([]), r"top=\[\]"),
        (lambda: plot_top([("a", 1)], ax=3), "axes of matplotlib"),
    ],
)
def test_arguments_of_drawings(call, message):
    with pytest.raises(ValueError, match=message):
        call()
