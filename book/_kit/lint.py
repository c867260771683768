"""Lint the book: `python -m book._kit.lint` prints `file:line: rule: what to do`.

A rule is a function from a page to (line, what to do) pairs. Typed numbers, the rule
with the most words: a number in prose is glued, because a typed one goes stale unseen.
Flagged are decimals, percentages, thousands separators, powers such as 1e-4, counts in
thousands or millions, and integers from 100 on. Free are years (1800 to 2100), sizes
(3×3, 227 × 227 × 3), versions (Python 3.11), places (Section 3.5, Table 2), names
(ResNet-152), whatever stands in code, links, roles or headings or in the first column
of a table, numbers in formulas that have no thousands separator, and any number in a
paragraph (or in a table's row or column) that cites its source.
"""

import re
import sys
from collections import defaultdict
from urllib.parse import urlsplit

from pybtex.database import parse_file

from book._kit import names, outline
from book._kit.chapter import BOOK, SETUP_CELL
from book._kit.lower import DIRECTIVES, ROLES
from book._kit.page import Page

CODE_LINES, CODE_COLUMNS = 25, 72
WORDS = range(1500, 3001)
BANNED = re.compile(r"\b(simply|obviously|just)\b", re.I)
HOSTS = {"github.com", "colab.research.google.com", "arxiv.org", "doi.org"}
PROVIDED = frozenset({"display", "glue"})  # by IPython, and by the setup cell
FRONT_KEYS = {"id", "questions", "objectives", "prerequisites", "companion"}
EXTRA_KEYS = {"title", "paper", "needs"}

FREE = re.compile(
    r"\d+(\s?[×x]\s?\d+)+"
    r"|(Python|Keras|TensorFlow|JAX|NumPy|Debian|Ubuntu|Sphinx)\s\d+(\.\d+)*"
    r"|(§|Sections?|Figures?|Fig\.|Tables?|Eq\.|Equation|Chapter|Part|Algorithm|pages?)"
    r"\s?\d+(\.\d+)*"
    r"|(?<=[A-Za-z]-)\d+"
)
NUMBER = re.compile(
    r"(?<![\w.])(?P<number>\d+(,\d{3})*(\.\d+)?(e[-+]?\d+)?)"
    r"(?P<unit>\s?(%|‰|per\s?cent\b|[kKMG]\b|thousand\b|million\b|billion\b))?"
)
THOUSANDS = re.compile(r"\d(,|\{,\}|\\,)\d{3}(?!\d)")


def typed_numbers(page):
    """Numbers in prose are glued."""
    for block in page.blocks:
        if block.kind.startswith("h") or block.cites:
            continue
        if block.kind == "cell" and block.column == 0:
            continue
        if THOUSANDS.search(block.math):
            yield block.line, "glue this number of a formula: {glue:text}`name:,d`"
        free = [match.span() for match in FREE.finditer(block.numbers)]
        for match in NUMBER.finditer(block.numbers):
            inside = any(a <= match.start() and match.end() <= b for a, b in free)
            if not inside and is_typed(match):
                shown = " ".join(match[0].split())
                yield (
                    block.line_of(match.start()),
                    f"glue {shown!r} with {{glue:text}}`name`, or cite its source",
                )


def is_typed(match):
    number = match["number"]
    if match["unit"] or not number.isdigit():
        return True
    return int(number) >= 100 and not 1800 <= int(number) <= 2100


def banned_words(page):
    """No word that tells readers they should have known."""
    for block in page.blocks:
        for match in BANNED.finditer(block.words):
            yield block.line, f"delete {match[0]!r}: it helps no reader"


def headings(page):
    """One title, and no heading twice."""
    seen = {}
    titles = [block for block in page.blocks if block.kind == "h1"]
    if len(titles) != 1:
        yield 1, f"give the page one title, not {len(titles)}"
    for block in page.blocks:
        if re.fullmatch(r"h\d", block.kind):
            if block.words in seen:
                yield block.line, f"rename: line {seen[block.words]} has this heading"
            seen.setdefault(block.words, block.line)


def hosts(page):
    """Links lead into the book, or to the places where code and papers stay."""
    for line, target in page.links:
        host = urlsplit(target).netloc
        if host and host not in HOSTS:
            yield line, f"link to {', '.join(sorted(HOSTS))} instead of {host}"
    for block in page.blocks:
        for match in re.finditer(r"https?://([\w.-]+)", block.numbers):
            if match[1] not in HOSTS:
                yield block.line_of(match.start()), f"remove the address {match[0]}"


