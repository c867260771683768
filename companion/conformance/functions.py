"""What a function of NumPy arrays must do."""

import copy

import numpy as np

from companion.conformance.report import (
    NotJudged,
    Report,
    Unexpected,
    described,
    expect,
    judge,
    raise_first,
    register,
)

FUNCTION_CHECKS = {}

TOLERANCE = 1e-6  # of the largest number compared


def check_function(function, reference, cases, *, mistakes=None, without=()):
    """Check a function of numbers and arrays against a right one.

    Args:
        function: Takes the arguments of a case; returns an array, or a list of some.
        reference: The same, right.
        cases: Tuples of arguments. Sizes that differ, both signs, and values on both
            sides of every bound tell mistakes from right answers.
        mistakes: Known wrong functions: `{sentence: function}`. An answer that equals
            one of them in all cases gets its sentence as the hint.
        without: Names of checks that do not apply.

    Raises:
        ConformanceError: When a check fails.
        NotJudged: If the reference itself raises.
        ValueError: If no case is given, or a name in `without` is no check.

    Example:

    >>> import numpy as np
    >>> def relu(x):
    ...     return np.maximum(x, 0)
    >>> def relu6(x):
    ...     return np.clip(x, 0, 6)
    >>> cases = [(np.array([-1.0, 0.5, 7.0, 2.0]),)]
    >>> check_function(lambda x: x * (x > 0), relu, cases)
    >>> try:
    ...     check_function(relu6, relu, cases, mistakes={"Is it bounded?": relu6})
    ... except AssertionError as error:
    ...     print(error)
    [values] 25% of the values of case 1 are wrong. Is it bounded?
    """
    raise_first(_results(function, reference, cases, mistakes, without))


def report_function(function, reference, cases, *, mistakes=None, without=()):
    """Run all checks of `check_function` and report them at once.

    Args, Raises: as for `check_function`, but neither a failure nor a broken reference
    raises.

    Returns:
        A `Report`.

    Example:

    >>> report_function(abs, abs, cases=[(-2.0,), (3.0,)]).passed
    True
    """
    return Report(tuple(_results(function, reference, cases, mistakes, without)))


def _results(function, reference, cases, mistakes, without):
    cases = list(cases)
    if not cases or not all(isinstance(case, tuple) for case in cases):
        raise ValueError(
            "`cases` must be tuples of arguments, one at least. "
            f"Received: cases={cases!r}"
        )
    given = {"reference": reference, "mistakes": mistakes or {}}
    return judge(FUNCTION_CHECKS, (function, cases), given, without)


@register(FUNCTION_CHECKS, "Call it on the arguments yourself and look at the line.")
def check_function_runs(function, cases, given):
    """The function takes the arguments and returns numbers."""
    for case in cases:
        y = _call(function, case)
        expect(y is not None, "The function returned None.", "Is a `return` missing?")
        numbers = all(array.dtype.kind in "biufc" for array in _arrays(y))
        expect(
            numbers,
            f"The function returned an object of the type {type(y).__name__}.",
            "It must return numbers, in an array or several.",
        )


@register(
    FUNCTION_CHECKS,
    "Which axes stay, which are summed over, and how many results are asked for?",
    needs=("runs",),
)
def check_function_shape(function, cases, given):
    """The results have the right shapes."""
    for number, (y, expected) in enumerate(
        _both(function, cases, given["reference"]), 1
    ):
        shapes, right = ([array.shape for array in each] for each in (y, expected))
        if shapes != right:
            found = shapes[0] if len(shapes) == 1 else shapes
            raise _named(
                f"Case {number} has results of the wrong shape, {found}.",
                function, cases, given,
            )  # fmt: skip


@register(
    FUNCTION_CHECKS,
    "Work through one number of a small case by hand and compare it with yours.",
    needs=("runs", "shape"),
)
def check_function_values(function, cases, given):
    """The results have the right values."""
    for number, (y, expected) in enumerate(
        _both(function, cases, given["reference"]), 1
    ):
        wrong = np.concatenate(
            [_wrong(*pair) for pair in zip(y, expected, strict=True)]
        )
        if wrong.any():
            raise _named(
                f"{wrong.mean():.0%} of the values of case {number} are wrong.",
                function, cases, given,
            )  # fmt: skip


@register(
    FUNCTION_CHECKS,
    "Work on a copy: the caller still needs its arrays.",
    needs=("runs", "shape", "values"),
)
def check_function_arguments(function, cases, given):
    """The arguments are not changed."""
    for number, case in enumerate(cases, 1):
        given_to = copy.deepcopy(case)
        function(*given_to)
        same = all(
            np.array_equal(a, b)
            for before, after in zip(case, given_to, strict=True)
            if isinstance(before, (np.ndarray, list))
            for a, b in zip(_arrays(before), _arrays(after), strict=True)
        )
        expect(same, f"The arguments of case {number} were changed.")


def _call(function, case):
    return function(*copy.deepcopy(case))


def _arrays(y):
    """The results as a list of arrays, tensors of Keras and lists of some included."""
    if isinstance(y, (list, tuple)):
        try:
            return [np.asarray(y)]
        except (ValueError, TypeError):  # of different shapes
            return [np.asarray(each) for each in y]
    return [np.asarray(y)]


def _both(function, cases, reference):
    for case in cases:
        try:
            expected = _arrays(_call(reference, case))
        except Exception as error:
            raise NotJudged(
                f"The reference itself raised {described(error)}"
            ) from error
        yield _arrays(_call(function, case)), expected


def _wrong(y, expected):
    largest = np.abs(expected).max(initial=0)
    return ~np.isclose(
        y, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True
    ).ravel()


def _named(observed, function, cases, given):
    """A failure, with the sentence of the known mistake that the function makes."""
    for sentence, wrong in given["mistakes"].items():
        try:
            same = all(_equal(*pair) for pair in _both(function, cases, wrong))
        except NotJudged:  # the mistake cannot take these arguments
            continue
        if same:
            return Unexpected(observed, sentence)
    return Unexpected(observed)


def _equal(results, others):
    return [a.shape for a in results] == [b.shape for b in others] and not any(
        _wrong(*pair).any() for pair in zip(results, others, strict=True)
    )
