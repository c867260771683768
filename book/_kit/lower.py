"""MyST to the plain Markdown that Colab shows.

A twin must read well by itself, and Colab knows neither directives nor roles. Every
construct that a chapter may use is lowered here; one that is not in `DIRECTIVES` or
`ROLES` is an error, so nothing reaches a reader raw.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pybtex.database import parse_file

from book._kit import glossary, model_map
from book._kit.chapter import is_chapter, opening
from book._kit.facts import facts, render, split_quote
from book._kit.outline import EQUATION, FENCE, OF_EXERCISES, until_closed
from book._kit.repository import ROOT, colab_url, site_url

ADMONITIONS = ("note", "tip", "warning", "important", "seealso", "admonition")
DIRECTIVES = (*ADMONITIONS, *OF_EXERCISES, "literalinclude", "model-map", "opening")
ROLES = (
    "cite:p", "cite:t", "doc", "eq", "glue:text", "numref", "ref", "term",
)  # fmt: skip

OPTION = re.compile(r"^:(?P<name>[\w-]+): *(?P<value>.*)$")
INLINE = re.compile(
    r"(?P<code>```.*?```|``.+?``)"
    r"|\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`"
    r"|(?P<span>`[^`]+`)"
    r"|(?<!!)\[(?P<title>[^\[\]]+)\]"
    r"\((?P<page>[^()\s#]*\.md)?(?P<anchor>#[\w-]+)?\)",
    re.S,
)
TITLED = re.compile(r"^(?P<title>.+?)\s*<(?P<target>[^>]+)>$", re.S)
TARGET = re.compile(r"^\((?P<label>[\w:-]+)\)=$")


@cache
def of_all_chapters():
    """The bibliography, and where each term of the glossary stands."""
    bibliography = parse_file(ROOT / "book" / "references.bib").entries
    return bibliography, glossary.places(ROOT / "book" / "glossary.yml")


@dataclass
class Lowering:
    """Lowers a chapter's text, piece by piece, and remembers what it cited."""

    chapter: object
    facts: dict
    cited: list = field(default_factory=list)

    def __post_init__(self):
        outline = self.chapter.outline
        self.equations, self.figures = outline.equations, outline.figures
        self.exercises = outline.exercises
        self.bibliography, self.terms = of_all_chapters()

    def lower(self, text):
        """Lower a piece of Markdown."""
        return "\n".join(self._blocks(text.splitlines())).strip()

    def exercise(self, exercise):
        """An exercise, as a quotation under its number."""
        title = f" ({exercise.title})" if exercise.title else ""
        text = [
            f"**Exercise {exercise.number}{title}.**",
            "",
            *self._body(exercise.text),
        ]
        return "\n".join(f"> {line}".rstrip() for line in text)

    def solution(self, solution):
        """A solution, folded."""
        texts = ("\n".join(self._body(text)).strip() for text in solution.texts)
        text = "\n\n".join(filter(None, texts)) or "The code is in the next cell."
        return (
            f"<details>\n<summary>Solution to exercise {solution.number}</summary>\n\n"
            f"{text}\n\n</details>"
        )

    def _body(self, text):
        """Lower the body of a directive, without its options."""
        _, body = options_of(text.splitlines())
        return self._blocks(body)

    def _blocks(self, lines):
        lines = iter(lines)
        prose = []
        for line in lines:
            if (match := FENCE.match(line)) is None:
                prose.append(line)
                continue
            yield from self._prose(prose)
            prose = []
            body = until_closed(match["mark"], lines)
            yield from self._directive(match["name"], match["argument"].strip(), body)
        yield from self._prose(prose)

    def _prose(self, lines):
        text = "\n".join(
            line for line in lines if not (TARGET.match(line) or line.startswith("% "))
        )
        text = EQUATION.sub(
            lambda m: f"\\tag{{{self.equations[m['label']]}}}\n$$", text
        )
        yield from self._inline(text).split("\n")

    def _directive(self, name, argument, body):
        if name not in DIRECTIVES:
            raise ValueError(
                f"A chapter uses only the directives {', '.join(DIRECTIVES)}. "
                f"Received: {name!r} in {self.chapter.path}"
            )
        options, body = options_of(body)
        if name == "opening":
            page = f"[Read this chapter as a page]({site_url(self.chapter.slug)})"
            yield from self._prose(opening(self.chapter, page).splitlines())
        elif name == "model-map":
            chart = model_map.load()
            yield from model_map.table(
                chart, lambda slug: self._address(f"/book/{slug}.md")
            )
            yield from ["", model_map.sentence(chart)]
        elif name == "literalinclude":
            yield from ["```python", *self._source(argument, options), "```"]
        else:
            title = argument if name == "admonition" else name.capitalize()
            yield from [f"> **{title}.**", ">"]
            for line in self._blocks(body):
                yield f"> {line}".rstrip()

    def _source(self, argument, options):
        """The lines that Sphinx's literalinclude shows."""
        path = (self.chapter.path.parent / argument).resolve()
        return source(path, options.get("pyobject"))

    def _inline(self, text):
        def replace(match):
            if match["role"]:
                return self._role(match)
            return self._link(match) if match["title"] else match[0]

        return INLINE.sub(replace, text)

    def _role(self, match):
        name, text = match["role"], match["text"]
        if name not in ROLES:
            raise ValueError(
                f"A chapter uses only the roles {', '.join(ROLES)}. "
                f"Received: {match[0]!r} in {self.chapter.path}"
            )
        titled = TITLED.match(text)
        title, target = (titled["title"], titled["target"]) if titled else (text, text)
        if name == "glue:text":
            return self._fact(text)
        if name.startswith("cite"):
            return self._citation(name, text)
        if name == "eq":
            return f"({self.equations[target]})"
        if name == "numref" or target in self.exercises or target in self.figures:
            kind = "Exercise" if target in self.exercises else "Figure"
            number = self.exercises.get(target) or self.figures[target]
            return f"{kind} {number}"
        if name == "doc":
            return f"[{title}]({self._address(target)})"
        if name == "term":
            place = self.terms[" ".join(target.lower().split())]
            return f"[{title}]({site_url('back/glossary')}#{place})"
        return title

    def _fact(self, text):
        slug, name, spec = split_quote(text)
        if slug is None:
            return render(self.facts[name], spec)
        return render(facts(self.chapter.book / f"{slug}.ipynb")[name], spec)

    def _citation(self, role, text):
        written = []
        for key in text.split(","):
            entry = self.bibliography[key.strip()]
            if key.strip() not in self.cited:
                self.cited.append(key.strip())
            names = authors(entry)
            year = entry.fields["year"]
            written.append(
                f"{names} ({year})" if role == "cite:t" else f"{names}, {year}"
            )
        joined = "; ".join(written)
        return joined if role == "cite:t" else f"({joined})"

    def _link(self, match):
        title, anchor = self._inline(match["title"]), match["anchor"] or ""
        if match["page"] is None:
            return title
        return f"[{title}]({self._address(match['page'], anchor)})"

    def _address(self, target, anchor=""):
        """A chapter's notebook; the published page of anything else."""
        slug = self._slug(target)
        if is_chapter(self.chapter.book / f"{slug}.md"):
            return colab_url(slug)
        return f"{site_url(slug)}{anchor}"

    def _slug(self, target):
        target = target.removesuffix(".md")
        if target.startswith("/"):
            return target.removeprefix("/book/")
        path = (self.chapter.path.parent / target).resolve()
        return path.relative_to(self.chapter.book.resolve()).as_posix()

    def references(self):
        """The works cited so far, as a Markdown list."""
        rows = []
        for key in sorted(self.cited):
            entry = self.bibliography[key]
            fields = entry.fields
            kinds = ("booktitle", "journal", "publisher")
            venue = next((fields[kind] for kind in kinds if kind in fields), "")
            title = fields["title"].translate(str.maketrans("", "", "{}"))
            line = f"- {authors(entry)} ({fields['year']}). {title}. {venue}"
            line = line.rstrip(". ") + "."
            if "url" in fields:
                line += f" [link]({fields['url']})"
            rows.append(line)
        return "## References\n\n" + "\n".join(rows)


def options_of(lines):
    """The options at the head of a directive's lines, and the lines after them."""
    options, lines = {}, list(lines)
    while lines and (match := OPTION.match(lines[0])):
        options[match["name"]] = match["value"]
        lines = lines[1:]
    return options, lines


def authors(entry):
    """ "Krizhevsky et al.", "Zeiler and Fergus" or "Krizhevsky"."""
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    if len(names) > 2:
        return f"{names[0]} et al."
    return " and ".join(names)


def source(path, pyobject=None):
    """The lines of a file, or of one function, class or method in it."""
    text = Path(path).read_text("utf8")
    if pyobject is None:
        return text.rstrip().splitlines()
    node = ast.parse(text)
    for name in pyobject.split("."):
        node = next(
            child for child in node.body if getattr(child, "name", None) == name
        )
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return text.splitlines()[first - 1 : node.end_lineno]
