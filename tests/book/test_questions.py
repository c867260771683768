"""The 85 questions: each has its row, and answers stand where they say they do."""

import pytest
import yaml

from book._kit import questions
from book._kit.chapter import BOOK, chapters

TO_COME = 24  # lower it with every chapter; at 0 the notes are covered

ROWS = yaml.safe_load((BOOK / "questions.yml").read_text("utf8"))


def written(folder, rows):
    path = folder / "questions.yml"
    path.write_text(yaml.safe_dump(rows, allow_unicode=True), "utf8")
    return path


def test_the_count_down():
    assert sum(bool(question.part) for question in questions.load()) == TO_COME


def test_the_book_and_the_questions_agree():
    assert list(questions.problems(questions.load())) == []


def test_a_missing_question_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Q019"):
        questions.load(written(tmp_path, [r for r in ROWS if r["id"] != "Q019"]))


def test_a_question_without_its_chinese_title_is_refused(tmp_path):
    broken = [{**ROWS[0], "zh": ""}, *ROWS[1:]]
    with pytest.raises(ValueError, match="Received"):
        questions.load(written(tmp_path, broken))


def changed(name, **values):
    rows = [dict(row) for row in ROWS]
    row = next(row for row in rows if row["id"] == name)
    row.update(values)
    return [questions.Question(**row) for row in rows]


def test_an_answer_under_a_heading_that_is_gone_is_found():
    (problem,) = questions.problems(changed("Q019", section="The weather"))
    assert "Q019" in problem and "The weather" in problem


def test_an_answer_in_a_chapter_that_does_not_claim_it_is_found():
    problems = list(questions.problems(changed("Q019", chapter="blocks/pooling")))
    assert any("Q019 is not among" in problem for problem in problems)


def test_a_chapter_whose_question_has_no_answer_is_found():
    rows = questions.load()
    bare = [
        questions.Question("Q019", "AlexNet", "AlexNet", part="The classic lineage")
        if row.id == "Q019"
        else row
        for row in rows
    ]
    assert "Q019 is answered in lineage/alexnet: give it an answer" in list(
        questions.problems(bare)
    )


@pytest.mark.parametrize(
    "heading, anchor",
    [
        ("Max or mean?", "max-or-mean"),
        ("The idea: size, jump, offset", "the-idea-size-jump-offset"),
    ],
)
def test_anchors(heading, anchor):
    assert questions.anchor(heading) == anchor
    assert any(heading in questions.headings(chapter) for chapter in chapters())
