"""Every code exercise of the book: right solutions pass, each wrong one gets its word.

A table is a file beside this one, named like the chapter. It holds `EXERCISES`, a list
of mappings: `label`, `checker`, `right` `{how it is written: solution}`, and `wrong`
`{mistake: (solution, part of the message)}`.
"""

import re
import runpy
from pathlib import Path

import pytest

from book._kit.chapter import chapters
from companion import exercises
from companion.conformance import ConformanceError

HERE = Path(__file__).parent
TABLES = {
    file.stem: runpy.run_path(str(file))["EXERCISES"]
    for file in sorted(HERE.glob("*.py"))
    if not file.name.startswith("test_")
}
ROWS = {row["label"]: row for table in TABLES.values() for row in table}
RIGHT = [(label, name) for label, row in ROWS.items() for name in row["right"]]
WRONG = [(label, name) for label, row in ROWS.items() for name in row["wrong"]]
CODE = re.compile(r"\{exercise\} ★+ code\b.*\n:label: (\S+)")


def test_every_code_exercise_has_a_table():
    asked = {
        label
        for chapter in chapters()
        for label in CODE.findall(chapter.path.read_text("utf8"))
    }
    assert asked == set(ROWS)


def test_every_checker_has_a_table():
    assert {row["checker"].__name__ for row in ROWS.values()} == set(exercises.__all__)


@pytest.mark.parametrize("label", ROWS)
def test_a_table_is_full(label):
    row = ROWS[label]
    assert len(row["right"]) >= 3
    assert len(row["wrong"]) >= 3
    messages = [message for _, message in row["wrong"].values()]
    assert len(set(messages)) == len(messages), "two mistakes get the same words"


@pytest.mark.parametrize(("label", "name"), RIGHT)
def test_a_right_solution_passes(label, name):
    row = ROWS[label]
    row["checker"](row["right"][name])


@pytest.mark.parametrize(("label", "name"), WRONG)
def test_a_wrong_solution_gets_its_word(label, name):
    row = ROWS[label]
    solution, message = row["wrong"][name]
    with pytest.raises(ConformanceError) as caught:
        row["checker"](solution)
    assert message in str(caught.value)
