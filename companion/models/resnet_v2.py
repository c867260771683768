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
from companion.models.registry import check_arguments, register


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
    if x.shape[-1] != y.shape[-1]:
        x = convolution(active, y.shape[-1], 1, stride, f"{name}_shortcut")
    return layers.Add(name=f"{name}_add")([y, x])


def basic(x, filters, stride, name):
    """Full pre-activation (Figure 4e) of two 3x3 convolutions."""
    y = active = bn_relu(x, f"{name}_1")
    y = convolution(y, filters, 3, stride, f"{name}_1")
    y = bn_relu(y, f"{name}_2")
    y = convolution(y, filters, 3, 1, f"{name}_2")
    return add_shortcut(x, active, y, stride, name)


def bottleneck(x, filters, stride, name):
    """1x1 to reduce, 3x3 with the stride, 1x1 to restore, each one pre-activated."""
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


def build(row, input_shape, classes, classifier_activation, name):
    """One row of the table; a last activation follows the last addition."""
    check_arguments(input_shape, None, smallest_side=1)  # any side: global pooling
    check_arguments((1, 1, 1), classes, smallest_side=1)
    block, counts = row
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


@register(
    params=11_687_848,
    macs=1_814_073_344,
    receptive_field=435,
    source="counts: pytorchcv 0.0.74 preresnet18; field: gradient of pytorchcv's "
    "network",
)
def ResNet18V2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet18_v2",
):
    """ResNet-18 v2: eight pre-activation blocks of two 3x3 convolutions.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 512)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = ResNet18V2(classes=None)
    >>> [layer.name for layer in model.layers[-3:]]
    ['conv5_2_add', 'post_bn', 'post_relu']
    >>> model.output.shape
    (None, 7, 7, 512)

    Reference: He et al., arXiv 1603.05027, Figure 4e and appendix.
    """
    return build(TABLE[18], input_shape, classes, classifier_activation, name)


@register(
    params=25_549_480,
    macs=4_089_184_256,
    receptive_field=427,
    source="counts: pytorchcv 0.0.74 preresnet50b; field: gradient of pytorchcv's "
    "network",
)
def ResNet50V2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet50_v2",
):
    """ResNet-50 v2: sixteen pre-activation bottlenecks.

    Args:
        input_shape: as for ``ResNet18V2``.
        classes: as for ``ResNet18V2``.
        classifier_activation: as for ``ResNet18V2``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: as ``ResNet18V2``.

    Example:

    >>> model = ResNet50V2(classes=None)
    >>> [layer.name for layer in model.layers[-3:]]
    ['conv5_3_add', 'post_bn', 'post_relu']
    >>> model.output.shape
    (None, 7, 7, 2048)

    Reference: He et al., arXiv 1603.05027, Figure 4e and appendix.
    """
    return build(TABLE[50], input_shape, classes, classifier_activation, name)


@register(
    params=44_541_608,
    macs=7_801_405_440,
    receptive_field=971,
    source="counts: pytorchcv 0.0.74 preresnet101b (timm 1.0.31 resnetv2_101: 128 "
    "parameters fewer, as many multiply-adds); field: gradient of pytorchcv's network",
)
def ResNet101V2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet101_v2",
):
    """ResNet-101 v2: ResNet-50 v2 with 23 blocks in conv4_x.

    Args:
        input_shape: as for ``ResNet18V2``.
        classes: as for ``ResNet18V2``.
        classifier_activation: as for ``ResNet18V2``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: as ``ResNet18V2``.

    Example:

    >>> model = ResNet101V2(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv4_23_add").output.shape
    (None, 2, 2, 1024)

    Reference: He et al., arXiv 1603.05027, Section 4.
    """
    return build(TABLE[101], input_shape, classes, classifier_activation, name)


@register(
    params=60_185_256,
    macs=11_513_626_624,
    receptive_field=1451,
    source="counts: pytorchcv 0.0.74 preresnet152b; field: gradient of pytorchcv's "
    "network",
)
def ResNet152V2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="resnet152_v2",
):
    """ResNet-152 v2: 8 blocks in conv3_x and 36 in conv4_x.

    Args:
        input_shape: as for ``ResNet18V2``.
        classes: as for ``ResNet18V2``.
        classifier_activation: as for ``ResNet18V2``.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: as ``ResNet18V2``.

    Example:

    >>> model = ResNet152V2(input_shape=(32, 32, 3), classes=None)
    >>> model.get_layer("conv3_8_add").output.shape
    (None, 4, 4, 512)

    Reference: He et al., arXiv 1603.05027, Section 4.
    """
    return build(TABLE[152], input_shape, classes, classifier_activation, name)
