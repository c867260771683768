"""Twins: executed once, byte-stable, stale exactly when something changed."""

import base64
import io
import subprocess
import sys

import nbformat
import pytest
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from PIL import Image

from book._kit import twins
from book._kit.chapter import SETUP_CELL, Chapter, chapters, opening
from book._kit.names import plain
from book._kit.notebook import read_alone
from book._kit.repository import ROOT, colab_url, package_address, site_url


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


def text_of(notebook):
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def test_outputs_are_kept_and_numbers_reach_the_prose(executed):
    notebook = executed.read_twin()
    prose = text_of(notebook)
    assert "There are 1,234 things in (1), as `x[0](y)` shows." in prose
    assert "\\tag{1}" in prose
    assert "> **Exercise 1 (★ recall: How many?).**" in prose
    assert "**Figure 1.** A line, see Figure 1." in prose
    assert "{" not in prose.replace("\\tag{1}", "")
    assert printed(notebook) == ["1234\n"]


def test_links_lead_to_notebooks_and_to_pages_of_the_site(executed):
    prose = text_of(executed.read_twin())
    assert f"see [this page]({colab_url('demo/page')})." in prose
    assert f"nor has [speed]({site_url('back/speed')})." in prose
    assert f"A [stride]({site_url('back/glossary')}#term-stride) has" in prose


def test_solutions_are_folded_texts_first(executed):
    cells = executed.read_twin().cells
    (place,) = [i for i, c in enumerate(cells) if "exercise 2</summary>" in c.source]
    assert cells[place].source.startswith("<details>\n<summary>Solution to exercise 2<")
    assert cells[place].source.endswith("nothing to do with it, nor has [speed]"
        f"({site_url('back/speed')}).\n\n</details>")  # fmt: skip
    assert cells[place + 1].source.startswith("#@title Code of the solution to exerc")
    assert ">Solution to exercise 1</summary>\n\nThere are 1234, see" in text_of(
        executed.read_twin()
    )


FOLDED = {"source_hidden": True}
SHUT = {"source_hidden": True, "outputs_hidden": True}


def test_what_does_not_teach_is_a_titled_form(executed):
    code = [c for c in executed.read_twin().cells if c.cell_type == "code"]
    seen = [
        (c.source.split("\n")[0], c.metadata.get("cellView"), c.metadata.get("jupyter"))
        for c in code
    ]
    assert seen[0] == (SETUP_CELL.split("\n")[0], "form", FOLDED)
    assert "half a minute" in seen[0][0]
    assert seen[1:] == [
        ("from companion import results", None, None),
        ("#@title Checks behind the text", "form", SHUT),
        ("# Your answer to exercise 1.", None, None),
        ("# Your answer to exercise 2.", None, None),
        ("#@title Checker of exercise 2", "form", FOLDED),
        ("#@title Code of the solution to exercise 2", "form", SHUT),
        ("#@title Code of figure 1", "form", FOLDED),
    ]
    assert [c.source for c in read_alone(code)] == [
        code[0].source, code[1].source, code[3].source, code[4].source
    ]  # fmt: skip


def test_without_the_package_the_setup_says_how_to_install_it():
    shell = [sys.executable, "-I", "-S", "-c"]
    cell = SETUP_CELL.replace("{address}", package_address())
    cell = cell.replace("from IPython.display import display", "")
    run = subprocess.run(
        [*shell, plain(cell)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "ModuleNotFoundError" not in run.stderr
    assert f'pip install "cnn-companion @ {package_address()}"' in run.stderr


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


def test_a_new_title_or_exercise_executes_nothing(source, capsys):
    """Figures are numbered in their forms, and exercises bring a cell to write in."""
    posed = "```{exercise} Again\n:label: ex-again\nAgain?\n```\n"
    solved = "```{solution} ex-again\nYes.\n```\n"
    chapter = edited(
        source, "```{exercise} ★ recall", posed + solved + "```{exercise} ★ recall"
    )
    assert twins.why_stale(chapter) is None
    twins.update(book=source.book)
    assert "outputs kept" in capsys.readouterr().out
    assert twins.check(source.book) == []
    assert twins.why_stale(chapter) is None
    assert "# Your answer to exercise 3." in source.twin.read_text("utf8")


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
    recorded[used] = ["0" * 12]
    nbformat.write(twin, source.twin)
    assert twins.why_stale(source) == f"{used} changed"


def test_an_unexecuted_twin_is_stale(source):
    twin = source.read_twin()
    code = [cell for cell in twin.cells if cell.cell_type == "code"]
    code[-1].execution_count = None
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


def test_what_is_needed_first_names_chapters_and_the_rest(source):
    assert "first** nothing but Python." in opening(source, link="")
    chapter = edited(source, "prerequisites: []", "prerequisites: [demo/page]")
    both = "numbers that were counted](/book/demo/page.md); nothing but Python."
    assert both in opening(chapter, link="")


def test_unknown_constructs_never_reach_a_reader_raw(source):
    chapter = edited(source, "```{opening}", "```{mermaid}")
    with pytest.raises(ValueError, match="only the directives"):
        twins.refresh_prose(chapter)
    chapter = edited(chapter, "```{mermaid}", "```{opening}")
    chapter = edited(chapter, "{eq}`eq-things`", "{sub}`eq-things`")
    with pytest.raises(ValueError, match="only the roles"):
        twins.refresh_prose(chapter)


def test_every_chapter_of_the_book_has_a_twin():
    found = chapters()
    assert len(found) >= 3
    toc = (ROOT / "_toc.yml").read_text("utf8")
    assert [c.slug for c in found if f"book/{c.slug}\n" not in toc] == []