def alt_text(page):
    """Every figure says in words what it shows, and none is loaded from elsewhere."""
    for line, alt, source in page.images:
        if not alt.strip():
            yield line, "describe the image between the brackets"
        if urlsplit(source).netloc:
            yield line, "keep the image in the book: pages load nothing from elsewhere"
    for directive in page.directives:
        if directive.name in ("figure", "image") and not directive.options.get("alt"):
            yield directive.line, "add `:alt:`, saying what the figure shows"
    for cell in page.cells:
        image = cell.options.get("mystnb", {}).get("image", {})
        if "plt.show()" in cell.body and not image.get("alt"):
            yield cell.line, "add `mystnb: {image: {alt: ...}}`: what the figure shows"


def front_matter(page):
    """What a chapter says of itself is complete."""
    missing = {"jupytext", "kernelspec", "book"} - set(page.front)
    missing |= FRONT_KEYS - set(page.meta)
    if missing:
        yield 1, f"add to the front matter: {', '.join(sorted(missing))}"
        return
    meta = page.meta
    if unknown := sorted(set(meta) - FRONT_KEYS - EXTRA_KEYS):
        yield 1, f"remove from the front matter: {', '.join(unknown)}"
    if not re.fullmatch(r"ch\d\d|app[A-Z]", str(meta["id"])):
        yield 1, f"write the id as ch13 or appA, not {meta['id']!r}"
    if not 3 <= len(meta["objectives"] or []) <= 5:
        yield 1, "state three to five objectives"
    questions = meta["questions"] or [None] * str(meta["id"]).startswith("ch")
    if not all(re.fullmatch(r"Q\d{3}", str(question)) for question in questions):
        yield 1, "list the questions it answers, as [Q019]"
    if not meta["companion"]:
        yield 1, "list what the chapter uses of the package"
    if not (meta["prerequisites"] or meta.get("needs")):
        yield 1, "list prerequisites, or say in `needs` what a reader brings along"
    if page.path is not None:
        yield from dangling(page)


def dangling(page):
    """The prerequisites and the paper that the front matter names exist."""
    book = next(f for f in page.path.parents if (f / "references.bib").exists())
    for slug in page.meta["prerequisites"] or []:
        if not (book / f"{slug}.md").exists():
            yield 1, f"the prerequisite {slug} is no page of the book"
    paper = page.meta.get("paper")
    if paper and paper not in parse_file(book / "references.bib").entries:
        yield 1, f"add {paper} to references.bib"


def setup_cell(page):
    """The first cell is the same in every chapter."""
    first = page.cells[0] if page.cells else None
    if first is None or first.body.strip() != SETUP_CELL:
        line = first.line if first else 1
        yield line, "begin with the cell of book/_kit/setup_cell.py.txt, unchanged"
    elif "remove-cell" not in (first.options.get("tags") or []):
        yield first.line, "tag the setup cell `remove-cell`"


def code_size(page):
    """Code fits a page: short cells, lines that need no scrolling."""
    for cell in page.cells[1:]:
        lines = cell.body.strip("\n").splitlines()
        if len(lines) > CODE_LINES:
            yield cell.line, f"split the cell: {len(lines)} lines, at most {CODE_LINES}"
        for text in lines:
            if len(text) > CODE_COLUMNS:
                yield cell.line, f"break {text.strip()[:30]!r} at {CODE_COLUMNS}"


def semicolons(page):
    """nbval ignores a trailing semicolon, so its output would differ."""
    for cell in page.cells:
        for text in cell.body.splitlines():
            if text.rstrip().endswith(";"):
                yield cell.line, f"end {text.strip()[:30]!r} without `;`"


def reasons(page):
    """An output that nobody compares says why."""
    for cell in page.cells:
        tags = cell.options.get("tags") or []
        if "nbval-ignore-output" in tags and not cell.options.get("reason"):
            yield cell.line, "add `reason:`, saying why this output cannot be compared"


def roles(page):
    """The code cells of a chapter: (what it is to a reader, exercises so far, cell)."""
    place, exercises = outline.Place(), 0
    for directive in page.directives:
        if directive.name in outline.OF_EXERCISES:
            place.pass_directive(directive.name)
            exercises += directive.name == "exercise"
        elif directive.name == "code-cell":
            role = place.pass_code(directive.options.get("tags") or [])
            yield role, exercises, directive


