"""A chapter as the kit sees it: front matter, cells, executed twin."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
import nbformat

from book._kit.facts import facts
from book._kit.outline import Outline
from book._kit.repository import ROOT

BOOK = ROOT / "book"
CHAPTER_SECONDS = 45  # on two CPU cores; nbval holds every chapter to it
SETUP_CELL = (Path(__file__).parent / "setup_cell.py.txt").read_text("utf8").rstrip()


@dataclass(frozen=True)
class Chapter:
    """One Markdown file of the book that has code cells."""

    path: Path
    book: Path = BOOK

    @property
    def slug(self):
        """The path below book/, without ending: "lineage/alexnet"."""
        return self.path.relative_to(self.book).with_suffix("").as_posix()

    @property
    def twin(self):
        """The executed notebook beside the source."""
        return self.path.with_suffix(".ipynb")

    @cached_property
    def notebook(self):
        return jupytext.read(self.path, fmt="md:myst")

    @property
    def cells(self):
        return self.notebook.cells

    @cached_property
    def outline(self):
        return Outline(self.cells)

    @property
    def code_cells(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def meta(self):
        """The `book:` mapping of the front matter."""
        return self.notebook.metadata.get("book", {})

    @property
    def title(self):
        return next(
            line.removeprefix("# ").strip()
            for cell in self.cells
            for line in cell.source.splitlines()
            if line.startswith("# ") and cell.cell_type == "markdown"
        )

    @property
    def facts(self):
        """Values that the executed twin glued, by name."""
        return facts(self.twin)

    def read_twin(self):
        return nbformat.read(self.twin, 4)


def is_chapter(path):
    """A page with code cells: its front matter names a jupytext format."""
    head = path.read_text("utf8").split("\n---", 1)[0]
    return head.startswith("---") and "format_name: myst" in head


def chapters(book=BOOK):
    """All chapters below `book`, in the order of their paths."""
    return [
        Chapter(path, book) for path in sorted(book.rglob("*.md")) if is_chapter(path)
    ]


def opening(chapter, link):
    """What stands under a chapter's title, as Markdown made from its front matter."""
    meta = chapter.meta
    objectives = "\n".join(f"- {goal}" for goal in meta["objectives"])
    known = ", ".join(
        f"[{Chapter(chapter.book / f'{slug}.md', chapter.book).title}](/book/{slug}.md)"
        for slug in meta["prerequisites"]
    )
    needs = "; ".join(filter(None, (known, meta.get("needs"))))
    names = ", ".join(f"`{name}`" for name in meta["companion"])
    paper = f"\n\n**Paper.** {{cite:t}}`{meta['paper']}`" if meta.get("paper") else ""
    return (
        f"**You will be able to**\n\n{objectives}\n\n"
        f"**You need first** {needs.rstrip('.')}.{paper}\n\n"
        f"**From the package** {names}\n\n"
        f"**Runs in** at most {CHAPTER_SECONDS} seconds on two processor cores.\n\n"
        f"{link}"
    )
