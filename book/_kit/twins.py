"""Executed twins: one run of a chapter serves its page, Colab and nbval.

A twin is the notebook beside a chapter's source: the same code cells with outputs, the
prose lowered to plain Markdown. Its metadata records by hash what of the package its
outputs depend on; with the code cells this decides whether they hold.
"""

import base64
import io
import json
import os
import re
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import nbformat
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_code_cell, new_notebook

from book._kit import hashes
from book._kit.chapter import BOOK, CHAPTER_SECONDS, chapters
from book._kit.notebook import assemble, code_cell, is_stub
from book._kit.repository import ROOT

CELL_SECONDS = 20
SLACK = float(os.environ.get("COURSE_TIME_SLACK", "3"))
IMAGE_BYTES = 60_000

ADDRESS = re.compile(r"git\+https://[^\s\"]+")


def code_of(chapter):
    """The code cells as the twin has them, not yet executed."""
    return [code_cell(code) for code in chapter.outline.code]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def signatures(cells):
    """What must be unchanged for the outputs to hold, whoever owns the repository.

    The titles of forms may change, and so may the cells to write in.
    """
    return [
        (
            ADDRESS.sub("", re.sub(r"^#@title .*\n", "", cell.source)),
            cell.metadata.get("tags", []),
        )
        for cell in cells
        if not is_stub(cell)
    ]


def why_stale(chapter):
    """Say why the outputs of a chapter's twin do not hold, or return None."""
    if not chapter.twin.exists():
        return "it has no twin"
    twin = chapter.read_twin()
    old = code_cells(twin)
    if signatures(old) != signatures(code_of(chapter)):
        return "its code changed"
    if [cell.execution_count for cell in old] != list(range(1, len(old) + 1)):
        return "a cell of its twin has not been run"
    recorded = twin.metadata.get("companion", {})
    now = hashes.hashes(recorded, ROOT)
    changed = [name for name in recorded if now[name] != recorded[name]]
    return f"{', '.join(changed)} changed" if changed else None


def write(chapter, cells, imported):
    """Write the twin if its text changed; return whether it did."""
    text = nbformat.writes(assemble(chapter, cells, imported)).rstrip() + "\n"
    if chapter.twin.exists() and chapter.twin.read_text("utf8") == text:
        return False
    part = chapter.twin.with_suffix(".part")
    part.write_text(text, "utf8")
    part.replace(chapter.twin)
    return True


def refresh_prose(chapter):
    """Rewrite a twin whose outputs hold; return whether its text changed."""
    twin = chapter.read_twin()
    old = iter([cell for cell in code_cells(twin) if not is_stub(cell)])
    cells = code_of(chapter)
    for position, cell in enumerate(cells, 1):
        cell.outputs = [] if is_stub(cell) else next(old).outputs
        number(cell, position)
    return write(chapter, cells, twin.metadata["companion"])


def number(cell, position):
    """Give an executed cell its place in the notebook as execution count."""
    cell.execution_count = position
    for output in cell.outputs:
        if "execution_count" in output:
            output["execution_count"] = position


def execute(chapter):
    """Run a chapter in its own kernel and write its twin; return seconds per cell."""
    from nbclient import NotebookClient

    before, *cells, after = [
        new_code_cell(hashes.BEFORE),
        *code_of(chapter),
        new_code_cell(hashes.AFTER),
    ]
    client = NotebookClient(
        new_notebook(cells=[before, *cells, after]),
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
        kernel_name="python3",
        extra_arguments=[
            "--IPKernelApp.capture_fd_output=False",
            "--IPKernelApp.log_level=40",
        ],
        resources={"metadata": {"path": str(chapter.path.parent)}},
    )
    seconds = []
    with client.setup_kernel():
        for position, cell in enumerate(client.nb.cells):
            start = time.monotonic()
            client.execute_cell(cell, position)
            seconds.append(time.monotonic() - start)
    _, *cells, after = client.nb.cells
    for position, cell in enumerate(cells, 1):
        number(cell, position)
        for output in cell.outputs:
            if png := output.get("data", {}).get("image/png"):
                output["data"]["image/png"] = shrink(png, chapter, position)
    names = hashes.used(*json.loads(after.outputs[0]["text"]), ROOT)
    write(chapter, cells, hashes.hashes(names, ROOT))
    return seconds[1:-1]


