"""A claim without a check fails, and so does a check without a claim."""

import json

import pytest
import yaml

from book._kit import claims
from book._kit.chapter import BOOK, chapters
from book._kit.facts import KIND, facts, render, split_quote

BIB = "@misc{a2000b, author={A B}, title={T}, howpublished={H}, year={2000}}\n"
WON = "It won with 15.3 % {cite:p}`a2000b`."
HEADER = "---\njupytext:\n  text_representation:\n    format_name: myst\n"
GLUED = {
    "id": "C030",
    "chapter": "lineage/alexnet",
    "statement": "(224 − 11)/4 = 54.75",
    "source": "notes [1] L41",
    "verdict": "wrong",
    "truth": "It is {value}.",
    "expected": 53.25,
    "expected_from": "arithmetic",
}
CITED = {
    "id": "C028",
    "chapter": "lineage/alexnet",
    "statement": "It won.",
    "source": "notes [1] L35",
    "verdict": "right",
    "check": {"cite": "a2000b", "locator": "Table 2", "value": "15.3"},
}


def write_twin(path, values):
    outputs = [
        {
            "output_type": "display_data",
            "data": {KIND: value},
            "metadata": {"name": name},
        }
        for name, value in values
    ]
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]
    path.write_text(json.dumps({"cells": cells}))


@pytest.fixture
def book(tmp_path):
    """Writes a book of one chapter and returns what `problems` says about it."""

    def problems_of(rows, glued, notes=("C028", "C030"), text=WON):
        chapter = tmp_path / "lineage" / "alexnet.md"
        chapter.parent.mkdir()
        chapter.write_text(f"{HEADER}book:\n  id: ch13\n---\n# AlexNet\n\n{text}\n")
        if glued is not None:
            write_twin(chapter.with_suffix(".ipynb"), list(glued.items()))
        (tmp_path / "references.bib").write_text(BIB)
        ledger = {"notes": {"ch13": list(notes)}, "claims": rows}
        (tmp_path / "claims.yml").write_text(yaml.safe_dump(ledger, allow_unicode=True))
        return claims.problems(tmp_path)

    return problems_of


def test_a_book_whose_claims_hold(book):
    assert book([GLUED, CITED], {"C030": "53.25", "params": "7"}) == []


def test_a_wrong_value_fails(book):
    (problem,) = book([GLUED, CITED], {"C030": "53.0"})
    assert problem == (
        "C030 in lineage/alexnet: expected 53.25 within 0. Received: 53.0"
    )


def test_a_claim_that_nothing_checks_fails(book):
    (problem,) = book([GLUED, CITED], {"params": "7"})
    assert problem == "lineage/alexnet does not check C030: glue its value there"


@pytest.mark.parametrize("name", ["C031", "ch13-neurons"])
def test_a_check_without_a_claim_fails(book, name):
    (problem,) = book([GLUED, CITED], {"C030": "53.25", name: "1"})
    assert problem.startswith(f"lineage/alexnet checks {name}, for which")


def test_a_check_of_a_cited_claim_fails(book):
    (problem,) = book([GLUED, CITED], {"C030": "53.25", "C028": "1"})
    assert problem.startswith("lineage/alexnet checks C028")


def test_a_claim_of_the_notes_without_a_row_fails(book):
    (problem,) = book([GLUED, CITED], {"C030": "53.25"}, ("C028", "C030", "C031"))
    assert problem == "C031 belongs to lineage/alexnet: give it a row in claims.yml"


def test_a_row_that_the_notes_do_not_have_fails(book):
    (problem,) = book([GLUED, CITED], {"C030": "53.25"}, ("C028",))
    assert problem == "C030 is not among the notes' claims for ch13"


def test_a_row_of_an_unwritten_chapter_fails(book):
    lost = GLUED | {"chapter": "lineage/vgg", "id": "ch14-depth"}
    (problem,) = book([GLUED, CITED, lost], {"C030": "53.25"})
    assert problem == "ch14-depth names the chapter lineage/vgg, which does not exist"


