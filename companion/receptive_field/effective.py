"""How much each pixel of a field counts: the effective receptive field."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from companion import graph
from companion.arguments import integer
from companion.receptive_field.measuring import (
    call_at_inference,
    image_shape,
    value_at,
)

__all__ = ["GaussianFit", "effective_receptive_field", "gaussian_fit"]


def effective_receptive_field(
    model, layer=None, *, images=None, input_size=None, samples=16, seed=0
):
    """How much each pixel counts for the centre unit: the mean absolute gradient.

    An error signal of 1 in every channel of the centre unit, and 0 elsewhere, is sent
    back to the image; absolute values are averaged over colour channels and images,
    and divided by their sum.

    Args:
        model: Functional or Sequential Keras model with one input.
        layer: layer of this model or its name, as in `receptive_field`; None is the
            model's output.
        images: array (samples, height, width, channels) to measure on; None draws
            standard normal noise.
        input_size: side or (height, width) of the noise, if the model leaves it open.
        samples: number of noise images.
        seed: whole number that fixes the noise.

    Returns:
        Array (height, width) of weights that sum to 1.

    Raises:
        TypeError: for a subclassed model.
        ValueError: if the layer or the image size cannot be found, if `images`,
            `samples` or `seed` is not as above, if no gradient arrives (a dead unit),
            or on a backend other than TensorFlow and JAX.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((9, 9, 1)), keras.layers.Conv2D(
    ...     1, 3, padding="same", kernel_initializer="ones")])
    >>> effective_receptive_field(model)[3:6, 3:6].round(3).tolist()
    [[0.111, 0.111, 0.111], [0.111, 0.111, 0.111], [0.111, 0.111, 0.111]]

    Reference: Luo, Li, Urtasun and Zemel (2016), sections 2 and 3.
    """
    model, shape = graph.symbolic(model), image_shape(model, input_size, images)
    if images is None:
        images = _noise(shape, samples, seed)
    gradient = np.abs(_centre_gradient(model, layer, ops.cast(images, "float32")))
    weights = gradient.mean(axis=(0, -1), dtype="float64")
    if not weights.sum() > 0:
        raise ValueError(
            "No gradient reaches the image: the centre unit is dead or not connected. "
            f"Received: layer={layer!r}"
        )
    return weights / weights.sum()


def _noise(shape, samples, seed):
    shape = integer("samples", samples), *shape
    return keras.random.normal(shape, seed=integer("seed", seed, least=0))


def _centre_gradient(model, layer, images):
    """Gradient of the channel sum of the centre unit with respect to the images."""

    def centre(images):
        output = value_at(model, layer, images, call_at_inference)
        if len(output.shape) == len(images.shape):
            middle = tuple(units // 2 for units in output.shape[1:-1])
            output = output[(slice(None), *middle)]
        return ops.sum(output)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(images)
            response = centre(images)
        return tape.gradient(response, images, unconnected_gradients="zero").numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(centre)(images))
    raise ValueError(
        "The effective receptive field needs TensorFlow or JAX. "
        f"Received: backend={backend!r}"
    )


class GaussianFit(NamedTuple):
    """The Gaussian with the mean and the variance of an effective receptive field.

    Args:
        center: pair (y, x) in pixels.
        sigma: standard deviations (vertical, horizontal) in pixels.
    """

    center: tuple
    sigma: tuple

    def radius_ratio(self, field):
        """2 sigma over the radius (size - 1) / 2 of the theoretical field, per axis.

        For n layers of equal 3x3 weights it is 1.633 / sqrt(n): "one third to one
        fifth" holds from 24 to 67 layers only.

        Args:
            field: the `ReceptiveField` of the same layer.

        Returns:
            A pair (vertical, horizontal).
        """
        return tuple(
            4 * sigma / (axis.size - 1)
            for sigma, axis in zip(self.sigma, (field.rows, field.columns), strict=True)
        )


def gaussian_fit(weights):
    """Fit a Gaussian to an effective receptive field, by its moments.

    Args:
        weights: array (height, width) of non-negative weights, such as
            `effective_receptive_field` returns.

    Returns:
        A `GaussianFit`.

    Raises:
        ValueError: if `weights` is not such an array.

    Example: one 3x3 layer of equal weights has the variance 2/3.

    >>> weights = np.pad(np.ones((3, 3)), 2)
    >>> fit = gaussian_fit(weights)
    >>> fit.center, [round(sigma**2, 4) for sigma in fit.sigma]
    ((3.0, 3.0), [0.6667, 0.6667])

    Reference: Luo, Li, Urtasun and Zemel (2016), section 2: the variance of n layers
    is the sum of theirs.
    """
    weights = np.asarray(weights, "float64")
    if weights.ndim != 2 or not (weights >= 0).all() or not weights.sum() > 0:
        raise ValueError(
            "weights must be an array (height, width), not negative, not all zero. "
            f"Received: shape={weights.shape}, min={weights.min(initial=0)}"
        )
    center, sigma = [], []
    for axis in range(2):
        profile = weights.sum(axis=1 - axis) / weights.sum()
        pixels = np.arange(len(profile))
        mean = float(profile @ pixels)
        center.append(mean)
        sigma.append(float(np.sqrt(profile @ (pixels - mean) ** 2)))
    return GaussianFit(tuple(center), tuple(sigma))
