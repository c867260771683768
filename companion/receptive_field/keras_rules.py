"""What the units of Keras' layers see: the rules for `kernel_geometry`.

`size` holds all axes but batch and channels, so that a sequence, an image and a volume
are one code.
"""

from keras import layers

from companion.receptive_field.rules import (
    element_wise,
    kernel_geometry,
    layer_windows,
    local_geometry,
    nearest,
    unknown,
)
from companion.receptive_field.windows import Window

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


def register(names, rule, geometry=kernel_geometry):
    """Register a rule for the layers that this Keras has; a user's rule stays."""
    for name in names.split():
        kind = getattr(layers, name, None)
        if kind is not None and kind not in geometry.registry:
            geometry.register(kind, rule)


def rule_for(names, geometry=kernel_geometry):
    """`register` as a decorator."""

    def decorate(rule):
        register(names, rule, geometry)
        return rule

    return decorate


def per_axis(value, size):
    """One value for each axis."""
    return value if isinstance(value, (tuple, list)) else [value] * len(size)


def sliding(size, kernel, strides, padding, dilation=1):
    """Windows of a convolution or a pooling over all axes."""
    return [
        Window.sliding(*axis)
        for axis in zip(
            size,
            per_axis(kernel, size),
            per_axis(strides, size),
            per_axis(padding, size),
            per_axis(dilation, size),
            strict=True,
        )
    ]


def transposed(convolution, size, kernel):
    """Windows of a transposed convolution: of a layer or of `keras.ops`."""
    return [
        Window.transposed(units, k, stride, convolution.padding, extra, dilation)
        for units, k, stride, extra, dilation in zip(
            size,
            kernel,
            per_axis(convolution.strides, size),
            per_axis(convolution.output_padding, size),
            per_axis(convolution.dilation_rate, size),
            strict=True,
        )
    ]


def resized(resize, size, target):
    """Windows of an image resize: of a layer or of `keras.ops`."""
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


def reducing(axes, size, keep_size):
    """Windows that see everything along those axes, counted from 1, in `axes`."""
    return [
        Window.everything(units, units if keep_size else 1)
        if axis in axes
        else Window.sliding(units, kernel=1)
        for axis, units in enumerate(size, start=1)
    ]


def axes_of(axis, rank):
    """Axis numbers as a set of numbers from 0; None stands for all axes."""
    if axis is None:
        return set(range(rank))
    axis = axis if isinstance(axis, (tuple, list)) else [axis]
    return {a % rank for a in axis}


register(ELEMENT_WISE_LAYERS + AUGMENTATION_LAYERS, element_wise)
register("SpatialDropout1D SpatialDropout3D", element_wise)


@rule_for("""
Conv1D Conv2D Conv3D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
""")
def convolution(layer, size):
    return sliding(
        size, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )


@rule_for("Conv1DTranspose Conv2DTranspose Conv3DTranspose")
def transposed_convolution(layer, size):
    return transposed(layer, size, layer.kernel_size)


@rule_for("""
MaxPooling1D MaxPooling2D MaxPooling3D
AveragePooling1D AveragePooling2D AveragePooling3D
""")
def pooling(layer, size):
    return sliding(size, layer.pool_size, layer.strides, layer.padding)


@rule_for("""
AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
""")
def adaptive_pooling(layer, size):
    targets = per_axis(layer.output_size, size)
    return [Window.adaptive(*axis) for axis in zip(size, targets, strict=True)]


@rule_for("""
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Flatten
""")
def global_pooling(layer, size):
    return [Window.everything(units) for units in size]


@rule_for("ZeroPadding1D ZeroPadding2D ZeroPadding3D")
def zero_padding(layer, size):
    padding = layer.padding if len(size) > 1 else [layer.padding]
    return sliding(size, 1, 1, padding)


@rule_for("Cropping1D Cropping2D Cropping3D")
def cropping(layer, size):
    cuts = layer.cropping if len(size) > 1 else [layer.cropping]
    return sliding(size, 1, 1, [(-before, -after) for before, after in cuts])


