"""Real images: Fashion-MNIST, MNIST and CIFAR-10, the same bytes on every machine.

A chapter asks for the first images of a data set. Where they come from never changes
what they are: an array is returned only if, written in the published file format, it
has the published checksum. The first 5000 training and 1000 test images of
Fashion-MNIST and of MNIST travel with the package, so they need no network.

>>> from companion import data
>>> images = data.load("fashion_mnist", train=4000, test=1000)
>>> images
Fashion-MNIST: 4000 training and 1000 test images, 28 x 28 x 1, from bundled sample

``python -m companion.data [names]`` puts complete data sets into the cache,
``$COMPANION_HOME`` or ``~/.cache/cnn-companion``. ``COMPANION_OFFLINE=1`` forbids
every download.
"""

import warnings
from typing import NamedTuple

import numpy as np

from companion.data.photographs import is_whole, photograph
from companion.data.published import (
    DATASETS,
    SAMPLE_SHA256,
    SAMPLE_TEST,
    SAMPLE_TRAIN,
    look_up,
)
from companion.data.sources import (
    LOCAL,
    download,
    first_intact,
    read_sample,
    write_cache,
)

__all__ = ["Dataset", "load", "photograph"]


class Dataset(NamedTuple):
    """Images and labels, the names of the classes, and where the bytes came from.

    Images are uint8 of shape (n, height, width, channels), labels uint8 of shape (n,).
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple
    name: str
    source: str
    licence: str

    def __repr__(self):
        shape = " x ".join(str(size) for size in self.x_train.shape[1:])
        return (
            f"{DATASETS[self.name].title}: {len(self.x_train)} training and "
            f"{len(self.x_test)} test images, {shape}, from {self.source}"
        )


def load(name, train=None, test=None):
    """The first images of a data set, identical on every machine.

    Looks in turn at the bundled sample (if it holds enough), the cache, the Keras
    cache, an installed Debian package and, unless ``COMPANION_OFFLINE=1``, the official
    download. A source whose bytes are not the published ones is reported in a warning
    and not used.

    Args:
        name: ``"fashion_mnist"``, ``"mnist"`` or ``"cifar10"``.
        train: how many training images, from the first on; ``None`` for all.
        test: how many test images, from the first on; ``None`` for all.

    Returns:
        A ``Dataset``; images uint8 (n, 28, 28, 1) or (n, 32, 32, 3), labels uint8 (n,).

    Raises:
        ValueError: unknown name, or a number that the data set does not have.
        FileNotFoundError: no source has the images; lists what was tried.

    Example:
        >>> images = load("fashion_mnist", train=100, test=10)
        >>> images.x_train.shape, images.classes[images.y_train[0]]
        ((100, 28, 28, 1), 'Ankle boot')

    Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747; LeCun et al. (1998), "Gradient-
    Based Learning Applied to Document Recognition"; Krizhevsky (2009), "Learning
    Multiple Layers of Features from Tiny Images".
    """
    published = look_up(name)
    train = check_count(published, "train", train)
    test = check_count(published, "test", test)
    sources = [*LOCAL, ("official download", download)]
    if name in SAMPLE_SHA256 and train <= SAMPLE_TRAIN and test <= SAMPLE_TEST:
        sources = [("bundled sample", read_sample), *sources]
    arrays, source = first_intact(name, sources)
    if source == "official download":
        try:
            write_cache(name, arrays)
        except OSError as error:
            warnings.warn(f"{name} will be downloaded again: {error}", stacklevel=2)
    x_train, y_train, x_test, y_test = arrays
    return Dataset(
        x_train=x_train[:train].copy(),
        y_train=y_train[:train].copy(),
        x_test=x_test[:test].copy(),
        y_test=y_test[:test].copy(),
        classes=published.classes,
        name=name,
        source=source,
        licence=published.licence,
    )


def check_count(published, which, count):
    available = getattr(published, which)
    if count is None:
        return available
    if not is_whole(count) or not 1 <= count <= available:
        raise ValueError(
            f"{which} must be None or a whole number from 1 to {available}, all that "
            f"{published.title} has. Received: {which}={count!r}"
        )
    return count
