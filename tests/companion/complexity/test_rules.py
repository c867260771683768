"""The register of costs: who has a rule, and what a rule may return."""

import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from companion import layers as ours
from companion.complexity import count_macs, layer_macs
from companion.complexity.rules import rule_of


def model_of(layer, shape):
    image = keras.Input(shape)
    return keras.Model(image, layer(image))


class Doubled(layers.Conv2D):
    """Runs its convolution twice: the inherited rule would be wrong."""

    def call(self, x):
        return super().call(x) + super().call(2 * x)


def test_a_call_of_its_own_is_followed_until_a_rule_is_registered():
    class Registered(Doubled):
        def call(self, x):
            return super().call(x)

    model = model_of(Registered(4, 3), (5, 5, 2))
    assert count_macs(model) == 2 * 9 * 9 * 2 * 4

    @layer_macs.register(Registered)
    def _(layer, input_shape, output_shape):
        return 3 * math.prod(layer.kernel.shape) * math.prod(output_shape[1:-1])

    assert count_macs(model) == 3 * 9 * 9 * 2 * 4


def test_a_subclass_with_its_parents_call_inherits_the_rule():
    class Named(layers.Conv2D):
        """Other people's `Conv2D` with other defaults."""

    image = keras.Input((5, 5, 2))
    assert count_macs(keras.Model(image, Named(4, 3)(image))) == 9 * 9 * 2 * 4


def test_a_subclassed_model_can_register():
    class Head(keras.Model):
        def __init__(self):
            super().__init__(name="head")
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = model_of(Head(), (5,))
    assert count_macs(model) == 15
    layer_macs.register(Head, lambda layer, input_shape, output_shape: 7)
    assert count_macs(model) == 7
    head = Head()
    head(np.ones((1, 5)))
    assert count_macs(head, (5,)) == 7


def test_a_rule_sees_the_shapes_of_all_tensors():
    seen = []

    class Pair(layers.Layer):
        def call(self, inputs):
            return inputs[0], inputs[1]

    @layer_macs.register(Pair)
    def _(layer, input_shape, output_shape):
        seen.append((input_shape, output_shape))
        return 1

    left, right = keras.Input((3,)), keras.Input((4, 5))
    model = keras.Model([left, right], Pair()([left, right]))
    assert count_macs(model) == 1
    assert seen == [([(1, 3), (1, 4, 5)],) * 2]


@pytest.mark.parametrize("count", ["12", None, 12.0, True, -1, [12]])
def test_a_rule_returns_a_whole_number(count):
    class Strange(layers.Layer):
        def call(self, x):
            return x

    @layer_macs.register(Strange)
    def strange_rule(layer, input_shape, output_shape):
        return count

    with pytest.raises(
        ValueError, match=r"strange_rule.*Strange.*whole number"
    ) as error:
        count_macs(model_of(Strange(), (3,)))
    assert f"Received: {count!r}" in str(error.value)


def test_a_rule_may_return_a_number_of_numpy():
    class Numpy(layers.Layer):
        def call(self, x):
            return x

    layer_macs.register(Numpy, lambda *_: np.int64(12))
    found = count_macs(model_of(Numpy(), (3,)))
    assert (found, type(found)) == (12, int)


def test_layer_macs_of_one_layer():
    layer = layers.Conv2D(16, 3)
    shapes = (None, 32, 32, 3), (None, 30, 30, 16)
    with pytest.raises(ValueError, match="Received: unbuilt layer"):
        layer_macs(layer, *shapes)
    layer.build(shapes[0])
    assert layer_macs(layer, *shapes) == 30 * 30 * 16 * 27
    with pytest.raises(ValueError, match=r"`input_shape` must be.*input_shape=None"):
        layer_macs(layer, None, shapes[1])
    with pytest.raises(TypeError, match=r"must be a Keras layer. Received: layer=None"):
        layer_macs(None, *shapes)


def test_a_layer_without_a_rule_is_named():
    layer = Doubled(4, 3, name="twice")
    layer.build((None, 5, 5, 2))
    with pytest.raises(TypeError, match=r"@layer_macs.register\(Doubled\).*'twice'"):
        layer_macs(layer, (1, 5, 5, 2), (1, 3, 3, 4))


@pytest.mark.parametrize(
    "layer",
    [
        ours.SqueezeExcite(1),
        ours.NonLocal(),
        ours.GlobalContext(1),
        ours.Subsampling2D(2),
        layers.LayerNormalization(),
        layers.EinsumDense("abcd,de->abce", (None, None, 2)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_channels_that_a_layer_was_not_built_for(layer):
    layer.build((None, 8, 8, 4))
    layer_macs(layer, (1, 6, 6, 4), layer.compute_output_shape((1, 6, 6, 4)))
    with pytest.raises(ValueError, match=r"was built for another.*\(1, 8, 8, 5\)"):
        layer_macs(layer, (1, 8, 8, 5), (1, 8, 8, 5))


def test_axes_of_a_layer_that_normalizes_another_axis():
    layer = layers.LayerNormalization(axis=1)
    layer.build((None, 4, 9))
    assert layer_macs(layer, (1, 4, 7), (1, 4, 7)) == 0
    with pytest.raises(ValueError, match="was built for another"):
        layer_macs(layer, (1, 5, 9), (1, 5, 9))


@pytest.mark.parametrize("name", ours.__all__)
def test_every_layer_of_the_package_has_a_rule(name):
    layer = getattr(ours, name)
    rule = rule_of(layer.__new__(layer))
    assert rule is not None
    assert not rule.__module__.endswith("keras_rules")


def test_the_register_is_cheap_to_import():
    """A layer's file imports it: it must not load the tools or the other layers."""
    code = (
        "import sys; import companion.complexity.rules; "
        "heavy = {'keras', 'pandas', 'tensorflow', 'companion.layers'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True).stdout.strip() == "[]"
