"""Layers and models without a rule: their `call` is followed, or they are refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion.complexity import (
    complexity_table,
    count_activations,
    count_macs,
    count_params,
    layer_costs,
    memory_access_cost,
)


def model_of(layer, *shapes):
    images = [keras.Input(shape) for shape in shapes]
    return keras.Model(images, layer(*images))


class Blur(layers.Layer):
    def call(self, x):
        return ops.depthwise_conv(x, ops.ones((3, 3, x.shape[-1], 1)) / 9, 2, "same")


class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.conv = layers.Conv2D(4, 3, padding="same", name="conv")
        self.head = layers.Dense(5, name="head")

    def call(self, x):
        x = self.conv(self.conv(x))
        return self.head(ops.mean(x, (1, 2)))


class Opaque(layers.Layer):
    """Leaves Keras, where symbolic tensors cannot follow."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(3, 3), name="kernel")

    def call(self, x):
        return ops.convert_to_tensor(np.asarray(x) @ np.asarray(self.kernel))

    def compute_output_shape(self, input_shape):
        return input_shape


def called(model, *shapes):
    model(*(np.ones((1, *shape), "float32") for shape in shapes))
    return model


def test_a_layer_without_weights_may_multiply():
    assert count_macs(model_of(Blur(), (12, 14, 4))) == 6 * 7 * 9 * 4


def test_a_layer_that_returns_its_input_costs_nothing():
    class Same(layers.Layer):
        def call(self, x):
            return x

    assert count_macs(model_of(lambda x: layers.Dense(3)(Same()(x)), (5,))) == 15


def test_a_lambda_is_followed_or_refused_with_advice_for_itself_only():
    convolve = layers.Lambda(lambda x: ops.conv(x, np.ones((3, 3, 4, 8), "float32")))
    assert count_macs(model_of(convolve, (12, 14, 4))) == 120 * 9 * 4 * 8
    opaque = layers.Lambda(lambda x: np.asarray(x), output_shape=(3,), name="opaque")
    with pytest.raises(TypeError, match=r"of Lambda, and.*\(YourLayer\).*'opaque'"):
        count_macs(model_of(opaque, (3,)))


def test_a_layer_that_cannot_be_followed_is_named():
    with pytest.raises(TypeError, match=r"register\(Opaque\).*'here'"):
        count_macs(model_of(Opaque(name="here"), (3,)))


def test_a_refusal_says_where_the_layer_is():
    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Opaque(name="inner")

        def build(self, input_shape):
            self.inner.build(input_shape)

        def call(self, x):
            return self.inner(x)

        def compute_output_shape(self, input_shape):
            return input_shape

    with pytest.raises(TypeError, match="Received: 'outer/inner'"):
        count_macs(model_of(Outer(name="outer"), (3,)))


def test_a_subclassed_model_is_followed():
    model = called(Net(), (8, 8, 4))
    convolution = 9 * 4 * 4
    assert count_macs(model, (8, 8, 4)) == 2 * 64 * convolution + 4 * 5
    assert count_macs(model, (6, 7, 4)) == 2 * 42 * convolution + 4 * 5
    assert count_activations(model, (8, 8, 4)) == 2 * 64 * 4 + 5
    assert memory_access_cost(model, (8, 8, 4)) == 2 * (512 + convolution) + 29
    names = [cost.name for cost in layer_costs(model, (8, 8, 4))]
    assert [*names[:3], names[4]] == ["input_1", "conv", "conv", "head"]
    total = complexity_table(model, (8, 8, 4)).loc["total"]
    assert total["params"] == count_params(model) == 9 * 16 + 4 + 25
    inside = model_of(Net(), (8, 8, 4))
    assert count_macs(inside) == 2 * 64 * convolution + 4 * 5


def test_following_leaves_the_model_as_it_was():
    model = model_of(Net(), (8, 8, 4))
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 4))
    before, weights = model.predict(image, verbose=0), model.get_weights()
    count_macs(model)
    assert np.array_equal(model.predict(image, verbose=0), before)
    after = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, after, strict=True))
    assert [weight.path for weight in model.weights if "conv" in weight.path]


def test_subclassed_models_of_several_inputs():
    class OneList(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(5)

        def call(self, inputs):
            return self.head(ops.concatenate(list(inputs), -1))

    class Two(OneList):
        def call(self, left, right):
            return super().call([left, right])

    left, right = np.ones((1, 3)), np.ones((1, 4))
    one_list, two = OneList(), Two()
    one_list([left, right]), two(left, right)
    for model in one_list, two:
        assert count_macs(model, [(3,), (4,)]) == 7 * 5


def test_a_subclassed_model_needs_weights_and_a_shape():
    with pytest.raises(TypeError, match=r"'net'.*call it once.*built=False"):
        count_macs(Net(), (8, 8, 4))
    with pytest.raises(TypeError, match=r"pass `input_shape`.*input_shape=None"):
        count_macs(called(Net(), (8, 8, 4)))
    with pytest.raises(ValueError, match=r"was built for.*\(1, 8, 8, 3\)"):
        count_macs(called(Net(), (8, 8, 4)), (8, 8, 3))


def test_models_without_a_shape_or_weights_are_refused():
    with pytest.raises(ValueError, match=r"begin it with keras\.Input"):
        count_macs(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="no weights"):
        count_params(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(TypeError, match="Received: model=None"):
        count_params(None)
    with pytest.raises(TypeError, match="Received: model=None"):
        count_macs(None)


def test_a_size_that_depends_on_the_values_is_refused():
    class Chosen(layers.Layer):
        def call(self, x):
            return x

        def compute_output_shape(self, input_shape):
            return (input_shape[0], None, input_shape[-1])

    def network(x):
        return layers.Dense(3)(ops.nonzero(x)[0][:, None])

    with pytest.raises((TypeError, ValueError), match=r"No rule|depends on the size"):
        count_macs(model_of(network, (5,)))
    assert count_macs(model_of(lambda x: layers.Dense(3)(Chosen()(x)), (5, 7))) == 105
