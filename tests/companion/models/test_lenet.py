"""LeNet-5's maps, connections and code words against Section II-B of the paper.

LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, 1998. The
outputs are compared with a second implementation in tests/parity.
"""

import functools
import math

import keras
import numpy as np
import pytest

from companion.conformance import check_model
from companion.models import lenet
from companion.models.lenet import LeNet5, LeNet5Modern
from companion.receptive_field import receptive_field_table


@functools.cache
def built(function):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function()


PAPER = (  # layer, map, trainable parameters, connections      Section II-B
    ("C1", (28, 28, 6), 156, 122_304),
    ("S2", (14, 14, 6), 12, 5_880),
    ("C3", (10, 10, 16), 1_516, 151_600),
    ("S4", (5, 5, 16), 32, 2_000),
    ("C5", (1, 1, 120), 48_120, 48_120),
    ("F6", (84,), 10_164, 10_164),
)


def connections(layer, shape):
    """Weights and biases, at every position; four inputs share one coefficient."""
    if isinstance(layer, lenet.Subsampling2D):
        return math.prod(shape) * (layer.pool_size**2 + 1)
    return trained(layer) * math.prod(shape[:-1])


def trained(layer):
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)


@pytest.mark.parametrize("name, shape, parameters, links", PAPER)
def test_maps_parameters_and_connections_of_section_2b(name, shape, parameters, links):
    layer = built(LeNet5).get_layer(name)
    assert layer.output.shape[1:] == shape
    assert trained(layer) == parameters
    assert connections(layer, shape) == links


def test_totals_of_the_paper():
    """60,000 parameters; 340,908 connections, 840 of them fixed: the code words."""
    assert sum(row[2] for row in PAPER) == 60_000
    assert sum(row[3] for row in PAPER) + 840 == 340_908
    fixed = built(LeNet5).non_trainable_weights
    assert [tuple(weight.shape) for weight in fixed] == [(10, 84)]


def test_rows_of_table_1():
    """Six contiguous triples, six contiguous fours, three other fours, all six."""

    def run(first, length):
        return {(first + step) % 6 for step in range(length)}

    rows = [set(row) for row in lenet.TABLE]
    assert rows[:6] == [run(first, 3) for first in range(6)]
    assert rows[6:12] == [run(first, 4) for first in range(6)]
    contiguous = [run(first, 4) for first in range(6)]
    assert all(len(row) == 4 and row not in contiguous for row in rows[12:15])
    assert rows[15] == run(0, 6)
    assert [sum(seen in row for row in rows) for seen in range(6)] == [10] * 6


def test_fields():
    table = receptive_field_table(built(LeNet5)).set_index("layer")
    assert table.loc["C1":"C5", "size"].tolist() == [5, 6, 14, 16, 32]
    assert table.loc["C1":"C5", "stride"].tolist() == [1, 2, 2, 4, 4]


def test_squashing_maps_1_to_1():
    """Appendix A: f(1) = 1 and f(-1) = -1; A = 1.7159."""
    found = keras.ops.convert_to_numpy(lenet.scaled_tanh(np.array([1.0, -1.0, 99.0])))
    assert found == pytest.approx([1.0, -1.0, 1.7159], abs=1e-4)


def test_every_layer_up_to_f6_squashes():
    for name, *_ in PAPER:
        layer = built(LeNet5).get_layer(name)
        assert layer.activation is lenet.scaled_tanh


def test_code_words_are_drawings_of_7_by_12():
    codes = np.array([lenet.code(digit) for digit in range(10)])
    assert codes.shape == (10, 84)
    assert set(codes.flat) == {-1, 1}
    apart = (codes[:, None] != codes).sum(axis=-1) + 84 * np.eye(10, dtype=int)
    assert apart.min() > 4  # no two drawings are nearly the same
    eight = codes[8].reshape(12, 7)[:10]
    assert (eight == eight[:, ::-1]).all()  # an 8 is symmetric, left and right
    assert codes[7].reshape(12, 7)[0].tolist() == [1] * 7  # the bar of the 7


