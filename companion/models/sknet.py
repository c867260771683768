"""SKNet: units that choose the size of their kernel by what they see.

Li, Wang, Hu, Yang. *Selective Kernel Networks.* CVPR 2019. arXiv 1903.06586.

A ResNeXt in which every 3x3 convolution is replaced by a pair, a 3x3 and a 5x5
(``companion.layers.SelectiveKernel``). The image decides for each channel which of the
two counts: enlarge an object, and in the middle of the network the 5x5 gains weight.

Where the paper is silent, this file takes what the authors' released networks show:

- The 5x5 is a 3x3 with dilation 2.
- The stride of conv3_1, conv4_1 and conv5_1 is in the selective convolution.
- The max pooling pads nothing and rounds the size up, as Caffe does. At even sizes
  this is Keras' "same"; pytorchcv's network pads one zero on each side instead.
- Only the classifier has a bias.
- Batch normalization adds 1e-5 to the variance and averages with momentum 0.95.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization, SelectiveKernel
from companion.models.registry import (
    check_arguments,
    check_block,
    check_counts,
    variant,
)


def batch_norm(x, name):
    return BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")(x)


def conv_bn(x, filters, size, stride, name):
    """Convolution, (size - 1) / 2 zeros on every side, and batch normalization."""
    if size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides=stride,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return batch_norm(x, name)


def conv_bn_relu(x, filters, size, stride, name):
    x = conv_bn(x, filters, size, stride, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def sk_unit(x, filters, stride, name):
    """1x1, SK[2, 16, 32] convolution, 1x1, shortcut (Table 1, right).

    M = 2 kernels, a ratio of 16, and 32 groups; the selective convolution ends with
    its own normalization and ReLU.
    """
    filters, stride = check_block(x, filters=filters, stride=stride)
    if filters % 64:
        raise ValueError(
            "`filters` must be a multiple of 64, as half of them are in 32 groups. "
            f"Received: filters={filters}"
        )
    y = conv_bn_relu(x, filters // 2, 1, 1, f"{name}_1")
    y = SelectiveKernel(
        filters // 2,
        groups=32,
        ratio=16,
        minimum=32,
        strides=stride,
        name=f"{name}_sk",
    )(y)
    y = conv_bn(y, filters, 1, 1, f"{name}_3")
    if stride > 1 or x.shape[-1] != filters:
        x = conv_bn(x, filters, 1, stride, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


TABLE = {  # depth: units in conv2_x, conv3_x, conv4_x, conv5_x      Table 1
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


def SKNet(
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="sknet",
):
    """Four stages of SK units between the stem and the classifier.

    Args:
        counts: number of units in conv2_x, conv3_x, conv4_x and conv5_x.
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

    >>> small = SKNet((1, 1), input_shape=(32, 32, 3), classes=None)
    >>> small.get_layer("conv3_1_sk").output.shape, small.output.shape
    ((None, 4, 4, 256), (None, 4, 4, 512))

    Reference: Li et al., arXiv 1903.06586, Tables 1 and 2.
    """
    counts = check_counts(counts)
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 64, 7, 2, "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    for stage, count in enumerate(counts, start=2):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            x = sk_unit(x, 2**stage * 64, stride, f"conv{stage}_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    SKNet,
    params=27_479_784,
    macs=4_462_710_784,
    feature_map=(7, 7, 2048),
    source="pytorchcv 0.0.74 sknet50, timm 1.0.31 skresnext50_32x4d and implus/SKNet "
    "sknet50.prototxt (its readme: 27.5 million, 4.47 billion)",
)
def SKNet50(*, name="sknet50", **options):
    """SKNet-50: ``ResNeXt50`` with selective kernels, 10 % more parameters.

    >>> model = SKNet50(classes=None)
    >>> model.get_layer("conv3_1_sk").output.shape
    (None, 28, 28, 256)
    >>> model.output.shape
    (None, 7, 7, 2048)
    """
    return SKNet(TABLE[50], name=name, **options)


@variant(
    SKNet,
    params=48_736_040,
    macs=8_448_724_992,
    feature_map=(7, 7, 2048),
    source="pytorchcv 0.0.74 sknet101; timm 1.0.31, skresnext50_32x4d with 23 blocks",
)
def SKNet101(*, name="sknet101", **options):
    """SKNet-101: 23 instead of 6 units in conv4_x.

    The authors print 48.9 million parameters and 8.46 billion multiply-adds.

    >>> model = SKNet101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_sk").output.shape
    (None, 2, 2, 512)
    """
    return SKNet(TABLE[101], name=name, **options)
