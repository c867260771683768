"""nbval passes what it should not: each guard meets what it must refuse."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from book._kit import twins
from book._kit.chapter import chapters
from book._kit.guards import chapter_problems, expected_comparisons

ROOT = Path(__file__).parents[2]


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def cell(source, count, *outputs, **metadata):
    return new_code_cell(
        source, execution_count=count, outputs=list(outputs), metadata=metadata
    )


def write(folder, *cells):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=list(cells), metadata={"kernelspec": kernel})
    path = folder / "page.ipynb"
    nbformat.write(notebook, path)
    return path


def nbval(path, **environment):
    """Run the command of `make test-notebooks` on one notebook."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "book._kit.nbval_guard", "--nbval"]
        + ["--nbval-current-env", "--nbval-cell-timeout", "30", "-c", "/dev/null"]
        + ["--rootdir", path.parent, path],
        cwd=path.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )


GOOD = [("print('hello')", "hello\n"), ("print(6 * 7)", "42\n")]


def good_cells():
    return [cell(source, n, stream(text)) for n, (source, text) in enumerate(GOOD, 1)]


def test_a_good_notebook_passes(tmp_path):
    run = nbval(write(tmp_path, *good_cells()))
    assert run.returncode == 0, run.stdout


def broken_output(cells):
    cells[1].outputs[0]["text"] = "43\n"


def unexecuted_cell(cells):
    cells[1].outputs, cells[1].execution_count = [], None


def ignored_without_reason(cells):
    cells[1].metadata["tags"] = ["nbval-ignore-output"]


def ignored_in_a_comment(cells):
    cells[1].source = "# NBVAL_IGNORE_OUTPUT\n" + cells[1].source


def skipped_without_reason(cells):
    cells[1].metadata["tags"] = ["nbval-skip"]


def order_changed(cells):
    cells[0].execution_count, cells[1].execution_count = 2, 1


def hidden_by_semicolon(cells):
    cells[1].source += ";"


def warning_kept(cells):
    cells[1].source = "import sys; print(6 * 7, file=sys.stderr)"
    cells[1].outputs = [stream("42\n", name="stderr")]


BREAKS = {
    broken_output: "Cell outputs differ",
    unexecuted_cell: "was not run in order",
    ignored_without_reason: "switches nbval off without a reason",
    ignored_in_a_comment: "talks to nbval in a comment",
    skipped_without_reason: "switches nbval off without a reason",
    order_changed: "was not run in order",
    hidden_by_semicolon: "ends with ';'",
    warning_kept: "writes to stderr",
}


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda f: f.__name__)
def test_the_run_fails_when_a_notebook_is(break_it, tmp_path):
    cells = good_cells()
    break_it(cells)
    run = nbval(write(tmp_path, *cells))
    assert run.returncode == 1, run.stdout
    assert BREAKS[break_it] in run.stdout


def test_comparing_less_than_what_prints_fails(tmp_path):
    """nbval's lax mode compares nothing and passes: the guard counts comparisons."""
    path = write(tmp_path, *good_cells())
    lax = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "book._kit.nbval_guard"]
        + ["--nbval-lax", "--nbval-current-env", "-c", "/dev/null", path],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert lax.returncode == 1, lax.stdout
    assert "the outputs of 0 were compared" in lax.stdout


def test_a_declared_exception_is_granted(tmp_path):
    cells = good_cells()
    cells[1].outputs[0]["text"] = "another machine's number\n"
    cells[1].metadata.update(tags=["nbval-ignore-output"], reason="differs by machine")
    path = write(tmp_path, *cells)
    assert expected_comparisons(path) == 1
    assert nbval(path).returncode == 0


def test_a_slow_notebook_fails(tmp_path):
    run = nbval(write(tmp_path, *good_cells()), COURSE_TIME_SLACK="0.001")
    assert run.returncode == 1
    assert "limit 45 s" in run.stdout


def test_one_bad_notebook_is_one_failure(tmp_path):
    """What the guard refuses leaves the notebooks after it as they are."""
    good = write(tmp_path, *good_cells()).rename(tmp_path / "z_good.ipynb")
    (tmp_path / "z_too.ipynb").write_bytes(good.read_bytes())
    cells = good_cells()
    cells[1].source += ";"
    write(tmp_path, *cells)
    assert "6 passed, 1 error" in nbval(tmp_path).stdout


def test_slow_cells_and_chapters_are_reported():
    chapter = chapters()[0]
    slow = twins.CELL_SECONDS * twins.SLACK + 1
    assert twins.over_time(chapter, [1, 2]) == []
    (cell_complaint,) = twins.over_time(chapter, [1, slow])
    assert "code cell 2" in cell_complaint
    many = [twins.CELL_SECONDS] * int(3 * twins.SLACK)
    (chapter_complaint,) = twins.over_time(chapter, many)
    assert "limit 45 s" in chapter_complaint


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.slug)
def test_every_twin_can_be_compared(chapter):
    assert chapter_problems(chapter.twin) == []
    assert expected_comparisons(chapter.twin) > 5
