"""The glossary's form, and what the Sphinx extension makes of the book's data."""

import re
from io import StringIO

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from book._kit import claims, glossary, lint, questions
from book._kit.chapter import BOOK, is_chapter
from book._kit.facts import KIND
from book._kit.page import Page
from book._kit.questions import IDS
from book._kit.sphinx_ext import outcome, outputs_of
from companion import results

ROW = {"term": "stride", "zh": "步长", "definition": "A step."}


@pytest.mark.parametrize(
    "name, form",
    [
        ("stride", "strides"),
        ("property", "properties"),
        ("array", "arrays"),
        ("bias", "biases"),
        ("switch", "switches"),
        ("max", "maxes"),
    ],
)
def test_plurals(name, form):
    assert glossary.plural(name) == form


@pytest.mark.parametrize(
    "row",
    [
        {"term": "stride", "zh": "步长"},
        ROW | {"zh": ""},
        ROW | {"colour": "red"},
        ROW | {"definition": "A step"},
    ],
)
def test_an_incomplete_entry_is_refused(row):
    with pytest.raises(ValueError, match="Received"):
        glossary.entry_of(row)


def test_a_name_belongs_to_one_entry(tmp_path):
    path = tmp_path / "glossary.yml"
    path.write_text(yaml.safe_dump([ROW, ROW | {"term": "Strides", "zh": "步"}]))
    with pytest.raises(ValueError, match="'strides'"):
        glossary.load(path)


ENTRIES = glossary.load(BOOK / "glossary.yml")


def test_the_glossary_has_the_words_of_its_chapters():
    names = {name for entry in ENTRIES for name in entry.names}
    assert len(ENTRIES) >= 60
    assert {"receptive field", "感受野", "relu", "switches", "ties"} <= names


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.term)
def test_a_definition_is_short_and_types_no_number(entry):
    assert len(re.findall(r"\w+", entry.definition)) <= 50
    assert re.search(r"[\u4e00-\u9fff]", entry.zh)
    page = Page(entry.definition)
    assert [*lint.typed_numbers(page), *lint.banned_words(page)] == []


