"""`release.py v0.2.0`: refuse a tag that is not the version which the files name."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def problems(tag, root=ROOT):
    """What must still be done before the tree can be released under a tag."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    citation = (root / "CITATION.cff").read_text("utf8")
    changes = (root / "CHANGELOG.md").read_text("utf8")
    version = project["version"]
    if tag != f"v{version}":
        yield f"pyproject.toml has the version {version}, the tag is {tag}"
    if f"\nversion: {version}\n" not in citation:
        yield f"CITATION.cff names another version than {version}"
    if not re.search(
        rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changes, re.M
    ):
        yield f"CHANGELOG.md has no heading `## {version} (date)`"


if __name__ == "__main__":
    sys.exit("\n".join(problems(sys.argv[1])) or 0)
