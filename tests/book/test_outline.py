"""What a chapter consists of, and what its reader sees of each cell."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from book._kit.chapter import chapters
from book._kit.names import defined
from book._kit.outline import (
    STUB,
    VISIBLE,
    Exercise,
    Outline,
    Prose,
    Solution,
    blocks,
)

POSED = """Before.

````{exercise} ★ code: Twice
:label: ex-twice
Write it:

```python
def twice(x):
    \"\"\"Two times x.\"\"\"
```
````
"""
SOLVED = """````{solution-start} ex-twice
:class: dropdown
````

With a sum:"""
AFTER = """It could be a product.

````{solution-end}
````

```{exercise} ★ recall: Why?
:label: ex-why
Why?
```

```{solution} ex-why
:class: dropdown
Because.
```

After."""
CELLS = [
    new_code_cell("import sys", metadata={"tags": ["remove-cell"]}),
    new_code_cell("x = 1"),
    new_code_cell("glue('x', x)", metadata={"tags": ["remove-cell"]}),
    new_code_cell(
        "plt.show()",
        metadata={"tags": ["hide-input"], "mystnb": {"figure": {"name": "fig-x"}}},
    ),
    new_markdown_cell(POSED),
    new_code_cell("def check_twice(twice):\n    assert twice(3) == 6"),
    new_markdown_cell(SOLVED),
    new_code_cell("def twice(x): return x + x"),
    new_code_cell("check_twice(twice)"),
    new_markdown_cell(AFTER),
    new_code_cell("y = 2"),
]


@pytest.fixture(scope="module")
def outline():
    return Outline(CELLS)


def test_each_cell_has_its_role_and_its_number(outline):
    assert [(code.role, code.number) for code in outline.code] == [
        ("setup", None),
        ("visible", None),
        ("check", None),
        ("figure", 1),
        ("stub", 1),
        ("checker", 1),
        ("solution", 1),
        ("solution", 1),
        ("stub", 2),
        ("visible", None),
    ]
    sources = [code.source for code in outline.code if code.role != STUB]
    assert sources == [cell.source for cell in CELLS if cell.cell_type == "code"]


def test_texts_go_to_their_pieces(outline):
    kinds = [type(p).__name__ for p in outline.pieces if hasattr(p, "number")]
    assert kinds[4:] == ["Exercise", "Solution", "Exercise", "Solution", "Code"]
    texts = [p.text.strip() for p in outline.pieces if isinstance(p, Prose)]
    assert texts == ["Before.", "After."]
    solutions = [p for p in outline.pieces if isinstance(p, Solution)]
    written = [[t.split("\n")[-1] for t in s.texts if t.strip()] for s in solutions]
    assert "With a sum:" in written[0][-2]
    assert "product" in "".join(solutions[0].texts)
    assert "Because." in solutions[1].texts[0]
    assert outline.exercises == {"ex-twice": 1, "ex-why": 2}


def test_a_stub_begins_as_the_exercise_and_names_the_checker(outline):
    first, second = [p.stub.source for p in outline.pieces if isinstance(p, Exercise)]
    assert first == (
        "# Your answer to exercise 1.\n"
        "# Run the checker below, and then `check_twice(twice)`.\n\n"
        'def twice(x):\n    """Two times x."""'
    )
    assert second == "# Your answer to exercise 2."


def test_fences_of_other_directives_are_text():
    text = ":::{note}\n```{exercise} not one\n```\n:::"
    assert list(blocks(text)) == [("", "", text)]


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.slug)
def test_no_stub_takes_a_name_that_the_chapter_uses(chapter):
    code = chapter.outline.code
    visible = set()
    for cell in code:
        if cell.role == VISIBLE:
            visible |= defined(cell.source)
    taken = [defined(cell.source) & visible for cell in code if cell.role == STUB]
    assert taken
    assert not set().union(*taken)
