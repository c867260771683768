"""GCNet: one attention map per block, the same for every position.

Cao, Xu, Lin, Wei, Hu. *GCNet: Non-local Networks Meet Squeeze-Excitation Networks and
Beyond.* ICCV Workshops 2019. arXiv 1904.11492.

A non-local block computes for every position what to attend to, and after training
all positions attend to the same. Computed once (``companion.layers.GlobalContext``),
attention is cheap enough for every block: a ResNet-50 with thirteen of them has as many
parameters as an SE-ResNet-50.

Where the paper is silent, this file takes what the authors' code shows:

- The blocks are those of conv3_x, conv4_x and conv5_x. The context is added to the
  residual after its last normalization, before the shortcut is.
- The stride of conv3_1, conv4_1 and conv5_1 is in the 3x3, and the max pooling pads
  one zero on each side, as in torchvision.
- The last product of a global context starts at zero.
- Batch normalization adds 1e-5 to the variance and averages with momentum 0.9.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization, GlobalContext
from companion.models.registry import check_arguments, check_block, register


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


def bottleneck(x, filters, stride, ratio, name):
    """1x1, 3x3, 1x1, global context unless ``ratio`` is ``None``, shortcut."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 1, 1, f"{name}_1")
    y = conv_bn_relu(y, filters, 3, stride, f"{name}_2")
    y = conv_bn(y, 4 * filters, 1, 1, f"{name}_3")
    if ratio is not None:
        y = GlobalContext(ratio=ratio, name=f"{name}_gc")(y)
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = conv_bn(x, y.shape[-1], 1, stride, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


TABLE = (  # stage, blocks, ratio of their global contexts
    ("conv2", 3, None),
    ("conv3", 4, 16),
    ("conv4", 6, 16),
    ("conv5", 3, 16),
)


@register(
    params=28_078_773,
    macs=4_094_785_536,
    feature_map=(7, 7, 2048),
    source="ContextBlock2d of xvjiarui/GCNet in torchvision 0.28 resnet50 "
    "(paper: 28.08 million)",
)
def GCResNet50(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="gc_resnet50",
):
    """GCNet on ResNet-50: thirteen global contexts of ratio 16.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of conv5_x.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 2048)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = GCResNet50(classes=None)
    >>> model.get_layer("conv4_6_gc").output.shape
    (None, 14, 14, 1024)
    >>> model.output.shape
    (None, 7, 7, 2048)

    Reference: Cao et al., arXiv 1904.11492, Sections 3.5 and 4.2.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 64, 7, 2, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for index, (stage, count, ratio) in enumerate(TABLE):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and index > 0 else 1
            x = bottleneck(x, 2**index * 64, stride, ratio, f"{stage}_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
