"""Altered pictures: AlexNet's crops, mirror images and colours; cutout; mixup.

Pictures are arrays (n, height, width, channels). What is random is drawn from a NumPy
generator, for each picture anew (`mixup`: one share for all); a new array comes back.
"""

import numpy as np

from companion.arguments import integer, number, real_numbers

__all__ = [
    "colour_shifts",
    "cutout",
    "mixup",
    "principal_colours",
    "random_crops",
    "random_mirrors",
]


def random_crops(images, size, generator):
    """A square window of each picture, at a random place.

    Args:
        images: array (n, height, width, channels).
        size: side of the window in pixels.
        generator: a NumPy random generator.

    Returns:
        An array (n, size, size, channels).

    Raises:
        ValueError: if the pictures have another rank or are smaller than the window.

    Example:

    >>> images = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> random_crops(images, 2, np.random.default_rng(0))[0, :, :, 0]
    array([[ 9., 10.],
           [13., 14.]])

    Krizhevsky et al. 2012, Section 4.1.
    """
    images = pictures(images)
    size = integer("size", size)
    count, height, width, channels = images.shape
    if size > min(height, width):
        raise ValueError(
            "A window must fit into the pictures. "
            f"Received: size={size}, images.shape={images.shape}"
        )
    tops = generator.integers(0, height - size + 1, count)
    lefts = generator.integers(0, width - size + 1, count)
    crops = np.empty((count, size, size, channels), images.dtype)
    for crop, image, top, left in zip(crops, images, tops, lefts, strict=True):
        crop[:] = image[top : top + size, left : left + size]
    return crops


def random_mirrors(images, generator):
    """Each picture, or with a chance of one half its mirror image.

    Args:
        images: array (n, height, width, channels).
        generator: a NumPy random generator.

    Returns:
        An array of the same shape.

    Raises:
        ValueError: if the pictures have another rank.

    Example:

    >>> images = np.tile([1.0, 2.0], (4, 1)).reshape(4, 1, 2, 1)
    >>> random_mirrors(images, np.random.default_rng(0))[:, 0, 0, 0]
    array([1., 2., 2., 2.])

    Krizhevsky et al. 2012, Section 4.1.
    """
    images = pictures(images)
    mirrored = generator.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def principal_colours(images):
    """The directions in which the colours of the pixels vary, and how much.

    Args:
        images: array (n, height, width, channels), of the training.

    Returns:
        (values, vectors): the eigenvalues of the covariance of the pixels' channels,
        the largest first, (channels,), and the eigenvectors, a column for each.

    Raises:
        ValueError: if the pictures have another rank.

    Example: grey pictures vary along one direction.

    >>> grey = np.array([0.0, 1.0, 0.0, 1.0]).reshape(1, 2, 2, 1).repeat(3, axis=-1)
    >>> values, vectors = principal_colours(grey)
    >>> values.round(3) + 0.0, abs(vectors[:, 0]).round(3)
    (array([1., 0., 0.]), array([0.577, 0.577, 0.577]))

    Krizhevsky et al. 2012, Section 4.1.
    """
    pixels = pictures(images).reshape(-1, np.shape(images)[-1])
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(pixels.T.astype(float))))
    return values[::-1], vectors[:, ::-1]


