"""The checks are checked: deliberately broken layers and models, each caught by name.

Every broken class below makes one realistic mistake and is right in all else.
"""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import conformance
from companion.conformance import ConformanceError, check_layer, check_model

BACKEND = keras.backend.backend()
SHAPE = (6, 5, 4)


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
    with pytest.raises(ConformanceError) as caught:
        check_layer(mistake.make, SHAPE, mistake.reference, mistake.without)
    message = str(caught.value)
    assert caught.value.check == mistake.check, message
    assert message.startswith(f"[{mistake.check}]")
    assert mistake.said in message


def test_every_check_catches_a_mistake():
    assert {mistake.check for mistake in MISTAKES.values()} == {
        *conformance.LAYER_CHECKS
    }


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
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarm(name):
    make, reference = RIGHT[name]
    check_layer(make, SHAPE, reference)


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
        (
            {"input_shape": SHAPE, "without": ["shape"]},
            r"Received: without=\['shape'\]",
        ),
    ],
)
def test_check_layer_refuses_wrong_arguments(arguments, received):
    with pytest.raises(ValueError, match=received):
        check_layer(Scale, **arguments)


# --- models ---------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="broken")
def double(x):
    return 2 * x


def net(
    input_shape=(12, 10, 3),
    classes=5,
    stem=lambda: layers.Conv2D(4, 3, padding="same", name="stem"),
    stride=2,
    after=lambda x: x,
    head_bias=True,
    ignore_classes=False,
    flatten=False,
):
    x = image = keras.Input(input_shape)
    x = stem()(x)
    x = layers.Conv2D(6, 3, strides=stride, padding="same", name="conv")(x)
    x = after(x)
    if classes is not None or ignore_classes:
        pool = layers.Flatten() if flatten else layers.GlobalAveragePooling2D()
        x = pool(x)
        x = layers.Dense(5 if ignore_classes else classes, use_bias=head_bias)(x)
    return keras.Model(image, x)


def dead_branch(x):
    return x + ops.stop_gradient(layers.Conv2D(6, 1, name="branch")(x))


PARAMS = 4 * (27 + 1) + 6 * (36 + 1) + 5 * (6 + 1)  # counted by hand
MACS = 120 * 4 * 27 + 30 * 6 * 36 + 30


def grey_only(input_shape=(12, 10, 3), classes=5):
    return net((*input_shape[:-1], 3), classes)


def size_read(input_shape=(12, 10, 3), classes=5):
    pool = layers.AveragePooling2D(input_shape[0] // 12)
    return net(input_shape, classes, after=pool)


def changed(**mistake):
    return lambda input_shape=(12, 10, 3), classes=5: net(
        input_shape, classes, **mistake
    )


MODEL_MISTAKES = {
    "a bias too few": (changed(head_bias=False), "params", "fewer than"),
    "the stride forgotten": (changed(stride=1), "macs", "more than published"),
    "classes ignored": (changed(ignore_classes=True), "classes", "classes=7"),
    "three channels in the code": (grey_only, "channels", "no 3 in the code"),
    "a size read while building": (size_read, "unknown_size", "read while"),
    "a lambda layer": (
        changed(after=layers.Lambda(lambda x: 2 * x, output_shape=(6, 5, 6))),
        "saving",
        "Lambda",
    ),
    "a branch without a gradient": (
        changed(after=dead_branch),
        "training_step",
        "branch",
    ),
    "a dtype in the code": (
        changed(stem=lambda: layers.Conv2D(4, 3, padding="same", dtype="float32")),
        "mixed_precision",
        "has the policy float32",
    ),
}


def numbers_of(name):
    """The dead branch adds a convolution that the paper's numbers must then count."""
    if name == "a branch without a gradient":
        return {"params": PARAMS + 42, "macs": MACS + 30 * 36}
    return {"params": PARAMS, "macs": MACS}


def test_a_right_model_passes():
    check_model(net, params=PARAMS, macs=MACS)


def test_an_entry_of_the_registry_brings_its_numbers():
    @dataclasses.dataclass
    class Entry:
        build: object = net
        params: int = PARAMS
        macs: int = MACS

    check_model(Entry(), input_shape=(7, 6, 3))
    with pytest.raises(ConformanceError, match=r"^\[macs\]"):
        check_model(Entry(macs=MACS + 1))


@pytest.mark.parametrize("name", MODEL_MISTAKES)
def test_a_broken_model_is_caught_by_name(name):
    build, check, said = MODEL_MISTAKES[name]
    with pytest.raises(ConformanceError) as caught:
        check_model(build, **numbers_of(name))
    assert caught.value.check == check, str(caught.value)
    assert said in str(caught.value)
    for number in numbers_of(name).values():
        assert f"{number:,}" not in str(caught.value)


def test_every_model_check_catches_a_mistake():
    caught = {check for _, check, _ in MODEL_MISTAKES.values()}
    assert caught == {*conformance.MODEL_CHECKS}


def test_check_model_asks_for_published_numbers():
    with pytest.raises(ValueError, match="Received: macs=None"):
        check_model(net, params=PARAMS)


def test_the_policy_is_put_back():
    check_model(net, without=set(conformance.MODEL_CHECKS) - {"mixed_precision"})
    assert keras.config.dtype_policy().name == "float32"
