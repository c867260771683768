"""Names that a cell binds and needs, found without running it."""

import pytest

from book._kit import names


@pytest.mark.parametrize(
    "source, bound",
    [
        ("x = 1", {"x"}),
        ("a, (b, *c) = 1, (2, 3)", {"a", "b", "c"}),
        ("import numpy as np, keras.layers", {"np", "keras"}),
        ("from m import f, g as h", {"f", "h"}),
        ("def f(x): y = x", {"f"}),
        ("class A:\n    z = 1", {"A"}),
        ("for i in []: pass\nwith open(p) as q: pass", {"i", "q"}),
        ("if (n := 3): pass", {"n"}),
        ("squares = [i * i for i in range(3)]", {"squares"}),
        ("%pip install this\n!ls\nx = 1", {"x"}),
    ],
)
def test_what_a_cell_binds(source, bound):
    assert names.defined(source) == bound


@pytest.mark.parametrize(
    "source, now, called",
    [
        ("y = x + 1", {"x"}, set()),
        ("x = 1\nprint(x)", set(), set()),
        ("def f(a): return a + b", set(), {"b"}),
        ("def f(a):\n    def g(): return a + b\n    return g", set(), {"b"}),
        ("f = lambda a: a + b", set(), {"b"}),
        ("rows = [i + b for i in c]", {"b", "c"}, set()),
        ("def f(): return [i + b for i in c]", set(), {"b", "c"}),
        ("class A(B):\n    n = m\n    def f(self): return k", {"B", "m"}, {"k"}),
        ("def f(a=b): return a", {"b"}, set()),
        ("def f(): return n\nf()\nn = 1", set(), set()),
        ("x = (a\n    != b)", {"a", "b"}, set()),
    ],
)
def test_what_a_cell_needs(source, now, called):
    assert names.needed(source) == (now, called)


def test_calls_are_found_wherever_they_stand():
    assert names.calls("for x in y:\n    glue(f'a_{x}', x)", "glue")
    assert not names.calls("# glue(1)\nmodel.glue(2)\nglue = 3", "glue")


def test_the_first_definition_of_a_kind():
    source = "import x\ndef stub(): ...\nclass check_a: ...\ndef check_b(): ..."
    assert names.first_definition(source) == "stub"
    assert names.first_definition(source, "check") == "check_a"
    assert names.first_definition("x = 1") is None
