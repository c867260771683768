"""The effective field: how much each pixel counts."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import conv, image_input


def uniform(depth, pixels):
    """A chain of 3x3 layers of equal weights without nonlinearity."""
    mean = keras.initializers.Constant(1 / 9)
    return keras.Sequential(
        [image_input(pixels)]
        + [
            layers.Conv2D(1, 3, padding="same", kernel_initializer=mean)
            for _ in range(depth)
        ]
    )


@pytest.mark.parametrize("depth", [1, 5, 24, 67])
def test_uniform_layers_follow_the_square_root_law(depth):
    """sigma = sqrt(2 n / 3); 2 sigma over the radius n is 1.633 / sqrt(n)."""
    model = uniform(depth, 2 * depth + 1)
    weights = rf.effective_receptive_field(model, samples=1)
    fit = rf.gaussian_fit(weights)
    assert fit.center == pytest.approx((depth, depth), abs=1e-4)
    assert fit.sigma == pytest.approx((math.sqrt(2 * depth / 3),) * 2, rel=1e-4)
    ratio = fit.radius_ratio(rf.receptive_field(model))
    assert ratio == pytest.approx((2 * math.sqrt(2 / 3 / depth),) * 2, rel=1e-4)


def test_one_third_to_one_fifth_is_24_to_67_layers():
    for depth, ratio in ((24, 1 / 3), (67, 1 / 5)):
        model = uniform(depth, 2 * depth + 1)
        fit = rf.gaussian_fit(rf.effective_receptive_field(model, samples=1))
        found = fit.radius_ratio(rf.receptive_field(model))
        assert found == pytest.approx((ratio, ratio), rel=0.005)


def test_paths_from_the_centre_and_from_the_edge():
    """Five 3x3 layers: 51 paths against 1 along each axis, 2601 in the plane."""
    weights = rf.effective_receptive_field(uniform(5, 11), samples=1)
    assert weights[5, 5] / weights[0, 0] == pytest.approx(2601, rel=1e-4)
    assert weights[5, 0] / weights[0, 0] == pytest.approx(51, rel=1e-4)


def test_gradient_stays_inside_the_theoretical_field():
    keras.utils.set_random_seed(3)
    image = image_input((31, 29), channels=3)
    x = layers.Conv2D(8, (3, 5), 2, activation="tanh")(image)
    x = layers.Conv2D(8, 3, padding="same")(layers.AveragePooling2D(2)(x))
    model = keras.Model(image, x)
    weights = rf.effective_receptive_field(model, samples=4, seed=1)
    field = rf.receptive_field(model)
    box = field.region(field.units[0] // 2, field.units[1] // 2)
    rows, columns = np.flatnonzero(weights.sum(1)), np.flatnonzero(weights.sum(0))
    found = rf.Region(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert found == box
    assert weights.sum() == pytest.approx(1)
    again = rf.effective_receptive_field(model, samples=4, seed=1)
    assert np.array_equal(weights, again)
    assert not np.allclose(weights, rf.effective_receptive_field(model, seed=2))


def test_effective_field_on_given_images():
    model = uniform(1, 5)
    weights = rf.effective_receptive_field(model, images=np.zeros((2, 5, 5, 1), "f"))
    assert weights[1:4, 1:4] == pytest.approx(np.full((3, 3), 1 / 9))


def test_effective_field_on_images_of_bytes():
    keras.utils.set_random_seed(0)
    image = image_input(7)
    rescaled = layers.Rescaling(1 / 255)(image)
    tanh = layers.Conv2D(2, 5, padding="same", activation="tanh")(rescaled)
    model = keras.Model(image, tanh)
    images = np.random.default_rng(0).integers(0, 256, (2, 7, 7, 1))
    weights = rf.effective_receptive_field(model, images=images.astype("uint8"))
    same = rf.effective_receptive_field(model, images=images.astype("float32"))
    assert np.array_equal(weights, same) and weights.sum() == pytest.approx(1)


def test_effective_field_of_a_cut_graph():
    image = image_input(5)
    model = keras.Model(image, ops.stop_gradient(conv(image, 3)))
    with pytest.raises(ValueError, match="No gradient"):
        rf.effective_receptive_field(model)


def test_dead_unit_is_reported():
    dead = layers.Conv2D(1, 3, kernel_initializer="zeros")
    with pytest.raises(ValueError, match="No gradient"):
        rf.effective_receptive_field(keras.Sequential([image_input(5), dead]))


def test_gaussian_fit_recovers_a_gaussian():
    y, x = np.mgrid[:61, :81]
    weights = np.exp(-((y - 28) ** 2) / (2 * 4**2) - (x - 43.5) ** 2 / (2 * 6.5**2))
    fit = rf.gaussian_fit(7 * weights)
    assert fit.center == pytest.approx((28, 43.5), abs=1e-6)
    assert fit.sigma == pytest.approx((4, 6.5), rel=1e-6)


@pytest.mark.parametrize(
    "weights", [np.zeros((3, 3)), -np.ones((3, 3)), np.ones(3), np.full((2, 2), np.nan)]
)
def test_gaussian_fit_rejects(weights):
    with pytest.raises(ValueError, match="Received: shape="):
        rf.gaussian_fit(weights)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((5, 5, 1)),
        np.zeros((2, 5, 6, 1)),
        np.zeros((2, 5, 5, 3)),
        np.zeros((0, 5, 5, 1)),
        np.full((1, 5, 5, 1), np.nan),
        np.full((1, 5, 5, 1), 1j),
        np.full((1, 5, 5, 1), "a"),
        [[1, 2], [3]],
        "images",
        7,
    ],
)
def test_wrong_images_are_refused(images):
    with pytest.raises(ValueError, match=r"images must be.*Received: "):
        rf.effective_receptive_field(uniform(1, 5), images=images)


@pytest.mark.parametrize("options", [{"samples": 0}, {"samples": 2.0}, {"seed": "a"}])
def test_wrong_samples_and_seeds_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"`{name}` must be.*Received: {name}="):
        rf.effective_receptive_field(uniform(1, 5), **options)
