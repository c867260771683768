"""Receptive fields of Keras models: computed, probed and measured.

The receptive field of a unit is the part of the input image that can change it.
Three numbers describe the fields of a layer (Araujo, Norris and Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019,
doi 10.23915/distill.00021):

* size: the side of the field in pixels, zero padding included;
* stride: the distance in pixels between the fields of neighbouring units;
* offset: the first pixel of the field of unit 0. It is negative where the field
  begins in the padding: offset = -(effective padding).

A layer with kernel k, stride s, dilation d and left padding p turns size r, stride j
and offset o into r + (k - 1) d j, j s and o - p j. `compose` is this recursion.
`receptive_field` follows the graph of a model, branches included, and
`probe_receptive_field` asks the model itself. `effective_receptive_field` measures
how much each pixel of the field counts (Luo, Li, Urtasun and Zemel, "Understanding
the Effective Receptive Field in Deep Convolutional Neural Networks", NIPS 2016).
"""

import dataclasses
import functools
import inspect
import math
from fractions import Fraction
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from companion.layers import (
    BatchNormalization,
    ChannelShuffle,
    ChannelWiseConv,
    DropPath,
    GlobalContext,
    GroupedConv2D,
    InterleavedGroupConv2D,
    LocalResponseNormalization,
    NonLocal,
    RadialBasis,
    SelectiveKernel,
    SqueezeExcite,
    Subsampling2D,
)

__all__ = [
    "AxisFields",
    "Box",
    "GaussianFit",
    "Probe",
    "ReceptiveField",
    "Window",
    "compose",
    "effective_receptive_field",
    "element_wise",
    "gaussian_fit",
    "kernel_geometry",
    "local_geometry",
    "probe_receptive_field",
    "receptive_field",
    "receptive_field_table",
]


# --- What a layer's units see of the layer's input -------------------------------


