import numpy as np
import pytest

from companion.training.pictures import SHIFT, augmented, epoch_of, standardised
from companion.training.recipe import Recipe


@pytest.fixture
def images():
    return np.random.default_rng(0).random((40, 12, 10, 3)).astype("float32")


def test_pixels_are_standardised_per_channel_by_the_training_pictures():
    generator = np.random.default_rng(0)
    train = generator.integers(0, 256, (50, 4, 5, 3)).astype("uint8")
    test = generator.integers(0, 256, (5, 4, 5, 3)).astype("uint8")
    scaled = standardised(train, train)
    np.testing.assert_allclose(scaled.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 1, 2)), 1, atol=1e-5)
    expected = (test[0, 0, 0] - train.mean((0, 1, 2))) / train.std((0, 1, 2))
    np.testing.assert_allclose(standardised(test, train)[0, 0, 0], expected, atol=1e-5)


def test_every_picture_is_a_window_of_its_padded_self(images):
    shown = augmented(images, np.random.default_rng(1))
    seen = set()
    for image, window in zip(images, shown, strict=True):
        padded = np.pad(image, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
        places = [
            (top, left, flipped)
            for top in range(2 * SHIFT + 1)
            for left in range(2 * SHIFT + 1)
            for flipped in (False, True)
            if np.array_equal(
                padded[top : top + 12, left : left + 10][:, :: -1 if flipped else 1],
                window,
            )
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert {flipped for *_, flipped in seen} == {False, True}
    assert len({top for top, *_ in seen}) == 2 * SHIFT + 1


def test_an_epoch_depends_on_seed_and_number_only(images):
    labels = np.arange(40)
    recipe = Recipe(epochs=2, batch=15)
    first = epoch_of(images, labels, 3, 1, recipe)
    again = epoch_of(images, labels, 3, 1, recipe)
    other = epoch_of(images, labels, 3, 0, recipe)
    np.testing.assert_array_equal(first[0], again[0])
    assert len(first[1]) == 30  # whole batches
    assert len(set(first[1])) == 30  # none twice
    assert not np.array_equal(first[1], other[1])


def test_without_augmentation_pictures_stay_with_their_labels(images):
    recipe = Recipe(epochs=2, batch=10, augment=False)
    shown, labels = epoch_of(images, np.arange(40), 0, 0, recipe)
    np.testing.assert_array_equal(shown, images[labels])
