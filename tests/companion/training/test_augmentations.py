"""Every altered picture is what the paper says it is, found by search or by hand."""

import numpy as np
import pytest

from companion import data
from companion.training import (
    colour_shifts,
    cutout,
    mixup,
    principal_colours,
    random_crops,
    random_mirrors,
)


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def images():
    return generator(9).uniform(0.1, 1, (60, 9, 7, 3))


def test_a_crop_is_a_window_and_every_place_is_drawn(images):
    crops = random_crops(images, 5, generator())
    assert crops.shape == (60, 5, 5, 3)
    seen = set()
    for image, crop in zip(images, crops, strict=True):
        places = [
            (top, left)
            for top in range(5)
            for left in range(3)
            if np.array_equal(image[top : top + 5, left : left + 5], crop)
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert {top for top, _ in seen} == set(range(5))
    assert {left for _, left in seen} == set(range(3))


def test_a_crop_of_the_whole_picture_is_the_picture():
    images = generator(1).random((4, 6, 6, 2))
    assert np.array_equal(random_crops(images, 6, generator()), images)


def test_half_of_the_pictures_are_mirrored(images):
    mirrored = random_mirrors(images, generator())
    same = [np.array_equal(a, b) for a, b in zip(images, mirrored, strict=True)]
    turned = [
        np.array_equal(a[:, ::-1], b) for a, b in zip(images, mirrored, strict=True)
    ]
    assert all(a != b for a, b in zip(same, turned, strict=True))
    assert 15 < sum(turned) < 45


def test_principal_colours_of_a_photograph():
    """The eigenvectors turn the pixels so that their channels do not go together."""
    pixels = data.photograph("coffee", size=64)[None] / 255
    values, vectors = principal_colours(pixels)
    assert (np.diff(values) <= 0).all()
    turned = pixels.reshape(-1, 3) @ vectors
    np.testing.assert_allclose(np.cov(turned.T), np.diag(values), atol=1e-10)


def test_a_colour_shift_is_one_colour_for_a_picture(images):
    values, vectors = principal_colours(images)
    shifted = colour_shifts(images, values, vectors, generator(), 0.5)
    change = (shifted - images).reshape(60, -1, 3)
    assert np.ptp(change, axis=1).max() < 1e-12
    alphas = change[:, 0] @ vectors / values
    assert len(np.unique(alphas.round(9))) == 180
    assert 0.35 < alphas.std() < 0.65 and abs(alphas.mean()) < 0.15


def test_the_default_deviation_is_the_paper_s():
    images = np.zeros((5000, 1, 1, 3))
    shifted = colour_shifts(images, np.ones(3), np.eye(3), generator())
    assert abs(shifted.std() - 0.1) < 0.005


def test_cutout_covers_a_square_that_may_stick_out(images):
    cut = cutout(images, 4, generator())
    assert (images != 0).all()
    sizes = set()
    for image, other in zip(images, cut, strict=True):
        gone = (other == 0).all(-1)
        assert np.array_equal(other[~gone], image[~gone])
        rows, columns = gone.any(1).sum(), gone.any(0).sum()
        assert gone.sum() == rows * columns
        sizes.add((int(rows), int(columns)))
    assert max(sizes) == (4, 4) and min(sizes) < (4, 4)


@pytest.mark.parametrize("size", [3, 4])
def test_what_sticks_out_is_cut_off_at_every_border(size):
    """Of a square around each of nine rows and seven columns, what lies inside."""
    cut = cutout(np.ones((3000, 9, 7, 1)), size, generator())
    for axis, side in (1, 9), (2, 7):
        gone = (cut == 0).any((3 - axis, 3))
        starts = np.arange(side) - size // 2
        inside = zip(starts.clip(0), (starts + size).clip(max=side), strict=True)
        spans = {(int(row.argmax()), int(row.argmax() + row.sum())) for row in gone}
        assert spans == {(int(first), int(last)) for first, last in inside}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_centre_of_cutout_is_any_pixel(size):
    """Every pixel is covered by some square, also those in the corners."""
    cut = cutout(np.ones((3000, 5, 4, 1)), size, generator())
    assert ((cut == 0).mean((0, 3)) > 0.02).all()


def test_mixup_blends_pictures_and_targets_by_one_share(images):
    targets = np.eye(60)
    mixed, shares = mixup(images, targets, 0.4, generator(3))
    np.testing.assert_allclose(mixed, np.tensordot(shares, images, 1), atol=1e-12)
    np.testing.assert_allclose(shares.sum(1), 1)
    own = np.diag(shares)
    partnered = own < 1
    assert partnered.sum() > 50 and np.ptp(own[partnered]) < 1e-12


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_the_share_has_the_beta_distribution(alpha):
    """Its mean is 1/2, its variance 1 / (4 (2 alpha + 1))."""
    draws, pair = generator(4), np.zeros((2, 1, 1, 1))
    found = []
    while len(found) < 2000:
        _, targets = mixup(pair, np.eye(2), alpha, draws)
        if targets[0, 1]:  # the partner is the other one
            found.append(targets[0, 0])
    expected = 1 / (4 * (2 * alpha + 1))
    assert abs(np.mean(found) - 0.5) < 0.04
    assert abs(np.var(found) / expected - 1) < 0.15


def test_the_pictures_are_left_as_they_were(images):
    before, values = images.copy(), np.ones(3)
    random_crops(images, 5, generator())
    random_mirrors(images, generator())
    colour_shifts(images, values, np.eye(3), generator())
    cutout(images, 3, generator())
    mixup(images, np.eye(60), 1.0, generator())
    assert np.array_equal(images, before)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (random_crops, (6,), r"size=6, images\.shape=\(2, 5, 6, 3\)"),
        (random_crops, (0,), "size=0"),
        (cutout, (0,), "size=0"),
        (colour_shifts, (np.ones(2), np.eye(3)), r"values\.shape=\(2,\)"),
        (colour_shifts, (np.ones(3), np.eye(2)), r"vectors\.shape=\(2, 2\)"),
        (mixup, (np.eye(3), 1.0), r"targets\.shape=\(3, 3\)"),
        (mixup, (np.eye(2), 0), "alpha=0"),
    ],
)
def test_refuses(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(np.ones((2, 5, 6, 3)), *arguments, generator())


def test_refuses_a_single_picture():
    with pytest.raises(ValueError, match=r"images\.shape=\(5, 6, 3\)"):
        random_mirrors(np.ones((5, 6, 3)), generator())
