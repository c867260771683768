"""ResNet v2: normalization and ReLU move in front of each convolution.

He, Zhang, Ren, Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016.
arXiv 1603.05027.

In the first ResNet a ReLU follows each addition, so a signal on the shortcuts is cut
at every block. Here nothing is left on that path: the output of any block is the
input plus a sum of residuals, and 1001 layers train.

Where this file differs from the paper:

- The paper's networks for ImageNet have 101, 152 and 200 layers; ResNet-18 v2 and 50 v2
  are the same recipe with the blocks of ResNet-18 and ResNet-50.
- The stride is in the 3x3. The authors' released code, for CIFAR, has it in the first
  1x1 (depth 50: 3,857,973,248 multiply-adds instead of 4,089,184,256).
- The appendix wants one activation between conv1 and the first block. This file, as
  pytorchcv's ``preresnet50b``, has one before the max pooling and the block's own after
  it; timm's ``resnetv2_50`` leaves the first out (128 parameters fewer).

``keras.applications.ResNet50V2`` is another network: it strides in the last block of
a stage and shortens the shortcut by a max pooling of 1x1.
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


def bn_relu(x, name):
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def convolution(x, filters, size, stride, name):
    """Convolution without bias, (size - 1) / 2 zeros on every side."""
    if stride > 1 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def add_shortcut(x, active, y, stride, name):
    """F(x) + x, and nothing behind it; a projection starts from the active input."""
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = convolution(active, y.shape[-1], 1, stride, f"{name}_shortcut")
    return layers.Add(name=f"{name}_add")([y, x])


def basic(x, filters, stride, name):
    """Full pre-activation (Figure 4e) of two 3x3 convolutions."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = active = bn_relu(x, f"{name}_1")
    y = convolution(y, filters, 3, stride, f"{name}_1")
    y = bn_relu(y, f"{name}_2")
    y = convolution(y, filters, 3, 1, f"{name}_2")
    return add_shortcut(x, active, y, stride, name)


def bottleneck(x, filters, stride, name):
    """1x1 to reduce, 3x3 with the stride, 1x1 to restore, each one pre-activated."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = active = bn_relu(x, f"{name}_1")
    y = convolution(y, filters, 1, 1, f"{name}_1")
    y = bn_relu(y, f"{name}_2")
    y = convolution(y, filters, 3, stride, f"{name}_2")
    y = bn_relu(y, f"{name}_3")
    y = convolution(y, 4 * filters, 1, 1, f"{name}_3")
    return add_shortcut(x, active, y, stride, name)


TABLE = {  # depth: block, and how many in conv2_x, conv3_x, conv4_x, conv5_x
    18: (basic, (2, 2, 2, 2)),
    50: (bottleneck, (3, 4, 6, 3)),
    101: (bottleneck, (3, 4, 23, 3)),
    152: (bottleneck, (3, 8, 36, 3)),
}


def ResNetV2(
    block,
    counts,
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet_v2",
):
    """Four stages of blocks; a last activation follows the last addition.

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

    >>> small = ResNetV2(basic, (1, 1, 1, 1), input_shape=(32, 32, 3), classes=None)
    >>> [layer.name for layer in small.layers[-3:]]
    ['conv5_1_add', 'post_bn', 'post_relu']

    Reference: He et al., arXiv 1603.05027, Section 4, Figure 4e and appendix.
    """
    counts = check_counts(counts)
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 64, 7, 2, "conv1")
    x = bn_relu(x, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(counts, start=2):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            x = block(x, 2**stage * 16, stride, f"conv{stage}_{number}")
    x = bn_relu(x, "post")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    ResNetV2,
    params=11_687_848,
    macs=1_814_073_344,
    receptive_field=435,
    feature_map=(7, 7, 512),
    source="counts: pytorchcv 0.0.74 preresnet18; field: gradient of pytorchcv's "
    "network",
)
def ResNet18V2(*, name="resnet18_v2", **options):
    """ResNet-18 v2: eight pre-activation blocks of two 3x3 convolutions.

    >>> model = ResNet18V2(classes=None)
    >>> [layer.name for layer in model.layers[-3:]]
    ['conv5_2_add', 'post_bn', 'post_relu']
    >>> model.output.shape
    (None, 7, 7, 512)
    """
    return ResNetV2(*TABLE[18], name=name, **options)


@variant(
    ResNetV2,
    params=25_549_480,
    macs=4_089_184_256,
    receptive_field=427,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 preresnet50b; field: gradient of pytorchcv's "
    "network",
)
def ResNet50V2(*, name="resnet50_v2", **options):
    """ResNet-50 v2: sixteen pre-activation bottlenecks.

    >>> model = ResNet50V2(classes=None)
    >>> [layer.name for layer in model.layers[-3:]]
    ['conv5_3_add', 'post_bn', 'post_relu']
    >>> model.output.shape
    (None, 7, 7, 2048)
    """
    return ResNetV2(*TABLE[50], name=name, **options)


@variant(
    ResNetV2,
    params=44_541_608,
    macs=7_801_405_440,
    receptive_field=971,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 preresnet101b (timm 1.0.31 resnetv2_101: 128 "
    "parameters fewer, as many multiply-adds); field: gradient of pytorchcv's network",
)
def ResNet101V2(*, name="resnet101_v2", **options):
    """ResNet-101 v2: ResNet-50 v2 with 23 blocks in conv4_x.

    >>> model = ResNet101V2(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_add").output.shape
    (None, 2, 2, 1024)
    """
    return ResNetV2(*TABLE[101], name=name, **options)


@variant(
    ResNetV2,
    params=60_185_256,
    macs=11_513_626_624,
    receptive_field=1451,
    feature_map=(7, 7, 2048),
    source="counts: pytorchcv 0.0.74 preresnet152b; field: gradient of pytorchcv's "
    "network",
)
def ResNet152V2(*, name="resnet152_v2", **options):
    """ResNet-152 v2: 8 blocks in conv3_x and 36 in conv4_x.

    >>> model = ResNet152V2(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv3_8_add").output.shape
    (None, 4, 4, 512)
    """
    return ResNetV2(*TABLE[152], name=name, **options)
