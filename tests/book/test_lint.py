"""Every rule of the lint fails on a page that breaks it, and none on a good page."""

import pytest

from book._kit import lint
from book._kit.chapter import SETUP_CELL
from book._kit.lint import findings
from book._kit.page import Page

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
book:
  id: ch13
  questions: [Q019]
  objectives:
  - derive the shapes of a layer
  - count its parameters
  - say what a group is
  prerequisites: [blocks/pooling]
  paper: krizhevsky2012alexnet
  companion: [companion.models.AlexNet]
---
"""
SETUP = f"""
```{{code-cell}} ipython3
:tags: [remove-cell]

{SETUP_CELL}
```
"""
TITLE = "\n# AlexNet: eight layers, two cards\n"
BODY = """
In 2012 it read 227×227×3 pixels, as ResNet-152 did on Python 3.11 (Section 3.5). It has
{glue:text}`params:,d` parameters, `60965224` in code, $(224 - 11)/4$ in a formula, and
[the paper's 60,965,224](https://doi.org/10.1145/3065386) in a link.

The paper reports an error of 15.3 % {cite:p}`krizhevsky2012alexnet`.

| units | ours | paper {cite:t}`krizhevsky2012alexnet` |
|---|---|---|
| 4,096 | {glue:text}`fc` | 1,000 |

```{code-cell} ipython3
---
mystnb:
  image:
    alt: The side of the map falls from 227 to 6 pixels.
---
import matplotlib.pyplot as plt

plt.plot([227, 55, 27, 13, 6])
plt.show()
```

```{code-cell} ipython3
:tags: [remove-cell]

glue("fc", 4096)
```

```{code-cell} ipython3
:tags: [nbval-ignore-output]
:reason: the time differs from run to run

print(3)
```

```{exercise} Count
:label: ex-count

How many kernels has C1?
```

```{solution} ex-count
There are 96.
```

```{exercise} Twice
:label: ex-twice
Write `twice`.
```

```{code-cell} ipython3
def check_twice(function):
    assert function(2) == 4
```

````{solution-start} ex-twice
````

```{code-cell} ipython3
def twice(x):
    return x + x

check_twice(twice)
```

````{solution-end}
````
"""
GOOD = HEADER + TITLE + SETUP + BODY


def broken_rules(text):
    return {rule for _, rule, _ in findings(Page(text))}


def test_a_good_chapter_has_no_findings():
    assert findings(Page(GOOD)) == []


def test_every_rule_has_a_breaking_example():
    rules = lint.PAGE_RULES + lint.CHAPTER_RULES
    assert {rule for rule, *_ in BREAKS} == {
        r.__name__.replace("_", "-") for r in rules
    }


LONG_CELL = "```{code-cell} ipython3\n" + "x = 1\n" * 26 + "```\n"
WIDE_CELL = "```{code-cell} ipython3\nx = '" + "a" * 70 + "'\n```\n"

BREAKS = [
    ("typed-numbers", "There are 96.", "There are 60,965,224."),
    ("typed-numbers", "There are 96.", "There are 256 of them."),
    ("typed-numbers", "There are 96.", "It is 0.5."),
    ("typed-numbers", "There are 96.", "It is 96 % of them."),
    ("typed-numbers", "There are 96.", "It has 60 million."),
    ("typed-numbers", "There are 96.", "It has 60M."),
    ("typed-numbers", "There are 96.", "It is 1e-4."),
    ("typed-numbers", "There are 96.", "There are $60{,}965{,}224$."),
    ("typed-numbers", "There are 96.", "A line,\nand 4096 units."),
    ("typed-numbers", "{glue:text}`fc`", "4,096"),
    ("typed-numbers", " {cite:p}`krizhevsky2012alexnet`", ""),
    ("typed-numbers", "- count its parameters", "- count 60,965,224 parameters"),
    ("banned-words", "There are 96.", "Simply 96."),
    ("banned-words", "There are 96.", "There are just 96."),
    ("banned-words", "There are 96.", "There are obviously 96."),
    ("headings", "The paper reports", "## Cost\n\n## Cost\n\nThe paper reports"),
    ("headings", TITLE, "\n"),
    ("hosts", "https://doi.org/10", "https://example.com/10"),
    ("hosts", "There are 96.", "See https://example.com now."),
    ("alt-text", "alt: The side of the map falls from 227 to 6 pixels.", "width: 9"),
    ("alt-text", "There are 96.", "![](figure.png)"),
    ("alt-text", "There are 96.", "![shape](https://doi.org/figure.png)"),
    ("front-matter", "  questions: [Q019]\n", ""),
    ("front-matter", "[Q019]", "[19]"),
    ("front-matter", "id: ch13", "id: alexnet"),
    ("front-matter", "  - count its parameters\n", ""),
    ("front-matter", "prerequisites: [blocks/pooling]", "prerequisites: []"),
    ("front-matter", "[companion.models.AlexNet]", "[]"),
    ("front-matter", "  paper:", "  papr:"),
    ("setup-cell", "import sys", "import os"),
    ("setup-cell", ":tags: [remove-cell]\n", ""),
    ("setup-cell", SETUP, ""),
    ("code-size", "```{exercise}", LONG_CELL + "\n```{exercise}"),
    ("code-size", "```{exercise}", WIDE_CELL + "\n```{exercise}"),
    ("semicolons", "plt.show()", "plt.show();"),
    ("reasons", ":reason: the time differs from run to run\n", ""),
    ("visible-names", "print(3)", "print(three)"),
    ("visible-names", "print(3)", "def f():\n    return three"),
    ("visible-names", "return x + x", "return x + y"),
    ("visible-names", "function(2) == 4", "function(2) == four"),
    ("visible-names", "import matplotlib.pyplot as plt\n", ""),
    ("hidden-glue", "print(3)", "glue('three', 3)"),
    ("hidden-glue", "print(3)", "for n in range(3):\n    glue(f'n{n}', n)"),
    ("hidden-glue", "check_twice(twice)\n```", "glue('two', 2)\n```"),
    ("exercises", ":label: ex-count\n", ""),
    ("exercises", "{solution} ex-count", "{note}"),
    ("exercises", "{solution} ex-count", "{solution} ex-other"),
    ("known-syntax", "{solution} ex-count", "{margin}"),
    ("known-syntax", "There are 96.", "There are {abbr}`96`."),
]


@pytest.mark.parametrize("rule, old, new", BREAKS)
def test_a_rule_fails_on_a_page_that_breaks_it(rule, old, new):
    assert GOOD.count(old) >= 1
    assert rule in broken_rules(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    "free",
    [
        "a 3×3 kernel, 227 × 227 × 3 pixels, 2 x 2 windows",
        "from 1962 to 2012",
        "Keras 3.15 and TensorFlow 2.21",
        "Section 3.5, Figure 2.1, Table 1.2",
        "VGG-16, ResNet-101, CIFAR-100",
        "`4096` units, $n = 4096$, {glue:text}`fc:,d`",
        "an error of 15.3 % {cite:p}`krizhevsky2012alexnet`",
        "5 layers, 96 kernels, 1/3 of them",
    ],
)
def test_numbers_that_may_be_typed(free):
    assert list(lint.typed_numbers(Page(free))) == []


FOLDED = """```{code-cell} ipython3
:tags: [hide-input]

three = 3
```

"""


def test_what_a_folded_cell_defines_is_not_there():
    """A name from the code of a figure is missing, one from a visible cell is not."""
    shown = FOLDED.replace(":tags: [hide-input]\n\n", "")
    place = "```{code-cell} ipython3\n:tags: [nbval-ignore-output]"
    uses = GOOD.replace("print(3)", "print(three)")
    assert "visible-names" in broken_rules(uses.replace(place, FOLDED + place))
    assert "visible-names" not in broken_rules(uses.replace(place, shown + place))


def test_a_folded_cell_leaves_visible_names_as_they_are():
    visible = FOLDED.replace(":tags: [hide-input]\n\n", "")
    place = "```{code-cell} ipython3\n:tags: [nbval-ignore-output]"
    uses = GOOD.replace("print(3)", "print(three)")
    rebound = uses.replace(place, visible + FOLDED + place)
    assert "visible-names" in broken_rules(rebound)
    again = uses.replace(place, visible + FOLDED + visible + place)
    assert "visible-names" not in broken_rules(again)
    unread = GOOD.replace(place, visible + FOLDED + place)
    assert "visible-names" not in broken_rules(unread)


def test_a_function_may_name_what_a_later_cell_defines():
    later = "\n```{code-cell} ipython3\nthree = 3\n```\n"
    uses = GOOD.replace("print(3)", "def f():\n    return three")
    assert "visible-names" not in broken_rules(uses + later)


def test_a_finding_names_the_line():
    text = "# Title\n\nOne line\nand 4096 units.\n\n:::{note}\nIt has 0.5.\n:::\n"
    assert [line for line, *_ in findings(Page(text))] == [4, 7]


def test_code_of_a_page_is_not_prose():
    assert (
        findings(Page("# T\n\n```python\nx = 60_000.5\n```\n\n    4096 just\n")) == []
    )


def test_prerequisites_and_paper_exist(tmp_path):
    (tmp_path / "references.bib").write_text("")
    path = tmp_path / "lineage" / "alexnet.md"
    messages = [m for _, m in lint.front_matter(Page(GOOD, path))]
    assert messages == [
        "the prerequisite blocks/pooling is no page of the book",
        "add krizhevsky2012alexnet to references.bib",
    ]


def test_word_count_is_advice_only():
    assert list(lint.word_count(Page(GOOD)))
    assert not list(lint.word_count(Page("word " * 2000)))


def test_the_command_prints_places_and_fails(tmp_path, monkeypatch, capsys):
    book = tmp_path / "book"
    book.mkdir()
    (book / "index.md").write_text("# Title\n\nIt is just so.\n")
    monkeypatch.setattr(lint, "BOOK", book)
    monkeypatch.setattr(lint.pages, "__defaults__", (book,))
    assert lint.main()
    assert capsys.readouterr().out.startswith("book/index.md:3: banned-words: ")
    (book / "index.md").write_text("# Title\n\nIt is so.\n")
    assert not lint.main()


def test_the_book_follows_its_rules():
    found = [(p.path.name, *finding) for p in lint.pages() for finding in findings(p)]
    assert found == []