@dataclasses.dataclass(frozen=True)
class Window:
    """Which input units the output units of a layer look at, along one axis.

    Output unit u looks at the input units ``taps[u % len(taps)]``, all moved by
    ``step * (u // len(taps))``. A convolution has one tuple of taps and moves it by
    its stride; a transposed convolution of stride s has s tuples and moves them by 1.

    Args:
        taps: tuple of tuples of input unit numbers; numbers outside the input are
            padding.
        step: input units between two rounds of `taps`.
        units: number of output units.

    Example:

    >>> Window.sliding(224, kernel=7, stride=2, padding=3)
    Window(taps=((-3, -2, -1, 0, 1, 2, 3),), step=2, units=112)
    """

    taps: tuple
    step: int
    units: int

    @classmethod
    def sliding(cls, size, kernel, stride=1, padding="valid", dilation=1):
        """Window of a convolution or a pooling over an input of `size` units.

        Args:
            size: number of input units.
            kernel: kernel size k.
            stride: stride s.
            padding: ``"valid"``, ``"same"``, the padding on both sides, or a pair
                (before, after); negative padding crops.
            dilation: dilation d.

        Raises:
            ValueError: if the window does not fit into the padded input.
        """
        reach = (kernel - 1) * dilation + 1
        if padding == "same":
            units = -(-size // stride)
            before = max((units - 1) * stride + reach - size, 0) // 2
        else:
            before, after = _pair(0 if padding == "valid" else padding)
            units = (size + before + after - reach) // stride + 1
        if units < 1:
            raise ValueError(
                "A window must fit into the padded input. "
                f"Received: window={reach}, size={size}, padding={padding!r}"
            )
        return cls((tuple(range(-before, reach - before, dilation)),), stride, units)

    @classmethod
    def transposed(
        cls, size, kernel, stride=1, padding="valid", output_padding=None, dilation=1
    ):
        """Window of a transposed convolution.

        Output unit u gets a product from input unit i and kernel element t where
        u = i * stride + t * dilation - (left crop). With a kernel smaller than the
        stride, some output units get nothing.

        Args:
            size: number of input units.
            kernel: kernel size k.
            stride: stride s.
            padding: ``"valid"`` or ``"same"``.
            output_padding: as in `keras.layers.Conv2DTranspose`.
            dilation: dilation d.
        """
        reach = (kernel - 1) * dilation + 1
        if padding == "same":
            extra = stride - reach % 2 if output_padding is None else output_padding
            units = (size - 1) * stride + reach % 2 + extra
            crop = max((size - 1) * stride + reach - units, 0) // 2
        else:
            extra = max(stride - reach, 0) if output_padding is None else output_padding
            units = (size - 1) * stride + reach + extra
            crop = 0
        taps = [
            tuple(
                (unit + crop - t) // stride
                for t in reversed(range(0, reach, dilation))
                if (unit + crop - t) % stride == 0
            )
            for unit in range(stride)
        ]
        return cls(tuple(taps), 1, units)

    @classmethod
    def resampled(cls, size, units, interpolation="nearest"):
        """Window of an image resize from `size` to `units` without antialiasing.

        Args:
            size: number of input units.
            units: number of output units.
            interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``,
                ``"lanczos3"`` or ``"lanczos5"``.

        Raises:
            ValueError: if the interpolation is none of these.
        """
        widths = {"bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}
        if interpolation != "nearest" and interpolation not in widths:
            raise ValueError(
                f"interpolation must be 'nearest' or one of {sorted(widths)}. "
                f"Received: interpolation={interpolation!r}"
            )
        common = math.gcd(size, units)
        taps = []
        for unit in range(units // common):
            centre = Fraction(2 * unit + 1, 2) * Fraction(size, units) - Fraction(1, 2)
            if interpolation == "nearest":
                taps.append((math.floor(centre + Fraction(1, 2)),))
            elif centre.denominator == 1:
                taps.append((int(centre),))
            else:
                left = math.floor(centre) - widths[interpolation] // 2 + 1
                taps.append(tuple(range(left, left + widths[interpolation])))
        return cls(tuple(taps), size // common, units)

    @classmethod
    def adaptive(cls, size, units):
        """Window of a pooling that cuts `size` units into `units` equal parts.

        Where the parts have no whole edges they overlap: part u begins at the floor of
        u size / units and ends at the ceiling of (u + 1) size / units.
        """
        if units == 1:
            return cls.everything(size)
        common = math.gcd(size, units)
        edges = [(u * size // units, -(-(u + 1) * size // units)) for u in range(units)]
        taps = tuple(tuple(range(*edge)) for edge in edges[: units // common])
        return cls(taps, size // common, units)

    @classmethod
    def everything(cls, size, units=1):
        """Window of a global operation: every output unit sees all input units."""
        return cls((tuple(range(size)),), 0, units)


def element_wise(layer, size):
    """The geometry of a layer that works position by position.

    Register it for a layer of yours that never looks at a neighbouring position:
    ``kernel_geometry.register(MyLayer, element_wise)``.

    Args:
        layer: the layer.
        size: pair (height, width) of the layer's input.

    Returns:
        A pair of windows, one per axis, that see one input unit each.
    """
    return [Window.sliding(units, kernel=1) for units in size]


@functools.singledispatch
def kernel_geometry(layer, size):
    """The windows of a layer, row axis first; new layers join by registering.

    A subclass inherits the rule only with the `call` method: one that computes
    something else must register.

    Args:
        layer: a Keras layer.
        size: pair (height, width) of the layer's input; always known numbers.

    Returns:
        A pair of `Window`, for rows and columns.

    Raises:
        TypeError: for a layer that is not registered.

    Example:

    >>> class Blur(keras.layers.Layer):
    ...     "A 3x3 mean of every second position."
    >>> @kernel_geometry.register(Blur)
    ... def blur_geometry(layer, size):
    ...     return [Window.sliding(n, kernel=3, stride=2, padding="same") for n in size]
    >>> kernel_geometry(Blur(), (8, 9))[1]
    Window(taps=((-1, 0, 1),), step=2, units=5)
    """
    raise TypeError(_unknown(layer))


@functools.singledispatch
def local_geometry(layer, size):
    """The windows of a layer without the global context inside it.

    The gate of a `SqueezeExcite`, or the statistics of a `GroupNormalization`, let
    every unit see the whole map; published tables count the path beside it only. This
    is what `ignore_global=True` asks for. A layer without such a context does not
    register here: its windows are those of `kernel_geometry`.

    Args:
        layer: a Keras layer.
        size: pair (height, width) of the layer's input; always known numbers.

    Returns:
        A pair of `Window`, for rows and columns.

    Raises:
        TypeError: for a layer that is not registered with `kernel_geometry` either.

    Example: a 3x3 convolution whose kernel depends on the mean of the map.

    >>> class Dynamic(keras.layers.Layer):
    ...     "Sees everything, through the choice of its kernel."
    >>> @kernel_geometry.register(Dynamic)
    ... def dynamic_geometry(layer, size):
    ...     return [Window.everything(n, n) for n in size]
    >>> @local_geometry.register(Dynamic)
    ... def dynamic_local_geometry(layer, size):
    ...     return [Window.sliding(n, kernel=3, padding="same") for n in size]
    >>> local_geometry(Dynamic(), (8, 9))[1]
    Window(taps=((-1, 0, 1),), step=1, units=9)
    """
    return _layer_windows(layer, size)


def _unknown(layer):
    kind = type(layer).__name__
    what = "is not registered"
    if isinstance(layer, keras.Model):
        what = "is a subclassed model, whose graph cannot be read"
    if not isinstance(layer, keras.layers.Layer):
        return (
            f"receptive_field does not know what the operation {layer.name!r} ({kind}) "
            "sees. Put it into the `call` of a layer of your own, and register that "
            f"with `kernel_geometry`. Received: {layer!r}"
        )
    return (
        f"receptive_field does not know what {layer.name!r} ({kind}) sees: it {what}. "
        f"Register it with `@kernel_geometry.register({kind})` on a function "
        "(layer, size) that returns one window per axis, such as "
        "`[Window.sliding(n, kernel=3, stride=2, padding='same') for n in size]`; "
        "or, if it never looks at a neighbouring position, with "
        f"`kernel_geometry.register({kind}, element_wise)`. Received: {layer!r}"
    )


def _pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def _sliding(size, kernel, strides, padding, dilation=1):
    return [
        Window.sliding(*axis)
        for axis in zip(
            size,
            _pair(kernel),
            _pair(strides),
            [padding] * 2 if isinstance(padding, str) else padding,
            _pair(dilation),
            strict=True,
        )
    ]


def _reducing(axes, size, keep_size):
    """Windows that see everything along the axes 1 and 2 if these are in `axes`."""
    return [
        Window.everything(units, units if keep_size else 1)
        if axis in axes
        else Window.sliding(units, kernel=1)
        for axis, units in enumerate(size, start=1)
    ]


def _axes(axis, rank=4):
    if axis is None:
        return set(range(rank))
    axis = axis if isinstance(axis, (tuple, list)) else [axis]
    return {a % rank for a in axis}


ELEMENT_WISE_LAYERS = """
Activation ActivityRegularization Add AlphaDropout Average BatchNormalization Dense
Dropout ELU GaussianDropout GaussianNoise Identity LeakyReLU Masking Maximum Minimum
Multiply Normalization PReLU ReLU Rescaling SpatialDropout2D Subtract
"""
AUGMENTATION_LAYERS = """
AugMix CutMix MixUp RandAugment RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip
RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
RandomTranslation RandomZoom Solarization
"""  # they do nothing at inference; Keras gained some of them over the years
for _kind in (ELEMENT_WISE_LAYERS + AUGMENTATION_LAYERS).split():
    if hasattr(keras.layers, _kind):
        kernel_geometry.register(getattr(keras.layers, _kind), element_wise)
for _kind in (
    BatchNormalization,
    ChannelShuffle,
    ChannelWiseConv,
    DropPath,
    LocalResponseNormalization,
    RadialBasis,
):
    kernel_geometry.register(_kind, element_wise)


@kernel_geometry.register(GroupedConv2D)
@kernel_geometry.register(keras.layers.Conv2D)
@kernel_geometry.register(keras.layers.DepthwiseConv2D)
@kernel_geometry.register(keras.layers.SeparableConv2D)
def _(layer, size):
    return _sliding(
        size, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )


@kernel_geometry.register(InterleavedGroupConv2D)
def _(layer, size):
    return _sliding(size, layer.kernel_size, 1, "same")


@kernel_geometry.register(keras.layers.MaxPooling2D)
@kernel_geometry.register(keras.layers.AveragePooling2D)
def _(layer, size):
    return _sliding(size, layer.pool_size, layer.strides, layer.padding)


@kernel_geometry.register(Subsampling2D)
def _(layer, size):
    return _sliding(size, layer.pool_size, layer.pool_size, "valid")


def _adaptive(pooling, size):
    return [
        Window.adaptive(*axis) for axis in zip(size, pooling.output_size, strict=True)
    ]


for _kind in ("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"):
    if hasattr(keras.layers, _kind):
        kernel_geometry.register(getattr(keras.layers, _kind), _adaptive)


@kernel_geometry.register(keras.layers.Conv2DTranspose)
def _(layer, size):
    return _transposed(layer, size, layer.kernel_size)


def _transposed(convolution, size, kernel):
    return [
        Window.transposed(units, k, stride, convolution.padding, extra, dilation)
        for units, k, stride, extra, dilation in zip(
            size,
            kernel,
            _pair(convolution.strides),
            _pair(convolution.output_padding),
            _pair(convolution.dilation_rate),
            strict=True,
        )
    ]


@kernel_geometry.register(keras.layers.ZeroPadding2D)
def _(layer, size):
    return _sliding(size, 1, 1, layer.padding)


@kernel_geometry.register(keras.layers.Cropping2D)
def _(layer, size):
    return _sliding(size, 1, 1, [(-a, -b) for a, b in layer.cropping])


@kernel_geometry.register(keras.layers.CenterCrop)
def _(layer, size):
    target = layer.height, layer.width
    if any(units < wanted for units, wanted in zip(size, target, strict=True)):
        raise ValueError(
            "A map smaller than the crop is resized instead, which is not supported. "
            f"Received: size={size} to crop to {target}"
        )
    before = [(units - wanted) // 2 for units, wanted in zip(size, target, strict=True)]
    return [
        Window(((first,),), 1, wanted)
        for first, wanted in zip(before, target, strict=True)
    ]


@kernel_geometry.register(keras.layers.Resizing)
def _(layer, size):
    return _resized(layer, size, (layer.height, layer.width))


def _resized(resize, size, target):
    options = "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio"
    for option in options:
        if getattr(resize, option, False):
            raise ValueError(
                f"A resizing must do nothing else. Received: {option}=True"
            )
    return [
        Window.resampled(units, wanted, resize.interpolation)
        for units, wanted in zip(size, target, strict=True)
    ]


@kernel_geometry.register(keras.layers.UpSampling2D)
def _(layer, size):
    return [
        Window.resampled(units, units * factor, layer.interpolation)
        for units, factor in zip(size, layer.size, strict=True)
    ]


@kernel_geometry.register(keras.layers.GlobalAveragePooling2D)
@kernel_geometry.register(keras.layers.GlobalMaxPooling2D)
@kernel_geometry.register(keras.layers.Flatten)
def _(layer, size):
    return [Window.everything(units) for units in size]


@kernel_geometry.register(GlobalContext)
@kernel_geometry.register(NonLocal)
@kernel_geometry.register(SqueezeExcite)
@kernel_geometry.register(keras.layers.GroupNormalization)
def _(layer, size):
    return [Window.everything(units, units) for units in size]


@kernel_geometry.register(keras.layers.LayerNormalization)
@kernel_geometry.register(keras.layers.RMSNormalization)
@kernel_geometry.register(keras.layers.UnitNormalization)
@kernel_geometry.register(keras.layers.Softmax)
def _(layer, size):
    return _reducing(_axes(layer.axis), size, keep_size=True)


@kernel_geometry.register(keras.layers.Concatenate)
def _(layer, size):
    if _axes(layer.axis) & {1, 2}:
        raise ValueError(
            f"{layer.name!r} joins maps side by side: its units have no common field. "
            f"Received: axis={layer.axis}"
        )
    return element_wise(layer, size)


@kernel_geometry.register(keras.layers.MultiHeadAttention)
def _(layer, size):
    axes = layer.get_config()["attention_axes"]
    return _reducing({1, 2} if axes is None else _axes(axes), size, keep_size=True)


@kernel_geometry.register(keras.layers.SpectralNormalization)
def _(layer, size):
    return _layer_windows(layer.layer, size)


for _kind in (
    GlobalContext,
    NonLocal,
    SqueezeExcite,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.MultiHeadAttention,
    keras.layers.RMSNormalization,
    keras.layers.Softmax,
    keras.layers.UnitNormalization,
):
    local_geometry.register(_kind, element_wise)


@kernel_geometry.register(SelectiveKernel)
def _(layer, size):
    return [Window.everything(n, -(-n // layer.strides)) for n in size]


@local_geometry.register(SelectiveKernel)
def _(layer, size):
    """The 5x5, which is the larger of the two."""
    return [Window.sliding(n, 3, layer.strides, 2, dilation=2) for n in size]


ELEMENT_WISE_OPERATIONS = """
Abs Absolute Add Cast Celu Clip Copy Cos Divide DivideNoNan Elu Equal Erf Exp Expm1
Floor Gelu Glu Greater GreaterEqual HardShrink HardSigmoid HardSilu HardTanh LeakyRelu
Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr LogSigmoid Maximum Minimum Mod
Multiply Negative NotEqual Power Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign
Silu Sin SoftShrink Softplus Softsign SparsePlus SparseSigmoid Sqrt Square Squareplus
StopGradient Subtract Tanh TanhShrink Threshold TrueDivide Where
"""
REDUCING_OPERATIONS = """
All Amax Amin Any Logsumexp Max Mean Median Min Prod Std Sum Var
"""


def _operation_geometry(node, size):
    """Windows of a call of a `keras.ops` function, by the name of its operation."""
    operation, kind = node.operation, type(node.operation).__name__
    rank = len(node.input_tensors[0].shape)
    if kind in ELEMENT_WISE_OPERATIONS.split():
        return element_wise(operation, size)
    if kind in REDUCING_OPERATIONS.split():
        axes = _axes(operation.axis, rank)
        if axes & {1, 2} and not operation.keepdims:
            axes = {1, 2}
        return _reducing(axes, size, keep_size=False)
    if kind in ("Softmax", "LogSoftmax", "Normalize"):
        return _reducing(_axes(operation.axis, rank), size, keep_size=True)
    if kind in ("Concatenate", "Split", "Stack", "ExpandDims", "Squeeze"):
        rank = max(rank, len(node.outputs[0].shape))
        if not _axes(operation.axis, rank) & {0, 1, 2}:
            return element_wise(operation, size)
    if kind in ("MaxPool", "AveragePool"):
        strides = operation.strides or operation.pool_size
        return _sliding(size, operation.pool_size, strides, operation.padding)
    if kind in ("Conv", "DepthwiseConv", "SeparableConv"):
        kernel = node.arguments.args[1].shape[:2]
        strides, dilation = operation.strides, operation.dilation_rate
        return _sliding(size, kernel, strides, operation.padding, dilation)
    if kind == "ConvTranspose":
        return _transposed(operation, size, node.arguments.args[1].shape[:2])
    if kind == "Resize":
        return _resized(operation, size, operation.size)
    if kind == "SpaceToDepth":
        block = operation.block_size
        return _sliding(size, block, block, "valid")
    if kind == "DepthToSpace":
        return [Window.resampled(n, n * operation.block_size) for n in size]
    if kind == "Pad" and len(operation.pad_width) == 4:
        return _sliding(size, 1, 1, operation.pad_width[1:3])
    if kind == "GetItem":
        return _cut_windows(node, size, rank)
    raise TypeError(_unknown(operation))


def _cut_windows(node, size, rank):
    """Windows of ``x[:, 1:, ::2]``: crops and steps along rows and columns."""
    key = node.arguments.args[1]
    key = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in key:
        gap = key.index(Ellipsis)
        key[gap : gap + 1] = [slice(None)] * (rank - len(key) + 1)
    key += [slice(None)] * (3 - len(key))
    if not all(isinstance(part, slice) for part in key[:3]):
        raise ValueError(
            f"{node.operation.name!r} takes single rows or columns out of a map: its "
            f"output has no height and width. Received: key={key}"
        )
    cuts = [
        range(*part.indices(units)) for part, units in zip(key[1:3], size, strict=True)
    ]
    return [Window(((cut.start,),), cut.step, len(cut)) for cut in cuts]


def _keeps_rows_and_columns(node):
    """Whether a reshape or a transpose leaves the axes 1 and 2 as they are."""
    operation, kind = node.operation, type(node.operation).__name__
    if kind == "Permute":
        return tuple(operation.dims[:2]) == (1, 2)
    if kind == "Transpose":
        return operation.axes is not None and tuple(operation.axes[:3]) == (0, 1, 2)
    before, after = node.input_tensors[0].shape, node.outputs[0].shape
    return len(after) > 2 and tuple(before[1:3]) == tuple(after[1:3])


def _layer_windows(layer, size, geometry=kernel_geometry):
    """What the rule for this type of layer says, if the layer obeys it.

    A subclass with a `call` of its own may compute something else than its parent.
    """
    kind = type(layer)
    if kind.__module__.startswith("keras.src.applications"):
        return element_wise(layer, size)  # LayerScale, StochasticDepth and their like
    registered = next(k for k in kind.__mro__ if k in geometry.registry)
    if registered is object or kind.call is registered.call:
        return geometry(layer, size)
    if geometry is local_geometry:
        return _layer_windows(layer, size)
    raise TypeError(_unknown(layer))


def _windows(node, size, geometry=kernel_geometry):
    operation, kind = node.operation, type(node.operation).__name__
    if getattr(operation, "data_format", None) == "channels_first":
        raise ValueError(
            "receptive_field reads channels_last models only. "
            f"Received: {operation.name!r} with data_format='channels_first'"
        )
    try:
        if kind in ("Reshape", "Permute", "Transpose"):
            if _keeps_rows_and_columns(node):
                return element_wise(operation, size)
            if kind == "Reshape":
                return [Window.everything(units) for units in size]
        if isinstance(operation, keras.layers.Layer):
            return _layer_windows(operation, size, geometry)
        return _operation_geometry(node, size)
    except ValueError as error:
        raise ValueError(f"At {operation.name!r}: {error}") from error


# --- What a layer's units see of the image -----------------------------------------


def _hull(intervals):
    """The smallest interval that holds all; None stands for the empty interval."""
    intervals = [interval for interval in intervals if interval is not None]
    if not intervals:
        return None
    return min(first for first, _ in intervals), max(last for _, last in intervals)


@dataclasses.dataclass(frozen=True)
class AxisFields:
    """The fields of all units of a layer along one axis of the image.

    The fields of a plain network are one interval that moves by the stride. After an
    upsampling, neighbouring units differ, and the pattern repeats after a few units:
    the field of unit u is ``intervals[u % len(intervals)]``, moved by
    ``step * (u // len(intervals))``.

    Args:
        intervals: tuple of (first pixel, last pixel), or None for a unit that sees
            nothing.
        step: pixels between two rounds of `intervals`; 0 after a global operation.
        units: number of units, or None if the image size is unknown.
        pixels: image size along this axis, or None if unknown.
        fixed: False if the offset depends on the unknown image size.
    """

    intervals: tuple
    step: int
    units: int | None = None
    pixels: int | None = None
    fixed: bool = True

    @property
    def size(self):
        """Pixels in the largest field."""
        return max(b - a + 1 for a, b in filter(None, self.intervals))

    @property
    def stride(self):
        """Mean distance in pixels between the fields of neighbouring units."""
        stride = Fraction(self.step, len(self.intervals))
        return int(stride) if stride.denominator == 1 else float(stride)

    @property
    def offset(self):
        """First pixel of the field of unit 0, or None if unknown."""
        return self.of(0)[0] if self.fixed and self.of(0) else None

    @property
    def centre(self):
        """Centre of the field of unit 0, averaged over the repeating pattern."""
        stride = Fraction(self.step, len(self.intervals))
        centres = [
            Fraction(sum(interval), 2) - unit * stride
            for unit, interval in enumerate(self.intervals)
            if interval is not None
        ]
        return sum(centres) / len(centres)

    def of(self, unit):
        """(first pixel, last pixel) of the field of one unit; None if it is empty."""
        turn, phase = divmod(unit, len(self.intervals))
        interval = self.intervals[phase]
        shift = turn * self.step
        return interval and (interval[0] + shift, interval[1] + shift)

    def through(self, window):
        """The fields of the units that see these units through a `Window`."""
        turns = len(self.intervals) // math.gcd(len(self.intervals), window.step)
        intervals = tuple(
            _hull(self.of(tap + turn * window.step) for tap in taps)
            for turn in range(turns)
            for taps in window.taps
        )
        step = self.step * (turns * window.step // len(self.intervals))
        return self._inside(intervals, step, window.units)

    def _inside(self, intervals, step, units):
        """Fields that do not move are the part of the image that is seen."""
        if step == 0:
            first, last = _hull(intervals)
            intervals = ((max(first, 0), min(last, self.pixels - 1)),)
        return AxisFields(intervals, step, units, self.pixels)

    def union(self, others):
        """The fields of an element-wise merge with other maps of the same size.

        A branch with one unit, or one that sees everything, is spread over the map:
        the union is then one field for all units. Branches of different strides
        drift apart: their union is formed unit by unit.
        """
        axes = [self, *others]
        units = max(axis.units for axis in axes)
        if any(axis.step == 0 or axis.units < units for axis in axes):
            seen = _hull(axis.of(u) for axis in axes for u in range(axis.units))
            return self._inside((seen,), 0, units)
        strides = {Fraction(axis.step, len(axis.intervals)) for axis in axes}
        period = math.lcm(*(len(axis.intervals) for axis in axes))
        if len(strides) > 1:
            period = units
        intervals = tuple(
            _hull(axis.of(unit) for axis in axes) for unit in range(period)
        )
        return self._inside(intervals, round(max(strides) * period), units)


class Box(NamedTuple):
    """A rectangle of pixels, bottom and right excluded; it may leave the image.

    Example:

    >>> Box(-1, -1, 2, 2).clip(8, 8)
    Box(top=0, left=0, bottom=2, right=2)
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self):
        """(row slice, column slice) to cut the box out of an image array.

        Raises:
            ValueError: if the box begins outside the image: clip it first.
        """
        if self.top < 0 or self.left < 0:
            raise ValueError(
                "A box that begins in the padding cannot be cut out: clip it to the "
                f"image first. Received: {self}"
            )
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def clip(self, height, width):
        """The part of the box that lies inside an image of this size."""
        top, bottom = (min(max(v, 0), height) for v in (self.top, self.bottom))
        left, right = (min(max(v, 0), width) for v in (self.left, self.right))
        return Box(top, left, bottom, right)


@dataclasses.dataclass(frozen=True, repr=False)
class ReceptiveField:
    """The receptive fields of the units of one layer.

    `size`, `stride` and `offset` are single numbers where rows and columns agree and
    pairs (height, width) where they differ.

    Args:
        rows: `AxisFields` along the height.
        columns: `AxisFields` along the width.
        aligned: False if branches with different centres were merged on the way.
        notes: one sentence per such merge, and per branch that was left out.

    Example:

    >>> field = compose([(3, 2, 1, 1), (3, 1, 1, 1)])
    >>> field
    ReceptiveField(size=7, stride=2, offset=-3)
    >>> field.center(0, 1), field.region(0, 1)
    ((0.0, 2.0), Box(top=-3, left=-1, bottom=4, right=6))
    """

    rows: AxisFields
    columns: AxisFields
    aligned: bool = True
    notes: tuple = ()

    def _both(self, name):
        pair = getattr(self.rows, name), getattr(self.columns, name)
        return pair[0] if pair[0] == pair[1] else pair

    @property
    def size(self):
        """Side of the field in pixels: the largest one where units differ."""
        return self._both("size")

    @property
    def stride(self):
        """Distance in pixels between the fields of neighbours; 0: all the same."""
        return self._both("stride")

    @property
    def offset(self):
        """First pixel of the field of unit 0; None if it depends on the image size."""
        return self._both("offset")

    @property
    def units(self):
        """Units of the layer as (height, width); None where unknown."""
        return self.rows.units, self.columns.units

    @property
    def is_global(self):
        """Whether all units share one field, as after global pooling."""
        return self.rows.step == 0 and self.columns.step == 0

    def region(self, row, col):
        """The field of one unit, possibly reaching into the padding.

        Args:
            row: row of the unit.
            col: column of the unit.

        Returns:
            A `Box`; its `clip` cuts off what lies outside the image.

        Raises:
            ValueError: if there is no such unit, if it sees no pixel, or if the
                offset depends on an unknown image size.
        """
        (top, bottom), (left, right) = self._intervals(row, col)
        return Box(top, left, bottom + 1, right + 1)

    def center(self, row, col):
        """The centre (y, x) of the field of one unit, in pixels from pixel (0, 0)."""
        (top, bottom), (left, right) = self._intervals(row, col)
        return (top + bottom) / 2, (left + right) / 2

    def _intervals(self, row, col):
        for axis, unit in ((self.rows, row), (self.columns, col)):
            if unit < 0 or (axis.units is not None and unit >= axis.units):
                raise ValueError(
                    f"The layer has {self.units} units. Received: ({row}, {col})"
                )
            if not axis.fixed:
                raise ValueError(
                    "The offset depends on the image size: pass it to receptive_field. "
                    "Received: input_size=None"
                )
            if axis.of(unit) is None:
                raise ValueError(
                    f"This unit sees no pixel at all. Received: ({row}, {col})"
                )
        return self.rows.of(row), self.columns.of(col)

    def __repr__(self):
        aligned = "" if self.aligned else ", aligned=False"
        return (
            f"ReceptiveField(size={self.size}, stride={self.stride}, "
            f"offset={self.offset}{aligned})"
        )


def compose(layers):
    """Receptive field of a chain of layers, by the recursion.

    Args:
        layers: list of (kernel, stride, padding, dilation), input first; padding is
            the left one. Each entry is a number, or a pair (height, width).

    Returns:
        A `ReceptiveField`.

    Raises:
        ValueError: if an entry is not a tuple of four whole numbers in range.

    Example: AlexNet up to its last pooling layer (TF-Slim, Distill table: 195, 32, 64).

    >>> compose([(11, 4, 0, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1), (3, 1, 1, 1),
    ...          (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1)])
    ReceptiveField(size=195, stride=32, offset=-64)

    Reference: Araujo, Norris and Sim (2019), section "Problem setup"; padding moves
    the field and never enlarges it.
    """
    axes = []
    for axis in range(2):
        size, stride, offset = 1, 1, 0
        for layer in layers:
            k, s, p, d = _checked_layer(layer, axis)
            size = size + (k - 1) * d * stride
            offset = offset - p * stride
            stride = stride * s
        axes.append(AxisFields(((offset, offset + size - 1),), stride))
    return ReceptiveField(*axes)


def _checked_layer(layer, axis):
    rule = (
        "A layer is (kernel >= 1, stride >= 1, padding >= 0, dilation >= 1), in whole "
        f"numbers or pairs of them. Received: {layer}"
    )
    if not isinstance(layer, (tuple, list)) or len(layer) != 4:
        raise ValueError(rule)
    numbers = [_pair(number)[axis] for number in layer]
    whole = all(isinstance(n, (int, np.integer)) for n in numbers)
    if not whole or any(n < low for n, low in zip(numbers, (1, 1, 0, 1), strict=True)):
        raise ValueError(rule)
    return numbers


# --- Through the graph of a model -----------------------------------------------------


class _Seen(NamedTuple):
    """A tensor of the graph: its shape, and the fields of its units.

    The shape belongs to the image size asked for. The field is None for a tensor that
    does not depend on an image.
    """

    shape: tuple
    field: ReceptiveField | None


class _Call(NamedTuple):
    """One output of one call of a layer inside a model."""

    layer: str
    tensor: keras.KerasTensor
    seen: _Seen


class _UnequalBranches(ValueError):
    """Maps of different sizes meet: the model cannot read images of this size."""


def _graph(model):
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            "A Sequential model needs its input shape first: begin it with "
            f"keras.Input. Received: unbuilt model {model.name!r}"
        )
    if not isinstance(model, (keras.Model, keras.Function)):
        raise TypeError(f"model must be a Keras model. Received: model={model!r}")
    if not _has_graph(model):
        raise TypeError(_unknown(model))
    return keras.Function(model.inputs, model.outputs)


def _has_graph(operation):
    models = (keras.Model, keras.Function)
    return isinstance(operation, models) and hasattr(operation, "inputs")


def _walk(graph, inputs, ignore_global, calls, prefix=""):
    """What the outputs of `graph` see; every call on the way is added to `calls`."""
    seen = {id(x): value for x, value in zip(graph.inputs, inputs, strict=True)}
    by_depth = graph._nodes_by_depth
    for node in (node for depth in sorted(by_depth)[::-1] for node in by_depth[depth]):
        operation, name = node.operation, f"{prefix}{node.operation.name}"
        if node.is_input or any(id(x) in seen for x in node.outputs):
            continue
        branches = [seen[id(x)] for x in node.input_tensors]
        if _has_graph(operation) and type(operation) not in kernel_geometry.registry:
            inner = keras.Function(operation.inputs, operation.outputs)
            results = _walk(inner, branches, ignore_global, calls, f"{name}/")
        else:
            results = _call(node, name, branches, ignore_global)
        for i, (x, result) in enumerate(zip(node.outputs, results, strict=True), 1):
            seen[id(x)] = result
            which = f" (output {i})" if len(results) > 1 else ""
            calls.append(_Call(name + which, x, result))
    return [seen[id(x)] for x in graph.outputs]


def _call(node, name, branches, ignore_global):
    """What the outputs of one call of a layer see."""
    makers = [_maker(x) for x in node.input_tensors]
    named = [(maker, b.field) for maker, b in zip(makers, branches, strict=True)]
    named = [(maker, field) for maker, field in named if field is not None]
    if not named:
        return [_Seen(tuple(x.shape), None) for x in node.outputs]
    field = _merge(name, named, ignore_global)
    if not field.is_global:
        field = _through_layer(field, node, name, ignore_global)
    if field.is_global:
        shapes = _output_shapes(node, branches)
        return [_Seen(shape, _spread(field, shape)) for shape in shapes]
    return [_Seen((None, *field.units, *x.shape[3:]), field) for x in node.outputs]


def _through_layer(field, node, name, ignore_global):
    """The fields of a layer's units; `field` is that of its input."""
    windows, notes = _windows(node, field.units), field.notes
    if ignore_global:
        local = _windows(node, field.units, local_geometry)
        if local != windows:
            notes += (f"{name}: what it sees of the whole image was left out.",)
        windows = local
    rows, columns = field.rows.through(windows[0]), field.columns.through(windows[1])
    return ReceptiveField(rows, columns, field.aligned, notes)


def _output_shapes(node, branches):
    """Shapes that a layer itself says it gives, for input of the shapes of `branches`.

    Behind a global operation no window needs to be known, but shapes do: a Reshape may
    arrange tokens as a map again.
    """
    inputs = {
        id(x): keras.KerasTensor((x.shape[0], *branch.shape[1:]), dtype=x.dtype)
        for x, branch in zip(node.input_tensors, branches, strict=True)
    }
    args, kwargs = node.arguments.fill_in(inputs)
    outputs = node.operation.compute_output_spec(*args, **kwargs)
    return [tuple(x.shape) for x in keras.tree.flatten(outputs)]


def _spread(field, shape):
    """A global field, as that of all units of a tensor of this shape."""
    rows, columns = shape[1:3] if len(shape) > 3 else (1, 1)
    return dataclasses.replace(
        field,
        rows=dataclasses.replace(field.rows, units=rows),
        columns=dataclasses.replace(field.columns, units=columns),
    )


def _maker(tensor):
    operation = tensor._keras_history.operation
    return operation.name if operation is not None else tensor.name


def _merge(name, named, ignore_global):
    """The union of the fields of branches, with notes on what does not fit."""
    local = [(branch, f) for branch, f in named if f.rows.step and f.columns.step]
    notes = [note for _, field in named for note in field.notes]
    if ignore_global and local:
        notes += [
            f"{name}: branch {branch!r}, which sees the whole image, was left out."
            for branch, f in named
            if not (f.rows.step and f.columns.step)
        ]
        named = local
    for axis in ("rows", "columns"):
        units = {getattr(field, axis).units for _, field in local}
        if len(units - {1}) > 1:
            raise _UnequalBranches(
                f"At {name!r}: branches must have equally many {axis}. "
                f"Received: {', '.join(f'{b!r} with {f.units}' for b, f in local)}"
            )
    places = {
        (f.rows.stride, f.columns.stride, f.rows.centre, f.columns.centre)
        for _, f in local
    }
    if len(places) > 1:
        notes.append(
            f"{name}: branches are not aligned: "
            + "; ".join(
                f"{branch!r} has its first centre at ({float(f.rows.centre):g}, "
                f"{float(f.columns.centre):g}) and stride {f.stride}"
                for branch, f in local
            )
            + "."
        )
    fields = [field for _, field in named]
    return ReceptiveField(
        fields[0].rows.union([field.rows for field in fields[1:]]),
        fields[0].columns.union([field.columns for field in fields[1:]]),
        len(places) < 2 and all(field.aligned for field in fields),
        tuple(dict.fromkeys(notes)),
    )


def _image_size(graph, input_size):
    """(height, width) of the images that a model reads; None where unknown."""
    sizes = {tuple(x.shape[1:3]) for x in graph.inputs if len(x.shape) == 4}
    if len(sizes) != 1 and (input_size is None or not sizes):
        raise ValueError(
            "The model must read images (batch, height, width, channels), all of one "
            f"size. Received: input shapes {[tuple(x.shape) for x in graph.inputs]}"
        )
    if input_size is None:
        return sizes.pop()
    size = _pair(input_size)
    if len(size) != 2 or not all(
        isinstance(n, (int, np.integer)) and n > 0 for n in size
    ):
        raise ValueError(
            "input_size must be a positive whole number or a pair (height, width). "
            f"Received: input_size={input_size!r}"
        )
    return size


def _calls_at(graph, size, ignore_global):
    """All calls of a model for images of a known size."""
    axes = [AxisFields(((0, 0),), 1, pixels, pixels) for pixels in size]
    inputs = [
        _Seen((None, *size, *x.shape[3:]), ReceptiveField(*axes))
        if len(x.shape) == 4
        else _Seen(tuple(x.shape), None)
        for x in graph.inputs
    ]
    calls = []
    _walk(graph, inputs, ignore_global, calls)
    return calls


LARGE = 4096  # stands for "some image size"; its remainders are tried from here on
MOST_SIZES = 1024


def _calls_at_all_sizes(graph, size, ignore_global):
    """All calls of a model whose image size is unknown: tried in all remainders.

    Where an image ends inside a "same" padded window of stride s depends on the
    remainder of its size modulo s, and on nothing else. Sizes at which the branches of
    the model do not fit together cannot be those of its images.
    """
    tried, last = [], MOST_SIZES
    for rest in range(2 * MOST_SIZES):
        if rest > last:
            break
        try:
            calls = _calls_at(graph, [n or LARGE + rest for n in size], ignore_global)
        except _UnequalBranches as error:
            misfit = error
            continue
        if not tried:
            last = rest + _period(calls)
        tried.append(calls)
    if not tried:
        raise misfit
    return [
        call._replace(seen=_over_sizes([other.seen for other in others], size))
        for call, *others in zip(tried[0], *tried, strict=True)
    ]


def _period(calls):
    """After how many pixels all remainders have occurred."""
    fields = [call.seen.field for call in calls if call.seen.field is not None]
    steps = {axis.step for field in fields for axis in (field.rows, field.columns)}
    period = math.lcm(*steps - {0})
    if period > MOST_SIZES:
        raise ValueError(
            f"The fields of this model repeat only every {period} pixels: pass the "
            "image size. Received: input_size=None"
        )
    return period


def _calls(model, input_size, ignore_global):
    """All calls of a model, by name; numbered where a layer is called again."""
    graph = _graph(model)
    size = _image_size(graph, input_size)
    at = _calls_at_all_sizes if None in size else _calls_at
    calls = at(graph, size, ignore_global)
    names = [call.layer for call in calls]
    named = {}
    for i, call in enumerate(calls):
        number = names[: i + 1].count(call.layer)
        shared = names.count(call.layer) > 1
        named[f"{call.layer} (call {number})" if shared else call.layer] = call
    return named


def _over_sizes(seen, size):
    """One tensor for all image sizes: what depends on the size becomes unknown."""
    shapes = zip(*(one.shape for one in seen), strict=True)
    shape = tuple(n[0] if len(set(n)) == 1 else None for n in shapes)
    fields = [one.field for one in seen]
    if fields[0] is None:
        return _Seen(shape, None)
    axes = []
    for name, pixels in zip(("rows", "columns"), size, strict=True):
        options = [getattr(field, name) for field in fields]
        widest = max(options, key=lambda axis: axis.size)
        if len({axis.stride for axis in options}) > 1:
            raise ValueError(
                "A stride depends on the image size, as behind a resizing to a fixed "
                "size: pass the image size. Received: input_size=None"
            )
        if pixels is not None:
            axes.append(widest)
        elif widest.step == 0:
            first = min(axis.intervals[0][0] for axis in options)
            axes.append(AxisFields(((first, math.inf),), 0))
        else:
            same = len({(axis.intervals, axis.step) for axis in options}) == 1
            axes.append(AxisFields(widest.intervals, widest.step, fixed=same))
    noted = [field for field in fields if field.notes]
    pixels = noted and (noted[0].rows.pixels, noted[0].columns.pixels)
    notes = [f"For {pixels} pixels: {note}" for note in noted[0].notes] if noted else ()
    aligned = all(field.aligned for field in fields)
    return _Seen(shape, ReceptiveField(*axes, aligned, tuple(notes)))


def _find_call(model, calls, layer):
    if layer is None:
        outputs = [call for call in calls.values() if call.tensor is model.outputs[0]]
        if len(model.outputs) > 1 or not outputs:
            raise ValueError(
                f"{model.name!r} has {len(model.outputs)} outputs: say which layer, "
                f"one of {list(calls)}. Received: layer=None"
            )
        return outputs[0]
    name = layer if isinstance(layer, str) else getattr(layer, "name", layer)
    if name not in calls:
        raise ValueError(
            f"layer must be one of {list(calls)}. Received: layer={layer!r}"
        )
    return calls[name]


def receptive_field(model, layer=None, input_size=None, *, ignore_global=False):
    """Receptive fields of the units of a layer, for any Functional or Sequential model.

    The graph of the model is followed from the image on. Where branches meet, the
    field is the union of theirs; if their centres differ, `aligned` is False and
    `notes` lists the centres. A pooling window counts like a kernel, and padding like
    pixels. Every unit of a tensor without height and width (after Flatten, global
    pooling, a Reshape to a row of tokens) has one field: all that is seen of the
    image, with stride 0.

    A squeeze-excite gate, or any other branch that sees the whole image, makes the
    field the whole image. Published tables leave such branches out;
    `ignore_global=True` does the same, and `notes` says which ones.

    If the image size is unknown, it is tried in all remainders: an offset that
    depends on it is None, `size` is the largest that occurs, and infinite after a
    global operation.

    Args:
        model: Functional or Sequential Keras model that reads
            (batch, height, width, channels).
        layer: layer or its name; ``"outer/inner"`` inside a nested model,
            ``"name (call 2)"`` for the second call of a shared layer. None is the
            model's output.
        input_size: side or (height, width) of the image, instead of the model's own.
        ignore_global: leave branches that see the whole image out of merges with
            others.

    Returns:
        A `ReceptiveField`.

    Raises:
        TypeError: for a subclassed model, or a layer that is not registered with
            `kernel_geometry`; the message names it and says how to register it.
        ValueError: for an unknown layer name, a model that reads no image, or a
            bad `input_size`.

    Example:

    >>> image = keras.Input((224, 224, 3))
    >>> x = keras.layers.Conv2D(64, 7, strides=2, padding="same")(image)
    >>> x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="pool")(x)
    >>> receptive_field(keras.Model(image, x), "pool")
    ReceptiveField(size=11, stride=4, offset=-2)

    Reference: Araujo, Norris and Sim (2019), sections "Single-path networks" and
    "Arbitrary computation graphs".
    """
    call = _find_call(model, _calls(model, input_size, ignore_global), layer)
    if call.seen.field is None:
        raise ValueError(
            f"{call.layer!r} does not depend on the image. Received: layer={layer!r}"
        )
    return call.seen.field


def receptive_field_table(model, input_size=None, *, ignore_global=False):
    """Receptive fields of all layers of a model, one row per call of a layer.

    Args:
        model: as in `receptive_field`.
        input_size: as in `receptive_field`.
        ignore_global: as in `receptive_field`.

    Returns:
        A pandas DataFrame with the columns layer, output shape, size, stride, offset
        and aligned. Layers that do not depend on the image are left out.

    Example:

    >>> model = keras.Sequential([keras.Input((32, 32, 1)),
    ...     keras.layers.Conv2D(6, 5, name="c1"), keras.layers.MaxPool2D(name="s2")])
    >>> print(receptive_field_table(model).to_string(index=False))
    layer output shape  size  stride  offset  aligned
       c1  (28, 28, 6)     5       1       0     True
       s2  (14, 14, 6)     6       2       0     True
    """
    import pandas

    rows = []
    for name, call in _calls(model, input_size, ignore_global).items():
        field = call.seen.field
        if field is None:
            continue
        shape = call.seen.shape[1:]
        rows.append(
            (name, shape, field.size, field.stride, field.offset, field.aligned)
        )
    columns = ["layer", "output shape", "size", "stride", "offset", "aligned"]
    return pandas.DataFrame(rows, columns=columns)


# --- Asking the model itself ---------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Probe:
    """Which pixels reach which units of a layer, as found by asking the model.

    Args:
        rows: boolean array (image height, unit rows): whether a change of that pixel
            row reaches that row of units.
        columns: boolean array (image width, unit columns).
    """

    rows: np.ndarray
    columns: np.ndarray

    def region(self, row, col):
        """The `Box` of pixels that reach one unit.

        Raises:
            ValueError: if no pixel reaches it.
        """
        height = np.flatnonzero(self.rows[:, row])
        width = np.flatnonzero(self.columns[:, col])
        if not (len(height) and len(width)):
            raise ValueError(f"No pixel reaches this unit. Received: ({row}, {col})")
        edges = height[0], width[0], height[-1] + 1, width[-1] + 1
        return Box(*(int(edge) for edge in edges))


def _tensor(model, layer):
    """The output of a layer of this very model."""
    graph = _graph(model)
    if layer is None and len(graph.outputs) == 1:
        return graph.outputs[0]
    name = layer if isinstance(layer, str) else getattr(layer, "name", layer)
    nodes = [n for nodes in graph._nodes_by_depth.values() for n in nodes]
    found = [node.outputs[0] for node in nodes if node.operation.name == name]
    if len(found) != 1:
        raise ValueError(
            f"layer must be called once in {model.name!r}, itself and not inside a "
            f"nested model, one of {[op.name for op in graph.operations]}. "
            f"Received: layer={layer!r}"
        )
    return found[0]


def _image_shape(model, input_size):
    if len(model.inputs) != 1:
        raise ValueError(
            "Only models with one input can be measured. "
            f"Received: {len(model.inputs)} inputs"
        )
    size = _image_size(model, input_size)
    if None in size:
        raise ValueError(
            f"{model.name!r} has no fixed image size: pass one. "
            "Received: input_size=None"
        )
    return (*size, model.inputs[0].shape[-1])


def _passing_nan_on(operation):
    """The operation at inference, or one of the same reach that never loses a NaN.

    TensorFlow's max pooling skips NaN and its softmax turns it into 0, so these become
    average pooling over the same windows and exp(log_softmax).
    """
    if _has_graph(operation):
        return lambda *inputs, **_: _run(operation, inputs)
    kind = type(operation).__name__
    if type(operation).call is keras.layers.MaxPooling2D.call or kind == "MaxPool":
        size, strides = operation.pool_size, operation.strides
        return lambda x: ops.average_pool(x, size, strides, operation.padding)
    if kind == "AdaptiveMaxPooling2D":
        return lambda x: ops.adaptive_average_pool(x, operation.output_size)
    if kind == "Softmax" and isinstance(operation.axis, int):
        return lambda x, *_, **__: ops.exp(ops.log_softmax(x, operation.axis))
    if "training" in inspect.signature(operation.call).parameters:
        return lambda *args, **kwargs: operation(*args, **kwargs | {"training": False})
    return operation


def _run(model, inputs):
    graph = keras.Function(model.inputs, model.outputs)
    return graph._run_through_graph(inputs, operation_fn=_passing_nan_on)


def probe_receptive_field(model, layer=None, input_size=None):
    """Find the pixels that reach each unit by making them NaN, one row at a time.

    NaN plus or times anything is NaN, so a unit turns NaN exactly if it depends on the
    changed row of pixels, whatever the weights. Nothing here knows kernel sizes,
    strides or padding: this is the independent check of `receptive_field`. Max pooling
    runs as average pooling over the same windows, because TensorFlow's skips NaN; on
    JAX, a smooth resizing is a product with a matrix that spreads NaN everywhere. It
    costs one forward pass per row and per column of the image: use small images.

    Args:
        model: Functional or Sequential Keras model with one input.
        layer: layer of this model, or its name; None is the model's output.
        input_size: side or (height, width) of the image, if the model leaves it open.

    Returns:
        A `Probe`.

    Raises:
        TypeError: for a subclassed model.
        ValueError: if the layer or the image size cannot be found.

    Example:

    >>> model = keras.Sequential([keras.Input((9, 9, 1)),
    ...     keras.layers.Conv2D(1, 3, strides=2)])
    >>> probe_receptive_field(model).region(1, 2)
    Box(top=2, left=4, bottom=5, right=7)
    """
    shape = _image_shape(model, input_size)
    asked = keras.Function(model.inputs, [_tensor(model, layer)])
    return Probe(_reached(asked, shape, axis=1), _reached(asked, shape, axis=2))


def _reached(model, shape, axis, batch=8):
    """Boolean array (pixels, units) along one axis of the image."""
    reached = []
    for start in range(0, shape[axis - 1], batch):
        lines = np.arange(start, min(start + batch, shape[axis - 1]))
        images = np.full((len(lines), *shape), 0.5, "float32")
        np.moveaxis(images, axis, 1)[np.arange(len(lines)), lines] = np.nan
        (outputs,) = _run(model, [ops.convert_to_tensor(images)])
        found = np.isnan(ops.convert_to_numpy(outputs))
        if found.ndim == 4:
            reached.append(found.any(axis=(3 - axis, 3)))
        else:
            reached.append(found.reshape(len(lines), -1).any(axis=1, keepdims=True))
    return np.concatenate(reached)


def effective_receptive_field(
    model, layer=None, *, images=None, input_size=None, samples=16, seed=0
):
    """How much each pixel counts for the centre unit: the mean absolute gradient.

    An error signal of 1 in every channel of the centre unit, and 0 elsewhere, is sent
    back to the image; absolute values are averaged over colour channels and images,
    and divided by their sum.

    Args:
        model: Functional or Sequential Keras model with one input.
        layer: layer of this model, or its name; None is the model's output.
        images: array (samples, height, width, channels) to measure on; None draws
            standard normal noise.
        input_size: side or (height, width) of the noise, if the model leaves it open.
        samples: number of noise images.
        seed: seed of the noise.

    Returns:
        Array (height, width) of weights that sum to 1.

    Raises:
        TypeError: for a subclassed model.
        ValueError: if the layer or the image size cannot be found, if no gradient
            arrives (a dead unit), or on a backend other than TensorFlow and JAX.

    Example:

    >>> model = keras.Sequential([keras.Input((9, 9, 1)), keras.layers.Conv2D(
    ...     1, 3, padding="same", kernel_initializer="ones")])
    >>> effective_receptive_field(model)[3:6, 3:6].round(3).tolist()
    [[0.111, 0.111, 0.111], [0.111, 0.111, 0.111], [0.111, 0.111, 0.111]]

    Reference: Luo, Li, Urtasun and Zemel (2016), sections 2 and 3.
    """
    output = _tensor(model, layer)
    if images is None:
        shape = (samples, *_image_shape(model, input_size))
        images = keras.random.normal(shape, seed=seed)
    asked = keras.Model(model.inputs[0], output)
    gradient = np.abs(_centre_gradient(asked, ops.cast(images, "float32")))
    weights = gradient.mean(axis=(0, 3), dtype="float64")
    if not weights.sum() > 0:
        raise ValueError(
            "No gradient reaches the image: the centre unit is dead or not connected. "
            f"Received: layer={layer!r}"
        )
    return weights / weights.sum()


def _centre_gradient(model, images):
    """Gradient of the channel sum of the centre unit with respect to the images."""

    def centre(images):
        output = model(images, training=False)
        if len(output.shape) == 4:
            output = output[:, output.shape[1] // 2, output.shape[2] // 2]
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
