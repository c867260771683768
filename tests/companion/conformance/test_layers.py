"""The checks are checked: deliberately broken layers, each caught by name.

Every broken class below makes one realistic mistake and is right in all else.
"""

import dataclasses
import random
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.backend.common import global_state

from companion import conformance
from companion.conformance import (
    LAYER_CHECKS,
    ConformanceError,
    NotJudged,
    check_layer,
    report_layer,
)

BACKEND = keras.backend.backend()
SHAPE = (6, 5, 4)
GATED = (5, 4, 6)


def scaled(x, scale):
    return x * scale


@keras.saving.register_keras_serializable(package="broken")
class Scale(layers.Layer):
    """A right layer, which the broken ones inherit from: one factor per channel."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones")

    def call(self, inputs):
        return inputs * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="broken")
class ConfigLacksPower(Scale):
    def __init__(self, power=1, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, inputs):
        return super().call(inputs) ** self.power

    def get_config(self):
        return super().get_config()


@keras.saving.register_keras_serializable(package="broken")
class TwoFaults(ConfigLacksPower):
    def call(self, inputs):
        return super().call(inputs[:, ::2, ::2])


@keras.saving.register_keras_serializable(package="broken")
class ConfigHoldsALambda(Scale):
    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, inputs):
        return self.activation(super().call(inputs))

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}


@keras.saving.register_keras_serializable(package="broken")
class SublayerNotBuilt(layers.Layer):
    def build(self, input_shape):
        self.dense = layers.Dense(3, dtype=self.dtype_policy)

    def call(self, inputs):
        return self.dense(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="broken")
class SublayerWithoutPolicy(layers.Layer):
    def build(self, input_shape):
        self.dense = layers.Dense(3)
        self.dense.build(input_shape)

    def call(self, inputs):
        return ops.cast(self.dense(inputs), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="broken")
class SquaresInFloat16(Scale):
    """sqrt(mean(x**2)) of numbers around 1000: the squares are infinite in float16."""

    def call(self, inputs):
        x = 1000 * super().call(inputs)
        return inputs * ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True)) / 1000


@keras.saving.register_keras_serializable(package="broken")
class ShapeIgnoresStride(Scale):
    def call(self, inputs):
        return super().call(inputs[:, ::2, ::2])


@keras.saving.register_keras_serializable(package="broken")
class ShapeSwapsHeightAndWidth(Scale):
    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, width, height, channels


@keras.saving.register_keras_serializable(package="broken")
class AreaReadInBuild(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.area = input_shape[1] * input_shape[2]

    def call(self, inputs):
        return super().call(inputs) / self.area


@keras.saving.register_keras_serializable(package="broken")
class DeadWeight(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.offset = self.add_weight(shape=input_shape[-1:], initializer="zeros")


@keras.saving.register_keras_serializable(package="broken")
class GradientStopped(Scale):
    def call(self, inputs):
        return super().call(ops.round(inputs))


@keras.saving.register_keras_serializable(package="broken")
class NormalizesOverSamples(Scale):
    def call(self, inputs):
        return super().call(inputs - ops.mean(inputs, axis=0, keepdims=True))


@keras.saving.register_keras_serializable(package="broken")
class DropsAtInference(Scale):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        return keras.random.dropout(super().call(inputs), 0.5, seed=self.generator)


@keras.saving.register_keras_serializable(package="broken")
class NeverDrops(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.dropout = layers.Dropout(0.5, dtype=self.dtype_policy)

    def call(self, inputs, training=False):
        return self.dropout(super().call(inputs), training=False)


@keras.saving.register_keras_serializable(package="broken")
class PythonIf(Scale):
    def call(self, inputs):
        if float(ops.max(inputs)) > 0:
            return super().call(inputs)
        return inputs


@keras.saving.register_keras_serializable(package="broken")
class WeightThatIsNone(Scale):
    """The offset is random and no weight, so that no file keeps it."""

    def build(self, input_shape):
        super().build(input_shape)
        self.offset = keras.random.normal(input_shape[-1:])

    def call(self, inputs):
        return super().call(inputs) + ops.cast(self.offset, self.compute_dtype)


@keras.saving.register_keras_serializable(package="broken")
class ReshapesWidthFirst(Scale):
    """The position code of a row is given to the columns."""

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(super().call(inputs), (batch, width, height, channels))
        x = ops.flip(x, axis=1)
        return ops.reshape(x, (batch, height, width, channels))


@keras.saving.register_keras_serializable(package="broken")
class OtherPadding(Scale):
    """Edges repeated, where the reference has zeros."""

    def call(self, inputs):
        x = ops.pad(super().call(inputs), ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        return (x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]) / 4


@keras.saving.register_keras_serializable(package="broken")
class AxisFoundBySize(Scale):
    def call(self, inputs):
        sizes = list(inputs.shape)
        shape = [1] * len(sizes)
        shape[sizes.index(self.scale.shape[0])] = -1
        return inputs * ops.reshape(self.scale, shape)


@keras.saving.register_keras_serializable(package="broken")
class RowBias(layers.Layer):
    """The trap of `ops.add` on TensorFlow: a bias per row is added to the channels."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(input_shape[1], 1, 1), initializer="zeros")

    def call(self, inputs):
        return ops.add(inputs, self.bias)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="broken")
