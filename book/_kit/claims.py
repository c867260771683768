"""Claims: what the source notes and the chapters assert, and what was computed for it.

A chapter checks a claim by gluing a value under the claim's id; `claims.yml` says which
value must come out and where that expectation comes from. `python -m book._kit.claims`
lists every claim without a check, every check without a claim, and every value that is
not as expected.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import yaml
from pybtex.database import parse_file

from book._kit import lint
from book._kit.chapter import BOOK, chapters
from book._kit.facts import render
from book._kit.page import Page

VERDICTS = ("wrong", "imprecise", "needs context", "right")
NOTES_ID = re.compile(r"C\d{3}")
OWN_ID = re.compile(r"(ch\d\d|app[A-Z])-[a-z0-9-]+")
CHECKED_NAME = re.compile(r"C\d{3}|(ch\d\d|app[A-Z])-.*")
CITATION = {"cite", "locator", "value"}
VALUE = re.compile(r"\{value(?P<items>(?:\[\d+\])*)(?::(?P<spec>[^}]*))?\}")


@dataclass(frozen=True)
class Claim:
    """One row of `claims.yml`."""

    id: str
    chapter: str
    statement: str
    source: str
    verdict: str
    truth: str = ""
    elsewhere: str = ""
    expected: object = None
    expected_from: str = ""
    tolerance: float = 0
    check: object = "glue"

    @property
    def citation(self):
        """The work that settles the claim, or None where a computed value does."""
        return None if self.check == "glue" else self.check["cite"]

    def truth_with(self, value):
        """The truth with `{value}`, `{value:,d}` and `{value[0]}` filled in."""

        def fill(match):
            item = value
            for place in re.findall(r"\d+", match["items"]):
                item = item[int(place)]
            if not match["spec"] and has_bool(item):
                return shown(item)
            return render(item, match["spec"] or "")

        return VALUE.sub(fill, self.truth)


@dataclass(frozen=True)
class Ledger:
    """The claims, and the ids that the source notes give each chapter."""

    claims: list
    notes: dict


def load(path):
    """Read `claims.yml`; raise ValueError at the first row that breaks its form."""
    data = yaml.safe_load(Path(path).read_text("utf8"))
    claims = []
    for row in data["claims"]:
        claims.append(claim_of(row))
    for name, count in Counter(claim.id for claim in claims).items():
        if count > 1:
            raise ValueError(f"A claim has one row. Received: {count} rows of {name}")
    return Ledger(claims, data["notes"])


def claim_of(row):
    """Make a claim of a row, or say what is wrong with the row."""
    name = row.get("id")
    known = {field.name for field in fields(Claim)}
    if unknown := sorted(set(row) - known):
        raise ValueError(f"A claim has the fields {sorted(known)}. Received: {unknown}")
    needed = {"id", "chapter", "statement", "source", "verdict"}
    if missing := sorted(field for field in needed if not row.get(field)):
        raise ValueError(f"A claim needs {', '.join(missing)}. Received: id={name!r}")
    claim = Claim(**row)
    if not (NOTES_ID.fullmatch(name) or OWN_ID.fullmatch(name)):
        raise ValueError(f"An id reads C030 or ch13-neurons. Received: id={name!r}")
    if claim.verdict not in VERDICTS:
        raise ValueError(
            f"A verdict is one of {VERDICTS}. Received: {name} {claim.verdict!r}"
        )
    if claim.verdict != "right" and not claim.truth:
        raise ValueError(f"A claim that is not right needs a truth. Received: {name}")
    if claim.check == "glue":
        if claim.expected is None or not claim.expected_from:
            raise ValueError(
                f"A glued check needs expected and expected_from. Received: {name}"
            )
    elif not isinstance(claim.check, dict) or set(claim.check) != CITATION:
        raise ValueError(
            "A check is `glue` or {cite: key, locator: place in the work, value: what "
            f"the page quotes}}. Received: {name} check={claim.check!r}"
        )
    if not (is_number(claim.tolerance) and claim.tolerance >= 0):
        raise ValueError(
            f"A tolerance is a number >= 0. Received: {name} {claim.tolerance!r}"
        )
    if claim.tolerance > min(map(abs, numbers(claim.expected)), default=0) / 10:
        raise ValueError(
            "A tolerance is a tenth of the smallest number expected, at most. "
            f"Received: {name} {claim.tolerance} of {claim.expected}"
        )
    return claim


def numbers(value):
    """The numbers in a value, however deep in its lists."""
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in numbers(item)]
    return [value] if is_number(value) else []


def has_bool(value):
    if isinstance(value, (list, tuple)):
        return any(map(has_bool, value))
    return isinstance(value, bool)


def without_bools(value):
    """What is left of a list, however deep, without what only says yes or no."""
    if not isinstance(value, (list, tuple)):
        return [] if isinstance(value, bool) else value
    kept = [without_bools(item) for item in value if not isinstance(item, bool)]
    return [item for item in kept if item not in ([], ())]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def agrees(value, expected, tolerance=0):
    """Compare an executed value with the expected one; True is not 1."""
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(expected)
            and all(map(agrees, value, expected, [tolerance] * len(value)))
        )
    if is_number(expected):
        return is_number(value) and abs(value - expected) <= tolerance
    return type(value) is type(expected) and value == expected


def shown(value):
    """Write an executed value for a reader."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, int):
        return f"{value:,d}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def problems(book=BOOK):
    """Return a sentence for every claim or check of a book that does not hold."""
    ledger = load(book / "claims.yml")
    bibliography = parse_file(book / "references.bib").entries
    found = {chapter.slug: chapter for chapter in chapters(book)}
    return [
        *ledger_problems(ledger, found),
        *(p for claim in ledger.claims for p in text_problems(claim)),
        *(p for chapter in found.values() for p in unclaimed(ledger, chapter)),
        *(p for claim in ledger.claims for p in unchecked(claim, found, bibliography)),
    ]


