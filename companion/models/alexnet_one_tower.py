"""AlexNet in one tower: the network that torchvision calls ``alexnet``.

Krizhevsky. *One weird trick for parallelizing convolutional neural networks.*
arXiv 1404.5997, 2014.

Two years after AlexNet the halves are merged: no groups, no normalization, fewer
kernels (64, 192, 384, 256, 256), and padding 2 in conv1, so that a 224x224 image
gives the 55x55 maps of 2012. Published weights exist for this network.

Where this file differs from torchvision's: the adaptive average pool before the
classifier is left out. It is the identity on a 6x6 map, which every side from 223
to 254 gives; other sides need ``classes=None``.

Where torchvision (and this file) differs from the paper: 256 kernels in conv4,
where the paper's footnote has 384 in both conv3 and conv4.
"""

import keras
from keras import layers

from companion.models.registry import check_arguments, register

SMALLEST_SIDE = 63
HIDDEN_UNITS = 4096

TABLE = (  # name, kernels, size, stride, padding, pool after it
    ("conv1", 64, 11, 4, 2, "pool1"),
    ("conv2", 192, 5, 1, 2, "pool2"),
    ("conv3", 384, 3, 1, 1, None),
    ("conv4", 256, 3, 1, 1, None),
    ("conv5", 256, 3, 1, 1, "pool5"),
)


def convolution(x, filters, size, stride, padding, name):
    """Zero padding on all four sides, convolution, ReLU."""
    x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return layers.Conv2D(filters, size, stride, activation="relu", name=name)(x)


def dropout_dense(x, number):
    """Dropout comes before the dense layer here, after it in 2012."""
    x = layers.Dropout(0.5, name=f"drop{number}")(x)
    return layers.Dense(HIDDEN_UNITS, activation="relu", name=f"fc{number}")(x)


@register(
    params=61_100_840,
    macs=714_188_480,
    receptive_field=195,
    source="torchvision AlexNet_Weights.IMAGENET1K_V1: num_params, 0.714 GMACs "
    "(exact count by hand from its layers); field: Araujo et al., Distill 2019",
)
def AlexNetOneTower(
    *,
    input_shape=(224, 224, 3),
    classes=1000,
    classifier_activation="softmax",
    name="alexnet_one_tower",
):
    """AlexNet without the split, as released with torchvision.

    Args:
        input_shape: ``(height, width, channels)``, sides of 223 to 254. With
            ``classes=None`` sides of 63 or more, or ``None``.
        classes: length of the output; ``None`` stops at the feature map ``pool5``.
        classifier_activation: activation of fc8; ``None`` gives logits.
        name: name of the model.

    Shapes:
        ``(batch, 224, 224, 3)`` to ``(batch, 1000)``; with ``classes=None`` to
        ``(batch, 6, 6, 256)``.

    Raises:
        ValueError: as ``AlexNet``, and if ``classes`` is given while the last map
            is not 6x6.

    Example:

    >>> AlexNetOneTower(classes=None).output.shape
    (None, 6, 6, 256)

    Reference: Krizhevsky, arXiv 1404.5997, 2014, footnote 1; torchvision's
    ``models/alexnet.py``.
    """
    input_shape, classes = check_arguments(
        input_shape, classes, smallest_side=SMALLEST_SIDE, flattened=True
    )
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for conv, filters, size, stride, padding, pool in TABLE:
        x = convolution(x, filters, size, stride, padding, conv)
        if pool is not None:
            x = layers.MaxPooling2D(3, strides=2, name=pool)(x)
    if classes is not None:
        if x.shape[1:3] != (6, 6):
            raise ValueError(
                "The classifier needs a 6x6 feature map, which sides of 223 to 254 "
                "give; `classes=None` takes any size. "
                f"Received: input_shape={input_shape}, feature map {x.shape[1:3]}"
            )
        x = layers.Flatten(name="flatten")(x)
        x = dropout_dense(x, 6)
        x = dropout_dense(x, 7)
        x = layers.Dense(classes, activation=classifier_activation, name="fc8")(x)
    return keras.Model(inputs, x, name=name)