def test_an_own_claim_is_named_after_its_chapter(book):
    other = GLUED | {"id": "ch14-depth"}
    found = book([GLUED, CITED, other], {"C030": "53.25", "ch14-depth": "53.25"})
    assert found == ["ch14-depth is in lineage/alexnet: begin its id with ch13-"]


def test_a_chapter_without_a_twin_fails(book):
    assert book([GLUED, CITED], None) == [
        "lineage/alexnet has no twin: run `make notebooks`"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It won with 15.3 %.\n\nSo {cite:t}`a2000b`.",
        "It won with 15.3 % {cite:p}`c1999d`.",
        "It won with 115.3 % {cite:p}`a2000b`.",
        "It won with 15.31 % {cite:p}`a2000b`.",
        "| Error | Paper |\n|---|---|\n| 15.3 | {cite:p}`c1999d` |",
        "| Error | Paper |\n|---|---|\n| 15.3 | x |\n| 2 | {cite:p}`a2000b` |",
    ],
)
def test_a_cited_value_stands_where_its_source_is_cited(book, text):
    (problem,) = book([GLUED, CITED], {"C030": "53.25"}, text=text)
    assert problem == (
        "C028: no paragraph of lineage/alexnet that cites a2000b has the value '15.3'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{cite:t}`c1999d,a2000b` had 15.3.",
        "| Error | Paper |\n|---|---|\n| 15.3 | {cite:p}`a2000b` |",
        "| Paper | Error {cite:p}`a2000b` |\n|---|---|\n| x | 15.3 |",
    ],
)
def test_a_cited_value_may_stand_in_a_table(book, text):
    assert book([GLUED, CITED], {"C030": "53.25"}, text=text) == []


def test_a_citation_needs_an_entry(book):
    other = {"cite": "c1999d", "locator": "page 3", "value": 15.3}
    text = "15.3 {cite:t}`c1999d`"
    found = book([GLUED, CITED | {"check": other}], {"C030": "53.25"}, text=text)
    assert found == ["C028 cites c1999d, which references.bib does not have"]


def test_a_number_typed_into_a_truth_fails(book):
    typed = GLUED | {"truth": "It is 53.25."}
    (problem,) = book([typed, CITED], {"C030": "53.25"})
    assert problem.startswith("the truth of C030: glue '53.25'")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"verdict": "mostly right"}, "A verdict is one of"),
        ({"verdict": ""}, "A claim needs verdict"),
        ({"id": "claim 30"}, "An id reads"),
        ({"truth": ""}, "needs a truth"),
        ({"expected": None}, "needs expected and expected_from"),
        ({"expected_from": ""}, "needs expected and expected_from"),
        ({"tolerance": -1}, "A tolerance is"),
        ({"tolerance": True}, "A tolerance is"),
        ({"check": "inspection"}, "A check is"),
        ({"check": {"cite": "a2000b"}}, "A check is"),
        ({"check": {"cite": "a2000b", "year": 2000}}, "A check is"),
        ({"expected": [53.25, 2], "tolerance": 0.3}, "a tenth of the smallest"),
        ({"colour": "red"}, r"Received: \['colour'\]"),
    ],
)
def test_a_row_that_breaks_the_form_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        claims.claim_of(GLUED | change)


def test_a_claim_has_one_row(tmp_path):
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump({"notes": {}, "claims": [GLUED, GLUED]}))
    with pytest.raises(ValueError, match="Received: 2 rows of C030"):
        claims.load(path)


@pytest.mark.parametrize(
    "value, expected, tolerance, holds",
    [
        (53.25, 53.25, 0, True),
        (53.25, 53, 0, False),
        (0.5945, 0.594492, 1e-4, True),
        (0.5947, 0.594492, 1e-4, False),
        (float("nan"), 1.0, 10, False),
        (55.0, 55, 0, True),
        (True, 1, 0, False),
        (1, True, 0, False),
        (True, True, 0, True),
        ("LRN", "LRN", 0, True),
        ("1", 1, 0, False),
        ((55, 27), [55, 27], 0, True),
        ((55, 28), [55, 27], 0, False),
        ((55, 27, 13), [55, 27], 0, False),
        (55, [55], 0, False),
        ((True, 0.5), [True, 0.4], 0.2, True),
    ],
)
def test_agreement(value, expected, tolerance, holds):
    assert claims.agrees(value, expected, tolerance) is holds


