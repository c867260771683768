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
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.database import parse_file

from book._kit.chapter import BOOK, SETUP_CELL
from book._kit.lower import DIRECTIVES, ROLES

CODE_LINES, CODE_COLUMNS = 25, 72
WORDS = range(1500, 2601)
BANNED = re.compile(r"\b(simply|obviously|just)\b", re.I)
HOSTS = {"github.com", "colab.research.google.com", "arxiv.org", "doi.org"}
VERBATIM = {
    "bibliography", "code", "code-block", "code-cell", "literalinclude", "math",
}  # fmt: skip
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
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")

PARSER = create_md_parser(
    MdParserConfig(
        enable_extensions={
            "amsmath",
            "attrs_block",
            "attrs_inline",
            "colon_fence",
            "deflist",
            "dollarmath",
        }
    ),
    RendererHTML,
)
CITED_MARK = "\N{OBJECT REPLACEMENT CHARACTER}"


@dataclass
class Block:
    """A paragraph, heading or table cell: its words, with and without link texts."""

    line: int
    kind: str
    words: str = ""
    numbers: str = ""
    math: str = ""
    cites: bool = False
    column: int = 0

    def line_of(self, position):
        return self.line + self.numbers.count("\n", 0, position)


@dataclass
class Directive:
    line: int
    name: str
    argument: str
    options: dict
    body: str


@dataclass
class Page:
    """A source page of the book, read by the parser that Sphinx uses."""

    text: str
    path: Path | None = None
    front: dict = field(default_factory=dict)
    blocks: list = field(default_factory=list)
    directives: list = field(default_factory=list)
    roles: list = field(default_factory=list)
    links: list = field(default_factory=list)
    images: list = field(default_factory=list)

    def __post_init__(self):
        self._read(self.text, 1)

    @property
    def is_chapter(self):
        return "jupytext" in self.front

    @property
    def meta(self):
        return self.front.get("book") or {}

    @property
    def cells(self):
        return [d for d in self.directives if d.name == "code-cell"]

    @property
    def cited(self):
        """Keys of the works cited, the paper of the front matter included."""
        groups = [self.meta.get("paper") or "", *CITED.findall(self.text)]
        return {key.strip() for group in groups for key in group.split(",")} - {""}

    def _read(self, text, line):
        kind, column, row = "paragraph", 0, []
        for token in PARSER.parse(text):
            start = line + (token.map or [0])[0]
            if token.type == "front_matter":
                self._front(token.content, start + 1)
            elif token.type in ("fence", "colon_fence"):
                self._fence(token, start)
            elif token.type == "heading_open":
                kind = token.tag
            elif token.type == "table_open":
                header = None
            elif token.type == "tr_open":
                row = []
            elif token.type in ("th_open", "td_open"):
                kind, column = "cell", len(row)
            elif token.type in ("math_block", "math_block_label", "amsmath"):
                self.blocks.append(Block(start, "math", math=token.content))
            elif token.type == "inline":
                block = Block(start, kind, column=column)
                self._inline(token.children, block)
                self.blocks.append(block)
                row.append(block)
                kind = "paragraph"
            elif token.type == "tr_close":
                header = header or row
                for cell in row:
                    sources = [*row, *header[cell.column : cell.column + 1]]
                    cell.cites = any(CITED_MARK in source.words for source in sources)

    def _front(self, content, line):
        self.front = yaml.safe_load(content) or {}
        lines = content.splitlines()
        for goal in self.meta.get("objectives") or []:
            where = next((i for i, s in enumerate(lines) if str(goal)[:20] in s), 0)
            self._read(str(goal), line + where)

    def _fence(self, token, line):
        match = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info)
        if match is None:
            return
        options, body, skipped = split_options(token.content)
        name, argument = match[1], match[2].strip()
        self.directives.append(Directive(line, name, argument, options, body))
        caption = options.get("mystnb", {}).get("figure", {}).get("caption")
        if caption:
            self._read(caption, line)
        if name not in VERBATIM:
            self._read(body, line + 1 + skipped)

    def _inline(self, children, block):
        in_link = False
        for child in children:
            line = block.line_of(len(block.numbers))
            if child.type == "text":
                block.words += child.content
                block.numbers += " " if in_link else child.content
            elif child.type in ("softbreak", "hardbreak"):
                block.words += "\n"
                block.numbers += "\n"
            elif child.type in ("link_open", "link_close"):
                in_link = child.type == "link_open"
                if in_link:
                    self.links.append((line, child.attrGet("href")))
            elif child.type == "image":
                self.images.append((line, child.content, child.attrGet("src")))
            elif child.type.startswith("math_inline"):
                block.math += f"{child.content}\n"
            elif child.type == "myst_role":
                name = child.meta["name"]
                self.roles.append((line, name))
                block.cites = block.cites or name.startswith("cite")
                block.words += CITED_MARK if name.startswith("cite") else " "
                block.numbers += "\n" * child.content.count("\n") or " "
            else:
                block.numbers += " "


def split_options(content):
    """Split a directive's content into options, body and the lines skipped."""
    lines = content.splitlines()
    if lines and lines[0].strip() == "---":
        end = lines.index("---", 1) if "---" in lines[1:] else len(lines)
        block, skipped = lines[1:end], end + 1
    else:
        skipped = next(
            (i for i, s in enumerate(lines) if not re.match(r":[\w-]+:", s)), len(lines)
        )
        block = [f"{s[1:].replace(':', ': ', 1)}" for s in lines[:skipped]]
    return yaml.safe_load("\n".join(block)) or {}, "\n".join(lines[skipped:]), skipped


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


def exercises(page):
    """Every exercise has a label and a solution, and the reverse."""
    posed, solved = {}, {}
    for directive in page.directives:
        if directive.name in ("exercise", "exercise-start"):
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
    front_matter, setup_cell, code_size, semicolons, reasons, exercises, known_syntax,
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
