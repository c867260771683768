"""The rules of Keras' own layers.

Layers that are missing here, recurrent ones and attention among them, are opened by
``calls.inside``.
"""

import math

from keras import layers

from companion.complexity.operations import (
    each_input,
    each_output,
    einsum_macs,
    positions,
    size,
    windows,
)
from companion.complexity.rules import layer_macs, no_products

__all__ = ["layer_macs"]


@layer_macs.register(layers.Conv1D)
@layer_macs.register(layers.Conv2D)
@layer_macs.register(layers.Conv3D)
@layer_macs.register(layers.DepthwiseConv1D)
@layer_macs.register(layers.DepthwiseConv2D)
def convolution(layer, input_shape, output_shape):
    """The whole kernel at every output position; a group's kernel is that smaller."""
    return math.prod(layer.kernel.shape) * places(layer, output_shape)


@layer_macs.register(layers.Conv1DTranspose)
@layer_macs.register(layers.Conv2DTranspose)
@layer_macs.register(layers.Conv3DTranspose)
def transposed_convolution(layer, input_shape, output_shape):
    """The whole kernel at every input position, cropped or not."""
    return math.prod(layer.kernel.shape) * places(layer, input_shape)


@layer_macs.register(layers.SeparableConv1D)
@layer_macs.register(layers.SeparableConv2D)
def separable_convolution(layer, input_shape, output_shape):
    kernels = layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
    return sum(map(math.prod, kernels)) * places(layer, output_shape)


@layer_macs.register(layers.Dense)
def dense(layer, input_shape, output_shape):
    """Dense layers work on the last axis, once for every other index."""
    return math.prod(layer.kernel.shape) * math.prod(output_shape[1:-1])


@layer_macs.register(layers.EinsumDense)
def einsum_dense(layer, input_shape, output_shape):
    return einsum_macs(layer.equation, [(1, *input_shape[1:]), layer.kernel.shape])


@layer_macs.register(layers.AdditiveAttention)
def additive_attention(layer, input_shape, output_shape):
    """Scores weigh a vector for each pair; the scores weigh the values."""
    (_, queries, _), (_, keys, width), *_ = input_shape
    key_width = input_shape[-1][-1]
    return queries * keys * (width + layer.use_scale * key_width)


def places(layer, shape):
    """Number of spatial positions in a tensor of one image."""
    return positions((1, *shape[1:]), layer.data_format)


# Layers without a sum of products, and what they do for `count_operations`: nothing
# but move values, or so many operations for each output or each input value. At
# inference layers of noise and of random images do nothing.

MOVES = """
ActivityRegularization AlphaDropout AugMix CategoryEncoding CenterCrop Concatenate
Cropping1D Cropping2D Cropping3D CutMix Discretization Dropout Embedding Flatten
GaussianDropout GaussianNoise HashedCrossing Hashing Identity InputLayer IntegerLookup
MixUp Permute RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
RandomTranslation RandomZoom RepeatVector Reshape SpatialDropout1D SpatialDropout2D
SpatialDropout3D StringLookup TextVectorization ZeroPadding1D ZeroPadding2D
ZeroPadding3D
"""


def merge(layer, inputs, outputs):
    """One operation fewer for each value than there are tensors."""
    return (len(inputs) - 1) * size(outputs)


def activation(layer, inputs, outputs):
    return activation_operations(layer, outputs)


def activation_operations(layer, outputs):
    """One for each value, whatever the function."""
    name = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return 0 if name == "linear" else size(outputs)


def pooling(layer, inputs, outputs):
    return windows(layer, inputs, outputs)


def interpolation(layer, inputs, outputs):
    """Bilinear: four products and their sum for each value."""
    by = getattr(layer, "interpolation", "nearest")
    return {"nearest": 0, "bilinear": 8 * size(outputs)}.get(by)


ELEMENTWISE = {
    **dict.fromkeys(MOVES.split(), each_output(0)),
    **dict.fromkeys(["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"], each_output(1)),
    **dict.fromkeys(["Add", "Subtract", "Multiply", "Maximum", "Minimum"], merge),
    "Average": each_input(1),
    "Activation": activation,
    "BatchNormalization": each_output(2),
    "Masking": each_output(2),
    "Normalization": each_output(2),
    "Rescaling": each_output(2),
    "UnitNormalization": each_output(3),
    "RMSNormalization": each_output(4),
    "GroupNormalization": each_output(7),
    "LayerNormalization": each_output(7),
    **{
        f"{kind}Pooling{n}D": rule
        for kind, rule in {
            "Average": pooling,
            "Max": pooling,
            "GlobalAverage": each_input(1),
            "GlobalMax": each_input(1),
            "AdaptiveAverage": None,
            "AdaptiveMax": None,
        }.items()
        for n in (1, 2, 3)
    },
    **dict.fromkeys(["UpSampling1D", "UpSampling2D", "UpSampling3D"], interpolation),
    "Resizing": None,
}

for kind in ELEMENTWISE:
    if hasattr(layers, kind):  # some are younger than the oldest Keras
        layer_macs.register(getattr(layers, kind), no_products)


def elementwise_of(layer):
    """The entry of a layer of Keras in `ELEMENTWISE`, or its parent's, or None."""
    for parent in type(layer).__mro__:
        if parent.__module__.startswith("keras.src.layers"):
            return ELEMENTWISE.get(parent.__name__)
    return None
