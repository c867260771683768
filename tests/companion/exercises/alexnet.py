"""Solutions of the chapter on AlexNet."""

import keras
import numpy as np
from keras import ops

from companion.exercises import check_lrn, check_top_k_error
from companion.layers import LocalResponseNormalization

# --- top-k error --------------------------------------------------------------------


def as_in_the_chapter(scores, labels, k):
    best = np.argsort(-scores, axis=1)[:, :k]
    return 1 - (best == labels[:, None]).any(axis=1).mean()


def in_a_loop(scores, labels, k):
    missed = 0
    for row, label in zip(scores, labels, strict=True):
        missed += label not in sorted(range(len(row)), key=lambda c: row[c])[-k:]
    return missed / len(labels)


def by_partition(scores, labels, k):
    best = np.argpartition(scores, -k, axis=1)[:, -k:]
    return np.mean([label not in row for row, label in zip(best, labels, strict=True)])


def by_rank(scores, labels, k):
    rank = (scores > np.take_along_axis(scores, labels[:, None], 1)).sum(1)
    return np.mean(rank >= k)


def by_keras(scores, labels, k):
    hits = keras.metrics.sparse_top_k_categorical_accuracy(labels, scores, k)
    return 1 - np.mean(ops.convert_to_numpy(hits))


def changes_the_scores(scores, labels, k):
    scores -= 1
    return as_in_the_chapter(scores, labels, k)


def gives_nothing(scores, labels, k):
    as_in_the_chapter(scores, labels, k)


def order_of(scores):
    return np.argsort(-scores, axis=1)


TOP_K = {
    "label": "ex-alexnet-topk",
    "checker": check_top_k_error,
    "right": {
        "as in the chapter": as_in_the_chapter,
        "in a loop, sorted upwards": in_a_loop,
        "by partition": by_partition,
        "by the label's rank": by_rank,
        "by Keras": by_keras,
    },
    "wrong": {
        "an accuracy": (
            lambda s, y, k: (order_of(s)[:, :k] == y[:, None]).any(1).mean(),
            "It is an accuracy",
        ),
        "sorted upwards": (
            lambda s, y, k: as_in_the_chapter(-s, y, k),
            "sorted the wrong way",
        ),
        "one guess": (lambda s, y, k: np.mean(s.argmax(1) != y), "There is one guess"),
        "the k-th only": (
            lambda s, y, k: np.mean(order_of(s)[:, k - 1] != y),
            "Only the k-th guess",
        ),
        "one too many": (
            lambda s, y, k: 1 - (order_of(s)[:, : k + 1] == y[:, None]).any(1).mean(),
            "There are k + 1",
        ),
        "one too few": (
            lambda s, y, k: 1 - (order_of(s)[:, : k - 1] == y[:, None]).any(1).mean(),
            "There are k - 1",
        ),
        "a number": (
            lambda s, y, k: in_a_loop(s, y, k) * len(y),
            "the number of errors",
        ),
        "per cent": (lambda s, y, k: 100 * in_a_loop(s, y, k), "It is in per cent"),
        "absolute scores": (
            lambda s, y, k: by_rank(np.abs(s), y, k),
            "its sign does not",
        ),
        "wrong guesses": (
            lambda s, y, k: np.mean(order_of(s)[:, :k] != y[:, None]),
            "one right guess is enough",
        ),
        "any image": (
            lambda s, y, k: float(not (order_of(s)[:, :k] == y[:, None]).any(1).all()),
            "whether any image fails",
        ),
        "nothing": (gives_nothing, "returned None"),
        "an answer for each image": (
            lambda s, y, k: ~(order_of(s)[:, :k] == y[:, None]).any(1),
            "wrong shape",
        ),
        "words": (lambda s, y, k: "0.3", "object of the type str"),
        "no k": (lambda s, y: 0.5, "TypeError"),
        "the scores are changed": (changes_the_scores, "were changed"),
    },
}

# --- local response normalization -----------------------------------------------------


class Chapter(keras.layers.Layer):
    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def near(self, squares):
        half, channels = self.n // 2, squares.shape[-1]
        edges = [[0, 0]] * (len(squares.shape) - 1) + [[half, half]]
        padded = ops.pad(squares, edges)
        return sum(padded[..., i : i + channels] for i in range(self.n))

    def call(self, a):
        return a / (self.k + self.alpha * self.near(ops.square(a))) ** self.beta


class FourAxes(Chapter):
    """Unpacks four axes, and takes the channels one by one."""

    def call(self, a):
        _, _, _, c = a.shape
        half, b = self.n // 2, []
        for i in range(c):
            near = a[:, :, :, max(0, i - half) : min(c, i + half + 1)]
            divisor = (self.k + self.alpha * ops.sum(near * near, -1)) ** self.beta
            b.append(a[:, :, :, i] / divisor)
        return ops.stack(b, axis=-1)


