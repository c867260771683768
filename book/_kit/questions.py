"""The 85 questions of the notes: which are answered, where, and which are to come."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import yaml

from book._kit.chapter import BOOK, chapters

IDS = tuple(f"Q{number:03d}" for number in range(1, 86))
ANSWERED = {"id", "title", "zh", "chapter", "section", "answer"}
TO_COME = {"id", "title", "zh", "part"}


@dataclass(frozen=True)
class Question:
    """A question; `part` names the part it will belong to until it is answered."""

    id: str
    title: str
    zh: str
    chapter: str = ""
    section: str = ""
    answer: str = ""
    part: str = ""


def load(path=BOOK / "questions.yml"):
    """Read `questions.yml`; raise ValueError where it breaks its form."""
    rows = yaml.safe_load(Path(path).read_text("utf8"))
    for row in rows:
        if set(row) not in (ANSWERED, TO_COME) or not all(row.values()):
            raise ValueError(
                f"A question has {sorted(ANSWERED)}, or until its chapter is written "
                f"{sorted(TO_COME)}. Received: {row}"
            )
    counts = Counter(row["id"] for row in rows)
    if tuple(row["id"] for row in rows) != IDS:
        odd = sorted(set(IDS) ^ set(counts)) or [k for k, n in counts.items() if n > 1]
        raise ValueError(f"The ids run from Q001 to Q085, each once. Received: {odd}")
    return [Question(**row) for row in rows]


def problems(questions, book=BOOK):
    """A sentence for every question that the book and `questions.yml` disagree on."""
    found = {chapter.slug: chapter for chapter in chapters(book)}
    rows = {question.id: question for question in questions}
    for slug, chapter in found.items():
        for name in chapter.meta["questions"]:
            if rows[name].chapter == "":
                yield f"{name} is answered in {slug}: give it an answer"
    for question in questions:
        if not question.chapter:
            continue
        if question.chapter not in found:
            yield f"{question.id} names the chapter {question.chapter}: no such page"
            continue
        chapter = found[question.chapter]
        if question.id not in chapter.meta["questions"]:
            yield f"{question.id} is not among the questions of {question.chapter}"
        if question.section not in headings(chapter):
            where = f"{question.id}: {question.chapter}"
            yield f"{where} has no heading {question.section!r}"


def topics(questions, book=BOOK):
    """The answered questions in the order of the course: (part, [(chapter, [...])])."""
    contents = book.parent / "_toc.yml"
    toc = yaml.safe_load(contents.read_text("utf8")) if contents.exists() else {}
    places = {
        entry["file"].removeprefix("book/"): (rank, part["caption"], number)
        for rank, part in enumerate(toc.get("parts", []))
        for number, entry in enumerate(part["chapters"])
    }
    last = len(places), "Chapters", 0

    def place(question):
        return (*places.get(question.chapter, last), question.chapter)

    answered = sorted((q for q in questions if q.chapter), key=place)
    return [
        (part, [(slug, list(rows)) for slug, rows in groupby(group, by_chapter)])
        for part, group in groupby(answered, lambda q: place(q)[1])
    ]


def by_chapter(question):
    return question.chapter


def anchor(heading):
    """The fragment under which a page has a heading, made as MyST-Parser makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings(chapter):
    """The texts of a chapter's headings."""
    return {
        line.lstrip("#").strip()
        for cell in chapter.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    }