def test_weights_start_in_the_range_of_appendix_a():
    keras.utils.set_random_seed(0)
    model = LeNet5()
    for name, fan_in in (("C1", 25), ("S2", 4), ("C3", 100), ("C5", 400), ("F6", 120)):
        start, bias = map(np.abs, model.get_layer(name).get_weights())
        assert start.max() <= 2.4 / fan_in
        assert start.max() > 0.5 * 2.4 / fan_in
        assert bias.max() == 0


def test_nearest_code_word_wins():
    """Softmax of the negative penalties, from F6 on, which is made a code word."""
    model = LeNet5()
    head = keras.Model(model.get_layer("penalty").input, model.output)
    word = np.array([lenet.code(3)], "float32")
    probabilities = keras.ops.convert_to_numpy(head(word))[0]
    assert probabilities.argmax() == 3
    penalty = keras.ops.convert_to_numpy(model.get_layer("penalty")(word))[0]
    assert penalty[3] == 0
    expected = np.exp(-penalty) / np.exp(-penalty).sum()
    assert probabilities == pytest.approx(expected, abs=1e-6)


def test_with_codes_of_one_length_a_dense_layer_decides_the_same():
    """|x - w|^2 = |x|^2 - 2 w x + 84, and softmax does not see what is added to all."""
    x = np.random.default_rng(0).normal(size=(3, 84))
    codes = np.array([lenet.code(digit) for digit in range(10)])
    layer = built(LeNet5).get_layer("penalty")
    assert np.array(layer.codes).tolist() == codes.tolist()
    penalty = ((x[:, None] - codes) ** 2).sum(axis=-1)
    apart = -penalty - 2 * x @ codes.T
    assert np.ptp(apart, axis=1) == pytest.approx(0, abs=1e-9)


def test_modern_layers():
    model = built(LeNet5Modern)
    shapes = [layer.output.shape[1:] for layer in model.layers[1:]]
    assert shapes == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (400,),
        (120,),
        (84,),
        (10,),
    ]
    for name in ("S2", "S4"):
        assert isinstance(model.get_layer(name), keras.layers.AveragePooling2D)
    for name in ("C1", "C3", "C5", "F6"):
        assert model.get_layer(name).activation is keras.activations.tanh


@pytest.mark.parametrize("function", [LeNet5, LeNet5Modern])
def test_conformance(function):
    check_model(function, (32, 32, 1), without=("params", "macs", "frozen"))


@pytest.mark.parametrize(
    "function, side, too_small", [(LeNet5, 32, 31), (LeNet5Modern, 16, 15)]
)
def test_smallest_image(function, side, too_small):
    with keras.StatelessScope(initialize_variables=False):
        model = function(input_shape=(side, side, 1), classes=None)
    assert model.output.shape[1:3] == (1, 1)
    with pytest.raises(ValueError, match=f"must be {side} or more"):
        function(input_shape=(too_small, side, 1))


def test_larger_images_give_larger_maps():
    """The paper's reason to call C5 a convolution."""
    with keras.StatelessScope(initialize_variables=False):
        model = LeNet5(input_shape=(None, None, 1), classes=None)
        wide = LeNet5(input_shape=(32, 64, 1))
    assert model.compute_output_shape((1, 32, 64, 1)) == (1, 1, 9, 120)
    assert wide.get_layer("C5").output.shape == (None, 1, 9, 120)
    assert wide.output.shape == (None, 10)


@pytest.mark.parametrize("function", [LeNet5, LeNet5Modern])
def test_arguments_reach_the_model(function):
    with keras.StatelessScope(initialize_variables=False):
        model = function(classes=7, classifier_activation=None, name="mine")
    assert model.name == "mine"
    assert model.output.shape == (None, 7)
    assert model.get_layer("output").activation is keras.activations.linear
    softmax = built(function).get_layer("output").activation
    assert softmax is keras.activations.softmax


@pytest.mark.parametrize("function", [LeNet5, LeNet5Modern])
@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"input_shape": (32, 32)}, "height, width, channels"),
        ({"input_shape": (32, 32, None)}, "Channels"),
        ({"input_shape": (None, 32, 1)}, "classes=None"),
        ({"classes": 0}, "classes=0"),
    ],
)
def test_bad_arguments(function, arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        function(**arguments)
    assert rule in str(error.value)


def test_there_are_ten_code_words():
    with pytest.raises(ValueError, match=r"10 or less.*Received: classes=26"):
        LeNet5(classes=26)
