"""Check one thing while editing it.

`try_one.py MODEL=ResNet50` or `LAYER=DropPath`: its examples, its own tests and its
part of the tests that all share. `CHAPTER=lineage/resnet`: lint, notebook, page.
`FAST=1`: what NumPy does, the registry, and one model of each family.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from book._kit.api import Room
from book._kit.chapter import chapters

ROOT = Path(__file__).parents[1]
SHARED = {
    "models": ("tests/companion/models/test_registry.py",
               "tests/companion/models/test_contract.py"),
    "layers": ("tests/companion/layers/test_cases.py",),
}  # fmt: skip
NAME = re.compile(r"[A-Za-z_]\w*")


class Only:
    """Of the tests that have a case for each name or file, those of some of them."""

    def __init__(self, names, wanted):
        self.names, self.wanted = set(names), set(wanted)

    def pytest_collection_modifyitems(self, config, items):
        kept = [item for item in items if self.keeps(item)]
        config.hook.pytest_deselected(items=[i for i in items if i not in kept])
        items[:] = kept

    def keeps(self, item):
        case = item.callspec.id if hasattr(item, "callspec") else ""
        named = self.names & set(NAME.findall(case))
        return not named or bool(named & self.wanted)


def known(room):
    """The models or layers of a room that one can ask for, by name."""
    kinds = {"models": lambda name: name.published, "layers": lambda name: True}
    return {name.name: name for name in Room(room).names if kinds[room](name)}


def check(label, name, names):
    if name not in names:
        raise SystemExit(
            f"{label} must be one of {', '.join(names)}. Received: {label}={name}"
        )


def try_name(label, room, name):
    """Examples, own tests and shared tests of one model or layer."""
    names = known(room)
    check(label, name, names)
    module = Path(names[name].path)
    example = f"{module}::{'.'.join(module.with_suffix('').parts)}.{name}"
    own = f"tests/companion/{room}/test_{module.name}"
    files = {Path(name.path).stem for name in names.values()}
    only = Only({*names, *files}, {name, module.stem})
    return run_tests([example, own, *SHARED[room]], only)


def try_fast():
    """The smallest model of each file stands for its family, without values."""
    names, members = known("models"), {}
    for name in sorted(names.values(), key=lambda name: name.published["params"]):
        members.setdefault(name.path, name.name)
    files = {Path(path).stem for path in members}
    only = Only({*names, *files}, members.values())
    return run_tests(["tests/companion/scratch", *SHARED["models"]], only)


def run_tests(tests, only):
    there = [test for test in tests if (ROOT / test.partition("::")[0]).exists()]
    arguments = ["-q", "--doctest-modules", "--durations=5", "--durations-min=1"]
    return pytest.main([*arguments, *there], plugins=[only])


def try_chapter(slug):
    """The notebook is executed if its code changed; the page is built and named."""
    check("CHAPTER", slug, [chapter.slug for chapter in chapters()])
    build = [Path(sys.executable).with_name("jupyter-book"), "build", "-q", "-n", "."]
    for command in (
        [sys.executable, "-m", "book._kit.lint"],
        [sys.executable, "-m", "book._kit", "notebooks", slug],
        [sys.executable, "-m", "book._kit", "prime"],
        build,
    ):
        if status := subprocess.run(command, cwd=ROOT).returncode:
            return status
    print(
        f"Read it: {(ROOT / '_build/html/book' / slug).with_suffix('.html').as_uri()}"
    )
    return 0


def main():
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    match {label: name for label, name in given.items() if name}:
        case {"MODEL": name}:
            return try_name("MODEL", "models", name)
        case {"LAYER": name}:
            return try_name("LAYER", "layers", name)
        case {"CHAPTER": slug}:
            return try_chapter(slug)
        case {"FAST": _}:
            return try_fast()
    return "Say what to try: make try MODEL=ResNet50, LAYER=DropPath or CHAPTER=..."


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
