"""Solutions of the chapter on SENet."""

import keras
from keras import layers as L
from keras import ops

from companion.exercises import check_squeeze_excite
from companion.layers import SqueezeExcite


class Chapter(L.Layer):
    inside, gate, bias = "relu", "sigmoid", True

    def __init__(self, ratio=16, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def hidden(self, channels):
        return channels // self.ratio

    def build(self, input_shape):
        c = input_shape[-1]
        options = dict(use_bias=self.bias)
        self.reduce = L.Dense(self.hidden(c), self.inside, **options)
        self.reduce.build((None, c))
        self.expand = L.Dense(c, self.gate, **options)
        self.expand.build((None, self.hidden(c)))

    def squeeze(self, x):
        return ops.mean(x, axis=(1, 2))

    def call(self, x):
        return self.scale(x, self.expand(self.reduce(self.squeeze(x))))

    def scale(self, x, s):
        return x * s[:, None, None, :]


class ByHand(L.Layer):
    """Weights of its own, without biases, as in the paper's formula."""

    def __init__(self, ratio=16):
        super().__init__()
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.w1 = self.add_weight(shape=(c, c // self.ratio))
        self.w2 = self.add_weight(shape=(c // self.ratio, c))

    def call(self, x):
        z = ops.mean(x, axis=[1, 2])
        s = ops.sigmoid(ops.matmul(ops.relu(ops.matmul(z, self.w1)), self.w2))
        return ops.einsum("bhwc,bc->bhwc", x, s)


class Convolutions(L.Layer):
    """As in the released network: pooling that keeps two axes, 1x1 convolutions."""

    def __init__(self, ratio=16):
        super().__init__()
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.pool = L.GlobalAveragePooling2D(keepdims=True)
        self.down = L.Conv2D(c // self.ratio, 1)
        self.up = L.Conv2D(c, 1)
        self.down.build((None, 1, 1, c))
        self.up.build((None, 1, 1, c // self.ratio))

    def call(self, x):
        s = self.up(keras.activations.relu(self.down(self.pool(x))))
        return L.Multiply()([x, keras.activations.sigmoid(s)])


def scaled(scale):
    return type("Wrong", (Chapter,), {"scale": scale})


def squeezed(squeeze):
    return type("Wrong", (Chapter,), {"squeeze": squeeze})


def built(**attributes):
    return type("Wrong", (Chapter,), attributes)


class OneLayer(Chapter):
    def build(self, input_shape):
        self.dense = L.Dense(input_shape[-1], "sigmoid")
        self.dense.build((None, input_shape[-1]))

    def call(self, x):
        return self.scale(x, self.dense(self.squeeze(x)))


class Everywhere(Chapter):
    def call(self, x):
        return x * self.expand(self.reduce(x))


class Stopped(Chapter):
    def call(self, x):
        s = self.expand(self.reduce(ops.stop_gradient(self.squeeze(x))))
        return self.scale(x, s)


class Silent(Chapter):
    def call(self, x):
        super().call(x)


class GatesAlone(Chapter):
    def call(self, x):
        return self.expand(self.reduce(self.squeeze(x)))


EXERCISES = [
    {
        "label": "ex-senet-code",
        "checker": check_squeeze_excite,
        "right": {
            "as in the chapter": Chapter,
            "weights of its own, no biases": ByHand,
            "1x1 convolutions": Convolutions,
            "the package's": SqueezeExcite,
        },
        "wrong": {
            "added": (
                scaled(lambda self, x, s: x + s[:, None, None, :]),
                "The gates are added",
            ),
            "a shortcut inside": (
                scaled(lambda self, x, s: x + x * s[:, None, None, :]),
                "has no shortcut",
            ),
            "softmax": (built(gate="softmax"), "The gates compete"),
            "no sigmoid": (built(gate=None), "Nothing keeps the gates"),
            "ReLU gates": (built(gate="relu"), "have no upper bound"),
            "tanh gates": (built(gate="tanh"), "tanh instead of a sigmoid"),
            "no ReLU": (built(inside=None), "together they are one matrix"),
            "two sigmoids": (built(inside="sigmoid"), "instead of a ReLU"),
            "a sum": (
                squeezed(lambda self, x: ops.sum(x, axis=(1, 2))),
                "grows with the map",
            ),
            "a maximum": (
                squeezed(lambda self, x: ops.max(x, axis=(1, 2))),
                "the largest value",
            ),
            "no squeeze": (Everywhere, "Nothing is squeezed"),
            "the ratio taken for the width": (
                built(hidden=lambda self, channels: self.ratio),
                "channels divided by it",
            ),
            "one layer": (OneLayer, "the bottleneck has two"),
            "gradient stopped": (Stopped, "[gradient]"),
            "nothing": (Silent, "[runs]"),
            "the gates alone": (GatesAlone, "wrong shape"),
            "no ratio": (L.ReLU, "ratio"),
        },
    }
]
