"""What README and the first pages tell people to type works as written."""

import re

import pytest

from book._kit.repository import ROOT
from companion.layers import LocalResponseNormalization

PYTHON = re.compile(r"```python\n(.*?)```", re.S)


@pytest.mark.parametrize("page", ["README.md", "book/how_to_use.md"])
def test_the_examples_run(page, capsys):
    names = {"MyLayer": LocalResponseNormalization}
    blocks = PYTHON.findall((ROOT / page).read_text("utf8"))
    assert blocks
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    for promised in re.findall(r"print\(.*\) +# (.*)", "".join(blocks)):
        assert promised in printed


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "book/how_to_use.md"])
def test_every_make_target_that_is_named_exists(page):
    makefile = (ROOT / "Makefile").read_text("utf8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text("utf8")))
    named |= set(re.findall(r"^make ([a-z-]+)", (ROOT / page).read_text("utf8"), re.M))
    assert named and named <= targets


def test_files_that_the_readme_links_exist():
    for target in re.findall(
        r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text("utf8")
    ):
        assert (ROOT / target).exists(), target


def test_make_alone_lists_the_commands():
    makefile = (ROOT / "Makefile").read_text("utf8")
    assert re.search(r"^help:", makefile, re.M)
    first = re.search(r"^([a-z-]+):(?!=)", makefile, re.M)[1]
    assert first == "help"