@rule_for("CenterCrop")
def center_crop(layer, size):
    target = layer.height, layer.width
    if any(units < wanted for units, wanted in zip(size, target, strict=True)):
        raise ValueError(
            "A map smaller than the crop is resized instead, which is not supported. "
            f"Received: size={tuple(size)} to crop to {target}"
        )
    before = [(units - wanted) // 2 for units, wanted in zip(size, target, strict=True)]
    return [
        Window(((first,),), 1, wanted)
        for first, wanted in zip(before, target, strict=True)
    ]


@rule_for("Resizing")
def resizing(layer, size):
    return resized(layer, size, (layer.height, layer.width))


@rule_for("UpSampling1D UpSampling2D UpSampling3D")
def up_sampling(layer, size):
    interpolation = getattr(layer, "interpolation", "nearest")
    return [
        Window.resampled(units, units * factor, interpolation)
        for units, factor in zip(size, per_axis(layer.size, size), strict=True)
    ]


@rule_for("GroupNormalization")
def whole_map(layer, size):
    return [Window.everything(units, units) for units in size]


@rule_for("LayerNormalization RMSNormalization UnitNormalization Softmax")
def along_axes(layer, size):
    axes = axes_of(layer.axis, rank=len(size) + 2)
    return reducing(axes, size, keep_size=True)


@rule_for("Concatenate")
def concatenation(layer, size):
    beside = axes_of(layer.axis, rank=len(size) + 2) - {0, len(size) + 1}
    if beside:
        raise ValueError(side_by_side(layer))
    return element_wise(layer, size)


def side_by_side(operation):
    return (
        f"{operation.name!r} joins maps side by side: its units have no common field. "
        f"Received: axis={operation.axis}"
    )


@rule_for("MultiHeadAttention")
def self_attention(layer, size):
    axes = layer.get_config()["attention_axes"]
    rank = len(size) + 2
    axes = set(range(1, rank - 1)) if axes is None else axes_of(axes, rank)
    return reducing(axes, size, keep_size=True)


@rule_for("GroupQueryAttention Attention AdditiveAttention")
def sequence_attention(layer, size):
    return reducing({1}, size, keep_size=True)


register(
    """
    AdditiveAttention Attention GroupNormalization GroupQueryAttention
    LayerNormalization MultiHeadAttention RMSNormalization Softmax UnitNormalization
    """,
    element_wise,
    local_geometry,
)


@rule_for("RNN SimpleRNN GRU LSTM")
def recurrence(layer, size):
    if not layer.return_sequences:
        return [Window.everything(steps) for steps in size]
    if layer.go_backwards:
        raise ValueError(
            "A recurrent layer that reads from the end must be wrapped in "
            "Bidirectional, or return its last output only. Received: "
            "go_backwards=True with return_sequences=True"
        )
    return [Window.past(steps) for steps in size]


@rule_for("Bidirectional")
def both_directions(layer, size):
    if nearest(kernel_geometry.registry, layer.backward_layer) is None:
        raise TypeError(unknown(layer.backward_layer))
    layer_windows(layer.forward_layer, size)  # stops at what it does not know
    keeps_size = layer.forward_layer.return_sequences
    return reducing({1}, size, keeps_size)


@rule_for("ConvLSTM1D ConvLSTM2D ConvLSTM3D")
def recurrent_convolution(layer, size):
    """Each step reads the state with a kernel of the same size, and adds to it."""
    steps, *space = size
    if layer.return_sequences:
        raise ValueError(
            "The fields of a convolutional recurrent layer widen from step to step: "
            "only its last output has one field. Received: return_sequences=True"
        )
    first = convolution(layer, space)
    windows = [
        through_states(window, kernel, steps - 1)
        for window, kernel in zip(first, layer.kernel_size, strict=True)
    ]
    return [Window.everything(steps), *windows]


def through_states(window, kernel, times):
    """A window behind `times` convolutions of the state, padded to the same size."""
    (taps,) = window.taps
    first = taps[0] - times * ((kernel - 1) // 2) * window.step
    last = taps[-1] + times * (kernel // 2) * window.step
    return Window((tuple(range(first, last + 1)),), window.step, window.units)


@rule_for("SpectralNormalization")
def spectral_normalization(layer, size):
    return layer_windows(layer.layer, size)


# --- Whether a unit sees all channels, or its own only --------------------------------

OWN_CHANNEL = (
    ELEMENT_WISE_LAYERS.replace(" Dense", "")
    + """
AveragePooling1D AveragePooling2D AveragePooling3D CenterCrop Cropping1D Cropping2D
Cropping3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPooling1D MaxPooling2D
MaxPooling3D Resizing SpatialDropout1D SpatialDropout3D UpSampling1D UpSampling2D
UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
)
ALL_CHANNELS = """
AdditiveAttention Attention Bidirectional Conv1D Conv1DTranspose Conv2D Conv2DTranspose
Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Dense GRU GroupNormalization
GroupQueryAttention LSTM MultiHeadAttention RNN SeparableConv1D SeparableConv2D
SimpleRNN
"""
AXIS_OF_CHANNELS = "LayerNormalization RMSNormalization Softmax UnitNormalization"


def mixes_channels(layer, rank):
    """Whether a layer of Keras lets the units of one channel see another channel.

    Only asked where a Reshape has laid an axis of the image along the last axis.

    Raises:
        ValueError: if it is not known.
    """
    layer = getattr(layer, "layer", layer)
    known = nearest(kernel_geometry.registry, layer)
    of_keras = known is not None and known.__module__.startswith("keras.")
    kind = known.__name__ if of_keras else None
    if kind in AXIS_OF_CHANNELS.split():
        return rank - 1 in axes_of(layer.axis, rank)
    if kind in ALL_CHANNELS.split() and getattr(layer, "groups", 1) == 1:
        return True
    if kind in OWN_CHANNEL.split():
        return False
    raise ValueError(
        f"An axis of the image lies along the channels of {layer.name!r}, and its rule "
        "does not say which channels it sees. Reshape to (..., channels) before it. "
        f"Received: {layer!r}"
    )
