"""Solutions of the chapter on Inception-v2 to v4."""

import keras
import numpy as np
from keras import layers as L
from keras import ops

from companion.exercises import check_grid_reduction, check_smoothed_labels


def mixed(y, classes, eps):
    return (1 - eps) * np.eye(classes)[y] + eps / classes


def by_index(y, classes, eps):
    q = np.full((len(y), classes), eps / classes)
    q[np.arange(len(y)), y] += 1 - eps
    return q


def by_rows(y, classes, eps):
    rows = []
    for label in y:
        row = [eps / classes] * classes
        row[label] = 1 - eps + eps / classes
        rows.append(row)
    return rows


def with_keras(y, classes, eps):
    onehot = keras.utils.to_categorical(y, classes).astype("float64")
    return onehot - eps * (onehot - 1 / classes)


def among_others(y, classes, eps):
    q = np.full((len(y), classes), eps / (classes - 1))
    q[np.arange(len(y)), y] = 1 - eps
    return q


def share_lost(y, classes, eps):
    q = np.full((len(y), classes), eps / classes)
    q[np.arange(len(y)), y] = 1 - eps
    return q


def halve(x, name):
    a = L.Conv2D(x.shape[-1], 3, 2, padding="same", name=f"{name}_conv")(x)
    b = L.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(x)
    return L.Concatenate(name=name)([a, b])


def normalized_with_relu(x, name):
    y = L.Conv2D(x.shape[-1], (3, 3), (2, 2), "same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization(epsilon=1e-5)(y))
    return L.concatenate([L.MaxPool2D((3, 3), (2, 2), "same")(x), y])


def relu_in_the_layer(x, name):
    pooled = L.MaxPooling2D(3, strides=2, padding="same")(x)
    options = {"strides": 2, "padding": "same", "activation": "relu"}
    return ops.concatenate([L.Conv2D(x.shape[-1], 3, **options)(x), pooled], -1)


def normalized_only(x, name):
    k = x.shape[-1]
    layers = [L.Conv2D(k, 3, 2, "same"), L.BatchNormalization()]
    y = keras.Sequential(layers)(x)
    return L.Concatenate()([y, ops.max_pool(x, 3, 2, "same")])


def convolve_then_pool(x, name):
    y = L.Conv2D(2 * x.shape[-1], 3, padding="same")(x)
    return L.MaxPooling2D(3, 2, padding="same")(y)


def pool_then_convolve(x, name):
    pooled = L.MaxPooling2D(3, 2, padding="same")(x)
    return L.Conv2D(2 * x.shape[-1], 3, padding="same", activation="relu")(pooled)


def after_the_pooling(x, name):
    pooled = L.MaxPooling2D(3, 2, padding="same")(x)
    y = L.Conv2D(x.shape[-1], 3, padding="same", use_bias=False)(pooled)
    return L.Concatenate()([pooled, L.ReLU()(L.BatchNormalization()(y))])


def convolution_only(x, name):
    return L.Conv2D(2 * x.shape[-1], 3, 2, "same")(x)


def twice_as_many(x, name):
    y = L.Conv2D(2 * x.shape[-1], 3, 2, "same")(x)
    return L.Concatenate()([y, L.MaxPooling2D(3, 2, "same")(x)])


def sized(kernel, window=3, pool=L.MaxPooling2D):
    def block(x, name):
        y = L.Conv2D(x.shape[-1], kernel, 2, "same")(x)
        return L.Concatenate()([y, pool(window, 2, "same")(x)])

    return block


def added(x, name):
    y = L.Conv2D(x.shape[-1], 3, 2, "same")(x)
    return L.Add()([y, L.MaxPooling2D(3, 2, "same")(x)])


def full_size(x, name):
    y = L.Conv2D(x.shape[-1], 3, 1, "same")(x)
    return L.Concatenate()([y, L.MaxPooling2D(3, 1, "same")(x)])


def reduced_first(x, name):
    k = x.shape[-1]
    y = L.Conv2D(k, 3, 2, "same")(L.Conv2D(k, 1)(x))
    return L.Concatenate()([y, L.MaxPooling2D(3, 2, "same")(x)])


def one_stride_only(x, name):
    y = L.Conv2D(x.shape[-1], 3, 2, "same")(x)
    return L.Concatenate()([y, L.MaxPooling2D(3, 1, "same")(x)])


EXERCISES = [
    {
        "label": "ex-inception-smooth",
        "checker": check_smoothed_labels,
        "right": {
            "as in the chapter": mixed,
            "uniform, then the rest at the label": by_index,
            "lists, row by row": by_rows,
            "one-hot minus its surplus": with_keras,
        },
        "wrong": {
            "not smoothed": (lambda y, k, eps: np.eye(k)[y], "Nothing is smoothed"),
            "among the others": (among_others, "among the other classes"),
            "no share for the label": (share_lost, "does not add up to one"),
            "not scaled": (
                lambda y, k, eps: np.eye(k)[y] + eps / k,
                "adds up to more than one",
            ),
            "eps undivided": (
                lambda y, k, eps: (1 - eps) * np.eye(k)[y] + eps,
                "not divided",
            ),
            "exchanged": (lambda y, k, eps: mixed(y, k, 1 - eps), "changed places"),
            "from one": (lambda y, k, eps: mixed(y - 1, k, eps), "count from zero"),
            "columns": (lambda y, k, eps: mixed(y, k, eps).T, "a column, not a row"),
            "one row": (lambda y, k, eps: mixed(y[0], k, eps), "wrong shape"),
            "nothing": (lambda y, k, eps: None, "Is a `return` missing?"),
            "no eps": (lambda y, k: mixed(y, k, 0.1), "positional argument"),
        },
    },
    {
        "label": "ex-inception-reduction",
        "checker": check_grid_reduction,
        "right": {
            "as in the chapter": halve,
            "the pooling first, normalized with a ReLU": normalized_with_relu,
            "a ReLU in the layer": relu_in_the_layer,
            "normalized, with a bias, pooled by an operation": normalized_only,
        },
        "wrong": {
            "convolve, then pool": (convolve_then_pool, "works at full size"),
            "pool, then convolve": (pool_then_convolve, "The pooling comes first"),
            "convolved after the pooling": (after_the_pooling, "comes first: a"),
            "no pooling": (convolution_only, "Nothing is pooled"),
            "three times the channels": (twice_as_many, "three times as many"),
            "1x1": (sized(1), "kernel is 1x1"),
            "5x5": (sized(5), "kernel is 5x5"),
            "means": (sized(3, pool=L.AveragePooling2D), "takes means"),
            "2x2 windows": (sized(3, 2), "windows of the pooling are 2x2"),
            "a sum": (added, "The two are added"),
            "full size": (full_size, "not halved"),
            "a 1x1 before": (reduced_first, "One convolution is enough"),
            "one stride only": (one_stride_only, "[runs]"),
            "nothing": (lambda x, name: None, "The block returned None"),
            "two outputs": (lambda x, name: [x, x], "type list"),
            "no name": (lambda x: x, "positional argument"),
        },
    },
]
