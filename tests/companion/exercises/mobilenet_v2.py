"""Solutions of the chapter on MobileNetV2."""

import keras
from keras import layers as L
from keras import ops

from companion import blocks
from companion.exercises import check_inverted_residual


def norm6(x):
    return L.ReLU(6.0)(L.BatchNormalization()(x))


def conv(x, filters, size=1, stride=1):
    return L.Conv2D(filters, size, stride, "same", use_bias=False)(x)


def filtered(x, stride=1, size=3):
    return L.DepthwiseConv2D(size, stride, "same", use_bias=False)(x)


def project(x, filters):
    return L.BatchNormalization()(conv(x, filters))


def joined(y, x):
    return L.Add()([y, x]) if y.shape == x.shape else y


def as_in_the_chapter(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(project(norm6(filtered(y, stride)), filters), x)


def with_biases(x, filters, expansion, stride):
    channels, y = x.shape[-1], x
    if expansion != 1:
        y = L.Conv2D(channels * expansion, 1)(y)
        y = L.Activation("relu6")(L.BatchNormalization(epsilon=1e-5)(y))
    y = L.DepthwiseConv2D(3, stride, padding="same")(y)
    y = ops.relu6(L.BatchNormalization(epsilon=1e-5)(y))
    y = L.BatchNormalization(epsilon=1e-5)(L.Conv2D(filters, 1)(y))
    return x + y if stride == 1 and channels == filters else y


def explicit_zeros(x, filters, expansion, stride):
    y = x
    if expansion > 1:
        y = L.Conv2D(expansion * x.shape[-1], 1, use_bias=False)(y)
        y = keras.activations.relu6(L.BatchNormalization()(y))
    y = L.ZeroPadding2D()(y)
    y = L.DepthwiseConv2D(3, stride, use_bias=False)(y)
    y = ops.clip(L.BatchNormalization()(y), 0, 6)
    y = L.Conv2D(filters, 1, use_bias=False)(y)
    return joined(L.BatchNormalization()(y), x)


def package(x, filters, expansion, stride):
    return blocks.inverted_residual(x, filters, expansion, stride, "mine")


def bent_projection(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    y = project(norm6(filtered(y, stride)), filters)
    return joined(L.ReLU(6.0)(y), x)


def bent_sum(x, filters, expansion, stride):
    return L.ReLU(6.0)(as_in_the_chapter(x, filters, expansion, stride))


def no_shortcut(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return project(norm6(filtered(y, stride)), filters)


def wide_shortcut(x, filters, expansion, stride):
    up = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return project(joined(norm6(filtered(up, stride)), up), filters)


def repaired(x, filters, expansion, stride):
    y = no_shortcut(x, filters, expansion, stride)
    if stride != 1:
        return y
    return y + (x if x.shape[-1] == filters else conv(x, filters))


def linear_expansion(x, filters, expansion, stride):
    y = conv(x, expansion * x.shape[-1]) if expansion > 1 else x
    y = L.BatchNormalization()(y) if expansion > 1 else y
    return joined(project(norm6(filtered(y, stride)), filters), x)


def linear_filter(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    y = L.BatchNormalization()(filtered(y, stride))
    return joined(project(y, filters), x)


def linear(x, filters, expansion, stride):
    y = conv(x, expansion * x.shape[-1]) if expansion > 1 else x
    y = L.BatchNormalization()(y) if expansion > 1 else y
    y = L.BatchNormalization()(filtered(y, stride))
    return joined(project(y, filters), x)


def no_ceiling(x, filters, expansion, stride):
    def bend(y):
        return L.ReLU()(L.BatchNormalization()(y))

    y = bend(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(project(bend(filtered(y, stride)), filters), x)


def bare(x, filters, expansion, stride):
    y = L.ReLU(6.0)(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(conv(L.ReLU(6.0)(filtered(y, stride)), filters), x)


def bare_with_biases(x, filters, expansion, stride):
    y = L.Conv2D(expansion * x.shape[-1], 1)(x) if expansion > 1 else x
    y = L.ReLU(6.0)(y) if expansion > 1 else y
    y = L.ReLU(6.0)(L.DepthwiseConv2D(3, stride, "same")(y))
    return joined(L.Conv2D(filters, 1)(y), x)


def bare_projection(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(conv(norm6(filtered(y, stride)), filters), x)


def full(x, filters, expansion, stride):
    wide = expansion * x.shape[-1]
    y = norm6(conv(x, wide)) if expansion > 1 else x
    return joined(project(norm6(conv(y, wide, 3, stride)), filters), x)


def three_full(x, filters, expansion, stride):
    wide = expansion * x.shape[-1]
    y = norm6(conv(x, wide, 3)) if expansion > 1 else x
    y = norm6(conv(y, wide, 3, stride))
    return joined(L.BatchNormalization()(conv(y, filters, 3)), x)


def blind(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(project(norm6(filtered(y, stride, 1)), filters), x)


def five(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    return joined(project(norm6(filtered(y, stride, 5)), filters), x)


def from_the_output(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * filters)) if expansion > 1 else x
    return joined(project(norm6(filtered(y, stride)), filters), x)


def always_expanded(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1]))
    return joined(project(norm6(filtered(y, stride)), filters), x)


def early_stride(x, filters, expansion, stride):
    y = x
    if expansion > 1:
        y = norm6(conv(x, expansion * x.shape[-1], 1, stride))
    return joined(project(norm6(filtered(y)), filters), x)


def late_stride(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    y = L.BatchNormalization()(conv(norm6(filtered(y)), filters, 1, stride))
    return joined(y, x)


def no_stride(x, filters, expansion, stride):
    y = norm6(conv(x, expansion * x.shape[-1])) if expansion > 1 else x
    y = project(norm6(filtered(y)), filters)
    return L.Add()([y, x]) if stride == 1 and y.shape == x.shape else y


def separable(x, filters, expansion, stride):
    return blocks.depthwise_separable(x, filters, stride, "mine")


def nothing(x, filters, expansion, stride):
    as_in_the_chapter(x, filters, expansion, stride)


def another_order(x, filters):
    return as_in_the_chapter(x, filters, 6, 1)


def a_layer(x, filters, expansion, stride):
    return L.Conv2D(filters, 1)


EXERCISES = [
    {
        "label": "ex-v2-block",
        "checker": check_inverted_residual,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "with biases and another epsilon": with_biases,
            "zeros by a layer of their own": explicit_zeros,
            "the package's": package,
        },
        "wrong": {
            "bent projection": (bent_projection, "follows the projection"),
            "bent sum": (bent_sum, "follows the sum"),
            "no shortcut": (no_shortcut, "No shortcut joins the narrow ends"),
            "wide shortcut": (wide_shortcut, "joins the wide maps"),
            "shortcut with a 1x1": (repaired, "a 1x1 convolution repairs"),
            "linear expansion": (linear_expansion, "The expansion is not followed"),
            "linear depthwise": (linear_filter, "The depthwise layer is not followed"),
            "no activation": (linear, "one linear map"),
            "no ceiling": (no_ceiling, "ReLU6 stops at 6"),
            "no normalization": (bare, "Nothing is normalized."),
            "biases only": (bare_with_biases, "though biases are there"),
            "a bare projection": (bare_projection, "The projection is not normalized"),
            "a full convolution": (full, "The middle layer is a full 3x3"),
            "three full convolutions": (three_full, "three full 3x3 convolutions"),
            "1x1 in the middle": (blind, "nothing sees its neighbours"),
            "5x5 in the middle": (five, "depthwise kernels are 5x5"),
            "expanded from the output": (from_the_output, "must be the input's"),
            "expansion of 1": (always_expanded, "An expansion of 1 needs no layer"),
            "stride in the expansion": (early_stride, "The stride is in the expansion"),
            "stride in the projection": (late_stride, "in training is wrong"),
            "stride lost": (no_stride, "The stride is lost"),
            "MobileNetV1's block": (separable, "[weights]"),
            "no return": (nothing, "returned None"),
            "another signature": (another_order, "[runs]"),
            "returns a layer": (a_layer, "an object of the type Conv2D"),
        },
    }
]
