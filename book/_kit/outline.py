"""What a chapter consists of, in order, and what its reader sees of each code cell.

Visible cells teach, and run in order by themselves after the setup. All others are
collapsed in the notebook, each under a title: checks behind the text (`remove-cell`),
the code of figures (`hide-input`), the checkers of exercises, the code of solutions.
Every exercise is followed by a cell to write in, which only the notebook has.
"""

import re
from dataclasses import dataclass, field
from itertools import chain

from book._kit.names import first_definition

SETUP, VISIBLE, CHECK, FIGURE = "setup", "visible", "check", "figure"
CHECKER, SOLUTION, STUB = "checker", "solution", "stub"

FENCE = re.compile(r"^(?P<mark>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<argument>.*)$")
LABEL = re.compile(r"^:label: *(\S+)", re.M)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
EQUATION = re.compile(r"^\$\$ *\((?P<label>[\w:-]+)\)$", re.M)
OF_EXERCISES = ("exercise", "solution", "solution-start", "solution-end")


@dataclass
class Place:
    """Where a reader of a chapter stands; from this follows what a code cell is."""

    started: bool = False
    in_exercise: bool = False
    in_solution: bool = False

    def pass_directive(self, name):
        """Go past one of the directives `OF_EXERCISES`."""
        self.in_exercise = name == "exercise"
        self.in_solution = name == "solution-start"

    def pass_code(self, tags):
        """Go past a code cell; return its role."""
        first, self.started = not self.started, True
        if first:
            return SETUP
        if "remove-cell" in tags:
            return CHECK
        if self.in_solution:
            return SOLUTION
        if self.in_exercise:
            return CHECKER
        return FIGURE if "hide-input" in tags else VISIBLE


@dataclass
class Prose:
    """Markdown between code cells, exercises and solutions."""

    text: str


@dataclass
class Code:
    """A code cell of the notebook: one of the source, or the stub of an exercise.

    `number` is that of its figure or exercise.
    """

    role: str
    source: str
    cell: object = None
    number: int | None = None


@dataclass
class Exercise:
    """An exercise, the cell to write in, and the cells that check what was written."""

    number: int
    title: str
    text: str
    checkers: list = field(default_factory=list)

    def add(self, code):
        code.number = self.number
        self.checkers.append(code)

    @property
    def stub(self):
        """How an answer begins: with what the exercise shows, if it shows code."""
        lines = [f"# Your answer to exercise {self.number}."]
        start = PYTHON.search(self.text)
        if start and self.checkers:
            check = first_definition(self.checkers[0].source, "check")
            call = f"{check}({first_definition(start[1])})"
            lines.append(f"# Run the checker below, and then `{call}`.")
        if start:
            lines += ["", start[1].rstrip()]
        return Code(STUB, "\n".join(lines), number=self.number)

    @property
    def code(self):
        return [self.stub, *self.checkers]


@dataclass
class Solution:
    """A solution: its texts, and its code, which comes after them."""

    number: int
    texts: list
    code: list = field(default_factory=list)

    def add(self, code):
        code.number = self.number
        self.code.append(code)


class Outline:
    """A chapter's pieces in order, and the numbers of what it refers to by a label."""

    def __init__(self, cells):
        self.pieces, self._place = [], Place()
        self.equations, self.exercises, self.figures = {}, {}, {}
        for cell in cells:
            if cell.cell_type == "code":
                self._add_code(cell)
                continue
            for name, argument, text in blocks(cell.source):
                self._add_text(name, argument, text)

    @property
    def code(self):
        """The code cells of the notebook, in order."""
        parts = (
            [piece] if isinstance(piece, Code) else getattr(piece, "code", [])
            for piece in self.pieces
        )
        return list(chain.from_iterable(parts))

    def _add_code(self, cell):
        role = self._place.pass_code(cell.metadata.get("tags", []))
        code = Code(role, cell.source, cell)
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if "name" in figure:
            self.figures[figure["name"]] = len(self.figures) + 1
            code.number = len(self.figures)
        if self._place.in_solution:
            self._last(Solution).add(code)
        elif self._place.in_exercise:
            self._last(Exercise).add(code)
        else:
            self.pieces.append(code)

    def _add_text(self, name, argument, text):
        for match in EQUATION.finditer(text):
            self.equations[match["label"]] = len(self.equations) + 1
        if name in OF_EXERCISES:
            self._place.pass_directive(name)
        if name == "exercise":
            number = len(self.exercises) + 1
            self.exercises[LABEL.search(text)[1]] = number
            self.pieces.append(Exercise(number, argument, text))
        elif name in ("solution", "solution-start"):
            self.pieces.append(Solution(self.exercises[argument], [text]))
        elif self._place.in_solution:
            self._last(Solution).texts.append(text)
        elif name != "solution-end":
            self.pieces.append(Prose(text))

    def _last(self, kind):
        return next(p for p in reversed(self.pieces) if isinstance(p, kind))


def blocks(text):
    """Split Markdown at the directives of exercises: (name, argument, text) of each.

    The name of what lies between them is empty; a directive's text is its body.
    """
    lines, between = iter(text.splitlines()), []
    for line in lines:
        match = FENCE.match(line)
        if match is None or match["name"] not in OF_EXERCISES:
            between.append(line)
            between += until_closed(match["mark"], lines, keep=True) if match else []
            continue
        if any(between):
            yield "", "", "\n".join(between)
        between = []
        body = until_closed(match["mark"], lines)
        yield match["name"], match["argument"].strip(), "\n".join(body)
    if any(between):
        yield "", "", "\n".join(between)


def until_closed(mark, lines, keep=False):
    """The lines up to the closing fence, which is kept or dropped."""
    body = []
    for line in lines:
        if line.rstrip() == mark:
            return [*body, line] if keep else body
        body.append(line)
    return body