class Returns(Scale):
    """Gives back something that is no finite tensor."""

    def __init__(self, what, **kwargs):
        super().__init__(**kwargs)
        self.what = what

    def call(self, inputs):
        y = super().call(inputs)
        if self.what == "exit":
            sys.exit(0)
        return {
            "none": None,
            "list": [y],
            "numpy": ops.convert_to_numpy(y),
            "nan": (y - y) / (y - y),
        }[self.what]

    def get_config(self):
        return {**super().get_config(), "what": self.what}


@keras.saving.register_keras_serializable(package="broken")
class PythonIfWhileTraced(layers.Layer):
    def call(self, inputs):
        return inputs if float(ops.max(inputs)) > 0 else -inputs


@keras.saving.register_keras_serializable(package="broken")
class WithoutKeywords(Scale):
    def __init__(self):
        super().__init__()


@keras.saving.register_keras_serializable(package="broken")
class DropsWithoutGenerator(Scale):
    def call(self, inputs, training=False):
        x = super().call(inputs)
        return keras.random.dropout(x, 0.5) if training else x


@keras.saving.register_keras_serializable(package="broken")
class Untrainable(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.scale.trainable = False


@keras.saving.register_keras_serializable(package="broken")
class NumPyWeight(Scale):
    def build(self, input_shape):
        self.scale = np.ones(input_shape[-1:], "float32")

    def call(self, inputs):
        return inputs * ops.cast(self.scale, self.compute_dtype)


@keras.saving.register_keras_serializable(package="broken")
class SquaresOf256(Scale):
    """Root mean square: inputs of 256 and more have infinite squares in float16."""

    def call(self, inputs):
        x = super().call(inputs)
        return x / (1 + ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True)))


@keras.saving.register_keras_serializable(package="broken")
class Normalized(Scale):
    """Batch normalization that is always in training, or never."""

    def __init__(self, stuck, **kwargs):
        super().__init__(**kwargs)
        self.stuck = stuck

    def build(self, input_shape):
        super().build(input_shape)
        self.norm = layers.BatchNormalization(dtype=self.dtype_policy)
        self.norm.build(input_shape)

    def call(self, inputs):
        return self.norm(super().call(inputs), training=self.stuck)

    def get_config(self):
        return {**super().get_config(), "stuck": self.stuck}


