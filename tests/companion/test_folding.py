"""Folded models give the same outputs; what cannot be folded stays, with its reason."""

import keras
import numpy as np
import pytest
from keras import layers as L

from companion import models
from companion.folding import fold_batch_norm, folding_plan
from companion.layers import (
    BatchNormalization,
    GroupedConv2D,
    NoisyBatchNormalization,
)


def scattered(model, seed=0):
    """The model with random biases, affine weights and moving statistics."""
    generator = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, L.BatchNormalization):
            *affine, mean, variance = layer.get_weights()
            affine = [generator.uniform(0.5, 1.5, w.shape) for w in affine]
            mean = generator.normal(0, 0.5, mean.shape)
            variance = generator.uniform(0.5, 2, variance.shape)
            layer.set_weights([*affine, mean, variance])
        elif getattr(layer, "use_bias", False):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, generator.normal(size=bias.shape)])
    return model


def normalizations(model):
    return [
        each for each in model._flatten_layers()
        if isinstance(each, L.BatchNormalization)
    ]  # fmt: skip


def assert_equal(model, folded, tolerance=1e-5):
    """On random inputs, within the tolerance of the largest output."""
    generator = np.random.default_rng(1)
    xs = [
        generator.normal(size=(3, *(side or 9 for side in x.shape[1:]))).astype("f")
        for x in model.inputs
    ]
    xs = xs if len(xs) > 1 else xs[0]
    ys, others = (keras.tree.flatten(m(xs, training=False)) for m in (model, folded))
    for y, other in zip(ys, others, strict=True):
        y, other = map(keras.ops.convert_to_numpy, (y, other))
        assert y.std() > 1e-3
        np.testing.assert_allclose(other, y, rtol=0, atol=tolerance * np.abs(y).max())


