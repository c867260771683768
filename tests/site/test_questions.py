"""The page of questions: folds by keyboard, topics, and all of it without a script."""

import pytest

PAGE = "book/back/questions.html"


@pytest.fixture
def page(open_page):
    page = open_page(PAGE)
    page.select_option("#topic", "")
    yield page
    page.select_option("#topic", "")


def shown(page):
    return page.locator("details.question:visible").count()


def test_every_answer_is_folded_and_opens_by_keyboard(page):
    first = page.locator("details.question").first
    assert not first.evaluate("it => it.open")
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert first.evaluate("it => it.open")
    assert first.locator("p").last.is_visible()
    page.keyboard.press("Space")
    assert not first.evaluate("it => it.open")


def test_topics_are_filtered(page):
    everything = shown(page)
    count = page.locator(".count")
    assert count.inner_text() == f"{everything} of {everything} questions"
    whole, *topics = page.eval_on_selector_all(
        "#topic option", "all => all.map(o => [o.value, o.textContent])"
    )
    assert whole == ["", "all topics"] and len(topics) > 10
    counts = {"part": 0, "chapter": 0}
    for value, text in topics:
        page.select_option("#topic", label=text)
        assert shown(page) > 0
        counts["part" if text.startswith("all of: ") else "chapter"] += shown(page)
        found = page.locator("details.question:visible")
        kinds = found.evaluate_all("all => [...new Set(all.map(q => q.dataset.topic))]")
        assert sorted(kinds) == sorted(value.split())
        headings = page.locator("article section section section h3:visible").count()
        assert headings == len(kinds)
    assert counts == {"part": everything, "chapter": everything}


def test_all_are_opened_and_closed(page):
    page.select_option("#topic", "lineage/alexnet")
    page.get_by_role("button", name="Open all").click()
    opened = page.locator("details.question[open]")
    assert opened.count() == shown(page) > 0
    page.get_by_role("button", name="Close all").click()
    assert opened.count() == 0


def test_one_is_drawn(page):
    page.get_by_role("button", name="Draw one").click()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_link_to_a_question_opens_it(reader, root):
    page = reader.load(f"{PAGE}#q019", 1300, dark=False)
    assert page.locator("#q019").evaluate("it => it.open")
    page.context.close()


def test_without_a_script_every_question_opens(browser, root):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(root + PAGE)
    questions = page.locator("details.question")
    assert questions.count() > 40 and page.locator("#topic").count() == 0
    questions.first.locator("summary").click()
    assert questions.first.locator("p").last.is_visible()
    context.close()