@keras.saving.register_keras_serializable(package="broken")
class Gate(layers.Layer):
    """A squeeze-and-excitation layer, right unless `wrong` names a mistake."""

    def __init__(self, ratio=3, wrong=None, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio
        self.wrong = wrong

    def build(self, input_shape):
        channels, ratio = input_shape[-1], self.ratio
        hidden = channels // (3 if self.wrong == "no ratio" else ratio)
        squeeze = {"no relu": None, "relu6": "relu6"}.get(self.wrong, "relu")
        excite = "softmax" if self.wrong == "softmax" else "sigmoid"
        more = {"dtype": self.dtype_policy}
        if self.wrong == "zeros":
            more["kernel_initializer"] = "zeros"
        if self.wrong == "ones":
            more["kernel_initializer"] = keras.initializers.Constant(0.1)
            more["bias_initializer"] = "ones"
        self.reduce = layers.Dense(hidden, squeeze, **more)
        self.expand = layers.Dense(channels, excite, **more)
        self.reduce.build((None, channels))
        self.expand.build((None, hidden))

    def call(self, inputs):
        squeezed = ops.mean(inputs, (1, 2))
        if self.wrong == "stopped":
            squeezed = ops.stop_gradient(squeezed)
        return inputs * self.expand(self.reduce(squeezed))[:, None, None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio, "wrong": self.wrong}


@keras.saving.register_keras_serializable(package="broken")
class GateExpandFirst(Gate):
    """Right: the layers are made in the other order."""

    def build(self, input_shape):
        channels, hidden = input_shape[-1], input_shape[-1] // self.ratio
        self.expand = layers.Dense(channels, "sigmoid", dtype=self.dtype_policy)
        self.expand.build((None, hidden))
        self.reduce = layers.Dense(hidden, "relu", dtype=self.dtype_policy)
        self.reduce.build((None, channels))


@keras.saving.register_keras_serializable(package="broken")
class GateOfConvolutions(Gate):
    """Right: 1x1 convolutions of a map of one pixel."""

    def build(self, input_shape):
        channels, hidden = input_shape[-1], input_shape[-1] // self.ratio
        policy = {"dtype": self.dtype_policy}
        self.reduce = layers.Conv2D(hidden, 1, activation="relu", **policy)
        self.expand = layers.Conv2D(channels, 1, activation="sigmoid", **policy)
        self.reduce.build((None, 1, 1, channels))
        self.expand.build((None, 1, 1, hidden))

    def call(self, inputs):
        squeezed = ops.mean(inputs, (1, 2), keepdims=True)
        return inputs * self.expand(self.reduce(squeezed))


@keras.saving.register_keras_serializable(package="broken")
class GateOfMatrices(Gate):
    """Right: bare weights and products instead of layers."""

    def build(self, input_shape):
        channels, hidden = input_shape[-1], input_shape[-1] // self.ratio
        shapes = (channels, hidden), (hidden,), (hidden, channels), (channels,)
        self.w1, self.b1, self.w2, self.b2 = (
            self.add_weight(shape=shape, initializer="random_normal")
            for shape in shapes
        )

    def call(self, inputs):
        hidden = ops.relu(ops.mean(inputs, (1, 2)) @ self.w1 + self.b1)
        gates = ops.sigmoid(hidden @ self.w2 + self.b2)
        return inputs * gates[:, None, None]


def gated(x, w1, b1, w2, b2):
    hidden = np.maximum(x.mean(axis=(1, 2)) @ w1 + b1, 0)
    return x / (1 + np.exp(-(hidden @ w2 + b2)))[:, None, None]


@keras.saving.register_keras_serializable(package="broken")
class Drop(layers.Layer):
    """Stochastic depth; drops whole samples and rescales, unless told otherwise."""

    def __init__(self, rate=0.3, elements=False, rescales=True, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.elements, self.rescales = rate, elements, rescales
        self.generator = keras.random.SeedGenerator(3)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = ops.shape(inputs)
        shape = shape if self.elements else (shape[0], 1, 1, 1)
        draw = keras.random.uniform(shape, seed=self.generator)
        kept = inputs * ops.cast(draw >= self.rate, inputs.dtype)
        return kept / (1 - self.rate) if self.rescales else kept

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {name: getattr(self, name) for name in ("rate", "elements", "rescales")}
        return {**super().get_config(), **own}


def dropped(x, y):
    """What stochastic depth with the rate 0.3 makes of what it has kept."""
    kept = np.any(y != 0, axis=(1, 2, 3), keepdims=True)
    assert 0.1 < 1 - kept.mean() < 0.5, "another part of the samples is dropped"
    return x * kept / 0.7


def flipped(x, scale):
    return scaled(x, scale)[:, ::-1]


def neighbours(x, scale):
    x = np.pad(x * scale, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return (x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]) / 4


@dataclasses.dataclass
class Mistake:
    make: object
    check: str
    said: str
    reference: object = None
    without: tuple = ()
    given: dict = dataclasses.field(default_factory=dict)


def only(*checks):
    """All other checks, which a mistake far down the list need not wait for."""
    return tuple(set(LAYER_CHECKS) - {"runs", "symbolic", *checks})


def wrong_gate(wrong, check, said):
    without = only("reference", check)
    return Mistake(lambda: Gate(wrong=wrong), check, said, gated, without)


ONE_FOR_ALL = layers.ReLU()

MISTAKES = {
    "an argument is missing in the config": Mistake(
        lambda: ConfigLacksPower(power=2), "config", "lacks the argument `power`"
    ),
    "a lambda in the config": Mistake(
        lambda: ConfigHoldsALambda(lambda x: x + 1), "json", "keras.activations"
    ),
    "a sublayer is not built in build": Mistake(
        SublayerNotBuilt, "build", "was not built"
    ),
    "dropout at inference": Mistake(DropsAtInference, "inference", "Two calls"),
    "training not passed on": Mistake(NeverDrops, "training_flag", "in training"),
    "normalized over axis 0": Mistake(NormalizesOverSamples, "samples", "axis 0"),
    "stride not in the shape": Mistake(ShapeIgnoresStride, "symbolic_shape", "stride"),
    "height and width swapped in the shape": Mistake(
        ShapeSwapsHeightAndWidth, "symbolic_shape", "Are height and width"
    ),
    "sizes read in build": Mistake(AreaReadInBuild, "unknown_sizes", "in `build`"),
    "a Python if on a tensor": Mistake(
        PythonIf, "jit", "no Python `if`", without=("unknown_sizes",)
    ),
    "a random constant that is no weight": Mistake(
        WeightThatIsNone, "saving", "add_weight", without=("unknown_sizes",)
    ),
    "a dead weight": Mistake(DeadWeight, "training_step", "did not move"),
    "no gradient to the layer before": Mistake(
        GradientStopped, "training_step", "the_layer_before"
    ),
    "a sublayer without the dtype policy": Mistake(
        SublayerWithoutPolicy, "mixed_precision", "has the policy float32"
    ),
    "squares overflow in float16": Mistake(
        SquaresInFloat16, "mixed_precision", "overflow"
    ),
    "height and width swapped in a reshape": Mistake(
        ReshapesWidthFirst, "reference", "of the output values", flipped
    ),
    "another padding": Mistake(OtherPadding, "reference", "the padding", neighbours),
    "no return": Mistake(lambda: Returns("none"), "runs", "a `return` missing"),
    "a list": Mistake(lambda: Returns("list"), "runs", "returned a list"),
    "a NumPy array": Mistake(lambda: Returns("numpy"), "runs", "by `keras.ops`"),
    "NaN": Mistake(lambda: Returns("nan"), "runs", "The output has NaN"),
    "the program is left": Mistake(
        lambda: Returns("exit"), "runs", "tried to end the program"
    ),
    "no layer": Mistake(lambda: np.zeros, "runs", "type builtin_function"),
    "one layer for all": Mistake(lambda: ONE_FOR_ALL, "runs", "returned twice"),
    "an average over axes that are not there": Mistake(
        lambda: layers.GlobalAveragePooling3D(), "runs", "random numbers yourself"
    ),
    "a Python if while traced": Mistake(
        PythonIfWhileTraced, "symbolic", "symbols instead of numbers"
    ),
    "no **kwargs": Mistake(WithoutKeywords, "config", "accept `**kwargs`"),
    "batch normalization always in training": Mistake(
        lambda: Normalized(True), "training_flag", "at inference changed"
    ),
    "batch normalization never in training": Mistake(
        lambda: Normalized(False), "training_flag", "the part `batch_norm"
    ),
    "dropout without a generator": Mistake(
        DropsWithoutGenerator, "seeds", "outside the layer's own"
    ),
    "the only weight does not learn": Mistake(
        Untrainable, "frozen", "neither learns nor"
    ),
    "a NumPy array for a weight": Mistake(
        NumPyWeight, "reference", "made by `add_weight`", scaled, only("reference")
    ),
    "squares of 256 in float16": Mistake(
        SquaresOf256, "mixed_precision", "for inputs around 128"
    ),
    "no activation": wrong_gate("no relu", "reference", "are wrong"),
    "a bounded activation": wrong_gate("relu6", "reference", "for inputs around 40"),
    "softmax for sigmoid": wrong_gate("softmax", "reference", "are wrong"),
    "the gradient is stopped": wrong_gate("stopped", "gradient", "to the input"),
    "kernels start at zero": wrong_gate("zeros", "training_step", "its initial"),
    "kernels start equal": wrong_gate("ones", "training_step", "learn the same"),
    "the ratio is ignored": Mistake(
        lambda: Gate(ratio=2, wrong="no ratio"),
        "params",
        "fewer than",
        without=only("params"),
        given={"params": 6 * 3 + 3 + 3 * 6 + 6},
    ),
    "single elements dropped": Mistake(
        lambda: Drop(elements=True),
        "training_reference",
        "another part of the samples",
        without=only("training_reference"),
        given={"training_reference": dropped},
    ),
    "no rescaling": Mistake(
        lambda: Drop(rescales=False),
        "training_reference",
        "wrong in training",
        without=only("training_reference"),
        given={"training_reference": dropped},
    ),
    "an axis found by its size": Mistake(
        AxisFoundBySize, "equal_sizes", "by its size", scaled, ("unknown_sizes",)
    ),
}

if BACKEND == "tensorflow":
    MISTAKES["ops.add takes a bias of rows for one of channels"] = Mistake(
        RowBias, "equal_sizes", "keras.ops.add", np.add, ("unknown_sizes",)
    )


@pytest.mark.parametrize("name", MISTAKES)
def test_a_broken_layer_is_caught_by_name(name):
    mistake = MISTAKES[name]
    shape = GATED if isinstance(mistake.make(), Gate) else SHAPE
    arguments = mistake.reference, mistake.without
    with pytest.raises(ConformanceError) as caught:
        check_layer(mistake.make, shape, *arguments, **mistake.given)
    message = str(caught.value)
    assert caught.value.check == mistake.check, message
    assert message.startswith(f"[{mistake.check}]")
    assert mistake.said in message


def test_every_check_catches_a_mistake():
    assert {mistake.check for mistake in MISTAKES.values()} == {*LAYER_CHECKS}


def convolution(x, kernel, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))
    return np.einsum("bhwckl,klcf->bhwf", windows, kernel) + bias


def batch_normalization(x, gamma, beta, mean, variance):
    return gamma * (x - mean) / np.sqrt(variance + 0.01) + beta


RIGHT = {
    "Scale": (Scale, scaled),
    "Conv2D": (lambda: layers.Conv2D(7, (3, 2)), convolution),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(momentum=0.9, epsilon=0.01),
        batch_normalization,
    ),
    "Dropout": (lambda: layers.Dropout(0.3), lambda x: x),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(5, 3, strides=2, padding="same"),
        None,
    ),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(3, strides=2), None),
    "Activation": (lambda: layers.Activation("tanh"), np.tanh),
    "Gate": (Gate, gated),
    "Gate, expand first": (GateExpandFirst, gated),
    "Gate of convolutions": (GateOfConvolutions, gated),
    "Gate of matrices": (GateOfMatrices, gated),
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarm(name):
    make, reference = RIGHT[name]
    check_layer(make, GATED if reference is gated else SHAPE, reference)


