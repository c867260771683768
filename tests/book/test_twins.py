"""Twins: executed once, byte-stable, stale exactly when something changed."""

import base64
import io

import nbformat
import pytest
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from PIL import Image

from book._kit import twins
from book._kit.chapter import Chapter, chapters
from book._kit.repository import ROOT


def printed(notebook):
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return [output["text"] for output in outputs if "text" in output]


@pytest.fixture(scope="module")
def executed(demo):
    assert twins.update(book=demo.book) == []
    return demo


def edited(chapter, old, new):
    """The chapter with its source changed (and nothing executed)."""
    text = chapter.path.read_text("utf8")
    assert old in text
    chapter.path.write_text(text.replace(old, new), "utf8")
    return Chapter(chapter.path, chapter.book)


@pytest.fixture
def source(executed):
    text, twin = executed.path.read_text("utf8"), executed.twin.read_bytes()
    yield executed
    executed.path.write_text(text, "utf8")
    executed.twin.write_bytes(twin)


def test_outputs_are_kept_and_numbers_reach_the_prose(executed):
    notebook = executed.read_twin()
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert "There are 1,234 things in (1), as `x[0](y)` shows." in prose
    assert "\\tag{1}" in prose
    assert "> **Exercise 1 (★ recall: How many?).**" in prose
    assert "> There are 1234, see [AlexNet](https://" in prose
    assert "**Figure 1.** A line, see Figure 1." in prose
    assert "{" not in prose.replace("\\tag{1}", "")
    assert printed(notebook) == ["1234\n"]


def test_figures_are_small_and_intact(executed):
    (png,) = [
        output["data"]["image/png"]
        for cell in executed.read_twin().cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    raw = base64.b64decode(png)
    assert len(raw) < twins.IMAGE_BYTES
    assert Image.open(io.BytesIO(raw)).size[0] > 300


def test_a_figure_that_is_too_large_is_refused(executed, monkeypatch):
    monkeypatch.setattr(twins, "IMAGE_BYTES", 10)
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    with pytest.raises(ValueError, match="at most 10 bytes"):
        twins.shrink(base64.b64encode(image.getvalue()).decode(), executed, 3)


def test_a_second_execution_is_byte_identical(source):
    before = source.twin.read_bytes()
    assert twins.update(force=True, book=source.book) == []
    assert source.twin.read_bytes() == before


def test_nothing_to_do_when_nothing_changed(executed, capsys):
    assert twins.why_stale(executed) is None
    assert twins.check(executed.book) == []
    assert twins.update(book=executed.book) == []
    assert capsys.readouterr().out == ""


def test_prose_alone_executes_nothing(source, capsys):
    chapter = edited(source, "There are", "We count")
    assert twins.why_stale(chapter) is None
    assert "its prose changed" in twins.check(source.book)[0]
    twins.update(book=source.book)
    assert "outputs kept" in capsys.readouterr().out
    assert twins.check(source.book) == []
    assert "We count 1,234" in source.twin.read_text("utf8")


def test_changed_code_is_stale(source):
    chapter = edited(source, "1200 + 34", "1200 + 35")
    assert twins.why_stale(chapter) == "its code changed"
    assert "its code changed" in twins.check(source.book)[0]


@pytest.mark.parametrize(
    "used, unused",
    [
        ("companion/scratch/convolution.py", "companion/models/alexnet.py"),
        ("companion/results/import_time.json", "companion/results/zoo.json"),
    ],
)
def test_changes_in_the_package_make_stale(used, unused, source):
    """The twin knows which files its kernel imported, and which results it loaded."""
    twin = source.read_twin()
    recorded = twin.metadata["companion"]
    assert used in recorded
    assert unused not in recorded
    recorded[used] = "0" * 64
    nbformat.write(twin, source.twin)
    assert twins.why_stale(source) == f"{used} changed"


def test_an_unexecuted_twin_is_stale(source):
    twin = source.read_twin()
    twin.cells[-2].execution_count = None
    nbformat.write(twin, source.twin)
    assert twins.why_stale(source) == "a cell of its twin has not been run"


def test_another_owner_is_not_stale(source, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "student/fork")
    assert twins.why_stale(source) is None
    twins.update(book=source.book)
    assert "git+https://github.com/student/fork" in source.twin.read_text("utf8")


def test_a_failing_cell_is_reported_and_the_twin_is_kept(source, capsys):
    before = source.twin.read_bytes()
    edited(source, "things = 1200 + 34", "things = 1 / 0")
    (problem,) = twins.update(book=source.book)
    assert "ZeroDivisionError" in problem
    assert "FAILED" in capsys.readouterr().out
    assert source.twin.read_bytes() == before


def test_jupyter_book_finds_the_outputs_in_its_cache(executed, tmp_path):
    twins.prime(tmp_path, executed.book)
    page = read_myst_markdown_notebook(executed.path.read_text("utf8"))
    _, merged = get_cache(tmp_path).merge_match_into_notebook(page)
    assert printed(merged) == ["1234\n"]


def test_unknown_constructs_never_reach_a_reader_raw(source):
    chapter = edited(source, "```{exercise} ★", "```{mermaid} ★")
    with pytest.raises(ValueError, match="only the directives"):
        twins.refresh_prose(chapter)
    chapter = edited(chapter, "```{mermaid} ★", "```{exercise} ★")
    chapter = edited(chapter, "{eq}`eq-things`", "{sub}`eq-things`")
    with pytest.raises(ValueError, match="only the roles"):
        twins.refresh_prose(chapter)


def test_every_chapter_of_the_book_has_a_twin():
    found = chapters()
    assert len(found) >= 3
    toc = (ROOT / "_toc.yml").read_text("utf8")
    assert [c.slug for c in found if f"book/{c.slug}\n" not in toc] == []
