"""ResNets and plain networks for CIFAR-10: does a network of 56 layers still train?

He, Zhang, Ren, Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016,
Section 4.2. arXiv 1512.03385, 2015.

One 3x3 convolution, then three stages of n blocks of two 3x3 convolutions with 16, 32
and 64 channels: 6n + 2 layers. The plain networks are the same without shortcuts, and
have exactly as many parameters, because the shortcuts have none: where a stage begins
they take every second pixel and add zeros for the new channels (option A).

Where this file differs from the paper: in nothing that it says. It leaves open on
which side of the channels the zeros stand; they come last here, as in
facebook/fb.resnet.torch. Many implementations project the shortcut instead (option B),
and so does most code that calls itself ResNet-20: ``ResNet20Projection``.
"""

import keras
from keras import layers

from companion.arguments import integer
from companion.layers import BatchNormalization
from companion.models.registry import check_arguments, check_block, variant


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


def every_second_pixel_and_zeros(x, name):
    """(b, h, w, c) to (b, h / 2, w / 2, 2 c) without parameters (option A)."""
    x = layers.MaxPooling2D(1, strides=2, name=f"{name}_subsample")(x)
    zeros = layers.Rescaling(0.0, name=f"{name}_zeros")(x)
    return layers.Concatenate(name=f"{name}_shortcut")([x, zeros])


