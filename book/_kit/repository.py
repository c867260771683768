"""Where the reader's copy of the course lives, and the addresses made from that.

`pyproject.toml` names the home repository, once. A fork needs no edit: the environment
of GitHub Actions or the git remote `origin` takes precedence.
"""

import os
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BRANCH = "main"
GITHUB = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


def repository(root=ROOT):
    """Return "owner/name"."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name
    remote = subprocess.run(
        ["git", "-C", root, "remote", "get-url", "origin"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    if match := GITHUB.search(remote):
        return match[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    return GITHUB.search(project["urls"]["Repository"])[1]


def repository_url():
    return f"https://github.com/{repository()}"


def site_url(slug=None):
    """The published page of a chapter, or the site's root."""
    owner, name = repository().split("/")
    root = f"https://{owner.lower()}.github.io/{name}/"
    return root if slug is None else f"{root}book/{slug}.html"


def colab_url(slug):
    """Open the executed twin of a chapter in Colab."""
    return (
        "https://colab.research.google.com/github/"
        f"{repository()}/blob/{BRANCH}/book/{slug}.ipynb"
    )
