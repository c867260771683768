"""What the benchmarks share: taking turns, naming the machine, keeping the table."""

import json
import math
import os
import platform
import random
import time
from importlib.metadata import PackageNotFoundError, version

from companion.results import FOLDER

PACKAGES = "keras", "tensorflow", "jax", "torch"


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def fastest(functions, rounds, patience=30):
    """Fastest seconds of each function; all of them run in every round.

    Taking turns, they meet the same moods of the machine, so their ratios travel to
    other machines. The order is drawn anew in every round: the threads of one library
    can go on spinning into the time of the next. After `patience` seconds no further
    round starts.
    """
    for function in functions:
        function()
    order, shuffle = list(range(len(functions))), random.Random(0).shuffle
    best = [math.inf] * len(functions)
    end = time.perf_counter() + patience
    for number in range(rounds):
        if number and time.perf_counter() > end:
            break
        shuffle(order)
        for turn in order:
            best[turn] = min(best[turn], seconds(functions[turn]))
    return best


def machine():
    """Processor, cores and versions; nothing that names one computer."""
    one_of = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count()))
    facts = {"machine": platform.machine(), "cores": len(one_of(0))}
    facts["python"] = platform.python_version()
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = None
    return facts


def report(name, question, rows, command):
    """Print the rows as a table; keep them where the book can show them."""
    facts = machine()
    columns = list(rows[0])
    cells = [[show(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(f"\n{question}")
    print(", ".join(f"{key} {value}" for key, value in facts.items() if value))
    for line in (columns, *cells):
        padded = [text.rjust(width) for text, width in zip(line, widths, strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *padded[1:]]))
    record = {"question": question, "command": command, **facts, "rows": rows}
    keep(name, record)


def keep(name, record):
    """Write the record where `companion.results.load(name)` finds it."""
    text = json.dumps(record, indent=1) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


def show(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
