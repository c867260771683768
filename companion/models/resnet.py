"""ResNet: 152 layers that train, because each block only adds to its input.

He, Zhang, Ren, Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016.
arXiv 1512.03385, 2015.

Plain networks get worse on their own training set when they get deeper. Here every
two or three layers learn a residual F(x), and the block gives F(x) + x: to do nothing
is easy, and the gradient reaches every layer through the additions.

Where the paper is silent or compares variants, this file takes what its released
networks show or what every later implementation does:

- The stride of conv3_1, conv4_1 and conv5_1 is in their first 1x1 convolution. The
  networks that torchvision calls ``resnet50`` have it in the 3x3 ("v1.5"); they are
  another file, ``resnet_v1_5.py``.
- The max pooling pads one zero on each side. The released Caffe networks pad nothing
  and round the size up instead: the same 56x56, sampled one pixel further.
- ResNet-18 and 34 project the shortcut where the shape changes (option B), as all
  published weights do. Table 2 trained them with option A, Table 3 finds B better.
- No convolution has a bias. The released Caffe ResNet-50 has one in conv1.
- Batch normalization adds 1e-5 to the variance and averages with momentum 0.9.
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
    """Convolution and batch normalization (Section 3.4).

    An odd kernel gets (size - 1) / 2 zeros on every side, also where the stride is 2;
    Keras' "same" would then pad the right and the bottom only.
    """
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
    """F(x) + x, then ReLU; a 1x1 projection where the shapes differ (option B)."""
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = conv_bn(x, y.shape[-1], 1, stride, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def basic(x, filters, stride, name):
    """Two 3x3 convolutions (Figure 5, left)."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    y = conv_bn(y, filters, 3, 1, f"{name}_2")
    return add_shortcut(x, y, stride, name)


def bottleneck(x, filters, stride, name):
    """1x1 to reduce, 3x3, 1x1 to restore (Figure 5, right)."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 1, stride, f"{name}_1")
    y = conv_bn_relu(y, filters, 3, 1, f"{name}_2")
    y = conv_bn(y, 4 * filters, 1, 1, f"{name}_3")
    return add_shortcut(x, y, stride, name)


TABLE = {  # depth: block, and how many in conv2_x, conv3_x, conv4_x, conv5_x   Table 1
    18: (basic, (2, 2, 2, 2)),
    34: (basic, (3, 4, 6, 3)),
    50: (bottleneck, (3, 4, 6, 3)),
    101: (bottleneck, (3, 4, 23, 3)),
    152: (bottleneck, (3, 8, 36, 3)),
}


def ResNet(
    block,
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet",
):
    """Four stages of blocks between the stem and the classifier.

    Args:
        block: ``basic`` or ``bottleneck``.
        counts: number of blocks in conv2_x, conv3_x, conv4_x and conv5_x.
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

    >>> small = ResNet(basic, (1, 1, 1, 1), input_shape=(32, 32, 3), classes=10)
    >>> small.get_layer("conv5_1_relu").output.shape, small.output.shape
    ((None, 1, 1, 512), (None, 10))

    Reference: He et al., arXiv 1512.03385, Table 1 and Figure 5.
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
            x = block(x, 2**stage * 16, stride, f"conv{stage}_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    ResNet,
    params=11_689_512,
    macs=1_814_073_344,
    receptive_field=435,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 resnet18 and pytorchcv 0.0.74 resnet18; "
    "field: gradient of torchvision's network",
)
def ResNet18(*, name="resnet18", **options):
    """ResNet-18: eight blocks of two 3x3 convolutions.

    >>> model = ResNet18(classes=None)
    >>> model.get_layer("conv3_2_relu").output.shape
    (None, 28, 28, 128)
    >>> model.output.shape
    (None, 7, 7, 512)
    """
    return ResNet(*TABLE[18], name=name, **options)


@variant(
    ResNet,
    params=21_797_672,
    macs=3_663_761_408,
    receptive_field=899,
    feature_map=(7, 7, 512),
    source="counts: torchvision 0.28 resnet34 and pytorchcv 0.0.74 resnet34; "
    "field: gradient of torchvision's network",
)
def ResNet34(*, name="resnet34", **options):
    """ResNet-34: sixteen blocks of two 3x3 convolutions, with projections.

    The paper compares three kinds of shortcut at this depth (Table 3). This is
    option B, which it keeps for the deeper networks.

    >>> ResNet34(input_shape=(64, 64, 3), classes=None).output.shape
    (None, 2, 2, 512)

    Reference: He et al., arXiv 1512.03385, Table 1 and Figure 3, right.
    """
    return ResNet(*TABLE[34], name=name, **options)


@variant(
    ResNet,
    params=25_557_032,
    macs=3_857_973_248,
    receptive_field=483,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 resnet50, multiply-adds also KaimingHe/"
    "deep-residual-networks ResNet-50-deploy.prototxt; "
    "field: Araujo et al., Distill 2019, resnet_v1_50/block4",
)
def ResNet50(*, name="resnet50", **options):
    """ResNet-50 as in the paper: the stride is in the first 1x1 convolution.

    ``ResNet50V1_5`` has as many parameters, 6 % more multiply-adds, and a smaller
    field (427): weights of one do not work in the other.

    >>> model = ResNet50(classes=None)
    >>> model.get_layer("conv3_1_1").strides, model.get_layer("conv3_1_2").strides
    ((2, 2), (1, 1))
    """
    return ResNet(*TABLE[50], name=name, **options)


@variant(
    ResNet,
    params=44_549_160,
    macs=7_570_194_432,
    receptive_field=1027,
    feature_map=(7, 7, 2048),
    source="counts: KaimingHe/deep-residual-networks ResNet-101-deploy.prototxt and "
    "pytorchcv 0.0.74 resnet101; "
    "field: Araujo et al., Distill 2019, resnet_v1_101/block4",
)
def ResNet101(*, name="resnet101", **options):
    """ResNet-101: ResNet-50 with 23 instead of 6 blocks in conv4_x.

    >>> model = ResNet101(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_relu").output.shape
    (None, 2, 2, 1024)
    """
    return ResNet(*TABLE[101], name=name, **options)


@variant(
    ResNet,
    params=60_192_808,
    macs=11_282_415_616,
    receptive_field=1507,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 resnet152 (paper: 11.3 billion), parameters also "
    "torchvision 0.28 resnet152; "
    "field: Araujo et al., Distill 2019, resnet_v1_152/block4",
)
def ResNet152(*, name="resnet152", **options):
    """ResNet-152: 8 blocks in conv3_x and 36 in conv4_x; still cheaper than VGG-16.

    >>> model = ResNet152(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv3_8_relu").output.shape
    (None, 4, 4, 512)
    """
    return ResNet(*TABLE[152], name=name, **options)