def shrink(png, chapter, position):
    """Store a figure with a palette of 256 colours: a third of the bytes."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    if small.tell() > IMAGE_BYTES:
        raise ValueError(
            f"A figure of a twin has at most {IMAGE_BYTES} bytes. Received: "
            f"{small.tell()} bytes from code cell {position} of {chapter.path}"
        )
    return base64.b64encode(small.getvalue()).decode() + "\n"


def over_time(chapter, seconds):
    """Complaints about a run's times; `COURSE_TIME_SLACK` widens the limits."""
    complaints = [
        f"code cell {position} of {chapter.slug} took {s:.0f} s "
        f"(limit {CELL_SECONDS} s)"
        for position, s in enumerate(seconds, 1)
        if s > CELL_SECONDS * SLACK
    ]
    if sum(seconds) > CHAPTER_SECONDS * SLACK:
        complaints.append(
            f"{chapter.slug} took {sum(seconds):.0f} s (limit {CHAPTER_SECONDS} s)"
        )
    return complaints


def update(force=False, only=(), book=BOOK):
    """Execute what changed (or everything), side by side; return what went wrong."""
    todo = []
    for chapter in chapters(book):
        if only and chapter.slug not in only:
            continue
        if reason := "asked for" if force else why_stale(chapter):
            print(f"{chapter.slug}: to be executed, {reason}", flush=True)
            todo.append(chapter)
        elif refresh_prose(chapter):
            print(f"{chapter.slug}: prose rewritten, outputs kept", flush=True)
    return execute_all(todo) if todo else []


def execute_all(todo):
    """Execute chapters side by side, tell how it goes; return what went wrong."""
    problems = []
    pool = ProcessPoolExecutor(min(len(todo), os.cpu_count()), get_context("spawn"))
    with pool:
        running = {pool.submit(execute, chapter): chapter for chapter in todo}
        for done, future in enumerate(as_completed(running), 1):
            chapter = running[future]
            progress = f"[{done}/{len(todo)}] {chapter.slug}"
            try:
                seconds = future.result()
            except Exception as error:
                problems.append(f"{chapter.slug} failed: {error}")
                print(f"{progress}: FAILED", flush=True)
                continue
            print(f"{progress}: {duration(seconds)}", flush=True)
            problems += over_time(chapter, seconds)
    return problems


def duration(seconds):
    slowest = max(range(len(seconds)), key=seconds.__getitem__)
    return (
        f"{sum(seconds):.1f} s, slowest cell {slowest + 1} ({seconds[slowest]:.1f} s)"
    )


def check(book=BOOK):
    """Complain about each twin that is not what its source and the package make now."""
    problems = []
    for chapter in chapters(book):
        if reason := why_stale(chapter):
            problems.append(f"{chapter.slug}: run `make notebooks`, {reason}")
            continue
        twin = chapter.read_twin()
        expected = assemble(chapter, code_cells(twin), twin.metadata["companion"])
        if nbformat.writes(expected).rstrip() + "\n" != chapter.twin.read_text("utf8"):
            problems.append(f"{chapter.slug}: run `make notebooks`, its prose changed")
    return problems


def prime(cache_path, book=BOOK):
    """Give Jupyter Book's cache the twins' outputs: its build executes nothing."""
    cache = get_cache(cache_path)
    for chapter in chapters(book):
        executed = [c for c in code_cells(chapter.read_twin()) if not is_stub(c)]
        page = read_myst_markdown_notebook(chapter.path.read_text("utf8"))
        for cell, twin_cell in zip(code_cells(page), executed, strict=True):
            cell.outputs = twin_cell.outputs
            cell.execution_count = twin_cell.execution_count
        cache.cache_notebook_bundle(
            bundle(page, chapter), check_validity=False, overwrite=True
        )


def bundle(notebook, chapter):
    from jupyter_cache.base import CacheBundleIn

    return CacheBundleIn(notebook, str(chapter.path))
