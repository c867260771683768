"""ResNet "v1.5": the stride of a bottleneck moves from its 1x1 to its 3x3.

Gross, Wilber. *Training and investigating Residual Nets.* Torch blog, 2016, with the
code of facebook/fb.resnet.torch; described in Goyal et al., *Accurate, Large
Minibatch SGD*, arXiv 1706.02677, 2017, Section 5.1.

A 1x1 convolution of stride 2, as in the paper of He et al. (2015), never looks at
three quarters of its input. With the stride in the 3x3 every position is seen. The
parameters are the same; torchvision, timm and most published weights mean this
network when they say ResNet-50.

Where this file differs from torchvision's: in nothing that changes an output.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import (
    check_arguments,
    check_block,
    check_counts,
    variant,
)


def conv_bn(x, filters, size, stride, name):
    """Convolution without bias, (size - 1) / 2 zeros on every side; normalization."""
    if stride > 1 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)


def conv_bn_relu(x, filters, size, stride, name):
    x = conv_bn(x, filters, size, stride, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def add_shortcut(x, y, stride, name):
    """F(x) + x, then ReLU; a 1x1 projection where the shapes differ."""
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = conv_bn(x, y.shape[-1], 1, stride, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def bottleneck(x, filters, stride, name):
    """1x1 to reduce, 3x3 with the stride, 1x1 to restore."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 1, 1, f"{name}_1")
    y = conv_bn_relu(y, filters, 3, stride, f"{name}_2")
    y = conv_bn(y, 4 * filters, 1, 1, f"{name}_3")
    return add_shortcut(x, y, stride, name)


TABLE = {  # depth: bottlenecks in conv2_x, conv3_x, conv4_x, conv5_x
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def ResNetV1_5(
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet_v1_5",
):
    """Four stages of bottlenecks between the stem and the classifier.

    Args:
        counts: number of bottlenecks in conv2_x, conv3_x, conv4_x and conv5_x.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``counts`` is not a tuple of positive integers, if
            ``input_shape`` is not a triple or has no fixed number of channels, or if
            ``classes`` is not a positive integer.

    Example:

    >>> small = ResNetV1_5((1, 1, 1, 1), input_shape=(32, 32, 3), classes=10)
    >>> small.get_layer("conv5_1_relu").output.shape, small.output.shape
    ((None, 1, 1, 2048), (None, 10))

    Reference: Goyal et al., arXiv 1706.02677, Section 5.1.
    """
    counts = check_counts(counts)
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 64, 7, 2, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(counts, start=2):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            x = bottleneck(x, 2**stage * 16, stride, f"conv{stage}_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    ResNetV1_5,
    params=25_557_032,
    macs=4_089_184_256,
    receptive_field=427,
    feature_map=(7, 7, 2048),
    source="counts: torchvision 0.28 resnet50 and pytorchcv 0.0.74 resnet50b; "
    "field: gradient of torchvision's network",
)
def ResNet50V1_5(*, name="resnet50_v1_5", **options):
    """ResNet-50 with the stride in the 3x3: torchvision's ``resnet50``.

    >>> model = ResNet50V1_5(classes=None)
    >>> model.get_layer("conv3_1_1").strides, model.get_layer("conv3_1_2").strides
    ((1, 1), (2, 2))
    >>> model.output.shape
    (None, 7, 7, 2048)
    """
    return ResNetV1_5(TABLE[50], name=name, **options)


@variant(
    ResNetV1_5,
    params=44_549_160,
    macs=7_801_405_440,
    receptive_field=971,
    feature_map=(7, 7, 2048),
    source="counts: torchvision 0.28 resnet101 and pytorchcv 0.0.74 resnet101b; "
    "field: gradient of torchvision's network",
)
def ResNet101V1_5(*, name="resnet101_v1_5", **options):
    """ResNet-101 with the stride in the 3x3: torchvision's ``resnet101``.

    >>> model = ResNet101V1_5(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_relu").output.shape
    (None, 2, 2, 1024)
    """
    return ResNetV1_5(TABLE[101], name=name, **options)


@variant(
    ResNetV1_5,
    params=60_192_808,
    macs=11_513_626_624,
    receptive_field=1451,
    feature_map=(7, 7, 2048),
    source="counts: torchvision 0.28 resnet152 and pytorchcv 0.0.74 resnet152b; "
    "field: gradient of torchvision's network",
)
def ResNet152V1_5(*, name="resnet152_v1_5", **options):
    """ResNet-152 with the stride in the 3x3: torchvision's ``resnet152``.

    >>> model = ResNet152V1_5(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv3_8_relu").output.shape
    (None, 4, 4, 512)
    """
    return ResNetV1_5(TABLE[152], name=name, **options)
