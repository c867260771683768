"""What took too long for a chapter: trainings and timings, kept as they came out.

Each JSON file beside this one is the output of one script in ``benchmarks/``. It holds
the command that wrote it, the versions it ran with, and its numbers.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent


def names():
    """The names that ``load`` knows, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name):
    """The record of one long run.

    Args:
        name: Name of the run.

    Returns:
        A dictionary with at least ``command``, the command line that made the record.

    Raises:
        ValueError: if there is no record of that name.

    Example:

    >>> load("import_time")["command"]
    'python benchmarks/import_time.py'
    """
    if name not in names():
        raise ValueError(
            f"A result must be one of {', '.join(names())}. Received: name={name!r}"
        )
    return json.loads((FOLDER / f"{name}.json").read_text("utf8"))
