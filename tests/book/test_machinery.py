"""What runs the tests: helpers of the Makefile, workflows, hooks, the version."""

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import companion
from book._kit.repository import ROOT

CI = ROOT / ".ci"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(
    re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text("utf8"), re.M)
)


def helper(name):
    return runpy.run_path(str(CI / f"{name}.py"))


def test_a_page_is_made_of_files_and_of_no_other_target():
    """`book` is a folder and a target: make would build the book to build the book."""
    listed = subprocess.run(
        ["make", "-pq", "help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    rules = dict(re.findall(r"^(_build/site|\.PHONY): (.*)$", listed, re.M))
    inputs = set(rules["_build/site"].split())
    assert any(name.endswith("index.md") for name in inputs)
    assert inputs.isdisjoint(rules[".PHONY"].split())


# --- times


def test_times_are_noted_and_shown(tmp_path, monkeypatch):
    measure = helper("measure")
    notes = tmp_path / "_build" / "times.jsonl"
    monkeypatch.setitem(measure["run"].__globals__, "NOTES", notes)
    measure["start"]()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    assert measure["run"]("busy", [sys.executable, "-c", busy]) == 0
    assert measure["run"]("wrong", [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    (start, began, _), (name, wall, cpu), *_ = map(
        json.loads, notes.read_text("utf8").splitlines()
    )
    assert (start, name) == ("start", "busy")
    assert wall >= 0.5 and cpu >= 0.5
    notes.write_text(
        f'["start", {began}, 0]\n["a", 60, 61.5]\n["b", 99.6, 20]\n', "utf8"
    )
    assert [line.split() for line in measure["table"](began + 100)] == [
        ["part", "seconds", "CPU"],
        ["a", "60", "62"],
        ["b", "100", "20"],
        ["all", "100", "82"],
    ]


# --- versions


@pytest.mark.parametrize(
    ("found", "lock", "said"),
    [
        ((3, 10), "", "3.11 or newer, found 3.10."),
        ((3, 10), "# newest Python: 3.13", "3.11 to 3.13, found 3.10."),
        ((3, 14), "# newest Python: 3.13", "3.11 to 3.13, found 3.14."),
        ((3, 13), "# newest Python: 3.13", None),
        ((3, 14), "", None),
        ((3, 11), "", None),
    ],
)
def test_a_python_that_cannot_install_is_refused(found, lock, said):
    refusal = helper("python_version")["refusal"](found, f"x==1 \\\n{lock}\n")
    assert refusal == (said and f"The course needs Python {said}")


def test_the_readme_promises_the_pythons_of_the_lock():
    lock = (ROOT / "requirements/dev.lock").read_text("utf8")
    newest = re.search(r"^# newest Python: (3\.\d+)$", lock, re.M)[1]
    assert f"Python 3.11 to {newest}" in (ROOT / "README.md").read_text("utf8")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]


def test_the_package_knows_its_version():
    assert companion.__version__ == project()["version"]


def test_the_citation_names_the_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["version"] == project()["version"].removesuffix(".dev0")


def test_a_tag_that_is_not_the_version_is_refused(tmp_path):
    problems = helper("release")["problems"]
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CITATION.cff").write_text("a: b\nversion: 1.2.0\nc: d\n")
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changelog\n\n## 1.2.0 (2027-01-31)\n")
    assert [*problems("v1.2.0", tmp_path)] == []
    assert len([*problems("v1.2.1", tmp_path)]) == 1
    changes.write_text("# Changelog\n\n## 1.2.0 (unreleased)\n")
    (tmp_path / "CITATION.cff").write_text("a: b\nversion: 1.1.0\nc: d\n")
    assert len([*problems("v1.2.0", tmp_path)]) == 2


# --- trying one thing


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        ("MODEL=ResNet51", "ResNet50, "),
        ("LAYER=Dropout", "DropPath, "),
        ("CHAPTER=resnet", "lineage/resnet, "),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(given, offered):
    run = subprocess.run(
        [sys.executable, CI / "try_one.py", given], capture_output=True, text=True
    )
    assert run.returncode == 1
    assert offered in run.stderr and f"Received: {given}" in run.stderr


def test_only_the_cases_of_a_name_are_kept():
    class Item:
        def __init__(self, case=None):
            if case:
                self.callspec = type("CallSpec", (), {"id": case})

    only = helper("try_one")["Only"](["ResNet50", "SEResNet50"], ["ResNet50"])
    kept = ["ResNet50", "4-ResNet50-x", None, "no name at all"]
    left = ["SEResNet50", "ResNet50V2-SEResNet50"]
    assert [only.keeps(Item(case)) for case in kept + left] == [True] * 4 + [False] * 2


# --- workflows and hooks


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_exists(path):
    text = path.read_text("utf8")
    jobs = yaml.safe_load(text)["jobs"]
    for words in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", text):
        assert set(words.split()) <= TARGETS, words
    for name in re.findall(r"\.(?:ci|/\.github)/[\w/.]+", text):
        assert (ROOT / name).exists(), name
    for job in jobs.values():
        assert "uses" in job or job["steps"][0]["uses"].startswith("actions/checkout@")


def test_one_commit_is_tested_once():
    """A branch of a pull request is pushed too: only one to main counts by itself."""
    triggers = {}
    for path in WORKFLOWS:  # YAML 1.1 reads the key `on` as True
        triggers[path.stem] = yaml.safe_load(path.read_text("utf8"))[True]
    assert triggers["test"]["push"] == {"branches": ["main"]}
    assert [name for name, on in triggers.items() if "pull_request" in on] == ["test"]


def test_every_part_of_make_test_is_run_on_pull_requests():
    makefile = (ROOT / "Makefile").read_text("utf8")
    parts = re.search(r"^PARTS := ((?:.*\\\n)*.*)", makefile, re.M)[1].split()
    workflow = (ROOT / ".github/workflows/test.yml").read_text("utf8")
    run = set(re.findall(r"(?<=[ :])(?:test-[a-z-]+|lint)(?=[ },])", workflow))
    assert "test-package: test-companion test-models test-transplants" in makefile
    covered = run | {"test-companion", "test-models", "test-transplants", "\\"}
    assert "test-package" in run and set(parts) <= covered


def test_hooks_call_tools_of_the_environment():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format", "book"}
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        folder, name = program.rsplit("/", 1)
        assert folder == ".venv/bin"
        tool = Path(sys.executable).with_name(name)
        subprocess.run([tool, *arguments, "--help"], cwd=ROOT, check=True)


# --- the wheel


def test_the_package_has_no_kind_of_file_that_the_wheel_would_lack():
    """Hatchling packs what git knows: nothing of the package may be ignored."""
    ignored = subprocess.run(
        ["git", "ls-files", "-oi", "--exclude-standard", "companion"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [name for name in ignored if "__pycache__" not in name] == []