def test_no_false_alarm_in_training():
    check_layer(Drop, SHAPE, lambda x: x, training_reference=dropped)


def test_no_answer_in_the_message():
    """A wrong shape and wrong numbers are reported without those of the reference."""
    for reference in (lambda x, scale: x[:, 1:] * scale, lambda x, scale: x + 0.123):
        with pytest.raises(ConformanceError, match=r"^\[reference\]") as caught:
            check_layer(Scale, SHAPE, reference)
        y = reference(conformance.sample(SHAPE), np.ones(4))
        assert str(y.shape[1:]) not in str(caught.value).replace(str((2, *SHAPE)), "")
        assert "0.12" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"input_shape": (5, 5, 3)}, r"Received: input_shape=\(5, 5, 3\)"),
        ({"input_shape": (None, 5, 3)}, r"Received: input_shape=\(None, 5, 3\)"),
        ({"input_shape": 5}, "Received: input_shape=5"),
        (
            {"input_shape": SHAPE, "without": ["shape"]},
            r"Received: without=\['shape'\]",
        ),
    ],
)
def test_check_layer_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=received):
        check_layer(Scale, **arguments)


def test_an_instance_is_no_function():
    with pytest.raises(ValueError, match="Received: make=<Scale"):
        check_layer(Scale(), SHAPE)


