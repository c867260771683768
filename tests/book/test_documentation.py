"""What README and the first pages tell people to type works as written."""

import re
import tomllib

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


def test_bundled_pictures_keep_the_licences_of_their_makers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    notices = [ROOT / name for name in project["license-files"]]
    said = {notice: notice.read_text("utf8") for notice in notices}
    for kind, folder in (("*.npz", "sample"), ("*.jpg", "data")):
        for file in (ROOT / "companion" / folder).glob(kind):
            beside = [text for at, text in said.items() if at.parent == file.parent]
            assert any(file.name in text for text in beside), file.name
    code = {"Apache-2.0"}
    assert set(project["license"].split(" AND ")) == code | {
        "MIT",
        "CC-BY-SA-3.0",
        "CC0-1.0",
    }
    for page in ("LICENSE-TEXT", "README.md", "book/how_to_use.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text("utf8").replace("-", " ")
        assert "CC BY SA 3.0" in " ".join(text.split()), page