BEFORE = {  # the layer before the normalization
    "dense": ((7,), lambda: L.Dense(5)),
    "dense on a map": ((4, 6, 7), lambda: L.Dense(5, use_bias=False)),
    "1d": ((9, 3), lambda: L.Conv1D(5, 3, padding="causal")),
    "2d": ((8, 9, 3), lambda: L.Conv2D(5, 3, strides=2, padding="same")),
    "2d without bias": ((8, 9, 3), lambda: L.Conv2D(5, 3, use_bias=False)),
    "2d in groups": ((8, 9, 4), lambda: L.Conv2D(6, 3, groups=2)),
    "3d": ((5, 6, 7, 2), lambda: L.Conv3D(3, 2, dilation_rate=2)),
    "grouped": ((8, 9, 6), lambda: GroupedConv2D(9, 3, groups=3, padding="same")),
    "depthwise": ((8, 9, 3), lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "depthwise 1d": ((9, 4), lambda: L.DepthwiseConv1D(3, padding="same")),
    "separable": ((8, 9, 3), lambda: L.SeparableConv2D(5, 3, depth_multiplier=2)),
    "separable 1d": ((9, 3), lambda: L.SeparableConv1D(4, 3, use_bias=False)),
    "transposed": ((5, 6, 3), lambda: L.Conv2DTranspose(4, 3, 2, padding="same")),
    "transposed 1d": ((5, 3), lambda: L.Conv1DTranspose(4, 3, use_bias=False)),
    "transposed 3d": ((3, 4, 5, 2), lambda: L.Conv3DTranspose(3, 2)),
}
AFTER = {  # the layer after it
    "dense": ((7,), lambda: L.Dense(5, "relu")),
    "dense on a map": ((4, 6, 7), lambda: L.Dense(5, "tanh", use_bias=False)),
    "1d": ((9, 3), lambda: L.Conv1D(5, 3)),
    "2d": ((8, 9, 3), lambda: L.Conv2D(5, 3, strides=2, activation="relu")),
    "1x1, padded as it may": ((8, 9, 3), lambda: L.Conv2D(5, 1, padding="same")),
    "2d in groups": ((8, 9, 4), lambda: L.Conv2D(6, 3, groups=2, use_bias=False)),
    "3d": ((5, 6, 7, 2), lambda: L.Conv3D(3, 2)),
    "grouped": ((8, 9, 6), lambda: GroupedConv2D(9, 3, groups=3)),
    "depthwise": ((8, 9, 3), lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "depthwise 1d": ((9, 4), lambda: L.DepthwiseConv1D(3, use_bias=False)),
    "separable": ((8, 9, 3), lambda: L.SeparableConv2D(5, 3, depth_multiplier=2)),
    "separable 1d": ((9, 3), lambda: L.SeparableConv1D(4, 3)),
}


@pytest.mark.parametrize("kind", BEFORE)
def test_into_the_layer_before(kind):
    shape, make = BEFORE[kind]
    model = scattered(
        keras.Sequential([keras.Input(shape), make(), L.BatchNormalization()])
    )
    folded = fold_batch_norm(model)
    assert not normalizations(folded) and normalizations(model)
    assert_equal(model, folded)


@pytest.mark.parametrize("kind", AFTER)
def test_into_the_layer_after(kind):
    shape, make = AFTER[kind]
    model = scattered(
        keras.Sequential([keras.Input(shape), BatchNormalization(), make()])
    )
    folded = fold_batch_norm(model)
    assert not normalizations(folded)
    assert_equal(model, folded)


def test_one_convolution_takes_several():
    """Before, after, two in a row; without gamma, without beta."""
    model = keras.Sequential(
        [
            keras.Input((8, 9, 3)),
            L.BatchNormalization(scale=False),
            L.Conv2D(4, 3),
            L.BatchNormalization(center=False, epsilon=0.1),
            NoisyBatchNormalization(),
            L.ReLU(),
        ]
    )
    folded = fold_batch_norm(scattered(model))
    assert not normalizations(folded)
    assert_equal(model, folded)


def plan_of(*stack, shape=(8, 9, 3)):
    model = keras.Sequential([keras.Input(shape), *stack])
    plan = folding_plan(scattered(model))
    folded = fold_batch_norm(model)
    assert_equal(model, folded)
    assert len(normalizations(folded)) == sum("kept" in v for v in plan.values())
    return plan


def conv(name="conv", **options):
    return L.Conv2D(4, 3, name=name, **options)


def bn(name="bn", **options):
    return L.BatchNormalization(name=name, **options)


class Own(L.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


class OwnConv(L.Conv2D):
    def call(self, inputs):
        return 2 * super().call(inputs)


KEPT = {
    "an activation between": (
        [conv(activation="relu"), bn()],
        "activation relu of conv",
    ),
    "a layer between": (
        [conv(), L.ReLU(), bn()],
        "no convolution or dense layer stands",
    ),
    "zeros after": ([bn(), conv(padding="same")], "conv, after it, pads with zeros"),
    "zeros of a layer": (
        [bn(), L.ZeroPadding2D(), conv()],
        "layer alone stands after",
    ),
    "transposed after": (
        [bn(), L.Conv2DTranspose(4, 3, name="up")],
        "up, after it, is a transposed one",
    ),
    "another axis": ([conv(), bn(axis=1)], "it normalizes axis 1"),
    "a normalization of one's own": ([conv(), Own(name="bn")], "Own may compute"),
    "a convolution of one's own": ([OwnConv(4, 3), bn()], "no convolution or dense"),
}


@pytest.mark.parametrize("case", KEPT)
def test_kept_with_the_reason(case):
    stack, reason = KEPT[case]
    plan = plan_of(*(type(each).from_config(each.get_config()) for each in stack))
    assert plan["bn"].startswith("kept: ") and reason in plan["bn"]


def test_what_goes_elsewhere_is_kept():
    image = keras.Input((8, 9, 3))
    x = conv()(image)
    y = L.Add()([bn()(x), x])
    z = bn("second")(conv("other")(image))
    model = scattered(keras.Model(image, [y, z, conv("third")(z)]))
    plan = folding_plan(model)
    assert "the tensor between conv and it goes elsewhere too" in plan["bn"]
    assert plan["second"] == "folded into other"
    assert_equal(model, fold_batch_norm(model))


def test_an_output_is_a_use():
    image = keras.Input((8, 9, 3))
    x = conv()(image)
    model = scattered(keras.Model(image, [x, bn()(x)]))
    assert "goes elsewhere" in folding_plan(model)["bn"]
    assert_equal(model, fold_batch_norm(model))


def test_what_is_called_twice_is_kept():
    image = keras.Input((8, 9, 3))
    shared, once = L.Conv2D(3, 3, padding="same", name="shared"), bn("twice")
    x = bn("one")(shared(image))
    x = bn("two")(shared(x))
    model = scattered(keras.Model(image, once(once(x))))
    plan = folding_plan(model)
    assert "shared is called 2 times" in plan["one"]
    assert "shared is called 2 times" in plan["two"]
    assert plan["twice"] == "kept: it is called 2 times"
    folded = fold_batch_norm(model)
    assert len(folded.get_layer("shared").get_weights()) == 2
    assert sum(layer.name == "shared" for layer in folded.layers) == 1
    assert_equal(model, folded)


def test_a_call_in_training_is_kept():
    image = keras.Input((8, 9, 3))
    x = bn()(conv()(image), training=True)
    model = scattered(keras.Model(image, x))
    assert "training=True" in folding_plan(model)["bn"]
    frozen = bn("frozen", trainable=False)(conv("first")(image), training=True)
    model = scattered(keras.Model(image, frozen))
    assert folding_plan(model)["frozen"] == "folded into first"
    assert_equal(model, fold_batch_norm(model))


@pytest.mark.parametrize("training", [None, False, True])
def test_a_nested_model_passes_its_mode_on(training):
    """`base(x, training=...)`: its normalizations have no argument of their own."""
    out = L.Conv2D(3, 3, padding="same", name="out")
    base = keras.Sequential(
        [keras.Input((8, 9, 3)), conv(padding="same"), bn(), out, bn("last")],
        name="base",
    )
    image = keras.Input((8, 9, 3))
    x = base(base(image, training=training), training=False)
    model = scattered(keras.Model(image, x))
    assert all("is called 2 times" in words for words in folding_plan(model).values())
    assert_equal(model, fold_batch_norm(model))
    once = keras.Model(image, base(image, training=training))
    plan, folded = folding_plan(once), fold_batch_norm(once)
    batches = "it is called with training=True: each batch has its own"
    for name, into in (("base/bn", "base/conv"), ("base/last", "base/out")):
        kept = f"kept: {batches}"
        assert plan[name] == (kept if training else f"folded into {into}")
    assert len(normalizations(folded)) == (2 if training else 0)
    assert_equal(once, folded)


class InTraining(keras.layers.Layer):
    """Adds one in training, and nothing otherwise."""

    def call(self, x, training=None):
        return x + 1 if training else x


class WithoutModes(keras.layers.Layer):
    """Its own `call` names no mode; the layer inside has two."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = InTraining()

    def call(self, x):
        return self.inside(x)


@pytest.mark.parametrize("training", [None, False, True])
def test_a_nested_model_passes_its_mode_through_a_layer_without_modes(training):
    base = keras.Sequential([keras.Input((8, 9, 3)), conv(), WithoutModes()])
    image = keras.Input((8, 9, 3))
    model = keras.Model(image, bn()(base(image, training=training)))
    assert_equal(scattered(model), fold_batch_norm(model))


def test_a_mask_is_no_obstacle_to_the_copy():
    words = keras.Input((5,), dtype="int32")
    x = L.Embedding(20, 4, mask_zero=True)(words)
    model = scattered(keras.Model(words, bn()(L.Dense(3)(x))))
    xs = np.array([[1, 2, 0, 0, 0], [3, 0, 4, 5, 6]])
    folded = fold_batch_norm(model)
    np.testing.assert_allclose(
        folded.predict(xs, verbose=0), model.predict(xs, verbose=0), atol=1e-5
    )


def test_constants_of_adapted_layers_are_copied():
    """`Normalization` computes them from its weights, when they are loaded."""
    scale = L.Normalization()
    scale.adapt(np.random.default_rng(0).normal(3, 5, (50, 8, 9, 3)))
    model = scattered(keras.Sequential([keras.Input((8, 9, 3)), scale, conv(), bn()]))
    assert_equal(model, fold_batch_norm(model))


def test_half_precision():
    options = {"dtype": "mixed_float16"}
    image = keras.Input((8, 9, 3))
    model = scattered(keras.Model(image, bn(**options)(conv(**options)(image))))
    folded = fold_batch_norm(model)
    assert folded.get_layer("conv").dtype_policy.name == "mixed_float16"
    assert_equal(model, folded, tolerance=1e-2)


def test_nested_models_operations_and_several_inputs():
    inner = keras.Sequential(
        [keras.Input((8, 9, 3)), conv(), bn(), L.ReLU()], name="in"
    )
    a, b = keras.Input((8, 9, 3), name="a"), keras.Input((6, 7, 4), name="b")
    x = keras.ops.concatenate([inner(a), keras.ops.relu(b) + 1], axis=-1)
    x = bn("last")(conv("outer", use_bias=False)(x))
    model = scattered(keras.Model([a, b], [x, keras.ops.mean(x, axis=(1, 2))]))
    folded = fold_batch_norm(model)
    assert folding_plan(model) == {
        "in/bn": "folded into in/conv",
        "last": "folded into outer",
    }
    assert not normalizations(folded)
    assert [each.name for each in folded.inputs] == ["a", "b"]
    assert_equal(model, folded)


def test_the_model_is_left_alone_and_shares_nothing():
    model = keras.Sequential([keras.Input((8, 9, 3)), conv(), bn()])
    before = scattered(model).get_weights()
    folded = fold_batch_norm(model)
    folded.set_weights([0 * w for w in folded.get_weights()])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input((8, 9, 3)), conv(), bn()])
    folded = fold_batch_norm(scattered(model))
    folded.save(tmp_path / "folded.keras")
    assert_equal(model, keras.saving.load_model(tmp_path / "folded.keras"))


def test_saved_and_loaded_with_operations(tmp_path):
    image = keras.Input((8, 9, 3))
    x = keras.ops.relu(bn()(conv(padding="same")(image)) * 2 + image[..., :1])
    model = scattered(keras.Model(image, x[:, 1:]))
    for each, name in ((fold_batch_norm(model), "folded"), (model, "model")):
        each.save(tmp_path / f"{name}.keras")
        assert_equal(model, keras.saving.load_model(tmp_path / f"{name}.keras"))


def test_a_model_without_normalizations():
    model = keras.Sequential([keras.Input((8, 9, 3)), conv()])
    assert folding_plan(model) == {}
    assert_equal(model, fold_batch_norm(model), tolerance=1e-7)


def test_refuses_what_has_no_graph():
    with pytest.raises(TypeError, match="must be a Keras model"):
        fold_batch_norm(bn())
    with pytest.raises(ValueError, match="input shape"):
        folding_plan(keras.Sequential([conv(), bn()]))


NETWORKS = {  # normalizations kept; the first of a dense layer stands after a join
    "ResNet50": (models.ResNet50, {}, 0),
    "ResNet50V2": (models.ResNet50V2, {}, None),
    "MobileNetV1": (models.MobileNetV1, {"width": 0.25}, 0),
    "MobileNetV2": (models.MobileNetV2, {"width": 0.35}, 0),
    "MobileNetV3Small": (models.MobileNetV3Small, {}, 0),
    "DenseNet121": (models.DenseNet121, {}, None),
}


slow_elsewhere = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="what is folded does not depend on the backend, and compiling takes minutes",
)


@slow_elsewhere
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_package(name):
    make, options, kept = NETWORKS[name]
    model = make(
        input_shape=(64, 64, 3), classes=10, classifier_activation=None, **options
    )
    plan = folding_plan(scattered(model))
    folded = fold_batch_norm(model)
    stays = [reason for reason in plan.values() if reason.startswith("kept")]
    assert len(normalizations(folded)) == len(stays)
    assert len(plan) == len(normalizations(model))
    if kept is not None:
        assert len(stays) == kept
    else:
        assert 0 < len(stays) < len(plan)
    assert_equal(model, folded)


@slow_elsewhere
def test_a_network_of_keras():
    model = keras.applications.EfficientNetB0(
        weights=None, input_shape=(64, 64, 3), classes=10, classifier_activation=None
    )
    folded = fold_batch_norm(scattered(model))
    assert normalizations(model) and not normalizations(folded)
    assert_equal(model, folded)
