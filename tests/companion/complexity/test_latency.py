"""Timing, with a clock that the test sets."""

import pytest

from companion.complexity import Latency, measure_latency


class Clock:
    """Time passes only while a function works."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def works(self, name, durations):
        durations = iter(durations)

        def function():
            self.calls.append(name)
            self.now += next(durations)

        return function


def test_warm_up_is_not_timed_and_medians_count():
    clock = Clock()
    slow_first = clock.works("a", [90, 80, 1, 2, 100, 2, 3])
    times = measure_latency({"a": slow_first}, rounds=5, warm_up=2, clock=clock)
    assert times["a"] == Latency(median=2, fastest=1, spread=0.5)


def test_all_take_turns_in_every_round():
    clock = Clock()
    functions = {name: clock.works(name, [1] * 9) for name in "abc"}
    measure_latency(functions, rounds=8, warm_up=1, clock=clock)
    rounds = [clock.calls[n : n + 3] for n in range(0, 27, 3)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len(set(map(tuple, rounds))) > 1, "the order is drawn anew"


def test_a_slow_moment_hardly_moves_the_ratio():
    """Half of the rounds are three times slower, for both."""
    clock = Clock()
    load = [1, 3] * 10
    functions = {
        "one": clock.works("one", load),
        "two": clock.works("two", [2 * t for t in load]),
    }
    times = measure_latency(functions, rounds=20, warm_up=0, clock=clock)
    assert times["two"].median == 2 * times["one"].median


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"functions": {}}, "one function at least"),
        ({"functions": {"a": int}, "rounds": 1}, "`rounds` must be an integer of"),
        ({"functions": {"a": int}, "warm_up": -1}, "`warm_up` must be a non-negative"),
    ],
)
def test_what_cannot_be_timed_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        measure_latency(**arguments)
