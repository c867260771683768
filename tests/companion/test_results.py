"""Every kept result says how to make it again, and its script exists."""

from pathlib import Path

import pytest

from companion import results

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", results.names())
def test_a_result_names_the_command_that_made_it(name):
    words = results.load(name)["command"].split()
    script = next(word for word in words if word.endswith(".py"))
    assert script.startswith("benchmarks/")
    assert (ROOT / script).is_file()


@pytest.mark.parametrize("name", ["", "no_such_run", "../data", 3])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=rf"one of .*import_time.*name={name!r}"):
        results.load(name)
