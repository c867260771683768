"""The networks of the shared benchmark: one skeleton, the blocks of one family in it.

The skeleton is a 3x3 convolution of stride 2, three stages of which the second and the
third halve the sides and double the channels, global average pooling and a dense layer.
A stage has two layers of 3x3 (AlexNet's one of 5x5, SKNet's one with two kernels,
DenseNet's four), and so many channels that all networks have about 80,000 parameters.
Only the blocks differ. A running average has a momentum of at most 0.95, whatever the
paper says: with 0.99 it still lags behind when a short training ends, and the test
error would tell of it instead of the block.
"""

from typing import NamedTuple

import keras
from keras import layers

from companion import blocks
from companion.layers import (
    BatchNormalization,
    LocalResponseNormalization,
    SqueezeExcite,
)
from companion.models import densenet, inception_v2, resnet, resnet_v2
from companion.models.registry import check_arguments

__all__ = ["FAMILIES", "family_network"]

SLOWEST = 0.95  # momentum of a running average


def family_network(
    family,
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="family",
):
    """The network of a family in the shared benchmark.

    Args:
        family: a key of ``FAMILIES``.
        input_shape: ``(height, width, channels)``, sides of 16 or more.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of the output; ``None`` gives logits.
        name: name of the model.

    Raises:
        ValueError: if there is no such family; if ``input_shape`` or ``classes`` is not
            what it must be.

    Example:

    >>> family_network("ResNet").output_shape
    (None, 10)
    >>> [layer.name for layer in family_network("ResNet").layers][1:3]
    ['stem_pad', 'stem']
    """
    if family not in FAMILIES:
        raise ValueError(
            f"A family is one of {', '.join(FAMILIES)}. Received: {family!r}"
        )
    input_shape, classes = check_arguments(input_shape, classes, smallest_side=16)
    stage, width = FAMILIES[family].stage, FAMILIES[family].width
    image = keras.Input(input_shape)
    x = resnet.conv_bn_relu(image, width, 3, 2, "stem")
    for number in range(3):
        filters, stride = width * 2**number, 1 if number == 0 else 2
        x = stage(x, filters, stride, f"stage{number + 1}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    network = keras.Model(image, x, name=name)
    for layer in network.layers:
        if isinstance(layer, BatchNormalization):
            layer.momentum = min(layer.momentum, SLOWEST)
    return network


# --- stages ---------------------------------------------------------------------------


def repeated(block):
    """A stage of two blocks, the first of which has the stride."""

    def stage(x, filters, stride, name):
        x = block(x, filters, stride, f"{name}_1")
        return block(x, filters, 1, f"{name}_2")

    return stage


def pooled(block, count=2):
    """A stage of blocks that keep the size, after a max pooling where it is halved."""

    def stage(x, filters, stride, name):
        if stride > 1:
            x = layers.MaxPooling2D(3, stride, "same", name=f"{name}_pool")(x)
        for number in range(1, count + 1):
            x = block(x, filters, f"{name}_{number}")
        return x

    return stage


def convolution(x, filters, size, name):
    """With biases, ReLU, and initial weights for ReLU; nothing is normalized."""
    return layers.Conv2D(
        filters,
        size,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def normalized_5x5(x, filters, name):
    x = convolution(x, filters, 5, name)
    return LocalResponseNormalization(name=f"{name}_norm")(x)


def three_by_three(x, filters, name):
    return convolution(x, filters, 3, name)


def inception(x, filters, name):
    """In the proportions of GoogLeNet's 3a."""
    parts = (8, 12, 16, 2, 4, 4)  # of 32
    return blocks.inception(x, [part * filters // 32 for part in parts], name)


def normalized_inception(x, filters, name):
    """In the proportions of Inception v2's 3a."""
    parts = (8, 8, 8, 8, 12, 4)  # of 32
    widths = [part * filters // 32 for part in parts]
    return inception_v2.inception(x, widths, "average", name)


def plain(x, filters, stride, name):
    """What `ResNet` has, without the shortcut."""
    x = resnet.conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    return resnet.conv_bn_relu(x, filters, 3, 1, f"{name}_2")


def preactivated(x, filters, stride, name):
    """The last block's output is normalized by whoever comes next."""
    return resnet_v2.bn_relu(resnet_v2.basic(x, filters, stride, name), f"{name}_end")


def excited(x, filters, stride, name):
    """A basic block whose residual goes through gates."""
    y = resnet.conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    y = resnet.conv_bn(y, filters, 3, 1, f"{name}_2")
    y = SqueezeExcite(ratio=8, name=f"{name}_se")(y)
    return resnet.add_shortcut(x, y, stride, name)


def aggregated(x, filters, stride, name):
    """Paths of four channels, together half as wide as the block."""
    return blocks.aggregated(x, filters, filters // 2, stride, filters // 8, name)


def dense(x, filters, stride, name):
    """Four layers that add half of the first width each; channels are not doubled."""
    if stride > 1:
        x = blocks.transition(x, 0.5, f"{name}_transition")
    growth = FAMILIES["DenseNet"].width // 2
    x = blocks.dense_block(x, densenet.bottleneck, 4, growth, name)
    return resnet_v2.bn_relu(x, f"{name}_end")


def separable(x, filters, stride, name):
    """ReLU in front of each convolution, a pooling at the end, a shortcut around."""
    y = x
    for number in (1, 2):
        y = layers.ReLU(name=f"{name}_{number}_relu")(y)
        y = blocks.separable(y, filters, f"{name}_{number}")
    if stride > 1:
        y = layers.MaxPooling2D(3, stride, "same", name=f"{name}_pool")(y)
    if stride > 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, stride, use_bias=False, name=f"{name}_shortcut")(
            x
        )
        x = BatchNormalization(name=f"{name}_shortcut_bn")(x)
    return layers.Add(name=f"{name}_add")([y, x])


def expanded(x, filters, stride, name):
    return blocks.inverted_residual(x, filters, 6, stride, name)


def expanded_and_excited(x, filters, stride, name):
    wide = 4 * x.shape[-1]
    return blocks.excited_inverted_residual(
        x, 3, wide, filters, True, "hard_swish", stride, name
    )


def selective(x, filters, stride, name):
    """32 groups need 64 channels, so the last two stages are equally wide."""
    return blocks.sk_unit(x, min(filters, 128), stride, name)


def shuffled(x, filters, stride, name):
    return blocks.shuffle_unit(x, filters, 4, stride, name)


# --- families -------------------------------------------------------------------------


class Family(NamedTuple):
    """A row of the shared benchmark.

    Args:
        stage: function ``(x, filters, stride, name) -> y`` of Keras tensors.
        width: channels of the first stage.
        chapter: where the block is explained, below ``book/``.
    """

    stage: object
    width: int
    chapter: str


FAMILIES = {
    "AlexNet": Family(pooled(normalized_5x5, 1), 16, "lineage/alexnet"),
    "VGG": Family(pooled(three_by_three), 16, "lineage/vgg"),
    "plain": Family(plain, 16, "lineage/resnet"),
    "GoogLeNet": Family(pooled(inception), 28, "lineage/googlenet"),
    "Inception v2": Family(pooled(normalized_inception), 24, "lineage/inception"),
    "ResNet": Family(blocks.basic, 16, "lineage/resnet"),
    "ResNet v2": Family(preactivated, 16, "lineage/resnet_v2"),
    "ResNeXt": Family(repeated(aggregated), 40, "factorised/separable"),
    "DenseNet": Family(dense, 22, "lineage/densenet"),
    "Xception": Family(separable, 40, "factorised/xception"),
    "SENet": Family(excited, 16, "factorised/senet"),
    "SKNet": Family(selective, 64, "factorised/senet"),
    "MobileNetV1": Family(
        repeated(blocks.depthwise_separable), 48, "efficient/mobilenet_v1"
    ),
    "MobileNetV2": Family(repeated(expanded), 14, "efficient/mobilenet_v2"),
    "MobileNetV3": Family(repeated(expanded_and_excited), 12, "efficient/mobilenet_v3"),
    "ShuffleNetV1": Family(repeated(shuffled), 128, "efficient/shufflenet_v1"),
    "ShuffleNetV2": Family(
        repeated(blocks.split_shuffle_unit), 52, "efficient/shufflenet_v2"
    ),
}
