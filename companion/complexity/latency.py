"""How long it takes: the one cost that cannot be counted."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass

from companion.arguments import integer

__all__ = ["Latency", "measure_latency"]


@dataclass(frozen=True)
class Latency:
    """Seconds of one function over many rounds.

    Args:
        median: half of the rounds were faster.
        fastest: the fastest round: what the machine can do when nothing disturbs it.
        spread: (third quartile - first quartile) / median; 0.05 is calm, 0.5 is not.
    """

    median: float
    fastest: float
    spread: float


def measure_latency(functions, *, rounds=20, warm_up=3, clock=time.perf_counter):
    """Time functions in turns, and take medians.

    The first calls compile, allocate and fill caches: they are not counted. All
    functions run in every round, in an order drawn anew, so that a slow moment of the
    machine meets all of them: what disturbs the times hardly disturbs their ratios.

    Args:
        functions: `{name: function}`; each takes no argument and returns when its work
            is done. A function that only starts the work, as on a GPU, must wait.
        rounds: how many times each is timed; at least 2.
        warm_up: how many calls of each come before and are not timed.
        clock: function that returns seconds.

    Returns:
        `{name: Latency}`.

    Raises:
        ValueError: if there is no function, or a count is no such integer.

    Example:

    >>> times = measure_latency({"sum": lambda: sum(range(1000))}, rounds=5)
    >>> times["sum"].fastest <= times["sum"].median
    True
    """
    if not functions:
        raise ValueError(
            f"`functions` must name one function at least. Received: {functions!r}"
        )
    rounds = integer("rounds", rounds, least=2)
    warm_up = integer("warm_up", warm_up, least=0)
    names, taken = list(functions), {name: [] for name in functions}
    shuffle = random.Random(0).shuffle
    for _ in range(warm_up):
        for name in names:
            functions[name]()
    for _ in range(rounds):
        shuffle(names)
        for name in names:
            start = clock()
            functions[name]()
            taken[name].append(clock() - start)
    return {name: summary(taken[name]) for name in functions}


def summary(seconds):
    median = statistics.median(seconds)
    first, _, third = statistics.quantiles(seconds, n=4, method="inclusive")
    spread = (third - first) / median if median else 0.0
    return Latency(median, min(seconds), spread)
