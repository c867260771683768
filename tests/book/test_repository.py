"""Owner and name: the environment of CI, then the git remote, then pyproject.toml."""

import subprocess
import tomllib

import pytest
import yaml

import book._kit.repository
from book._kit.repository import (
    ROOT,
    colab_url,
    package_address,
    repository,
    revision,
    site_url,
)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://github.com/home/course"\n'
    )
    return tmp_path


def test_pyproject_names_the_home(clone):
    assert repository(clone) == "home/course"


@pytest.mark.parametrize(
    "remote",
    ["https://github.com/fork/cnn.git", "git@github.com:fork/cnn.git"]
    + ["https://github.com/fork/cnn", "ssh://git@github.com/fork/cnn.git"],
)
def test_a_git_remote_goes_first(clone, remote):
    subprocess.run(["git", "-C", clone, "remote", "add", "origin", remote], check=True)
    assert repository(clone) == "fork/cnn"


def test_a_remote_elsewhere_does_not_count(clone):
    subprocess.run(
        ["git", "-C", clone, "remote", "add", "origin", "/srv/x.git"], check=True
    )
    assert repository(clone) == "home/course"


@pytest.mark.parametrize(
    "version, expected",
    [("0.2.0", "v0.2.0"), ("1.0", "v1.0")]
    + [(v, "main") for v in ("0.2.0.dev0", "0.2.0rc1", "0.2.0+local")],
)
def test_a_release_is_installed_and_linked_by_its_tag(
    version, expected, clone, monkeypatch
):
    (clone / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    monkeypatch.setenv("GITHUB_REPOSITORY", "home/course")
    at = revision(clone)
    assert at == expected
    monkeypatch.setattr(book._kit.repository, "revision", lambda: at)
    pin = "" if at == "main" else f"@{at}"
    assert package_address() == f"git+https://github.com/home/course{pin}"
    assert f"/blob/{at}/book/lineage/vgg.ipynb" in colab_url("lineage/vgg")


def test_ci_goes_before_both(clone, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "Student/fork")
    assert repository(clone) == "Student/fork"
    assert colab_url("lineage/alexnet") == (
        f"https://colab.research.google.com/github/Student/fork/blob/{revision()}/"
        "book/lineage/alexnet.ipynb"
    )
    assert site_url("lineage/alexnet") == (
        "https://student.github.io/fork/book/lineage/alexnet.html"
    )


def test_the_name_stands_in_one_place_of_the_machinery():
    """Chapters carry a token; only words for people repeat the address."""
    home = repository()
    for folder in ("book", "companion", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            assert home not in path.read_text("utf8"), path
    for path in (ROOT / "book").rglob("*.md"):
        if path.name != "how_to_use.md":
            assert home not in path.read_text("utf8"), path


def test_jupyter_book_is_given_the_home_repository():
    """It insists on an address; book._kit.sphinx_ext puts a fork's own in its place."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert config["repository"]["url"] == project["urls"]["Repository"]
