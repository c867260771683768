"""Solutions of the chapter on ResNet."""

import keras
from keras import layers as L
from keras import ops

from companion import blocks
from companion.exercises import check_residual_block


def conv(x, filters, size=3, stride=1, relu=True, **options):
    x = L.Conv2D(filters, size, stride, "same", use_bias=False, **options)(x)
    x = L.BatchNormalization()(x)
    return L.ReLU()(x) if relu else x


def project(x, filters, stride):
    same = stride == 1 and x.shape[-1] == filters
    return x if same else conv(x, filters, 1, stride, relu=False)


def as_in_the_chapter(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters, relu=False)
    return L.ReLU()(L.Add()([y, project(x, filters, stride)]))


def shortcut_first(x, filters, stride):
    short = project(x, filters, stride)
    y = L.Conv2D(filters, 3, stride, "same")(x)
    y = L.Activation("relu")(L.BatchNormalization(epsilon=1e-5)(y))
    y = L.Conv2D(filters, 3, padding="same")(y)
    return ops.relu(short + L.BatchNormalization(epsilon=1e-5)(y))


def explicit_zeros(x, filters, stride):
    y = L.Conv2D(filters, 3, stride, use_bias=False)(L.ZeroPadding2D()(x))
    y = L.BatchNormalization()(y)
    y = keras.activations.relu(y)
    y = L.Conv2D(filters, 3, use_bias=False)(L.ZeroPadding2D()(y))
    y = L.BatchNormalization()(y)
    return L.Activation("relu")(L.add([project(x, filters, stride), y]))


def package(x, filters, stride):
    return blocks.basic(x, filters, stride, "mine")


def linear_inside(x, filters, stride):
    y = conv(conv(x, filters, 3, stride, relu=False), filters, relu=False)
    return L.ReLU()(y + project(x, filters, stride))


def bare(x, filters, stride):
    y = L.Conv2D(filters, 3, stride, "same", activation="relu")(x)
    y = L.Conv2D(filters, 3, padding="same")(y)
    if stride != 1 or x.shape[-1] != filters:
        x = L.Conv2D(filters, 1, stride)(x)
    return L.ReLU()(y + x)


def projected_bare(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters, relu=False)
    if stride != 1 or x.shape[-1] != filters:
        x = L.Conv2D(filters, 1, stride, use_bias=False)(x)
    return L.ReLU()(y + x)


def pointwise(x, filters, stride):
    y = conv(conv(x, filters, 1, stride), filters, 1, relu=False)
    return L.ReLU()(y + project(x, filters, stride))


def relu_before_the_sum(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters)
    return y + project(x, filters, stride)


def relu_twice(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters)
    return L.ReLU()(y + project(x, filters, stride))


def no_last_relu(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters, relu=False)
    return y + project(x, filters, stride)


def plain(x, filters, stride):
    return L.ReLU()(conv(conv(x, filters, 3, stride), filters, relu=False))


def always_projected(x, filters, stride):
    y = conv(conv(x, filters, 3, stride), filters, relu=False)
    return L.ReLU()(y + conv(x, filters, 1, stride, relu=False))


def stride_lost(x, filters, stride):
    return as_in_the_chapter(x, filters, 1)


def stride_in_the_second(x, filters, stride):
    y = conv(conv(x, filters), filters, 3, stride, relu=False)
    return L.ReLU()(y + project(x, filters, stride))


def gradient_stopped(x, filters, stride):
    y = conv(conv(ops.stop_gradient(x), filters, 3, stride), filters, relu=False)
    return L.ReLU()(y + project(x, filters, stride))


EXERCISES = [
    {
        "label": "ex-resnet-block",
        "checker": check_residual_block,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "the shortcut first, with biases and another epsilon": shortcut_first,
            "zeros by a layer of their own": explicit_zeros,
            "the package's": package,
        },
        "wrong": {
            "no ReLU inside": (linear_inside, "one linear map"),
            "no normalization": (bare, "Nothing is normalized"),
            "a bare projection": (projected_bare, "projection is not normalized"),
            "1x1 kernels": (pointwise, "kernels are 1x1"),
            "ReLU before the sum": (relu_before_the_sum, "in front of the sum, so"),
            "two ReLUs": (relu_twice, "can no longer be negative"),
            "no ReLU at the end": (no_last_relu, "After the sum stands no ReLU"),
            "no shortcut": (plain, "No shortcut arrives"),
            "always projected": (always_projected, "needs no projection"),
            "stride lost": (stride_lost, "wrong shape"),
            "stride in the second": (stride_in_the_second, "in the second"),
            "gradient stopped": (gradient_stopped, "[gradient]"),
        },
    }
]
