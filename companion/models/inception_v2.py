"""BN-Inception, also called Inception-v2: batch normalization after every convolution.

Ioffe, Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing
Internal Covariate Shift.* ICML 2015. arXiv 1502.03167, 2015.

Normalized, GoogLeNet reaches its accuracy in fourteen times fewer steps and needs
neither dropout nor response normalization. Its 5x5 convolutions become two of 3x3, the
28x28 maps get a third module, and two modules (3c, 4e) halve the map themselves.

Where this file differs from the paper, it follows the released networks (Caffe and
MXNet) that other implementations repeat:

- Figure 5 prints 576 output channels for 4c and 4d, and 1024 for 4e, but the widths of
  its own columns add up to 608, 608 and 1056. The columns are built.
- Figure 5 marks conv1 as separable with depth multiplier 8. It is an ordinary
  convolution here.
- Section 3.2 drops the biases, which the subtraction of the mean cancels. They exist
  here, 10,016 of them, because the published weights and counts have them. Their
  gradient is zero.
- Average poolings count the zeros of the padding, as Caffe does: at the border they
  are smaller than the average of what is there.
- Batch normalization adds 1e-5 to the variance and averages with momentum 0.9.

The name is used twice: in the paper of ``inception_v3.py``, "Inception-v2" is the
network from which its authors set out, with one-dimensional windows.
"""

import keras
from keras import layers

from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, register

TABLE = (  # #1x1, #3x3 reduce, #3x3, double reduce, double #3x3, proj       Figure 5
    ("inception_3a", (64, 64, 64, 64, 96, 32), "average"),
    ("inception_3b", (64, 64, 96, 64, 96, 64), "average"),
    ("inception_3c", (0, 128, 160, 64, 96, 0), "pass through"),
    ("inception_4a", (224, 64, 96, 96, 128, 128), "average"),
    ("inception_4b", (192, 96, 128, 96, 128, 128), "average"),
    ("inception_4c", (160, 128, 160, 128, 160, 128), "average"),
    ("inception_4d", (96, 128, 192, 160, 192, 128), "average"),
    ("inception_4e", (0, 128, 192, 192, 256, 0), "pass through"),
    ("inception_5a", (352, 192, 320, 160, 224, 128), "average"),
    ("inception_5b", (352, 192, 320, 192, 224, 128), "max"),
)


def conv_bn(x, filters, size, name, stride=1):
    """Convolution, batch normalization, ReLU (Section 3.2).

    With stride 2 an odd kernel gets (size - 1) / 2 zeros on every side, where Keras'
    "same" would pad the right and the bottom more.
    """
    if stride > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(filters, size, strides=stride, padding=padding, name=name)(x)
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def halving_pool(x, name):
    """3x3 windows, 2 apart: half the size, rounded up. Caffe's at even sizes."""
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def average_pool(x, name):
    """Average of 3x3 values, those of the padding included."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=1, name=name)(x)


def max_pool(x, name):
    return layers.MaxPooling2D(3, strides=1, padding="same", name=name)(x)


def branch_3x3(x, reduce, filters, name, stride=1):
    x = conv_bn(x, reduce, 1, f"{name}_3x3_reduce")
    return conv_bn(x, filters, 3, f"{name}_3x3", stride)


def branch_double_3x3(x, reduce, filters, name, stride=1):
    """Two 3x3 convolutions in the place of GoogLeNet's 5x5."""
    x = conv_bn(x, reduce, 1, f"{name}_double3x3_reduce")
    x = conv_bn(x, filters, 3, f"{name}_double3x3_1")
    return conv_bn(x, filters, 3, f"{name}_double3x3_2", stride)


def inception(x, widths, pooling, name):
    """Module that keeps the size: 1x1, 3x3, double 3x3 and pooling with projection."""
    filters1, reduce3, filters3, reduce_double, filters_double, projection = widths
    pool = {"average": average_pool, "max": max_pool}[pooling]
    a = conv_bn(x, filters1, 1, f"{name}_1x1")
    b = branch_3x3(x, reduce3, filters3, name)
    c = branch_double_3x3(x, reduce_double, filters_double, name)
    d = conv_bn(pool(x, f"{name}_pool"), projection, 1, f"{name}_pool_proj")
    return layers.Concatenate(name=name)([a, b, c, d])


def reduction(x, widths, name):
    """Module that halves the size; the pooled input passes through unprojected."""
    _, reduce3, filters3, reduce_double, filters_double, _ = widths
    a = branch_3x3(x, reduce3, filters3, name, stride=2)
    b = branch_double_3x3(x, reduce_double, filters_double, name, stride=2)
    c = halving_pool(x, f"{name}_pool")
    return layers.Concatenate(name=name)([a, b, c])


@register(
    params=11_295_240,
    macs=2_032_600_064,
    receptive_field=699,
    source="counts: pytorchcv 0.0.74 bninception; "
    "field: Araujo et al., Distill 2019, inception_v2/Mixed_5c",
)
def InceptionV2(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="inception_v2",
):
    """BN-Inception: ten modules, each convolution normalized.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map of 5b.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 7, 7, 1024)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> model = InceptionV2(classes=None)
    >>> model.get_layer("inception_3c").output.shape
    (None, 14, 14, 576)
    >>> model.get_layer("inception_4e").output.shape
    (None, 7, 7, 1056)

    Reference: Ioffe, Szegedy, arXiv 1502.03167, Section 4.2 and Figure 5.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn(inputs, 64, 7, "conv1", stride=2)
    x = halving_pool(x, "pool1")
    x = conv_bn(x, 64, 1, "conv2_reduce")
    x = conv_bn(x, 192, 3, "conv2")
    x = halving_pool(x, "pool2")
    for row, widths, pooling in TABLE:
        if pooling == "pass through":
            x = reduction(x, widths, row)
        else:
            x = inception(x, widths, pooling, row)
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool5")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)
