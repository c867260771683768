"""The pictures of one epoch: standardised, shifted, mirrored, in an order of their own.

What an epoch shows depends on the seed and the number of the epoch only, so that a run
which was stopped sees the same pictures as one which was not.
"""

import numpy as np

__all__ = ["augmented", "standardised"]

SHIFT = 4  # pixels


def standardised(images, like):
    """Pixels less the mean of each channel, over its standard deviation.

    Args:
        images: uint8 array (n, height, width, channels).
        like: the images that give mean and deviation: those of the training.

    Returns:
        float32 array shaped like `images`.

    Example:

    >>> black_and_white = np.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    >>> standardised(black_and_white, like=black_and_white).ravel().tolist()
    [-1.0, 1.0]
    """
    mean = like.mean((0, 1, 2), dtype="float64").astype("float32")
    scale = like.std((0, 1, 2), dtype="float64").astype("float32")
    return (images - mean) / scale


def augmented(images, generator):
    """Every picture shifted by up to four pixels each way, half of them mirrored.

    What a shift uncovers is zero.

    Args:
        images: array (n, height, width, channels).
        generator: a NumPy random generator.

    Returns:
        A new array of the same shape.

    Example: a white pixel at (4, 4) moves to (1, 3), then the picture is mirrored.

    >>> image = np.zeros((1, 9, 9, 1)); image[0, 4, 4] = 1
    >>> moved = augmented(image, np.random.default_rng(0))
    >>> np.argwhere(moved[0, :, :, 0]).tolist()
    [[1, 5]]
    """
    count, height, width, _ = images.shape
    margins = ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0))
    padded = np.pad(images, margins)
    shown = np.empty_like(images)
    corners = generator.integers(0, 2 * SHIFT + 1, (count, 2))
    mirrored = generator.random(count) < 0.5
    for index, (top, left) in enumerate(corners):
        window = padded[index, top : top + height, left : left + width]
        shown[index] = window[:, ::-1] if mirrored[index] else window
    return shown


def epoch_of(images, labels, seed, epoch, recipe):
    """What one epoch shows: whole batches, in the order in which they are shown.

    Args:
        images: standardised, (n, height, width, channels).
        labels: (n,).
        seed: seed of the run.
        epoch: number of the epoch, from 0 on.
        recipe: a `Recipe`.

    Returns:
        (images, labels) of ``steps_per_epoch * batch`` pictures.
    """
    generator = np.random.default_rng([seed, epoch])
    kept = recipe.steps_per_epoch(len(images)) * recipe.batch
    order = generator.permutation(len(images))[:kept]
    shown = images[order]
    return augmented(shown, generator) if recipe.augment else shown, labels[order]
