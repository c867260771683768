"""Solutions of the chapter on ResNet v2."""

import keras
from keras import layers as L
from keras import ops

from companion.exercises import check_preactivation_unit


def bn_relu(x):
    return L.ReLU()(L.BatchNormalization()(x))


def conv(x, filters, size=3, stride=1, bias=False):
    return L.Conv2D(filters, size, stride, "same", use_bias=bias)(x)


def changes(x, filters, stride):
    return stride != 1 or x.shape[-1] != filters


def as_in_the_chapter(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return L.Add()([y, x])


def shortcut_first(x, filters, stride):
    norm = L.BatchNormalization(epsilon=1e-5)
    active = keras.activations.relu(norm(x))
    same = x.shape[-1] == filters and stride == 1
    short = x if same else conv(active, filters, 1, stride)
    y = L.Conv2D(filters, 3, stride, padding="same", use_bias=False)(active)
    y = L.Activation("relu")(L.BatchNormalization(epsilon=1e-5)(y))
    y = L.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    return short + y


def explicit_zeros(x, filters, stride):
    active = ops.relu(L.BatchNormalization()(x))
    y = L.ZeroPadding2D()(active)
    y = L.Conv2D(filters, 3, stride, use_bias=False)(y)
    y = ops.relu(L.BatchNormalization()(y))
    y = L.Conv2D(filters, 3, use_bias=False)(L.ZeroPadding2D()(y))
    if changes(x, filters, stride):
        x = L.Conv2D(filters, 1, stride, use_bias=False)(active)
    return L.add([x, y])


def package(x, filters, stride):
    from companion.models.resnet_v2 import basic

    return basic(x, filters, stride, "mine")


def version_one(x, filters, stride):
    y = L.BatchNormalization()(conv(x, filters, 3, stride))
    y = L.BatchNormalization()(conv(L.ReLU()(y), filters))
    if changes(x, filters, stride):
        x = conv(x, filters, 1, stride)
    return L.ReLU()(y + x)


def version_one_with_its_projection(x, filters, stride):
    y = L.BatchNormalization()(conv(x, filters, 3, stride))
    y = L.BatchNormalization()(conv(L.ReLU()(y), filters))
    if changes(x, filters, stride):
        x = L.BatchNormalization()(conv(x, filters, 1, stride))
    return L.ReLU()(y + x)


def relu_after_the_sum(x, filters, stride):
    return L.ReLU()(as_in_the_chapter(x, filters, stride))


def branch_ends_in_relu(x, filters, stride):
    active = bn_relu(x)
    y = L.ReLU()(conv(bn_relu(conv(active, filters, 3, stride)), filters))
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def relu_only(x, filters, stride):
    active = L.ReLU()(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    y = L.BatchNormalization()(y)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def relu_then_bn(x, filters, stride):
    active = L.BatchNormalization()(L.ReLU()(x))
    y = L.BatchNormalization()(L.ReLU()(conv(active, filters, 3, stride)))
    y = conv(y, filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def linear_inside(x, filters, stride):
    active = bn_relu(x)
    y = L.BatchNormalization()(conv(active, filters, 3, stride))
    y = conv(y, filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def no_first_relu(x, filters, stride):
    active = L.BatchNormalization()(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def nothing_normalized(x, filters, stride):
    active = L.ReLU()(x)
    y = conv(L.ReLU()(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def bn_after_the_sum(x, filters, stride):
    active = L.ReLU()(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return L.BatchNormalization()(y + x)


def raw_projection(x, filters, stride):
    y = conv(bn_relu(conv(bn_relu(x), filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(x, filters, 1, stride)
    return y + x


def normalized_projection(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = L.BatchNormalization()(conv(active, filters, 1, stride))
    return y + x


def activated_shortcut(x, filters, stride):
    x = bn_relu(x)
    y = conv(bn_relu(conv(x, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(x, filters, 1, stride)
    return y + x


def no_shortcut(x, filters, stride):
    return conv(bn_relu(conv(bn_relu(x), filters, 3, stride)), filters)


def always_projected(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    return y + conv(active, filters, 1, stride)


def stride_in_the_second(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters)), filters, 3, stride)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def pointwise(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters, 1, stride)), filters, 1)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def with_biases(x, filters, stride):
    active = bn_relu(x)
    y = conv(active, filters, 3, stride, bias=True)
    y = conv(bn_relu(y), filters, bias=True)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride, bias=True)
    return y + x


def stride_lost(x, filters, stride):
    return as_in_the_chapter(x, filters, 1)


def forgets_equal_channels(x, filters, stride):
    active = bn_relu(x)
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if x.shape[-1] != filters:
        x = conv(active, filters, 1, stride)
    return y + x


def gradient_stopped(x, filters, stride):
    active = bn_relu(ops.stop_gradient(x))
    y = conv(bn_relu(conv(active, filters, 3, stride)), filters)
    if changes(x, filters, stride):
        x = conv(active, filters, 1, stride)
    return y + x


def no_return(x, filters, stride):
    as_in_the_chapter(x, filters, stride)


def list_of_maps(x, filters, stride):
    return [as_in_the_chapter(x, filters, stride)]


EXERCISES = [
    {
        "label": "ex-v2-unit",
        "checker": check_preactivation_unit,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "the shortcut first, another epsilon": shortcut_first,
            "zeros by a layer of their own": explicit_zeros,
            "the package's": package,
        },
        "wrong": {
            "the block of v1, bare projection": (version_one, "post-activated"),
            "the block of v1": (version_one_with_its_projection, "first ResNet"),
            "ReLU after the sum": (relu_after_the_sum, "shortcut is cut off"),
            "BN after the sum": (bn_after_the_sum, "rescales the shortcut"),
            "a branch that ends in a ReLU": (branch_ends_in_relu, "be negative"),
            "ReLU only in front": (relu_only, "a ReLU and no normalization"),
            "ReLU, then BN": (relu_then_bn, "before the normalization"),
            "no ReLU inside": (linear_inside, "Between the two convolutions"),
            "no ReLU in front": (no_first_relu, "convolution stands no ReLU"),
            "no normalization": (nothing_normalized, "Nothing is normalized"),
            "projects the raw input": (raw_projection, "from the raw input"),
            "a normalized projection": (normalized_projection, "bare convolution"),
            "identity of the activated": (activated_shortcut, "are equal, too"),
            "no shortcut": (no_shortcut, "No shortcut arrives"),
            "always projected": (always_projected, "needs no projection"),
            "stride in the second": (stride_in_the_second, "in the second"),
            "1x1 kernels": (pointwise, "kernels are 1x1"),
            "biases": (with_biases, "have biases"),
            "stride lost": (stride_lost, "wrong shape"),
            "no projection for stride alone": (forgets_equal_channels, "[runs]"),
            "gradient stopped": (gradient_stopped, "[gradient]"),
            "no return": (no_return, "returned None"),
            "a list": (list_of_maps, "type list"),
        },
    }
]