def test_a_broken_reference_is_not_the_layer_s_fault():
    def broken(x, scale):
        return x @ np.ones((9, 9))

    with pytest.raises(NotJudged, match=r"\[reference\] The reference itself raised"):
        check_layer(Scale, SHAPE, broken, only("reference"))
    report = report_layer(Scale, SHAPE, broken, only("reference", "equal_sizes"))
    assert not report.passed
    assert not report.failures
    assert report["equal_sizes"].observed.startswith("Not run because `reference`")


def test_all_failures_at_once():
    report = report_layer(lambda: ConfigLacksPower(power=2), SHAPE)
    assert [result.check for result in report.failures] == ["config"]
    assert report["json"].passed
    assert "Not run because `config`" in report["mixed_precision"].observed
    both = report_layer(lambda: TwoFaults(power=2), SHAPE)
    assert {"config", "symbolic_shape"} <= {r.check for r in both.failures}


# --- the world ------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="broken")
class Changes(Scale):
    """Changes a state of the whole program when it is made."""

    def __init__(self, what, **kwargs):
        WORLD[what][0]()
        super().__init__(**kwargs)
        self.what = what

    def get_config(self):
        return {**super().get_config(), "what": self.what}


WORLD = {  # what is changed: (the change, what the message says of it)
    "policy": (lambda: keras.config.set_dtype_policy("mixed_float16"), "dtype policy"),
    "floatx": (lambda: keras.config.set_floatx("float16"), "floatx"),
    "format": (
        lambda: keras.config.set_image_data_format("channels_first"),
        "image_data_format",
    ),
    "seeds": (lambda: keras.utils.set_random_seed(1), "random seed of Keras"),
    "NumPy": (lambda: np.random.seed(1), "NumPy's global random state"),
    "draws": (np.random.rand, "NumPy's global random state"),
    "Python": (lambda: random.seed(1), "seed of Python's"),
}


