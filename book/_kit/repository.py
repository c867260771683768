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
RELEASE = re.compile(r"\d+(\.\d+)*")
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
    return GITHUB.search(project(root)["urls"]["Repository"])[1]


def project(root=ROOT):
    return tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]


def revision(root=ROOT):
    """The tag of the release that this tree is, or the branch of development.

    A version such as 0.2.0 is a release's, tagged v0.2.0; 0.2.0.dev0 is on its way.
    """
    version = project(root)["version"]
    return f"v{version}" if RELEASE.fullmatch(version) else BRANCH


def package_address():
    """What pip installs the package from."""
    at = revision()
    pin = "" if at == BRANCH else f"@{at}"
    return f"git+{repository_url()}{pin}"


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
        f"{repository()}/blob/{revision()}/book/{slug}.ipynb"
    )