class Band(Chapter):
    """A matrix of zeros and ones, made in `build`; the power by a logarithm."""

    def build(self, input_shape):
        c = np.arange(input_shape[-1])
        self.band = (np.abs(c[:, None] - c) <= self.n // 2).astype("float32")

    def call(self, a):
        s = self.k + self.alpha * ops.einsum("bhwc,cd->bhwd", a * a, self.band)
        return a * ops.exp(-self.beta * ops.log(s))


def package(n, k, alpha, beta):
    return LocalResponseNormalization(n // 2, bias=k, alpha=alpha, beta=beta)


def call(function):
    """A layer with this `call(self, a)`."""
    return type("Wrong", (Chapter,), {"call": function})


def caffe(self, a):
    near = self.near(ops.square(a))
    return a / (self.k + self.alpha * near / self.n) ** self.beta


class Wide(Chapter):
    def near(self, squares):
        n, self.n = self.n, 2 * self.n + 1
        near = super().near(squares)
        self.n = n
        return near


class Short(Chapter):
    def near(self, squares):
        half, c = self.n // 2, squares.shape[-1]
        padded = ops.pad(squares, [[0, 0]] * 3 + [[half, half]])
        return sum(padded[..., i : i + c] for i in range(self.n - 1))


class Late(Chapter):
    def near(self, squares):
        half, c = self.n // 2, squares.shape[-1]
        padded = ops.pad(squares, [[0, 0]] * 3 + [[half, half]])
        return sum(padded[..., i : i + c] for i in range(1, self.n))


class Without(Chapter):
    def near(self, squares):
        return super().near(squares) - squares


class Round(Chapter):
    def near(self, squares):
        half = self.n // 2
        return sum(ops.roll(squares, i, axis=-1) for i in range(-half, half + 1))


class All(Chapter):
    def near(self, squares):
        return ops.sum(squares, -1, keepdims=True)


class Places(Chapter):
    def near(self, squares):
        half, width = self.n // 2, squares.shape[2]
        padded = ops.pad(squares, [[0, 0], [0, 0], [half, half], [0, 0]])
        return sum(padded[:, :, i : i + width] for i in range(self.n))


class Parameter(Chapter):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1], 3))


def stopped(self, a):
    near = self.near(ops.square(a))
    return a / ops.stop_gradient((self.k + self.alpha * near) ** self.beta)


def channel_axis_first(self, a):
    return ops.transpose(Chapter.call(self, a), (0, 3, 1, 2))


LRN = {
    "label": "ex-alexnet-lrn",
    "checker": check_lrn,
    "right": {
        "as in the chapter": Chapter,
        "channel by channel, four axes only": FourAxes,
        "a matrix, and a logarithm": Band,
        "the package's": package,
    },
    "wrong": {
        "Caffe's alpha": (call(caffe), "You take the mean"),
        "n to one side": (Wide, "not its reach to one side"),
        "one short": (Short, "ends one channel early"),
        "one late": (Late, "begins one channel late"),
        "without itself": (Without, "The channel itself"),
        "round": (Round, "The window goes round"),
        "all channels": (All, "over all channels"),
        "places": (Places, "neighbouring places"),
        "not squared": (
            call(
                lambda self, a: (
                    a / (self.k + self.alpha * self.near(ops.abs(a))) ** self.beta
                )
            ),
            "without being squared",
        ),
        "no power": (
            call(lambda self, a: a / (self.k + self.alpha * self.near(a * a))),
            "The power beta is missing",
        ),
        "power of the sum": (
            call(
                lambda self, a: (
                    a / (self.k + (self.alpha * self.near(a * a)) ** self.beta)
                )
            ),
            "not to the sum alone",
        ),
        "no k": (
            call(lambda self, a: a / (self.alpha * self.near(a * a)) ** self.beta),
            "k is missing",
        ),
        "alpha times k": (
            call(
                lambda self, a: (
                    a / (self.alpha * (self.k + self.near(a * a))) ** self.beta
                )
            ),
            "multiplied by alpha as well",
        ),
        "multiplied": (
            call(
                lambda self, a: (
                    a * (self.k + self.alpha * self.near(a * a)) ** self.beta
                )
            ),
            "where it should divide",
        ),
        "deaf": (lambda n, k, alpha, beta: Chapter(), "The arguments do nothing"),
        "a weight": (Parameter, "more than it takes"),
        "gradient stopped": (call(stopped), "[gradient]"),
        "channels first": (call(channel_axis_first), "wrong shape"),
        "None": (call(lambda self, a: None), "[runs]"),
        "no arguments": (keras.layers.ReLU, "'n': 3"),
        "no layer": (lambda **given: None, "'NoneType' object is not callable"),
    },
}

EXERCISES = [TOP_K, LRN]
