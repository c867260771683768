"""Nothing is used before it is explained, and the check sees what is."""

import pytest
import yaml

from book._kit import order
from book._kit.order import symbols

ENTRIES = [
    {"term": "stride", "zh": "步长", "definition": "A step.", "chapter": "a/first"},
    {
        "term": "gate",
        "zh": "门",
        "definition": "A factor.",
        "chapter": "b/second",
        "everyday": True,
    },
    {
        "term": "residual block",
        "zh": "残差块",
        "definition": "x.",
        "chapter": "b/second",
    },
]


def chapter(prerequisites, body):
    jupytext = {"text_representation": {"format_name": "myst"}}
    front = {"jupytext": jupytext, "book": {"prerequisites": prerequisites}}
    return f"---\n{yaml.safe_dump(front)}---\n# Title\n\n{SETUP}\n\n{body}\n"


@pytest.fixture
def book(tmp_path):
    """Writes a book of three chapters and returns what `problems` says about it."""

    def problems_of(third, prerequisites=("b/second",)):
        book = tmp_path / "book"
        for slug, needs, body in [
            ("a/first", [], "The stride $s$ is a step: `by=2`."),
            ("b/second", ["a/first"], "A residual block adds $x$."),
            ("c/third", list(prerequisites), third),
        ]:
            file = book / f"{slug}.md"
            file.parent.mkdir(parents=True)
            file.write_text(chapter(needs, body))
        (book / "glossary.yml").write_text(yaml.safe_dump(ENTRIES))
        (book / "how_to_use.md").write_text("# Conventions\n\n$k$ is a size.\n")
        return [line.partition(": ")[2] for line in order.problems(book)]

    return problems_of


FORMULA = "$$\n{} = 1\n$$"
CODE = "from companion import step\n\nstep(2, by=3, at=4)"
SETUP = "```{code-cell} ipython3\n:tags: [remove-cell]\n\n1\n```"
CELL = f"```{{{{code-cell}}}} ipython3\n{{}}{CODE}\n```"


@pytest.mark.parametrize(
    "text",
    [
        "With stride two a residual block is shorter.",
        "Strides and\nresidual blocks.",
        FORMULA.format("x_1 + s - k"),
        "Here $q$ is new.\n\n" + FORMULA.format(r"\hat q + \text{size of a}"),
        "Its `at` says where.\n\n" + CELL.format(""),
        CELL.format("---\ntags: [hide-input]\n---\n"),
    ],
)
def test_what_a_prerequisite_explains_may_be_used(book, text):
    assert book(text) == []


@pytest.mark.parametrize(
    "text, problem",
    [
        ("A residual\nblock.", "'residual block' is taught in b/second: explain it,"),
        ("Some {term}`blocks <residual block>`.", "'residual block' is taught in"),
        ("It has a {term}`gate`.", "'gate' is taught in b/second"),
        (FORMULA.format(r"s + \mu"), "say what mu is, in the text or in the"),
        (FORMULA.format("q_1"), "say what q is"),
        (CELL.format(""), "say what the option at does"),
    ],
)
def test_what_nobody_explained_is_named(book, text, problem):
    (found,) = book(text, prerequisites=["a/first"])
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "text",
    ["Later a [residual block](../b/second.md) comes.", "We shut the gate behind us."],
)
def test_an_outlook_and_everyday_words_are_free(book, text):
    assert book(text, prerequisites=["a/first"]) == []


def test_symbols_of_a_formula():
    formula = (
        r"\frac{\partial L}{\partial w_{ij}} = \hat\beta\,\mathrm{ReLU}(\mathbf x)"
    )
    assert symbols(formula) == {"L", "w", "beta", "x"}


def test_the_book_explains_what_it_uses():
    assert list(order.problems()) == []
