"""Solutions of the chapter on GoogLeNet."""

import keras
import numpy as np
from keras import layers as L
from keras import ops

from companion import blocks
from companion.exercises import check_class_activation_map, check_inception_module


def product(features, kernel, bias, label):
    return features @ kernel[:, label] + bias[label]


def by_loops(features, kernel, bias, label):
    height, width, channels = features.shape
    found = np.full((height, width), bias[label])
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                found[i, j] += features[i, j, c] * kernel[c, label]
    return found


def by_einsum(features, kernel, bias, label):
    return np.einsum("hwc,ck->hwk", features, kernel)[..., label] + bias[label]


def by_a_layer(features, kernel, bias, label):
    dense = L.Dense(kernel.shape[1], dtype="float64")
    dense.build((None, len(kernel)))
    dense.set_weights([kernel, bias])
    return ops.convert_to_numpy(dense(features))[..., label]


def no_bias(features, kernel, bias, label):
    return np.tensordot(features, kernel[:, label], axes=1)


def score(features, kernel, bias, label):
    return features.mean((0, 1)) @ kernel[:, label] + bias[label]


def all_classes(features, kernel, bias, label):
    return np.tensordot(features, kernel, axes=1) + bias


def shares(features, kernel, bias, label):
    return product(features, kernel, bias, label) / features[..., 0].size


def over_positions(features, kernel, bias, label):
    e = np.exp(product(features, kernel, bias, label))
    return e / e.sum()


def over_classes(features, kernel, bias, label):
    e = np.exp(features @ kernel + bias)
    return e[..., label] / e.sum(-1)


def conv(x, filters, size, relu=True, normalized=False):
    x = L.Conv2D(filters, size, padding="same")(x)
    x = L.BatchNormalization()(x) if normalized else x
    return L.ReLU()(x) if relu else x


def pooled(x, projection, pool=L.MaxPooling2D, **options):
    return conv(pool(3, 1, "same")(x), projection, 1, **options)


def double(x, thin, filters, **options):
    x = conv(x, thin, 1, **options)
    return conv(conv(x, filters, 3, **options), filters, 3, **options)


def as_in_the_chapter(x, widths, name, **options):
    filters1, thin3, filters3, thin5, filters5, projection = widths
    a = conv(x, filters1, 1, **options)
    b = conv(conv(x, thin3, 1, **options), filters3, 3, **options)
    c = double(x, thin5, filters5, **options)
    return L.Concatenate()([a, b, c, pooled(x, projection, **options)])


def normalized(x, widths, name):
    return as_in_the_chapter(x, widths, name, normalized=True)


