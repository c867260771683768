"""Executed twins: one run of a chapter serves its page, Colab and nbval.

A twin is the notebook beside a chapter's source: the same code cells with outputs, the
prose lowered to plain Markdown. Its metadata records which files of the package its
kernel had imported and which results it loaded, by hash; with the code cells they
decide whether the outputs hold.
"""

import base64
import hashlib
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
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book._kit.chapter import BOOK, chapters
from book._kit.facts import facts_of
from book._kit.lower import Lowering
from book._kit.repository import ROOT, repository

CELL_SECONDS, CHAPTER_SECONDS = 20, 45
SLACK = float(os.environ.get("COURSE_TIME_SLACK", "3"))
IMAGE_BYTES = 60_000

IMPORTED = """
import json as _json, sys as _sys
print(_json.dumps([m.__file__ for n, m in list(_sys.modules.items())
                   if n.split(".")[0] == "companion" and getattr(m, "__file__", None)]))
"""
LOADED = re.compile(r'results\.load\("(\w+)"\)')


def code_of(chapter):
    """The code cells as the twin has them: source, tags and the reason for a tag."""
    cells = []
    for cell in chapter.code_cells:
        kept = cell.metadata.keys() & {"tags", "reason"}
        metadata = {key: cell.metadata[key] for key in sorted(kept)}
        source = cell.source.replace("{repository}", repository())
        cells.append(new_code_cell(source, metadata=metadata))
    return cells


def signature(cell):
    """What must be unchanged for an output to hold, whoever owns the repository."""
    source = cell.source
    if "google.colab" in source:
        source = source.partition("from IPython")[2]
    return source, cell.metadata.get("tags", [])


def package_hashes(files):
    """SHA-256 of package files, by their path from the root; None where one is gone."""
    return {
        name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
        if (ROOT / name).exists()
        else None
        for name in sorted(files)
    }


def why_stale(chapter):
    """Say why the outputs of a chapter's twin do not hold, or return None."""
    if not chapter.twin.exists():
        return "it has no twin"
    twin = chapter.read_twin()
    old = [cell for cell in twin.cells if cell.cell_type == "code"]
    new = code_of(chapter)
    if [signature(cell) for cell in old] != [signature(cell) for cell in new]:
        return "its code changed"
    if [cell.execution_count for cell in old] != list(range(1, len(old) + 1)):
        return "a cell of its twin has not been run"
    recorded = twin.metadata.get("companion", {})
    changed = [k for k, v in package_hashes(recorded).items() if v != recorded[k]]
    return f"{', '.join(changed)} changed" if changed else None


def assemble(chapter, cells, imported):
    """Put lowered prose around executed code cells."""
    lowering = Lowering(chapter, facts_of(cells))
    executed = iter(cells)
    body = []
    for cell in chapter.cells:
        if cell.cell_type == "markdown":
            body.append(new_markdown_cell(lowering.lower(cell.source)))
            continue
        body.append(next(executed))
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if figure:
            caption = lowering.lower(figure["caption"])
            number = lowering.figures.get(figure.get("name"))
            label = f"Figure {number}." if number else "Figure."
            body.append(new_markdown_cell(f"**{label}** {caption}"))
    if lowering.cited:
        body.append(new_markdown_cell(lowering.references()))
    for position, cell in enumerate(body):
        cell.id = f"{chapter.path.stem[:40]}-{position:03d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {
        "companion": imported,
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=body, metadata=metadata)


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
    old = [cell for cell in twin.cells if cell.cell_type == "code"]
    cells = code_of(chapter)
    for cell, previous in zip(cells, old, strict=True):
        cell.outputs, cell.execution_count = previous.outputs, previous.execution_count
    return write(chapter, cells, twin.metadata["companion"])


def execute(chapter):
    """Run a chapter in its own kernel and write its twin; return seconds per cell."""
    from nbclient import NotebookClient

    cells = code_of(chapter)
    probe = new_code_cell(IMPORTED)
    client = NotebookClient(
        new_notebook(cells=[*cells, probe]),
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
    *cells, probe = client.nb.cells
    for position, cell in enumerate(cells, 1):
        cell.execution_count = position
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = position
            if png := output.get("data", {}).get("image/png"):
                output["data"]["image/png"] = shrink(png, chapter, position)
    imported = json.loads(probe.outputs[0]["text"])
    names = [os.path.relpath(path, ROOT) for path in imported]
    for cell in cells:
        names += [f"companion/results/{x}.json" for x in LOADED.findall(cell.source)]
    write(chapter, cells, package_hashes(names))
    return seconds[:-1]


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
    todo, problems = [], []
    for chapter in chapters(book):
        if only and chapter.slug not in only:
            continue
        reason = "asked for" if force else why_stale(chapter)
        if reason is None:
            if refresh_prose(chapter):
                print(f"{chapter.slug}: prose rewritten, outputs kept", flush=True)
            continue
        print(f"{chapter.slug}: to be executed, {reason}", flush=True)
        todo.append(chapter)
    if not todo:
        return problems
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
            slowest = max(range(len(seconds)), key=seconds.__getitem__)
            print(
                f"{progress}: {sum(seconds):.1f} s, slowest cell {slowest + 1} "
                f"({seconds[slowest]:.1f} s)",
                flush=True,
            )
            problems += over_time(chapter, seconds)
    return problems


def check(book=BOOK):
    """Complain about each twin that is not what its source and the package make now."""
    problems = []
    for chapter in chapters(book):
        if reason := why_stale(chapter):
            problems.append(f"{chapter.slug}: run `make notebooks`, {reason}")
            continue
        twin = chapter.read_twin()
        code = [cell for cell in twin.cells if cell.cell_type == "code"]
        expected = assemble(chapter, code, twin.metadata["companion"])
        if nbformat.writes(expected).rstrip() + "\n" != chapter.twin.read_text("utf8"):
            problems.append(f"{chapter.slug}: run `make notebooks`, its prose changed")
    return problems


def prime(cache_path, book=BOOK):
    """Give Jupyter Book's cache the twins' outputs: its build executes nothing."""
    cache = get_cache(cache_path)
    for chapter in chapters(book):
        executed = [c for c in chapter.read_twin().cells if c.cell_type == "code"]
        page = read_myst_markdown_notebook(chapter.path.read_text("utf8"))
        code = [cell for cell in page.cells if cell.cell_type == "code"]
        for cell, twin_cell in zip(code, executed, strict=True):
            cell.outputs = twin_cell.outputs
            cell.execution_count = twin_cell.execution_count
        cache.cache_notebook_bundle(
            bundle(page, chapter), check_validity=False, overwrite=True
        )


def bundle(notebook, chapter):
    from jupyter_cache.base import CacheBundleIn

    return CacheBundleIn(notebook, str(chapter.path))