CHAPTER = """---
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
  objectives: [count parameters]
  prerequisites: []
  needs: nothing
  paper: krizhevsky2012alexnet
  companion: [companion.models.AlexNet]
---
# AlexNet: eight layers

```{opening}
```

It has {glue:text}`params:,d` weights, {term}`Strides` and {term}`步长`.
It won with 15.3 % {cite:p}`krizhevsky2012alexnet`.
"""
QUESTIONS = [
    {"id": name, "title": "Later", "zh": "后来", "part": "Training"} for name in IDS
]
QUESTIONS[18] = {
    "id": "Q019",
    "title": "AlexNet",
    "zh": "深度网络",
    "chapter": "lineage/alexnet",
    "section": "AlexNet: eight layers",
    "answer": "{glue:text}`lineage/alexnet::params:,d` weights.",
}
PAGES = {
    "index.md": "# Home\n\n"
    "{claims-count}`notes` claims, {claims-count}`wrong` wrong;\n"
    "{glue:text}`lineage/alexnet::params:,d` and "
    "{glue:text}`lineage/alexnet::shape:×`.\n\n"
    "```{toctree}\nlineage/alexnet\nback/errata\nback/questions\nback/wrong_numbers\nback/glossary\n"
    "back/references\nback/speed\n```\n",
    "lineage/alexnet.md": CHAPTER,
    "claims.yml": """
notes: {ch13: [C028, C030, C031]}
claims:
- {id: C030, chapter: lineage/alexnet, statement: It is 54.75., source: "notes [1] L41",
   verdict: wrong, truth: "It is {value:.2f}, not half of
   {glue:text}`lineage/alexnet::params:,d`.", expected: 53.25,
   expected_from: arithmetic, elsewhere: copies}
- {id: C031, chapter: lineage/alexnet, statement: It is 55., source: "notes [1] L41",
   verdict: right, expected: true, expected_from: "{cite:t}`krizhevsky2012alexnet`"}
- {id: C028, chapter: lineage/alexnet, statement: It won., source: "notes [1] L35",
   verdict: right, check: {cite: krizhevsky2012alexnet, locator: Table 2,
   value: '15.3'}}
""",
    "glossary.yml": yaml.safe_dump([ROW | {"chapter": "lineage/alexnet"}]),
    "questions.yml": yaml.safe_dump(QUESTIONS, allow_unicode=True),
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Builds a book of one chapter with our back matter; `edit` breaks it."""

    def html_and_warnings(edit=lambda book: None):
        root = tmp_path_factory.mktemp("site")
        book = root / "book"
        for name, text in PAGES.items():
            (book / name).parent.mkdir(parents=True, exist_ok=True)
            (book / name).write_text(text)
        (book / "back").mkdir()
        for path in (BOOK / "back").glob("*.md"):
            if is_chapter(path):
                continue
            (book / "back" / path.name).write_text(path.read_text("utf8"))
        (book / "references.bib").write_text(
            (BOOK / "references.bib").read_text("utf8")
        )
        values = {
            "params": "60965224",
            "shape": "(55, 96)",
            "C030": "53.25",
            "C031": "True",
        }
        outputs = [
            new_output("display_data", {KIND: v}, metadata={"name": k})
            for k, v in values.items()
        ]
        twin = new_notebook(cells=[new_code_cell("glue()", outputs=outputs)])
        nbformat.write(twin, book / "lineage" / "alexnet.ipynb")
        edit(book)
        warnings = StringIO()
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                root,
                None,
                root / "html",
                root / "trees",
                "html",
                confoverrides={
                    "extensions": [
                        "myst_nb", "sphinxcontrib.bibtex", "book._kit.sphinx_ext",
                    ],
                    "root_doc": "book/index",
                    "exclude_patterns": ["**/*.ipynb"],
                    "bibtex_bibfiles": ["book/references.bib"],
                    "nb_execution_mode": "off",
                    "myst_heading_anchors": 3,
                    "nitpicky": True,
                },
                status=None,
                warning=warnings,
            )  # fmt: skip
            app.build()
        pages = {
            path.stem: re.sub(r"\s+", " ", path.read_text("utf8"))
            for path in (root / "html" / "book").rglob("*.html")
        }
        return pages, warnings.getvalue()

    return html_and_warnings


@pytest.fixture(scope="module")
def site(build):
    pages, warnings = build()
    assert warnings == ""
    return pages


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_facts_are_quoted_from_any_page(site):
    assert "It has 60,965,224 weights" in text_of(site["alexnet"])
    assert "60,965,224 and 55×96." in text_of(site["index"])


def test_claims_are_counted(site):
    assert "3 claims, 1 wrong;" in text_of(site["index"])
    summary = "1 wrong, 0 imprecise, 0 in need of context, 2 right."
    assert f"3 claims of the notes were checked: {summary}" in text_of(site["errata"])


def test_errata_tell_statement_truth_and_value(site):
    text = text_of(site["errata"])
    assert "C030 (notes [1] L41). It is 54.75." in text
    assert "Wrong. It is 53.25, not half of 60,965,224." in text
    assert "Computed: 53.25, as expected from arithmetic." in text
    assert re.search(
        r"Compared in code with Krizhevsky et al\. \[\w+\]: it holds", text
    )
    assert re.search(r"Krizhevsky et al\. \[\w+\], Table 2: 15\.3\.", text)
    assert "yes" not in text
    assert text.index("C030 (") < text.index("C028 (")
    assert re.search(r'<section id="alexnet-eight-layers"> <h2>', site["errata"])
    assert 'href="../lineage/alexnet.html"' in site["errata"]


def test_benchmarks_are_shown_with_their_machine(site):
    """Every row of every file, and the numbers of one row."""
    text = text_of(site["speed"])
    shown = re.findall(r"{benchmark} (\w+)", (BOOK / "back" / "speed.md").read_text())
    found = {name: results.load(name) for name in shown}
    for result in found.values():
        assert f"{result['question']} " in text
        assert f"Made with {result['command']}: machine {result['machine']}" in text
    assert site["speed"].count("<tr") == sum(1 + len(x["rows"]) for x in found.values())
    row = found["batch_normalization"]["rows"][0]
    assert f"{row['what']} {row['batch']} {row['Keras']:.3g} {row['ours']:.3g} " in text


def test_wrong_numbers_come_from_claims_met_elsewhere(site):
    text = text_of(site["wrong_numbers"])
    assert "It is 54.75. Met in copies. It is 53.25" in text
    assert "It is 55." not in text


def test_terms_link_whatever_their_form(site):
    assert site["alexnet"].count('href="../back/glossary.html#term-stride"') == 2
    assert site["glossary"].count('<span lang="zh">步长</span>') == 2
    assert 'href="#term-stride">stride</a>' in site["glossary"]
    assert 'id="term-stride"' in site["glossary"]
    assert glossary.places(BOOK / "glossary.yml")["top-1 error"] == "term-top-1-error"


def test_questions_are_answered_and_linked_or_to_come(site):
    text = text_of(site["questions"])
    assert "1 of 85 have their chapter." in text
    assert "019 · AlexNet" in text and "60,965,224 weights. Shown in" in text
    assert 'href="../lineage/alexnet.html#alexnet-eight-layers"' in site["questions"]
    assert text.count("后来") == 84
    assert text.index("019 ·") < text.index("To come") < text.index("085 ·")


def test_a_question_folds_and_names_its_topic(site):
    (fold,) = re.findall(r"<details.*?</details>", site["questions"])
    start, summary, rest = re.fullmatch(
        r"<details (.*?)> ?<summary>(.*?)</summary>(.*)</details>", fold
    ).groups()
    assert 'class="question"' in start and 'data-topic="lineage/alexnet"' in start
    assert 'id="q019"' in start and " open" not in start
    assert summary.strip() == "019 · AlexNet"
    assert "深度网络" in rest and "60,965,224 weights" in rest
    section = r'<section id="chapters">.*<section id="alexnet-eight-layers">.*<details'
    assert re.search(section, site["questions"])


@pytest.mark.parametrize(
    "value, verdict, truth, said",
    [
        (53.25, "wrong", "It is so.", "Computed: **53.25**, as expected from S."),
        ([3, 5], "right", "", "Computed: **3, 5**, as expected from S."),
        (True, "right", "", "Compared in code with S: it holds."),
        ([True, False], "wrong", "It is so.", "Compared in code with S."),
        ([True, 100], "right", "So.", "Computed: **100**. Compared in code with S."),
        ([[64], True, []], "right", "", "Computed: **64**. Compared in code with S"),
    ],
)
def test_an_outcome_says_what_was_computed_and_never_yes(value, verdict, truth, said):
    row = {"id": "C030", "chapter": "a/b", "statement": "It is.", "source": "L1"}
    row |= {"verdict": verdict, "truth": truth, "expected": value}
    claim = claims.claim_of(row | {"expected_from": "S"})
    assert outcome(claim, value).startswith(said)


def test_topics_are_in_the_order_of_the_course(tmp_path):
    """First the part, then the chapter, as the table of contents has them."""
    parts = [
        {"caption": "Z", "chapters": [{"file": "book/z/b"}, {"file": "book/z/a"}]},
        {"caption": "A", "chapters": [{"file": "book/a/c"}]},
    ]
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"parts": parts}))
    chapters = {"Q001": "a/c", "Q002": "z/a", "Q003": "z/b", "Q004": "a/c", "Q005": ""}
    rows = [
        questions.Question(name, "T", "题", slug) for name, slug in chapters.items()
    ]
    found = [
        (part, [(slug, [row.id for row in group]) for slug, group in groups])
        for part, groups in questions.topics(rows, tmp_path / "book")
    ]
    assert found == [
        ("Z", [("z/b", ["Q003"]), ("z/a", ["Q002"])]),
        ("A", [("a/c", ["Q001", "Q004"])]),
    ]


def test_outputs_are_counted():
    shown = [new_output("stream", text="1")]
    cells = [
        new_code_cell("1", outputs=shown),
        new_code_cell("2", outputs=shown, metadata={"tags": ["nbval-ignore-output"]}),
        new_code_cell("3"),
    ]
    assert outputs_of(new_notebook(cells=cells)) == {"compared": 1, "ignored": 1}


def test_an_opening_stands_under_the_title(site):
    assert "count parameters" in text_of(site["alexnet"])
    assert "colab.research.google.com" in site["alexnet"]


BREAKS = [
    ("index.md", "claims,", "{glue:text}`lineage/alexnet::parms`", "glues no 'parms'"),
    ("index.md", "claims,", "{glue:text}`a/b::params`", "a/b has no executed twin"),
    ("index.md", "params:,d", "params:s", "cannot be written so"),
    ("index.md", "`wrong`", "`wong`", "count one of notes, wrong"),
    ("claims.yml", "expected: 53.25", "expected: 54.75", "expected 54.75 within 0"),
    ("claims.yml", "C030, C031]", "C030, C031, C032]", "C032 belongs to"),
    ("questions.yml", "section: 'AlexNet: eight", "section: 'eight", "no heading"),
    ("lineage/alexnet.md", "{term}`步长`", "{term}`步`", "term not in glossary"),
]


@pytest.fixture(scope="module")
def warnings(build):
    def break_everything(book):
        for name, old, new, _ in BREAKS:
            text = (book / name).read_text("utf8")
            assert old in text
            new = f"{new} {old}" if old == "claims," else new
            (book / name).write_text(text.replace(old, new, 1))

    return build(break_everything)[1]


@pytest.mark.parametrize("warning", [warning for *_, warning in BREAKS])
def test_a_broken_book_is_warned_about(warnings, warning):
    assert warning in warnings