def plain(x, filters, stride, name):
    """Two convolutions and nothing else."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    return conv_bn_relu(y, filters, 3, 1, f"{name}_2")


def residual(x, filters, stride, name):
    """F(x) + x, then ReLU; identity shortcuts everywhere.

    Without parameters a shortcut can keep a map as it is, or halve its sides and double
    its channels: ``stride`` 1 and as many filters, or 2 and twice as many.
    """
    filters, stride = check_block(x, filters=filters, stride=stride)
    if stride > 2 or filters != stride * x.shape[-1]:
        raise ValueError(
            "A shortcut without parameters keeps the channels at stride 1 and doubles "
            f"them at stride 2. Received: filters={filters}, stride={stride}, for an "
            f"input of {x.shape[-1]} channels"
        )
    y = conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    y = conv_bn(y, filters, 3, 1, f"{name}_2")
    if stride > 1:
        x = every_second_pixel_and_zeros(x, name)
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def projected(x, filters, stride, name):
    """F(x) + x, then ReLU; a 1x1 convolution where the shape changes (option B)."""
    filters, stride = check_block(x, filters=filters, stride=stride)
    y = conv_bn_relu(x, filters, 3, stride, f"{name}_1")
    y = conv_bn(y, filters, 3, 1, f"{name}_2")
    if stride > 1 or x.shape[-1] != filters:
        x = conv_bn(x, filters, 1, stride, f"{name}_shortcut")
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


TABLE = ((2, 16, 1), (3, 32, 2), (4, 64, 2))  # stage, filters, stride     Section 4.2


def CifarResNet(
    block,
    depth,
    *,
    input_shape=(32, 32, 3),
    classes=10,
    classifier_activation="softmax",
    name="cifar_resnet",
):
    """6n + 2 layers: n blocks in each of the three stages.

    Args:
        block: ``residual``, ``plain`` or ``projected``.
        depth: 6n + 2, from 8 on.
        input_shape: ``(height, width, channels)``; a side may be ``None``, for
            images of any size.
        classes: length of the output; ``None`` stops at the last feature map.
        classifier_activation: activation of ``fc``; ``None`` gives logits.
        name: name of the model.

    Returns:
        A ``keras.Model``.

    Raises:
        ValueError: if ``depth`` is not 6n + 2, if ``input_shape`` is not a triple or
            has no fixed number of channels, or if ``classes`` is not a positive
            integer.

    Example:

    >>> CifarResNet(residual, 8, classes=None).get_layer("conv4_1_relu").output.shape
    (None, 8, 8, 64)

    Reference: He et al., arXiv 1512.03385, Section 4.2 and Table 6.
    """
    input_shape, classes = check_arguments(input_shape, classes)
    if integer("depth", depth, least=8) % 6 != 2:
        raise ValueError(f"`depth` must be 6n + 2. Received: depth={depth}")
    inputs = keras.Input(input_shape, name="image")
    x = conv_bn_relu(inputs, 16, 3, 1, "conv1")
    for stage, filters, first_stride in TABLE:
        for number in range(1, (depth - 2) // 6 + 1):
            stride = first_stride if number == 1 else 1
            x = block(x, filters, stride, f"conv{stage}_{number}")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name=name)


@variant(
    CifarResNet,
    params=269_722,
    macs=40_551_040,
    receptive_field=81,
    feature_map=(8, 8, 64),
    source="counts: pytorchcv 0.0.74 resnet20_cifar10 less its two "
    "projections, 2,752 parameters and 262,144 multiply-adds (paper, Table 6: 0.27 "
    "million); field: gradient of pytorchcv's network",
)
def ResNet20(*, name="resnet20", **options):
    """ResNet-20 for CIFAR-10: nine residual blocks, n = 3.

    >>> ResNet20().get_layer("conv3_1_shortcut").output.shape
    (None, 16, 16, 32)
    >>> ResNet20(classes=None).output.shape
    (None, 8, 8, 64)
    """
    return CifarResNet(residual, 20, name=name, **options)


@variant(
    CifarResNet,
    params=464_154,
    macs=68_862_592,
    receptive_field=137,
    feature_map=(8, 8, 64),
    source="counts: pytorchcv 0.0.74 get_resnet_cifar(blocks=32) less its two "
    "projections, 2,752 parameters and 262,144 multiply-adds (paper, Table 6: 0.46 "
    "million); field: gradient of pytorchcv's network",
)
def ResNet32(*, name="resnet32", **options):
    """ResNet-32 for CIFAR-10: 15 residual blocks, n = 5."""
    return CifarResNet(residual, 32, name=name, **options)


@variant(
    CifarResNet,
    params=658_586,
    macs=97_174_144,
    receptive_field=193,
    feature_map=(8, 8, 64),
    source="counts: pytorchcv 0.0.74 get_resnet_cifar(blocks=44) less its two "
    "projections, 2,752 parameters and 262,144 multiply-adds (paper, Table 6: 0.66 "
    "million); field: gradient of pytorchcv's network",
)
def ResNet44(*, name="resnet44", **options):
    """ResNet-44 for CIFAR-10: 21 residual blocks, n = 7."""
    return CifarResNet(residual, 44, name=name, **options)


@variant(
    CifarResNet,
    params=853_018,
    macs=125_485_696,
    receptive_field=249,
    feature_map=(8, 8, 64),
    source="counts: pytorchcv 0.0.74 resnet56_cifar10 less its two "
    "projections, 2,752 parameters and 262,144 multiply-adds (paper, Table 6: 0.85 "
    "million); field: gradient of pytorchcv's network",
)
def ResNet56(*, name="resnet56", **options):
    """ResNet-56 for CIFAR-10: 27 residual blocks, n = 9."""
    return CifarResNet(residual, 56, name=name, **options)


@variant(
    CifarResNet,
    params=1_727_962,
    macs=252_887_680,
    receptive_field=501,
    feature_map=(8, 8, 64),
    source="counts: pytorchcv 0.0.74 resnet110_cifar10 less its two "
    "projections, 2,752 parameters and 262,144 multiply-adds (paper, Table 6: 1.7 "
    "million); field: gradient of pytorchcv's network",
)
def ResNet110(*, name="resnet110", **options):
    """ResNet-110 for CIFAR-10: 54 residual blocks, n = 18."""
    return CifarResNet(residual, 110, name=name, **options)


@variant(
    CifarResNet,
    params=272_474,
    macs=40_813_184,
    receptive_field=81,
    feature_map=(8, 8, 64),
    source="pytorchcv 0.0.74 resnet20_cifar10; field: its gradient",
)
def ResNet20Projection(*, name="resnet20_projection", **options):
    """ResNet-20 with 1x1 projections (option B): not the paper's CIFAR network.

    Section 4.1 defines option B for ImageNet. With it, ResNet-20 has more parameters
    than the plain network that it is compared with: 272,474 instead of 269,722.

    >>> ResNet20Projection().get_layer("conv3_1_shortcut").count_params()
    512

    Reference: He et al., arXiv 1512.03385, Section 4.1 (option B) and Section 4.2.
    """
    return CifarResNet(projected, 20, name=name, **options)


@variant(
    CifarResNet,
    params=855_770,
    macs=125_747_840,
    receptive_field=249,
    feature_map=(8, 8, 64),
    source="pytorchcv 0.0.74 resnet56_cifar10; field: its gradient",
)
def ResNet56Projection(*, name="resnet56_projection", **options):
    """ResNet-56 with 1x1 projections (option B), for which weights are published.

    >>> ResNet56Projection().get_layer("conv4_1_shortcut").count_params()
    2048

    Reference: He et al., arXiv 1512.03385, Section 4.1 (option B) and Section 4.2.
    """
    return CifarResNet(projected, 56, name=name, **options)


@variant(
    CifarResNet,
    params=269_722,
    macs=40_551_040,
    receptive_field=81,
    feature_map=(8, 8, 64),
    source='ResNet20: "exactly the same depth, width, and number of parameters" '
    "(Section 4.2); its shortcuts have no multiply-adds and see no more",
)
def PlainNet20(*, name="plain20", **options):
    """Plain network of 20 layers: ResNet-20 without its shortcuts.

    >>> model = PlainNet20(classes=None)
    >>> [layer.name for layer in model.layers if "add" in layer.name]
    []
    """
    return CifarResNet(plain, 20, name=name, **options)


@variant(
    CifarResNet,
    params=464_154,
    macs=68_862_592,
    receptive_field=137,
    feature_map=(8, 8, 64),
    source='ResNet32: "exactly the same depth, width, and number of parameters" '
    "(Section 4.2); its shortcuts have no multiply-adds and see no more",
)
def PlainNet32(*, name="plain32", **options):
    """Plain network of 32 layers: ResNet-32 without its shortcuts."""
    return CifarResNet(plain, 32, name=name, **options)


@variant(
    CifarResNet,
    params=658_586,
    macs=97_174_144,
    receptive_field=193,
    feature_map=(8, 8, 64),
    source='ResNet44: "exactly the same depth, width, and number of parameters" '
    "(Section 4.2); its shortcuts have no multiply-adds and see no more",
)
def PlainNet44(*, name="plain44", **options):
    """Plain network of 44 layers: ResNet-44 without its shortcuts."""
    return CifarResNet(plain, 44, name=name, **options)


@variant(
    CifarResNet,
    params=853_018,
    macs=125_485_696,
    receptive_field=249,
    feature_map=(8, 8, 64),
    source='ResNet56: "exactly the same depth, width, and number of parameters" '
    "(Section 4.2); its shortcuts have no multiply-adds and see no more",
)
def PlainNet56(*, name="plain56", **options):
    """Plain network of 56 layers: ResNet-56 without its shortcuts."""
    return CifarResNet(plain, 56, name=name, **options)


@variant(
    CifarResNet,
    params=1_727_962,
    macs=252_887_680,
    receptive_field=501,
    feature_map=(8, 8, 64),
    source='ResNet110: "exactly the same depth, width, and number of parameters" '
    "(Section 4.2); its shortcuts have no multiply-adds and see no more",
)
def PlainNet110(*, name="plain110", **options):
    """Plain network of 110 layers: ResNet-110 without its shortcuts."""
    return CifarResNet(plain, 110, name=name, **options)
