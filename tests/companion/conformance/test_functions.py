"""Right functions pass, wrong ones are caught, with the sentence of their mistake."""

import numpy as np
import pytest

from companion.conformance import (
    FUNCTION_CHECKS,
    ConformanceError,
    NotJudged,
    check_function,
    report_function,
)

draw = np.random.default_rng(4).normal
CASES = [(draw(size=(4, 3, 6)), 1), (draw(size=(5, 2, 4)), 3)]


def right(maps, channel):
    return maps.mean(axis=(0, 1))[channel]


def by_hand(maps, channel):
    numbers = [row[channel] for column in maps for row in column]
    return sum(numbers) / len(numbers)


def in_place(maps, channel):
    maps[...] = maps - maps.mean() + maps.mean()
    maps += 1
    return right(maps - 1, channel)


WRONG = {
    "no return": (lambda maps, channel: None, "runs"),
    "a text": (lambda maps, channel: "many", "runs"),
    "an error": (lambda maps, channel: maps[99], "runs"),
    "a map": (lambda maps, channel: maps.mean(axis=0), "shape"),
    "two results": (lambda maps, channel: [right(maps, channel)] * 2, "shape"),
    "a sum": (lambda maps, channel: maps[..., channel].sum(), "values"),
    "the argument changed": (in_place, "arguments"),
}


@pytest.mark.parametrize("function", [right, by_hand])
def test_no_false_alarm(function):
    check_function(function, right, CASES)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_is_caught(name):
    function, check = WRONG[name]
    with pytest.raises(ConformanceError) as caught:
        check_function(function, right, CASES)
    assert caught.value.check == check, str(caught.value)


def test_every_check_catches_a_mistake():
    assert {check for _, check in WRONG.values()} == {*FUNCTION_CHECKS}


def test_a_known_mistake_gets_its_sentence():
    mistakes = {
        "Divide by how many?": lambda maps, channel: maps[..., channel].sum(),
        "Which axis counts the channels?": lambda maps, channel: maps[channel].mean(),
    }
    for sentence, wrong in mistakes.items():
        report = report_function(wrong, right, CASES, mistakes=mistakes)
        assert report["values"].hint == sentence


def test_a_stub_earns_nothing():
    report = report_function(lambda maps, channel: 0.0, right, CASES)
    assert report["arguments"].passed is None


def test_results_of_several_shapes_are_compared():
    def split(x):
        return x[:2], x[2:]

    check_function(split, split, [(np.arange(5.0),)])
    with pytest.raises(ConformanceError, match=r"^\[shape\]"):
        check_function(lambda x: (x[:1], x[1:]), split, [(np.arange(5.0),)])


def test_a_broken_reference_is_not_the_function_s_fault():
    with pytest.raises(NotJudged, match="The reference itself raised"):
        check_function(right, lambda maps, channel: maps[99], CASES)


@pytest.mark.parametrize("cases", [[], [np.zeros(3)]])
def test_cases_are_tuples(cases):
    with pytest.raises(ValueError, match="`cases` must be tuples"):
        check_function(right, right, cases)
