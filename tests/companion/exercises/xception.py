"""Solutions of the chapter on Xception."""

import keras
from keras import layers as L

from companion import blocks
from companion.exercises import check_xception_separable


def as_in_the_chapter(x, filters):
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = L.Conv2D(filters, 1, use_bias=False)(x)
    return L.BatchNormalization()(x)


def one_layer_of_keras(x, filters):
    return L.BatchNormalization()(L.SeparableConv2D(filters, 3, padding="same")(x))


def grouped(x, filters):
    x = L.ZeroPadding2D()(x)
    x = L.Conv2D(x.shape[-1], 3, groups=x.shape[-1])(x)
    return L.BatchNormalization(epsilon=1e-5)(L.Conv2D(filters, (1, 1))(x))


def package(x, filters):
    return blocks.separable(x, filters, "mine")


def stacked(x, filters):
    layers = [L.DepthwiseConv2D((3, 3), padding="same"), L.Conv2D(filters, 1)]
    return keras.Sequential([*layers, L.BatchNormalization(momentum=0.9)])(x)


def halves(between=(), before=(), after=(), depth=None, end=True):
    def layer(x, filters):
        steps = [*(step() for step in before)]
        steps.append(depth or L.DepthwiseConv2D(3, padding="same", use_bias=False))
        steps += [step() for step in between]
        steps.append(L.Conv2D(filters, 1, use_bias=False))
        steps += [L.BatchNormalization()] if end else []
        steps += [step() for step in after]
        for step in steps:
            x = step(x)
        return x

    return layer


def deep(size=3, **options):
    def layer(x, filters):
        options.setdefault("padding", "same")
        x = L.DepthwiseConv2D(size, use_bias=False, **options)(x)
        return L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(x))

    return layer


def pointwise_first(x, filters):
    x = L.Conv2D(filters, 1, use_bias=False)(x)
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    return L.BatchNormalization()(x)


def full(x, filters):
    x = L.Conv2D(x.shape[-1], 3, padding="same", use_bias=False)(x)
    return L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(x))


def no_pointwise(x, filters):
    return L.BatchNormalization()(
        L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    )


def pointwise_only(x, filters):
    return L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(x))


def bare(x, filters):
    return L.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)


def relu6():
    return L.ReLU(6.0)


EXERCISES = [
    {
        "label": "ex-xception-code",
        "checker": check_xception_separable,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "one layer of Keras": one_layer_of_keras,
            "a grouped convolution, zeros by a layer, biases": grouped,
            "a stack with biases": stacked,
            "the package's": package,
        },
        "wrong": {
            "pointwise first": (pointwise_first, "The 1x1 comes first"),
            "a ReLU between": (halves([L.ReLU]), "stands a non-linear function"),
            "normalization and ReLU between": (
                halves([L.BatchNormalization, L.ReLU]),
                "a normalization and a ReLU, as",
            ),
            "normalization and ReLU6 between": (
                halves([L.BatchNormalization, relu6]),
                "a normalization and a ReLU6, as",
            ),
            "normalized twice": (halves([L.BatchNormalization]), "one by one"),
            "normalized between": (
                halves([L.BatchNormalization], end=False),
                "stands between the halves",
            ),
            "not normalized": (bare, "Nothing is normalized."),
            "not normalized, with a bias": (
                lambda x, n: L.SeparableConv2D(n, 3, padding="same")(x),
                "a bias is no replacement",
            ),
            "a ReLU at the end": (halves(after=[L.ReLU]), "At the end stands"),
            "a ReLU at the beginning": (halves(before=[L.ReLU]), "At the beginning"),
            "full 3x3": (full, "where is the depthwise half"),
            "no 1x1": (no_pointwise, "The 1x1 is missing"),
            "no 3x3": (pointwise_only, "The depthwise convolution is missing"),
            "depthwise 1x1": (deep(1), "depthwise kernel is 1x1"),
            "depthwise 5x5": (deep(5), "depthwise kernel is 5x5"),
            "two filters a channel": (deep(depth_multiplier=2), "multiplier of one"),
            "dilated": (deep(dilation_rate=2), "lie apart"),
            "no padding": (deep(padding="valid"), "where is the padding"),
            "nothing": (lambda x, filters: None, "The block returned None"),
            "a word": (lambda x, filters: "y", "type str"),
            "no filters": (lambda x: x, "positional argument"),
        },
    }
]
