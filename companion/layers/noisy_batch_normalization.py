"""Batch normalization, disturbed: Santurkar, Tsipras, Ilyas, Madry (2018)."""

import math

import keras
from keras import ops

from companion.arguments import integer, number
from companion.complexity.rules import layer_macs, no_products
from companion.layers.batch_normalization import BatchNormalization
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class NoisyBatchNormalization(BatchNormalization):
    """Batch normalization whose outputs get another mean and variance in each step.

    If batch normalization helped because it holds the distribution of a layer's inputs
    still, then moving the distribution right after it should take the help away. In
    each training step every channel draws a shift and a factor, and every sample strays
    a little from them:

        y = (a + jitter * n) * normalized + b + jitter * n'

    with `normalized` the output of batch normalization, gamma and beta included. For
    each channel and step b is uniform between -shift and shift, and the logarithm of a
    is uniform between those of 1 / factor and factor; n and n' are normal numbers, one
    for each sample and channel. At inference nothing is disturbed: the layer is
    `BatchNormalization`, with its weights, names and files.

    The paper disturbs each activation of each sample by noise whose mean and variance
    are not 0 and 1 and change in every step. The sizes here are arguments, the factor
    goes up as often as down, and the positions of a map share their noise.

    Args:
        shift: Number >= 0, the largest mean.
        factor: Number >= 1, the largest factor; 1 / factor is the smallest.
        jitter: Number >= 0, how far single samples stray.
        seed: Integer that makes the draws reproducible, or None.
        **kwargs: Every argument of `keras.layers.BatchNormalization`; channels last.

    Input shape: `(batch, ..., channels)`. Output shape: the same.

    Raises:
        ValueError: If an argument is outside its range, or `axis` is not the last one.

    Example: a channel keeps its mean at inference, and gets another one in training.

    >>> import keras
    >>> layer = NoisyBatchNormalization(shift=2.0, jitter=0.0, seed=0)
    >>> x = keras.ops.reshape([1.0, -1.0, -1.0, 1.0], (4, 1))
    >>> means = [float(keras.ops.mean(layer(x, training=t))) for t in (False, True)]
    >>> means[0], abs(means[1]) > 0.1
    (0.0, True)

    Reference: Santurkar et al., arXiv 1805.11604, Section 2.1.
    """

    def __init__(self, shift=0.5, factor=1.25, jitter=0.1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.shift = number("shift", shift, least=0)
        self.factor = number("factor", factor, least=1)
        self.jitter = number("jitter", jitter, least=0)
        self.seed = None if seed is None else integer("seed", seed, least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        super().build(input_shape)
        if self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(
                f"Channels must come last. Received: axis={self.axis}, "
                f"input_shape={input_shape}"
            )

    def call(self, inputs, training=None, mask=None):
        normalized = super().call(inputs, training=training, mask=mask)
        return self.disturb(normalized) if training and self.trainable else normalized

    def disturb(self, y):
        """Another mean and variance for each channel, drawn anew in each call."""
        batch, between = ops.shape(y)[0], [1] * (len(y.shape) - 2)
        channel = (1, *between, y.shape[-1])
        sample = (batch, *between, y.shape[-1])
        log, most = math.log(self.factor), self.shift
        a = ops.exp(self._draw(keras.random.uniform, channel, minval=-log, maxval=log))
        b = self._draw(keras.random.uniform, channel, minval=-most, maxval=most)
        n, n_other = (self._draw(keras.random.normal, sample) for _ in range(2))
        factors, shifts = a + self.jitter * n, b + self.jitter * n_other
        return y * ops.cast(factors, y.dtype) + ops.cast(shifts, y.dtype)

    def _draw(self, distribution, shape, **limits):
        return distribution(shape, dtype="float32", seed=self.seed_generator, **limits)

    def get_config(self):
        return {
            **super().get_config(),
            "shift": self.shift,
            "factor": self.factor,
            "jitter": self.jitter,
            "seed": self.seed,
        }


kernel_geometry.register(NoisyBatchNormalization, element_wise)
layer_macs.register(NoisyBatchNormalization, no_products)
