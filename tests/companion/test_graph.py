"""The graph of a Keras model, read call by call."""

import keras
import pytest
from keras import layers, ops

from companion import graph


def names(model, inputs):
    """Names of the calls in their order, nested models included."""
    told = []

    def visit(call, values, results=None):
        told.append(call.name)
        return results or [sum(values) + 1] * len(call.outputs)

    return told, graph.follow(model, inputs, visit)


def test_chains_branches_and_shared_layers():
    image = keras.Input((8,))
    shared = layers.Dense(8, name="shared")
    x = layers.Add(name="add")([shared(shared(image)), image])
    told, depths = names(keras.Model(image, x), [0])
    assert told == ["shared", "shared", "add"] and depths == [3]


def test_nested_models_are_entered_or_not():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Model(
        {"a": a, "b": b},
        [layers.Add(name="sum")([a, b]), layers.Subtract(name="difference")([a, b])],
        name="inner",
    )
    x = keras.Input((4,))
    first, second = inner({"b": x, "a": ops.relu(x)})
    model = keras.Model(x, [first, second, inner({"a": first, "b": second})[0]])
    told, depths = names(model, [0])
    assert told[0] == "relu" and told[3] == told[6] == "inner"
    assert sorted(told[1:3]) == sorted(told[4:6]) == ["inner/difference", "inner/sum"]
    assert depths == [2, 2, 5]
    calls = graph.shapes(
        model, [keras.KerasTensor((2, 4))], as_one_layer=lambda model: True
    )
    assert [call.name for call, _, _ in calls] == ["relu", "inner", "inner"]


def test_a_model_that_begins_in_the_middle():
    x = layers.Dense(4, name="before")(keras.Input((4,)))
    model = keras.Model(x, layers.Dense(2, name="behind")(x))
    assert names(model, [0]) == (["behind"], [1])


def test_shapes_of_other_inputs():
    image = keras.Input((None, None, 3))
    x = layers.Flatten(name="flat")(layers.Conv2D(2, 3, name="conv")(image))
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)])
    rows = graph.shapes(model, [keras.KerasTensor((1, 9, 8, 3))])
    assert [outs[0].shape for _, _, outs in rows] == [(1, 7, 6, 2)]
    rows = graph.shapes(keras.Model(image, x), [keras.KerasTensor((1, 9, 8, 3))])
    assert [outs[0].shape for _, _, outs in rows] == [(1, 7, 6, 2), (1, 84)]


class Subclassed(keras.Model):
    def call(self, x):
        return x


class Twice(keras.Model):
    def call(self, x):
        return 2 * super().call(x)


def test_what_has_no_graph_is_refused():
    image = keras.Input((4,))
    for model in (Subclassed(name="own"), Twice(image, ops.relu(image), name="own")):
        assert not graph.has_graph(model)
        with pytest.raises(TypeError, match=r"'own'.*subclassed model"):
            graph.symbolic(model)
    with pytest.raises(ValueError, match="unbuilt"):
        graph.symbolic(keras.Sequential([layers.Dense(2)]))
    for wrong in (layers.Dense(2), None, "model", image):
        with pytest.raises(TypeError, match="must be a Keras model"):
            graph.symbolic(wrong)