def visible_names(page):
    """Cells run in order without those that are folded away, and mean the same.

    What checks or solves an exercise needs the cells that a reader sees, and its own.
    """
    cells = list(roles(page))
    ever = PROVIDED.union(
        *(names.defined(c.body) for role, _, c in cells if role == outline.VISIBLE)
    )
    known, own, rebound = set(PROVIDED), defaultdict(set), {}
    for role, exercise, cell in cells:
        bound = names.defined(cell.body)
        if role in (outline.VISIBLE, outline.CHECKER, outline.SOLUTION):
            now, called = names.needed(cell.body)
            missing = (now - known) | (called - ever)
            for name in sorted(missing - own[exercise]):
                yield cell.line, f"define {name!r} in a visible cell before this one"
            (known if role == outline.VISIBLE else own[exercise]).update(bound)
        if role != outline.VISIBLE:
            rebound |= dict.fromkeys(bound & known, cell.line)
            continue
        for name in sorted(now & rebound.keys()):
            yield (
                cell.line,
                f"the folded cell in line {rebound[name]} binds {name!r} anew: "
                "do so in a visible cell, or take another name there",
            )
        rebound = {name: line for name, line in rebound.items() if name not in bound}


def hidden_glue(page):
    """Records of what the text quotes stand in cells of their own."""
    for role, _, cell in roles(page):
        if role not in (outline.SETUP, outline.CHECK) and names.calls(
            cell.body, "glue"
        ):
            yield (
                cell.line,
                "move `glue` into a cell tagged `remove-cell` after this one",
            )


def exercises(page):
    """Every exercise has a label and a solution, and the reverse."""
    posed, solved = {}, {}
    for directive in page.directives:
        if directive.name == "exercise":
            label = directive.options.get("label")
            if not label:
                yield directive.line, "add `:label:` to the exercise"
            elif label in posed:
                yield directive.line, f"rename the label {label}, it is taken"
            posed[label] = directive.line
        elif directive.name in ("solution", "solution-start"):
            solved[directive.argument] = directive.line
    for label in posed.keys() - solved.keys() - {None}:
        yield posed[label], f"add ```{{solution}} {label}"
    for label in solved.keys() - posed.keys():
        yield solved[label], f"no exercise has the label {label!r}"


def known_syntax(page):
    """Only what the twin's lowering understands, so that Colab shows nothing raw."""
    known = ", ".join(DIRECTIVES)
    for directive in page.directives:
        if directive.name not in (*DIRECTIVES, "code-cell"):
            yield directive.line, f"use one of {known}, not {{{directive.name}}}"
    for line, name in page.roles:
        if name not in ROLES:
            yield line, f"use one of {', '.join(ROLES)}, not {{{name}}}"


def word_count(page):
    """A chapter is read in twenty minutes (advice, not an error)."""
    prose = [b.words for b in page.blocks if b.kind == "paragraph"]
    words = len(re.findall(r"\w[\w'-]*", " ".join(prose)))
    if words not in WORDS:
        yield 1, f"{words} words of prose; {WORDS[0]} to {WORDS[-1]} read well"


PAGE_RULES = (typed_numbers, banned_words, headings, hosts, alt_text)
CHAPTER_RULES = (
    front_matter, setup_cell, code_size, semicolons, reasons, visible_names,
    hidden_glue, exercises, known_syntax,
)  # fmt: skip


def findings(page):
    """Return (line, rule, what to do) for everything that a page must change."""
    rules = PAGE_RULES + (CHAPTER_RULES if page.is_chapter else ())
    return sorted(
        (line, rule.__name__.replace("_", "-"), message)
        for rule in rules
        for line, message in rule(page)
    )


def pages(book=BOOK):
    return [Page(path.read_text("utf8"), path) for path in sorted(book.rglob("*.md"))]


def main():
    failed = False
    for page in pages():
        path = page.path.relative_to(BOOK.parent)
        for line, rule, message in findings(page):
            print(f"{path}:{line}: {rule}: {message}")
            failed = True
        for line, message in word_count(page) if page.is_chapter else ():
            print(f"{path}:{line}: advice: {message}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
