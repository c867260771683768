"""Checks, their results, and the loop that runs them."""

import inspect
import json
import re
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from companion.conformance.world import guarded

LIBRARIES = ("site-packages", "dist-packages", "<frozen", sysconfig.get_path("stdlib"))
HERE = str(Path(__file__).parent)
LONGEST = 300  # characters of a foreign message
WATCHERS = []  # functions that are told the name of each check before it runs
GLOBAL_STATE = (
    "Code under test leaves settings and seeds of the whole program as it finds them. "
    "A layer gets its dtype policy as the argument `dtype`, and its random numbers "
    "from a `keras.random.SeedGenerator` of its own."
)


class ConformanceError(AssertionError):
    """A check failed; `check` is its name, a key of its registry or "global_state"."""

    def __init__(self, check, observed, hint):
        super().__init__(f"[{check}] {observed} {hint}")
        self.check = check


class NotJudged(ValueError):
    """A check could not be made, and not by a fault of what is checked."""


class Unexpected(Exception):
    """What a check observed, and a hint if it knows a better one than its usual."""

    def __init__(self, observed, hint=None):
        super().__init__(observed)
        self.hint = hint


def expect(condition, observed, hint=None):
    """Raise `Unexpected` unless the condition holds."""
    if not condition:
        raise Unexpected(observed, hint)


@dataclass(frozen=True)
class Result:
    """What one check found.

    Args:
        check: its name.
        passed: `True`, `False`, or `None` if it was not run or could not judge.
        observed: what was seen, or why it was not run; empty if it passed.
        hint: the mistake usually behind a failure.
        cause: the exception behind a failure, if there was one.
    """

    check: str
    passed: bool | None
    observed: str = ""
    hint: str = ""
    cause: BaseException | None = field(default=None, repr=False, compare=False)

    def __str__(self):
        mark = {True: "passed", False: "FAILED", None: "not run"}[self.passed]
        words = f"{self.observed} {self.hint}".strip()
        return f"{mark:7} {self.check}" + (f": {words}" if words else "")


@dataclass(frozen=True)
class Report:
    """The results of all checks, in the order in which they ran.

    Example:

    >>> report = Report((Result("runs", True), Result("values", False, "All wrong.")))
    >>> report.passed, [result.check for result in report.failures]
    (False, ['values'])
    >>> print(report)
    passed  runs
    FAILED  values: All wrong.
    >>> Report.from_json(report.to_json()) == report
    True
    """

    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether every check ran and passed."""
        return all(result.passed is True for result in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results of the checks that failed, without those that did not run."""
        return tuple(result for result in self.results if result.passed is False)

    def __getitem__(self, check) -> Result:
        return {result.check: result for result in self.results}[check]

    def __str__(self):
        return "\n".join(map(str, self.results))

    def to_json(self) -> str:
        """Text with a list of objects: check, passed, observed, hint."""
        rows = [asdict(result) for result in self.results]
        for row in rows:
            del row["cause"]
        return json.dumps(rows)

    @classmethod
    def from_json(cls, text):
        """The report that `to_json` wrote."""
        return cls(tuple(Result(**row) for row in json.loads(text)))


@dataclass(frozen=True)
class Check:
    """A function that raises when something is wrong, with its name and hint.

    Args:
        name: key in the registry.
        function: called as `function(*subject, given)`; `given` is a dict of what the
            caller knows: a reference, published numbers.
        hint: the mistake usually behind a failure.
        needs: names of checks without which this one says nothing.
        asks: a key of `given` without which there is nothing to compare.
        tasks: tasks of models that the check is about; empty for all.
    """

    name: str
    function: Callable
    hint: str
    needs: tuple[str, ...] = ()
    asks: str | None = None
    tasks: tuple[str, ...] = ()

    @property
    def __signature__(self):
        """A check is called as its function is."""
        return inspect.signature(self.function)

    def __call__(self, *arguments):
        """Raise what the first failure is."""
        for result in self.results(*arguments):
            raise_failure(result)

    def results(self, *arguments):
        """One result, and one more if a global state was changed."""
        with guarded() as changes:
            result = self._result(arguments)
        yield result
        if changes:
            observed = f"The code changed {' and '.join(changes)}."
            yield Result("global_state", False, observed, GLOBAL_STATE)

    def _result(self, arguments):
        try:
            self.function(*arguments)
        except KeyboardInterrupt:
            raise
        except NotJudged as error:
            return Result(self.name, None, str(error), cause=error)
        except Unexpected as error:
            return Result(self.name, False, str(error), error.hint or self.hint)
        except SystemExit as error:
            observed = f"{_place(error)}The code tried to end the program."
            hint = "A check calls it like any function, and expects it to return."
            return Result(self.name, False, observed, hint, error)
        except BaseException as error:
            return Result(self.name, False, described(error), self.hint, error)
        return Result(self.name, True)


def register(checks, hint, needs=(), asks=None, tasks=()):
    """File a `check_*` function in a registry, with the hint of its failures."""

    def decorate(function):
        name = function.__name__.removeprefix("check_")
        for kind in ("model_", "block_", "function_"):
            name = name.removeprefix(kind)
        checks[name] = Check(name, function, hint, needs, asks, tasks)
        return checks[name]

    return decorate


def judge(checks, subject, given, without=()):
    """Run the checks that apply, in order, and yield their results."""
    unknown = set(without) - set(checks)
    if unknown:
        raise ValueError(
            f"`without` takes names of checks, {sorted(checks)}. "
            f"Received: without={sorted(unknown)}"
        )
    missed = {}
    for name, check in checks.items():
        if name in without or not _applies(check, given):
            continue
        blocked = [need for need in check.needs if need in missed]
        if blocked:
            root = missed[name] = missed[blocked[0]]
            yield Result(name, None, f"Not run because `{root}` did not pass.")
            continue
        for watcher in WATCHERS:
            watcher(name)
        for result in check.results(*subject, given):
            if result.passed is not True:
                if result.check in missed:
                    continue
                missed[result.check] = result.check
            yield result
    if "global_state" not in missed:
        yield Result("global_state", True)


def raise_first(results):
    """Run checks until one does not pass, and raise what it says."""
    for result in results:
        raise_failure(result)


def raise_failure(result):
    """`ConformanceError` for a failure, `NotJudged` for what could not be judged."""
    if result.passed is None:
        raise NotJudged(f"[{result.check}] {result.observed}") from result.cause
    if not result.passed:
        raise ConformanceError(
            result.check, result.observed, result.hint
        ) from result.cause


def described(error):
    """Where and what an exception is, without colours and dumps of arrays."""
    text = "".join(traceback.format_exception_only(error))
    text = re.sub(r"\x1b\[[0-9;]*m|\{\{.*?\}\}", "", text)
    text = " ".join(text.split("Arguments received by")[0].split()).rstrip(".")
    if len(text) > LONGEST:
        text = text[:LONGEST] + " ..."
    return f"{_place(error)}{text}."


def _place(error):
    """The innermost line that is neither a library's nor ours."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        foreign = any(part in frame.filename for part in LIBRARIES)
        if not foreign and not frame.filename.startswith(HERE):
            return f"`{frame.name}`, line {frame.lineno}: "
    return ""


def _applies(check, given):
    known = check.asks is None or given.get(check.asks) is not None
    return known and (not check.tasks or given["task"] in check.tasks)
