"""Messages, results as data, and the order in which checks depend on one another."""

import random

import pytest

from companion.conformance import ConformanceError, NotJudged, Report, Result
from companion.conformance.report import Unexpected, judge, raise_first, register
from companion.conformance.world import _drawn

CHECKS = {}


@register(CHECKS, "Hint.")
def check_first(subject, given):
    if subject == "coloured":
        raise ValueError(
            "\x1b[1mException\x1b[0m {{function_node f}} bad.\n\nArguments received by "
            "Scale.call():\n  • inputs=tf.Tensor([[0.1 0.2]])"
        )
    if subject == "long":
        raise ValueError("word " * 1000)
    if subject == "strange":
        raise Strange
    if subject == "interrupted":
        raise KeyboardInterrupt
    if subject == "unjudged":
        raise NotJudged("The tool is missing.")


@register(CHECKS, "Usual hint.", needs=("first",))
def check_second(subject, given):
    if subject == "second":
        raise Unexpected("Seen.", "Better hint.")


@register(CHECKS, "Hint.", asks="number")
def check_third(subject, given):
    assert given["number"] == 3


class Strange(BaseException):
    def __str__(self):
        raise RuntimeError


def results(subject, **given):
    return Report(tuple(judge(CHECKS, (subject,), given)))


def test_checks_that_lack_what_they_ask_for_do_not_apply():
    assert [each.check for each in results("right").results] == [
        "first",
        "second",
        "global_state",
    ]
    assert results("right", number=3).passed
    assert not results("right", number=4)["third"].passed


def test_a_message_is_plain_and_short():
    observed = results("coloured")["first"].observed
    assert observed.endswith("ValueError: Exception bad.")
    assert observed.startswith("`check_first`, line ")
    assert len(results("long")["first"].observed) < 400


def test_an_exception_of_any_kind_is_a_failure():
    assert "Strange" in results("strange")["first"].observed


def test_a_person_can_interrupt():
    with pytest.raises(KeyboardInterrupt):
        results("interrupted")


def test_what_depends_on_a_failure_is_not_run():
    report = results("long")
    assert report["second"] == Result(
        "second", None, "Not run because `first` did not pass."
    )
    assert not report.passed
    assert [each.check for each in report.failures] == ["first"]


def test_a_check_can_have_a_better_hint():
    with pytest.raises(ConformanceError, match=r"^\[second\] Seen. Better hint.$"):
        raise_first(judge(CHECKS, ("second",), {}))


def test_what_cannot_be_judged_is_no_failure():
    report = results("unjudged")
    assert not report.passed
    assert not report.failures
    with pytest.raises(NotJudged, match=r"^\[first\] The tool is missing.$"):
        raise_first(judge(CHECKS, ("unjudged",), {}))


def test_a_report_is_data():
    report = results("second", number=4)
    assert Report.from_json(report.to_json()) == report
    assert '"observed": "Seen.", "hint": "Better hint."' in report.to_json()


def test_a_seed_is_told_from_a_draw():
    random.seed(1)
    start = random.getstate()
    assert _drawn(start, start)
    for _ in range(2000):
        random.random()
    assert _drawn(start, random.getstate())
    random.seed(2)
    assert not _drawn(start, random.getstate())