def colour_shifts(images, values, vectors, generator, deviation=0.1):
    """Shift all pixels of a picture by one colour, drawn along the principal ones.

    Every pixel of a picture receives sum_i a_i * values[i] * vectors[:, i], with a_i
    normal, of mean 0. The paper multiplies by the eigenvalue, a variance, and not by
    its root; so the shift depends on the unit of the pixels. The result is not clipped.

    Args:
        images: array (n, height, width, channels).
        values: eigenvalues, (channels,).
        vectors: eigenvectors, a column for each, (channels, channels).
        generator: a NumPy random generator.
        deviation: standard deviation of the a_i, a number >= 0.

    Returns:
        A floating-point array of the same shape.

    Raises:
        ValueError: if the shapes do not fit or the deviation is negative.

    Example: one direction, and so the same shift in all channels.

    >>> black, along = np.zeros((1, 2, 2, 3)), np.full((3, 3), 0.577)
    >>> shifted = colour_shifts(black, [1, 0, 0], along, np.random.default_rng(0))
    >>> float(np.ptp(shifted))
    0.0

    Krizhevsky et al. 2012, Section 4.1.
    """
    images = pictures(images)
    values, vectors = real_numbers("values", values), real_numbers("vectors", vectors)
    channels = images.shape[-1]
    if values.shape != (channels,) or vectors.shape != (channels, channels):
        raise ValueError(
            "There must be an eigenvalue and a column for each channel. Received: "
            f"images.shape={images.shape}, values.shape={values.shape}, "
            f"vectors.shape={vectors.shape}"
        )
    deviation = number("deviation", deviation, least=0)
    alphas = generator.normal(0, deviation, (len(images), channels))
    return images + ((alphas * values) @ vectors.T)[:, None, None]


def cutout(images, size, generator):
    """Set a square of each picture to zero; its centre is any pixel.

    A square at the border sticks out, so that less of the picture is covered. Zero is
    the mean colour of standardised pictures.

    Args:
        images: array (n, height, width, channels).
        size: side of the square in pixels.
        generator: a NumPy random generator.

    Returns:
        An array of the same shape.

    Raises:
        ValueError: if the pictures have another rank or `size` is no integer >= 1.

    Example:

    >>> cutout(np.ones((1, 4, 4, 1)), 2, np.random.default_rng(0))[0, :, :, 0]
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [1., 0., 0., 1.],
           [1., 0., 0., 1.]])

    DeVries and Taylor 2017, "Improved regularization of convolutional neural networks
    with cutout", Section 3.
    """
    images = pictures(images).copy()
    size = integer("size", size)
    count, height, width, _ = images.shape
    rows = generator.integers(0, height, count) - size // 2
    columns = generator.integers(0, width, count) - size // 2
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = max(row, 0), max(column, 0)
        image[top : max(row + size, 0), left : max(column + size, 0)] = 0
    return images


def mixup(images, targets, alpha, generator):
    """Blend each picture, and its target, with those of another picture.

    One share is drawn for all pictures, as in the authors' code; the partners are the
    pictures themselves in another order.

    Args:
        images: array (n, height, width, channels).
        targets: probabilities of the classes, (n, classes).
        alpha: a number > 0; the share of the first picture has the distribution
            Beta(alpha, alpha), which for small alpha is nearly 0 or 1.
        generator: a NumPy random generator.

    Returns:
        (images, targets), blended, of the same shapes.

    Raises:
        ValueError: if the pictures have another rank, there is no target for each of
            them, or alpha is not positive.

    Example: a target tells the shares.

    >>> images, targets = np.eye(2).reshape(2, 1, 2, 1), np.eye(2)
    >>> mixed, shares = mixup(images, targets, 1.0, np.random.default_rng(1))
    >>> np.allclose(mixed[:, 0, :, 0], shares), shares.sum(1)
    (True, array([1., 1.]))

    Zhang et al. 2018, "mixup: beyond empirical risk minimization", Section 2.
    """
    images, targets = pictures(images), real_numbers("targets", targets)
    if targets.ndim != 2 or len(targets) != len(images):
        raise ValueError(
            "There must be a row of probabilities for each picture. Received: "
            f"targets.shape={targets.shape}, images.shape={images.shape}"
        )
    share = generator.beta(*[number("alpha", alpha, above=0)] * 2)
    order = generator.permutation(len(images))
    return tuple(share * each + (1 - share) * each[order] for each in (images, targets))


def pictures(images):
    """The pictures as an array of rank 4, or an error."""
    images = real_numbers("images", images)
    if images.ndim != 4:
        raise ValueError(
            "`images` must have the shape (n, height, width, channels). "
            f"Received: images.shape={images.shape}"
        )
    return images
