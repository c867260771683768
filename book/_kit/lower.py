"""MyST to the plain Markdown that Colab shows.

A twin must read well by itself, and Colab knows neither directives nor roles. Every
construct that a chapter may use is lowered here; one that is not in `DIRECTIVES` or
`ROLES` is an error, so nothing reaches a reader raw.
"""

import ast
import re
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pybtex.database import parse_file

from book._kit.chapter import opening
from book._kit.facts import facts, render, split_quote
from book._kit.repository import ROOT, site_url

ADMONITIONS = ("note", "tip", "warning", "important", "seealso", "admonition")
EXERCISES = ("exercise", "exercise-start", "exercise-end")
SOLUTIONS = ("solution", "solution-start", "solution-end")
DIRECTIVES = (*ADMONITIONS, *EXERCISES, *SOLUTIONS, "literalinclude", "opening")
ROLES = (
    "cite:p", "cite:t", "doc", "eq", "glue:text", "numref", "ref", "term",
)  # fmt: skip

FENCE = re.compile(r"^(?P<mark>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<argument>.*)$")
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
EQUATION = re.compile(r"^\$\$ *\((?P<label>[\w:-]+)\)$", re.M)


@dataclass
class Lowering:
    """Carries a chapter's numbering from its first Markdown cell to its last."""

    chapter: object
    facts: dict
    equations: dict = field(default_factory=dict)
    exercises: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    cited: list = field(default_factory=list)

    def __post_init__(self):
        self.bibliography = parse_file(ROOT / "book" / "references.bib").entries
        self._number_everything()

    def _number_everything(self):
        equation, exercise, figure = count(1), count(1), count(1)
        for cell in self.chapter.cells:
            if cell.cell_type == "code":
                caption = cell.metadata.get("mystnb", {}).get("figure", {})
                if "name" in caption:
                    self.figures[caption["name"]] = next(figure)
                continue
            in_exercise = False
            for line in cell.source.splitlines():
                if match := EQUATION.match(line):
                    self.equations[match["label"]] = next(equation)
                elif match := FENCE.match(line):
                    in_exercise = match["name"] in ("exercise", "exercise-start")
                elif in_exercise and line.startswith(":label:"):
                    self.exercises[line.split()[-1]] = next(exercise)

    def lower(self, text):
        """Lower one Markdown cell."""
        return "\n".join(self._blocks(text.splitlines())).strip()

    def _blocks(self, lines):
        lines = iter(lines)
        prose = []
        for line in lines:
            if (match := FENCE.match(line)) is None:
                prose.append(line)
                continue
            yield from self._prose(prose)
            prose = []
            body = []
            for inner in lines:
                if inner.rstrip() == match["mark"]:
                    break
                body.append(inner)
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
        options = {}
        while body and (match := OPTION.match(body[0])):
            options[match["name"]] = match["value"]
            body = body[1:]
        if name == "opening":
            page = f"[Read this chapter as a page]({site_url(self.chapter.slug)})"
            yield from self._prose(opening(self.chapter, page).splitlines())
        elif name == "literalinclude":
            yield from ["```python", *self._source(argument, options), "```"]
        elif name.endswith("-end"):
            return
        elif name.endswith("-start"):
            yield from [self._heading(name, argument, options), ""]
            yield from self._blocks(body)
        else:
            yield from [f"> {self._heading(name, argument, options)}", ">"]
            for line in self._blocks(body):
                yield f"> {line}".rstrip()

    def _heading(self, name, argument, options):
        if name.startswith("exercise"):
            title = f" ({argument})" if argument else ""
            return f"**Exercise {self.exercises[options['label']]}{title}.**"
        if name.startswith("solution"):
            return f"**Solution to exercise {self.exercises[argument]}.**"
        return f"**{argument if name == 'admonition' else name.capitalize()}.**"

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
            return f"[{title}]({site_url(self._slug(target))})"
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
        return f"[{title}]({site_url(self._slug(match['page']))}{anchor})"

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
