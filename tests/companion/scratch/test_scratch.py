"""The package as a whole: its public names, and that NumPy is all it needs."""

import inspect
import subprocess
import sys

import pytest

from companion import scratch


@pytest.mark.parametrize("name", scratch.__all__)
def test_public_function_says_what_it_takes_returns_raises_and_shows(name):
    doc = inspect.getdoc(getattr(scratch, name))
    for part in ("Args:", "Returns:", "Raises:", "Example", ">>>"):
        assert part in doc


def test_every_forward_has_its_backward():
    names = set(scratch.__all__)
    forward = {name for name in names if name.endswith("_forward")}
    assert len(forward) == 13
    assert {name.replace("_forward", "_backward") for name in forward} <= names


def test_imports_neither_keras_nor_a_backend():
    code = (
        "import sys, companion.scratch; "
        "print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "set()", out.stderr
