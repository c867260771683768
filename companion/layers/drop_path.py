"""Stochastic depth: Huang, Sun, Liu, Sedra, Weinberger (2016)."""

import keras
from keras import ops

from companion.arguments import integer, number
from companion.complexity.rules import layer_macs, no_products
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class DropPath(keras.layers.Layer):
    """In training, switches a residual branch off for a random part of the samples.

    Put at the end of a branch, before the addition: a sample whose branch is dropped
    passes through the shortcut only, so the network is shallower in training than at
    inference. Survivors are divided by 1 - rate, the chance to survive, so that the
    expected output is the input; at inference the layer is the identity.

    The paper draws once for a mini-batch and instead multiplies the branch by the
    chance at inference. The expectation is the same. The form here, one draw for each
    sample, is that of later networks such as EfficientNet; the name comes from
    FractalNet. Mostly the rate grows linearly with depth, from 0 at the first block.

    Args:
        rate: Float in [0, 1), the chance that a sample is dropped.
        seed: Integer that makes the draws reproducible, or None.

    Input shape: `(batch, ...)`. Output shape: the same.

    Raises:
        ValueError: If `rate` is outside [0, 1), or `seed` is no integer >= 0.

    Example:

    >>> import keras
    >>> ones = keras.ops.ones((1000, 1, 1, 1))
    >>> y = DropPath(0.2, seed=0)(ones, training=True)
    >>> sorted({round(float(value), 4) for value in y[:, 0, 0, 0]})
    [0.0, 1.25]

    Reference: Huang et al., arXiv 1603.09382, Section 3.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = number("rate", rate, least=0, below=1)
        self.seed = None if seed is None else integer("seed", seed, least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.input_spec = keras.layers.InputSpec(min_ndim=1)

    def build(self, input_shape):
        pass

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))  # (b, 1, ...)
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        survives = ops.cast(draw >= self.rate, inputs.dtype)
        return inputs * survives / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


kernel_geometry.register(DropPath, element_wise)
layer_macs.register(DropPath, no_products)
