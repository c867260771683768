"""Solutions of the chapter on ShuffleNetV1."""

import keras
import numpy as np
from keras import layers as L
from keras import ops

from companion.exercises import check_shuffle
from companion.layers import ChannelShuffle


class Base(L.Layer):
    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"groups": self.groups}


@keras.saving.register_keras_serializable("tests")
class InTheChapter(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, h, w, self.groups, c // self.groups))
        return ops.reshape(ops.swapaxes(x, 3, 4), (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class ByIndex(Base):
    def build(self, input_shape):
        order = np.arange(input_shape[-1]).reshape(self.groups, -1).T
        self.order = order.ravel().astype("int32")

    def call(self, x):
        return ops.take(x, self.order, axis=-1)


@keras.saving.register_keras_serializable("tests")
class SplitAndStack(Base):
    def call(self, x):
        parts = ops.stack(ops.split(x, self.groups, axis=-1), axis=-1)
        return ops.reshape(parts, ops.shape(x))


@keras.saving.register_keras_serializable("tests")
class BySlices(Base):
    def call(self, x):
        n = x.shape[-1] // self.groups
        return ops.concatenate([x[..., j::n] for j in range(n)], axis=-1)


@keras.saving.register_keras_serializable("tests")
class Inverse(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, h, w, c // self.groups, self.groups))
        return ops.reshape(ops.swapaxes(x, 3, 4), (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class NotTransposed(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, h, w, self.groups, c // self.groups))
        return ops.reshape(x, (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class TurnedRound(Base):
    def call(self, x):
        return ops.flip(x, axis=-1)


@keras.saving.register_keras_serializable("tests")
class WithinGroups(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, h, w, self.groups, c // self.groups))
        return ops.reshape(ops.flip(x, axis=-1), (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class GroupsMoved(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, h, w, self.groups, c // self.groups))
        return ops.reshape(ops.flip(x, axis=3), (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class PlacesMixed(Base):
    def call(self, x):
        b, h, w, c = ops.shape(x)
        x = ops.reshape(x, (b, self.groups, c // self.groups, h, w))
        return ops.reshape(ops.swapaxes(x, 1, 2), (b, h, w, c))


@keras.saving.register_keras_serializable("tests")
class AtRandom(Base):
    def build(self, input_shape):
        self.order = np.random.permutation(input_shape[-1])

    def call(self, x):
        return ops.take(x, self.order, axis=-1)


@keras.saving.register_keras_serializable("tests")
class ForgetsTheGroups(InTheChapter):
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "groups"}


@keras.saving.register_keras_serializable("tests")
class FixedSize(Base):
    def build(self, input_shape):
        self.sides = tuple(input_shape[1:3])

    def call(self, x):
        c = x.shape[-1]
        x = ops.reshape(x, (-1, *self.sides, self.groups, c // self.groups))
        return ops.reshape(ops.swapaxes(x, 3, 4), (-1, *self.sides, c))


class ReturnsNothing(Base):
    def call(self, x):
        ops.reshape(x, ops.shape(x))


class NoGroups(L.Layer):
    def call(self, x):
        return x


def a_function(groups):
    def shuffle(x):
        return np.stack(np.split(x, groups, axis=-1), axis=-1).reshape(x.shape)

    return shuffle


EXERCISES = [
    {
        "label": "ex-shuffle-code",
        "checker": check_shuffle,
        "right": {
            "as in the chapter": InTheChapter,
            "an index": ByIndex,
            "split and stacked": SplitAndStack,
            "slices": BySlices,
            "the package's": ChannelShuffle,
        },
        "wrong": {
            "the inverse": (Inverse, "That is the inverse"),
            "not transposed": (NotTransposed, "Nothing moved"),
            "turned round": (TurnedRound, "were turned round"),
            "inside the groups": (WithinGroups, "inside their own groups"),
            "groups moved": (GroupsMoved, "Whole groups changed places"),
            "places mixed": (PlacesMixed, "Places and channels were mixed"),
            "a random order": (AtRandom, "deal differently"),
            "config without groups": (ForgetsTheGroups, "lacks the argument `groups`"),
            "tied to one size": (FixedSize, "[unknown_sizes]"),
            "returns nothing": (ReturnsNothing, "returned None"),
            "takes no groups": (NoGroups, "[runs] `"),
            "a function": (a_function, "object of the type function"),
        },
    }
]