def ledger_problems(ledger, found):
    """Compare the ids of the rows with the ids that belong to each chapter."""
    rows = {claim.id: claim.chapter for claim in ledger.claims}
    for chapter in found.values():
        for name in ledger.notes.get(chapter.meta["id"], []):
            if rows.get(name) != chapter.slug:
                yield f"{name} belongs to {chapter.slug}: give it a row in claims.yml"
    for claim in ledger.claims:
        if claim.chapter not in found:
            yield f"{claim.id} names the chapter {claim.chapter}, which does not exist"
            continue
        number = found[claim.chapter].meta["id"]
        own = OWN_ID.fullmatch(claim.id)
        if own and own[1] != number:
            yield f"{claim.id} is in {claim.chapter}: begin its id with {number}-"
        if not own and claim.id not in ledger.notes.get(number, []):
            yield f"{claim.id} is not among the notes' claims for {number}"


def text_problems(claim):
    """A truth quotes computed numbers, as the prose of a chapter does."""
    for _, message in lint.typed_numbers(Page(VALUE.sub("", claim.truth))):
        yield f"the truth of {claim.id}: {message} (here also as {{value}})"


def unclaimed(ledger, chapter):
    """A value glued under a claim's name belongs to a row."""
    if not chapter.twin.exists():
        yield f"{chapter.slug} has no twin: run `make notebooks`"
        return
    glued = {claim.id for claim in ledger.claims if not claim.citation}
    for name in chapter.facts:
        if CHECKED_NAME.fullmatch(name) and name not in glued:
            yield f"{chapter.slug} checks {name}, for which claims.yml has no glued row"


def unchecked(claim, found, bibliography):
    """A claim is settled by a value within its tolerance, or by a cited work."""
    chapter = found.get(claim.chapter)
    if chapter is None or not chapter.twin.exists():
        return
    if claim.citation:
        yield from uncited(claim, chapter, bibliography)
    elif claim.id not in chapter.facts:
        yield f"{claim.chapter} does not check {claim.id}: glue its value there"
    elif not agrees(chapter.facts[claim.id], claim.expected, claim.tolerance):
        yield (
            f"{claim.id} in {claim.chapter}: expected {claim.expected!r} within "
            f"{claim.tolerance}. Received: {chapter.facts[claim.id]!r}"
        )


def uncited(claim, chapter, bibliography):
    """The page quotes the value in a paragraph or table row that cites the work."""
    key, value = claim.check["cite"], str(claim.check["value"])
    if key not in bibliography:
        yield f"{claim.id} cites {key}, which references.bib does not have"
    page = Page(chapter.path.read_text("utf8"), chapter.path)
    whole = re.compile(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)")
    said = (" ".join(b.words.split()) for b in page.blocks if key in b.sources)
    if not any(map(whole.search, said)):
        yield (
            f"{claim.id}: no paragraph of {claim.chapter} that cites {key} has the "
            f"value {value!r}"
        )


def main():
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
