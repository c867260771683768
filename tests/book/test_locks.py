"""pyproject.toml, the locks and environment.yml agree, and hold no address."""

import re
import runpy
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from book._kit.repository import ROOT

LOCK = runpy.run_path(str(ROOT / "requirements" / "lock.py"))
DEV, SITE = LOCK["pins"]("dev.lock"), LOCK["pins"]("site.lock")


def versions(pins):
    """Locked versions by (name, marker)."""
    parsed = [Requirement(pin) for pin in pins]
    return {(r.name, str(r.marker)): str(r.specifier).strip("=") for r in parsed}


def declared(group):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    rows = project["project"]["dependencies"] if group == "dev" else []
    for row in project["dependency-groups"][group]:
        included = isinstance(row, dict)
        rows = rows + (declared(row["include-group"]) if included else [row])
    return rows


@pytest.mark.parametrize(("group", "pins"), [("dev", DEV), ("site", SITE)])
def test_every_declared_requirement_is_locked_in_range(group, pins):
    locked = versions(pins)
    for row in declared(group):
        requirement = Requirement(row)
        found = [v for (name, _), v in locked.items() if name == requirement.name]
        assert found, f"{row} is not in {group}.lock: run `make lock`"
        assert all(requirement.specifier.contains(v) for v in found), row


def test_the_site_is_built_with_the_tested_versions():
    dev = {name: version for (name, _), version in versions(DEV).items()}
    for (name, marker), version in versions(SITE).items():
        assert (name, marker) in versions(DEV) or dev[name] == version, name


def test_the_site_needs_no_tensorflow():
    names = {name for name, _ in versions(SITE)}
    assert not names & {"tensorflow", "keras", "jax", "torch"}


@pytest.mark.parametrize("name", ["dev.lock", "site.lock", "uv.lock"])
def test_locks_have_hashes_and_no_host(name):
    text = (ROOT / "requirements" / name).read_text("utf8")
    assert not re.search(
        r"https?:|file:|index-url|find-links|/(opt|root|home|tmp)/", text
    )
    for block in re.split(r"\n(?=\w)", text):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_environment_yml_has_the_versions_of_the_lock():
    text = (ROOT / "environment.yml").read_text("utf8")
    assert text == LOCK["environment"](), "run `make lock`"
    rows = yaml.safe_load(text)["dependencies"][-1]["pip"]
    assert rows == ["-e .", *DEV]


def test_the_uv_that_installs_is_the_uv_that_locks():
    uv = LOCK["pins"]("uv.lock")
    assert set(uv) <= set(DEV)
