"""Order: `python -m book._kit.order` prints what is used before it is explained.

A chapter may lean on itself and on its declared prerequisites, and on theirs. Three
kinds of things must be explained there:

- a term of the glossary, in the chapter that its entry names. A paragraph that links to
  that chapter may name it, as an outlook. Words that are everyday English as well
  (`everyday: true` in the glossary) count only where a `{term}` role marks them;
- a symbol of a displayed formula: some sentence has it, or the conventions do;
- an option of the package that a visible cell sets: some sentence names it, or the
  conventions do.
"""

import ast
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from book._kit import glossary, outline
from book._kit.chapter import BOOK, chapters
from book._kit.lint import roles
from book._kit.page import Page

TERM = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")
SYMBOL = re.compile(
    r"\\(?P<greek>[a-zA-Z]+)|(?<![a-zA-Z])(?P<latin>[a-zA-Z])(?![a-zA-Z])"
)
GREEK = re.compile(
    "(var)?(epsilon|phi|theta)|alpha|beta|gamma|delta|zeta|eta|kappa|lambda|mu|nu|xi|pi"
    "|rho|sigma|tau|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
WORDS = re.compile(r"\\(text|mathrm|operatorname|label|begin|end|tag)\*?\{[^{}]*\}")
CONVENTIONS = "how_to_use.md"
FREE = {*"dei", "pi"}  # the differential, Euler's number, a running index, 3.14159


@dataclass(frozen=True)
class Text:
    """What one page says, and what it uses."""

    path: Path

    @cached_property
    def source(self):
        return self.path.read_text("utf8")

    @cached_property
    def page(self):
        return Page(self.source, self.path)

    @cached_property
    def paragraphs(self):
        """(line, words, names in `{term}` roles, links) of each block of the source."""
        lines, found = self.source.splitlines(), []
        for block in self.page.blocks:
            end = block.line - 1
            while end < len(lines) and lines[end].strip():
                end += 1
            raw = "\n".join(lines[block.line - 1 : end])
            marked = {" ".join(name.split()).lower() for name in TERM.findall(raw)}
            found.append((block.line, " ".join(block.words.split()), marked, raw))
        return found

    @cached_property
    def said(self):
        """The symbols in sentences, tables and captions."""
        maths = (b.math for b in self.page.blocks if b.kind != "math")
        return set().union(*map(symbols, maths))

    @cached_property
    def displayed(self):
        """(line, symbols) of each displayed formula."""
        blocks = (b for b in self.page.blocks if b.kind == "math")
        return [(block.line, symbols(block.math)) for block in blocks]

    @cached_property
    def named(self):
        """Words of the text, inline code included."""
        inline = re.sub(r"^(`{3,}).*?^\1`*$", "", self.source, flags=re.M | re.S)
        return set(re.findall(r"\w+", inline))

    @cached_property
    def options(self):
        """(line, option) of the package's functions in visible cells."""
        imported, found = set(), []
        for role, _, cell in roles(self.page):
            if role != outline.VISIBLE:
                continue
            for node in ast.walk(tree(cell.body)):
                if isinstance(node, ast.ImportFrom) and is_ours(node.module):
                    imported |= {name.asname or name.name for name in node.names}
                if isinstance(node, ast.Call) and first_name(node.func) in imported:
                    found += [(cell.line, k.arg) for k in node.keywords if k.arg]
        return found


def symbols(formula):
    """Latin and Greek letters that stand alone: "w_1", "hat x" and "bar x" are w, x."""
    found = set()
    for match in SYMBOL.finditer(WORDS.sub(" ", formula)):
        found.add(match["latin"] or match["greek"])
    return {s for s in found if len(s) == 1 or GREEK.fullmatch(s)} - FREE


def tree(code):
    """The syntax tree of a cell; lines for IPython are left out."""
    lines = (re.sub(r"^\s*[%!].*", "", line) for line in code.splitlines())
    return ast.parse("\n".join(lines))


def is_ours(module):
    return (module or "").split(".")[0] == "companion"


def first_name(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", None)


def known_to(slug, prerequisites):
    """A chapter, its prerequisites, and theirs."""
    found, waiting = set(), [slug]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += prerequisites.get(name, [])
    return found


def problems(book=BOOK):
    """A sentence for everything that a chapter uses and nothing before it explains."""
    found = {chapter.slug: chapter for chapter in chapters(book)}
    before = {slug: c.meta.get("prerequisites") or [] for slug, c in found.items()}
    texts = {slug: Text(chapter.path) for slug, chapter in found.items()}
    entries = glossary.load(book / "glossary.yml")
    conventions = Text(book / CONVENTIONS)
    for slug, text in texts.items():
        known = known_to(slug, before)
        read = [texts[name] for name in known if name in texts]
        for line, problem in [
            *unknown_terms(text, entries, known),
            *unknown_symbols(text, [*read, conventions]),
            *unknown_options(text, [*read, conventions]),
        ]:
            yield f"{text.path.relative_to(book.parent)}:{line}: {problem}"


def unknown_terms(text, entries, known):
    for entry in entries:
        if not entry.chapter or entry.chapter in known:
            continue
        file = entry.chapter.rpartition("/")[2] + ".md"
        english = [n for n in entry.names if n.isascii()]
        word = re.compile(rf"\b({'|'.join(map(re.escape, english))})\b", re.I)
        for line, words, marked, raw in text.paragraphs:
            used = marked & entry.names or (not entry.everyday and word.search(words))
            if used and file not in raw:
                yield (
                    line,
                    f"{entry.term!r} is taught in {entry.chapter}: explain it, link "
                    "there, or make that chapter a prerequisite",
                )
                break


def unknown_symbols(text, read):
    said = set().union(*(other.said for other in read))
    for line, used in text.displayed:
        for symbol in sorted(used - said):
            yield line, f"say what {symbol} is, in the text or in the conventions"


def unknown_options(text, read):
    named = set().union(*(other.named for other in read))
    for line, option in dict.fromkeys(text.options):
        if option not in named:
            yield line, f"say what the option {option} does"


def main():
    found = list(problems())
    print(*found, sep="\n", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
