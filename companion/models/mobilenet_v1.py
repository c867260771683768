"""MobileNet: a network of depthwise separable convolutions, in every width and size.

Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam. *MobileNets: Efficient
Convolutional Neural Networks for Mobile Vision Applications.* arXiv 1704.04861, 2017.

A 3x3 convolution does two things at once: it looks at neighbours and mixes channels.
Here one layer does each: a depthwise 3x3 filters every channel by itself, a pointwise
1x1 mixes them, for an eighth to a ninth of the multiply-adds. Two numbers then trade
accuracy for speed: the width multiplier alpha thins every layer, the resolution
multiplier rho shrinks the image.

Where this file differs from the paper, it does what the released TensorFlow code does
(tensorflow/models, slim/nets/mobilenet_v1.py):

- ReLU6 where the paper writes ReLU.
- TensorFlow's padding "same": in a layer of stride 2 on an even side, one zero on the
  right and the bottom only. Ports with a zero on every side give other values.
- Table 1 prints stride 2 for the last depthwise layer, but 7x7 before and after it:
  the stride is 1.
- Widths are rounded down, and no layer gets fewer than 8 channels.
- Normalization adds 1e-3 to the variance. Its moving averages have momentum 0.99, as
  in keras.applications; with the 0.9997 of the released code they follow only after
  thousands of steps.

The released code also drops 0.1 % of the numbers before ``fc``. The paper does not
say so, and this file does not do it.
"""

import keras
from keras import layers

from companion import arguments
from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, check_block, register

TABLE = (  # stride of the depthwise layer, filters of the pointwise layer     Table 1
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *[(1, 512)] * 5,
    (2, 1024),
    (1, 1024),
)


def bn_relu6(x, name):
    """Normalization, and a ReLU that stops at 6."""
    x = BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def conv_bn_relu6(x, filters, size, stride, name):
    x = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return bn_relu6(x, name)


def depthwise_bn_relu6(x, stride, name):
    """One 3x3 filter for each channel; nothing is mixed."""
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return bn_relu6(x, name)


def depthwise_separable(x, filters, stride, name):
    """Filter every channel, then mix them (Figure 3, right)."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    x = depthwise_bn_relu6(x, stride, f"{name}_depthwise")
    return conv_bn_relu6(x, filters, 1, 1, f"{name}_pointwise")


def thinned(filters, width):
    """alpha times the filters (Section 3.3), rounded down; 8 at least."""
    return max(8, int(width * filters))


def image_shape(resolution, input_shape):
    """``input_shape``, or a square colour image of this resolution."""
    resolution = arguments.integer("resolution", resolution)
    if input_shape is None:
        return (resolution, resolution, 3)
    input_shape, _ = check_arguments(input_shape, None)
    if resolution != 224 and input_shape[:2] != (resolution, resolution):
        raise ValueError(
            "`resolution` and `input_shape` must agree: give one of them. "
            f"Received: resolution={resolution}, input_shape={input_shape}"
        )
    return input_shape


@register(
    params=4_231_976,
    macs=568_740_352,
    receptive_field=315,
    source="counts: keras.applications MobileNet (Keras 3.15), pytorchcv 0.0.74 "
    "mobilenet_w1 and timm 1.0.31 mobilenetv1_100 (paper, Table 6: 4.2 and 569 "
    "million); field: Araujo et al., Distill 2019, mobilenet_v1",
)
def MobileNetV1(
    *,
    width=1.0,
    resolution=224,
    input_shape=None,
    classes=1000,
    classifier_activation="softmax",
    rows=TABLE,
    name="mobilenet_v1",
):
    """MobileNet with width multiplier alpha and resolution multiplier rho.

    Multiply-adds fall with the square of both multipliers, parameters only with the
    square of the width. Published are the widths 1, 0.75, 0.5 and 0.25 at
    resolutions 224, 192, 160 and 128; any other works too.

    Args:
        width: the paper's alpha, a positive number: every layer has this many times
            the channels.
        resolution: side of the square image, 224 times the paper's rho.
        input_shape: ``(height, width, channels)`` where the image is not square or
            not in colour; a side may be ``None``, for images of any size. It takes
            the place of ``resolution``, which must then be left out or say the same.
        classes: length of the output; ``None`` stops at the feature map of block13.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        rows: stride of the depthwise layer and filters of the pointwise layer of each
            block, for networks of one's own; by default those of Table 1.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``width`` is not a positive number or ``resolution`` not a
            positive integer; if ``input_shape`` is not a triple, has no fixed number
            of channels or contradicts ``resolution``; if ``classes`` is neither
            ``None`` nor a positive integer.

    Example:

    >>> MobileNetV1(classes=None).output.shape
    (None, 7, 7, 1024)
    >>> MobileNetV1(width=0.25, resolution=128, classes=None).output.shape
    (None, 4, 4, 256)

    Reference: Howard et al., arXiv 1704.04861, Table 1, Sections 3.3 and 3.4.
    """
    input_shape = image_shape(resolution, input_shape)
    input_shape, classes = check_arguments(input_shape, classes)
    arguments.number("width", width, above=0)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu6(inputs, thinned(32, width), 3, 2, "conv1")
    for number, (stride, filters) in enumerate(rows, start=1):
        x = depthwise_separable(x, thinned(filters, width), stride, f"block{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