def last_branch_first(x, widths, name):
    def layer(filters, size):
        pad = L.ZeroPadding2D(size // 2)
        kernel = L.Conv2D(filters, size, use_bias=False)
        steps = [pad, kernel, L.BatchNormalization(epsilon=1e-5), L.Activation("relu")]
        return keras.Sequential(steps)

    one, thin3, three, thin5, five, projection = widths
    d = layer(projection, 1)(L.MaxPool2D(3, strides=1, padding="same")(x))
    c = x
    for filters, size in ((thin5, 1), (five, 3), (five, 3)):
        c = layer(filters, size)(c)
    b = layer(three, 3)(layer(thin3, 1)(x))
    return ops.concatenate([layer(one, 1)(x), b, c, d], axis=-1)


def activations_in_the_layers(x, widths, name):
    one, thin3, three, thin5, five, projection = widths

    def layer(filters, size):
        return L.Conv2D(filters, size, 1, "same", activation="relu", use_bias=False)

    c = layer(five, 3)(layer(five, 3)(layer(thin5, 1)(x)))
    d = layer(projection, 1)(L.MaxPooling2D((3, 3), (1, 1), "same")(x))
    b = layer(three, 3)(layer(thin3, 1)(x))
    return L.concatenate([layer(one, 1)(x), b, c, d])


def package(x, widths, name):
    return blocks.inception(x, widths, name)


def single(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    c = conv(conv(x, thin5, 1), five, 3)
    return L.Concatenate()([conv(x, one, 1), b, c, pooled(x, projection)])


def side_by_side(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    thin = conv(x, thin5, 1)
    c = conv(thin, five, 3) + conv(thin, five, 3)
    return L.Concatenate()([conv(x, one, 1), b, c, pooled(x, projection)])


def linear_between(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    c = conv(conv(conv(x, thin5, 1), five, 3, relu=False), five, 3)
    return L.Concatenate()([conv(x, one, 1), b, c, pooled(x, projection)])


def linear(x, widths, name):
    return as_in_the_chapter(x, widths, name, relu=False)


def linear_reductions(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1, relu=False), three, 3)
    c = conv(conv(conv(x, thin5, 1, relu=False), five, 3), five, 3)
    return L.Concatenate()([conv(x, one, 1), b, c, pooled(x, projection)])


def unreduced_3(x, widths, name):
    one, _, three, thin5, five, projection = widths
    c = double(x, thin5, five)
    return L.Concatenate()(
        [conv(x, one, 1), conv(x, three, 3), c, pooled(x, projection)]
    )


def unreduced_double(x, widths, name):
    one, thin3, three, _, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    c = conv(conv(x, five, 3), five, 3)
    return L.Concatenate()([conv(x, one, 1), b, c, pooled(x, projection)])


def mean_pooling(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    d = pooled(x, projection, L.AveragePooling2D)
    return L.Concatenate()([conv(x, one, 1), b, double(x, thin5, five), d])


def unprojected(x, widths, name):
    one, thin3, three, thin5, five, _ = widths
    b = conv(conv(x, thin3, 1), three, 3)
    d = L.MaxPooling2D(3, 1, "same")(x)
    return L.Concatenate()([conv(x, one, 1), b, double(x, thin5, five), d])


def projected_first(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    d = L.MaxPooling2D(3, 1, "same")(conv(x, projection, 1))
    return L.Concatenate()([conv(x, one, 1), b, double(x, thin5, five), d])


def three_branches(x, widths, name):
    one, thin3, three, thin5, five, _ = widths
    b = conv(conv(x, thin3, 1), three, 3)
    return L.Concatenate()([conv(x, one, 1), b, double(x, thin5, five)])


def pooling_first(x, widths, name):
    one, thin3, three, thin5, five, projection = widths
    b = conv(conv(x, thin3, 1), three, 3)
    ends = [pooled(x, projection), conv(x, one, 1), b, double(x, thin5, five)]
    return L.Concatenate()(ends)


def halved(x, widths, name):
    return as_in_the_chapter(L.MaxPooling2D(2)(x), widths, name)


def summed(x, widths, name):
    one, thin3, three, _thin5, _five, _projection = widths
    return conv(x, one, 1) + conv(conv(x, thin3, 1), three, 3)


EXERCISES = [
    {
        "label": "ex-googlenet-map",
        "checker": check_class_activation_map,
        "right": {
            "as in the chapter": product,
            "loops": by_loops,
            "einsum, the class last": by_einsum,
            "a dense layer at every position": by_a_layer,
        },
        "wrong": {
            "no bias": (no_bias, "bias is missing"),
            "the score": (score, "That is the score"),
            "all classes": (all_classes, "maps of all classes"),
            "transposed": (lambda *a: product(*a).T, "changed places"),
            "a sum to the score": (shares, "its sum is the score"),
            "softmax of positions": (over_positions, "softmax over the positions"),
            "softmax of classes": (over_classes, "softmax over the classes"),
            "cut off": (lambda *a: np.maximum(product(*a), 0), "A ReLU stands"),
            "counted from one": (
                lambda f, k, b, label: product(f, k, b, label - 1),
                "counts from one",
            ),
            "nothing": (lambda f, k, b, label: None, "return"),
            "words": (lambda f, k, b, label: "map", "type str"),
            "two arguments": (lambda f, k: f @ k, "[runs]"),
        },
    },
    {
        "label": "ex-googlenet-module",
        "checker": check_inception_module,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "normalized, with biases": normalized,
            "zeros by a layer of their own, normalized, the last branch first": (
                last_branch_first
            ),
            "activations in the layers, no biases": activations_in_the_layers,
        },
        "wrong": {
            "the package's": (package, "5x5 is still there"),
            "one 3x3": (single, "a single 3x3"),
            "side by side": (side_by_side, "stand side by side"),
            "no ReLU between": (linear_between, "Between the two 3x3"),
            "no ReLU": (linear, "No ReLU is anywhere"),
            "linear reductions": (linear_reductions, "reductions have no ReLU"),
            "the 3x3 not reduced": (unreduced_3, "in front of the first 3x3"),
            "the two not reduced": (unreduced_double, "in front of the two 3x3"),
            "means": (mean_pooling, "takes means"),
            "no projection": (unprojected, "No 1x1 follows the pooling"),
            "projected first": (projected_first, "in front of the pooling, not"),
            "no pooling": (three_branches, "branch of the pooling is missing"),
            "another order": (pooling_first, "in another order"),
            "halved": (halved, "wrong shape"),
            "a sum": (summed, "[runs]"),
            "nothing": (lambda x, widths, name: None, "Is a `return` missing?"),
            "a number": (lambda x, widths, name: 3, "type int"),
            "no name": (lambda x, widths: x, "positional argument"),
        },
    },
]