def test_a_truth_quotes_the_executed_value():
    claim = claims.claim_of(GLUED | {"truth": "{value[1]:,d} of {value[0]}, $x^{2}$."})
    assert claim.truth_with([1.5, 60965224]) == "60,965,224 of 1.5, $x^{2}$."


def test_a_truth_reaches_into_nested_values_and_says_yes_and_no():
    claim = claims.claim_of(GLUED | {"truth": "{value[0][1]}, {value[1]}; {value[2]}"})
    assert claim.truth_with([[3, 5], [True, False], "a"]) == "5, yes, no; a"


def test_an_empty_value_is_shown_as_none():
    assert claims.shown([]) == "none"


def test_facts_are_python_values(tmp_path):
    twin = tmp_path / "a.ipynb"
    write_twin(twin, [("n", "60965224"), ("shape", "(55, 55, 96)"), ("ok", "True")])
    assert facts(twin) == {"n": 60965224, "shape": (55, 55, 96), "ok": True}


@pytest.mark.parametrize(
    "values, message",
    [
        ([("n", "np.float64(1.0)")], "plain Python values"),
        ([("n", "1"), ("n", "1")], "glues a name once"),
    ],
)
def test_a_fact_that_nobody_can_quote_is_refused(tmp_path, values, message):
    write_twin(tmp_path / "a.ipynb", values)
    with pytest.raises(ValueError, match=message):
        facts(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    "value, spec, text",
    [
        (60965224, ",d", "60,965,224"),
        (0.96171, ".1%", "96.2%"),
        ((55, 55, 96), "×", "55×55×96"),
        ([0.25, 0.5], ".1f", "0.2, 0.5"),
        ("LRN", "", "LRN"),
    ],
)
def test_facts_in_prose(value, spec, text):
    assert render(value, spec) == text


@pytest.mark.parametrize(
    "text, parts",
    [
        ("params", (None, "params", "")),
        ("params:,d", (None, "params", ",d")),
        ("lineage/alexnet::params:,d", ("lineage/alexnet", "params", ",d")),
        ("lineage/alexnet::C249", ("lineage/alexnet", "C249", "")),
    ],
)
def test_what_stands_in_a_glue_role(text, parts):
    assert split_quote(text) == parts


NOTES = {  # claims of the notes, by the chapter they were assigned to; some to two
    "ch00": "229-231 233-234",
    "ch01": "345",
    "ch02": "206-207",
    "ch03": "235 239-241 341",
    "ch04": "1-6",
    "ch05": "154 236-238",
    "ch06": "146",
    "ch07": "232",
    "ch08": "242-247",
    "ch11": "329-332 342",
    "ch13": "28-47 248-252",
    "ch14": "24 48-57 193 253-264",
    "ch15": "26-27 69-84",
    "ch16": "85-95",
    "ch17": "58-68 265-267 323-327",
    "ch18": "266 328 343-344 347",
    "ch20": "98-108 348",
    "ch21": "117-120 134 156 180-188 222 306-308 320-322",
    "ch22": "96-97",
    "ch23": "22 109-115 318",
    "ch25": "116-117 121-125 127-129 221 223 319 321 349",
    "ch26": "20 130-133 135-139 189 224-228 353 356",
    "ch27": "140-151 218-220",
    "ch28": "153 157-167",
    "ch29": "153 155 168-179 355",
}


def numbered(text):
    for part in text.split():
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"C{number:03d}"


def test_every_claim_of_the_notes_has_a_row_in_the_first_of_its_chapters():
    ledger, taken = claims.load(BOOK / "claims.yml"), set()
    rows = {claim.id for claim in ledger.claims}
    written = {chapter.meta["id"] for chapter in chapters()} - {"appA"}
    assert set(ledger.notes) == written <= set(NOTES)
    for chapter in sorted(written):
        own = set(numbered(NOTES[chapter])) - taken
        assert set(ledger.notes[chapter]) == own, chapter
        taken |= own
    assert taken <= rows


def test_every_claim_of_the_book_holds():
    assert claims.problems() == []