@pytest.mark.parametrize("what", WORLD)
def test_a_changed_world_is_named_and_put_back(what):
    with pytest.raises(ConformanceError, match=r"^\[global_state\]") as caught:
        check_layer(lambda: Changes(what), SHAPE, without=only())
    assert WORLD[what][1] in str(caught.value)
    check_layer(Scale, SHAPE, scaled, only("mixed_precision", "reference"))


def test_the_caller_is_not_disturbed():
    def state():
        return (
            np.random.get_state()[1].tolist(),
            random.getstate(),
            global_state.get_global_attribute("global_random_seed"),
            keras.config.dtype_policy().name,
        )

    keras.utils.set_random_seed(5)
    undisturbed = ops.convert_to_numpy(keras.random.normal((3,)))
    keras.utils.set_random_seed(5)
    before = state()
    check_layer(DropsWithoutGenerator, SHAPE, without=only())
    assert state() == before
    after = ops.convert_to_numpy(keras.random.normal((3,)))
    np.testing.assert_array_equal(after, undisturbed)


def submitted(power):
    """A class of the same registered name for each submission."""

    @keras.saving.register_keras_serializable(package="course")
    class MyLayer(Scale):
        def call(self, inputs):
            return super().call(inputs) ** power

    return MyLayer


def test_the_class_under_test_is_loaded():
    right, wrong = submitted(1), submitted(3)
    checks = only("json", "saving", "reference")
    check_layer(right, SHAPE, scaled, checks)
    with pytest.raises(ConformanceError, match=r"^\[reference\]"):
        check_layer(wrong, SHAPE, scaled, checks)
