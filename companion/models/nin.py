"""NiN: small networks in place of filters, and no dense layer at the end.

Lin, Chen, Yan. *Network In Network.* ICLR 2014. arXiv 1312.4400, 2013.

A filter is linear. Here each convolution is followed by two 1x1 convolutions with ReLU,
which run one small multilayer perceptron over all positions ("mlpconv"). The last of
them has one map for each class, and the mean of a map is the score of its class: the
classifier has nothing to train and nothing to overfit.

The paper trains on CIFAR, SVHN and MNIST and prints no table of sizes. Both networks
follow definitions that were published later:

- ``NiN`` is the authors' model for ImageNet, in Caffe: four mlpconv layers, an eighth
  of AlexNet's parameters. Caffe rounds the size of a pooled map up, so 54x54 become
  27x27 where Keras would give 26x26.
- ``NiNCIFAR`` is pytorchcv's ``nin_cifar10``, which puts a zero on every side of a map
  that is pooled, and counts these zeros in the average. The authors' definition for
  CIFAR rounds up instead, and pools by the maximum twice. No count depends on it.

Where this file differs from both: weights start as He et al. propose, not from normal
distributions of one width (0.05, or 0.01 in conv1, conv3 and the last layer).

Caffe calls the 1x1 layers cccp, cascaded cross channel parametric pooling.
"""

import keras
from keras import layers

from companion.models.registry import check_arguments, register


def convolution(x, filters, size, stride, name):
    """With ReLU, also after the last one; a map keeps its size where stride is 1."""
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def max_pool_up(x, name):
    """3x3 windows, 2 apart; the last one may reach over the edge, as in Caffe."""
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def max_pool(x, name):
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def average_pool(x, name):
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=2, name=name)(x)


IMAGENET_TABLE = (  # convolution: filters, size, stride; 1x1, 1x1; pooling; dropout
    (96, 11, 4, 96, 96, max_pool_up, 0),
    (256, 5, 1, 256, 256, max_pool_up, 0),
    (384, 3, 1, 384, 384, max_pool_up, 0.5),
    (1024, 3, 1, 1024),
)
CIFAR_TABLE = (
    (192, 5, 1, 160, 96, max_pool, 0.5),
    (192, 5, 1, 192, 192, average_pool, 0.5),
    (192, 3, 1, 192),
)


def build(table, smallest_side, input_shape, classes, classifier_activation, name):
    """The mlpconv layers of a table; the second 1x1 of the last one has the classes."""
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=smallest_side
    )
    *stages, last = table
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for number, row in enumerate(stages, start=1):
        filters, size, stride, first, second, pool, dropout = row
        x = convolution(x, filters, size, stride, f"conv{number}")
        x = convolution(x, first, 1, 1, f"cccp{2 * number - 1}")
        x = convolution(x, second, 1, 1, f"cccp{2 * number}")
        x = pool(x, f"pool{number}")
        if dropout:
            x = layers.Dropout(dropout, name=f"drop{number}")(x)
    filters, size, stride, first = last
    number = len(table)
    x = convolution(x, filters, size, stride, f"conv{number}")
    x = convolution(x, first, 1, 1, f"cccp{2 * number - 1}")
    if classes is not None:
        x = convolution(x, classes, 1, 1, f"cccp{2 * number}")
        x = layers.GlobalAveragePooling2D(name=f"pool{number}")(x)
        x = layers.Activation(classifier_activation, name="output")(x)
    return keras.Model(inputs, x, name=name)


@register(
    params=7_595_176,
    macs=1_100_188_800,
    source="by hand from the authors' Caffe definition nin_imagenet, as quoted in "
    "ethereon/caffe-tensorflow examples/imagenet/models/nin.py",
)
def NiN(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="nin",
):
    """NiN for ImageNet: twelve convolutions, eight of them 1x1.

    Args:
        input_shape: ``(height, width, channels)``, sides of 39 or more; a side may be
            ``None``, for images of any size.
        classes: length of the output; ``None`` stops at the feature map ``cccp7``.
        classifier_activation: activation of the averages; ``None`` gives the averages.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 6, 6, 1024)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple, has a side below 39 or no
            fixed number of channels; if ``classes`` is neither ``None`` nor a
            positive integer.

    Example:

    >>> model = NiN()
    >>> [model.get_layer(f"pool{number}").output.shape[1] for number in (1, 2, 3)]
    [27, 13, 6]
    >>> model.get_layer("cccp8").output.shape
    (None, 6, 6, 1000)

    Reference: Lin et al., arXiv 1312.4400, Figure 2 and Section 3.
    """
    return build(IMAGENET_TABLE, 39, input_shape, classes, classifier_activation, name)


@register(
    params=966_986,
    macs=222_486_528,
    receptive_field=27,
    source="pytorchcv 0.0.74 nin_cifar10; field: its gradient",
)
def NiNCIFAR(
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="nin_cifar",
):
    """NiN for CIFAR-10: three mlpconv layers, dropout between them.

    Args:
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the feature map ``cccp5``.
        classifier_activation: as for ``NiN``.
        name: name of the model.

    Shapes:
        ``(batch, 32, 32, 3)`` to ``(batch, 10)``; with ``classes=None`` to
        ``(batch, 8, 8, 192)``.

    Raises:
        ValueError: if ``input_shape`` is not a triple or has no fixed number of
            channels; if ``classes`` is neither ``None`` nor a positive integer.

    Example:

    >>> NiNCIFAR().get_layer("cccp6").output.shape
    (None, 8, 8, 10)

    Reference: Lin et al., arXiv 1312.4400, Figure 2 and Section 4.
    """
    return build(CIFAR_TABLE, 1, input_shape, classes, classifier_activation, name)
