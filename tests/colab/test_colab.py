"""Every notebook alone, as a reader runs it in Colab who opens no form but the setup.

A fresh environment holds only what Colab preinstalls of ours: keras, tensorflow,
matplotlib and ipykernel. A module named `google.colab` makes the unchanged setup cell
install the package; git is told to find the course's address in this checkout, so that
pip builds the wheel from it. The setup and the visible cells run in an empty folder;
nbval runs all cells, so no notebook is executed twice in the same way.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from book._kit.chapter import chapters
from book._kit.notebook import read_alone
from book._kit.repository import BRANCH, ROOT, repository_url, revision

UV = Path(sys.executable).with_name("uv")
PREINSTALLED = ("keras", "tensorflow", "matplotlib", "ipykernel", "pip", "nbclient")

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
print("executed", sum(cell.cell_type == "code" for cell in notebook.cells), "cells")
"""


def installed(python):
    rows = subprocess.run(
        [UV, "pip", "list", "-p", python, "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {row["name"]: row["version"] for row in json.loads(rows)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The working tree as a commit, which is what Colab would clone."""
    path = tmp_path_factory.mktemp("origin") / "course"
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    subprocess.run(["git", "init", "-q", path], check=True)
    for name in filter(None, files.decode().split("\0")):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path / name)
    subprocess.run([*git, "-C", path, "add", "-A"], check=True)
    subprocess.run([*git, "-C", path, "commit", "-qm", "course"], check=True)
    if revision() != BRANCH:
        subprocess.run([*git, "-C", path, "tag", revision()], check=True)
    return path


@pytest.fixture(scope="module")
def colab(tmp_path_factory, checkout):
    """The interpreter of an environment like Colab's, and its variables."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True
    )
    python = folder / "venv" / "bin" / "python"
    constraints = folder / "constraints.txt"
    pins = subprocess.run(
        [UV, "pip", "freeze", "-p", sys.executable, "--exclude-editable"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    constraints.write_text(pins)
    subprocess.run(
        [UV, "pip", "install", "-q", "-p", python, *PREINSTALLED, "-c", constraints],
        check=True,
    )
    package = next((folder / "venv" / "lib").iterdir()) / "site-packages" / "google"
    (package / "colab").mkdir(parents=True)
    (package / "colab" / "__init__.py").write_text("")
    (package.parent / "colab.pth").write_text("import google.colab\n")
    config = folder / "gitconfig"
    config.write_text(f'[url "file://{checkout}"]\n\tinsteadOf = {repository_url()}\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {
        "GIT_CONFIG_GLOBAL": str(config),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "JUPYTER_PATH": str(folder),
        "COMPANION_HOME": str(folder / "cache"),
        "COMPANION_OFFLINE": "1",
    }
    return python, environment


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.slug)
def test_visible_cells_run_alone(chapter, colab, tmp_path):
    python, environment = colab
    before = installed(python)
    notebook = tmp_path / chapter.twin.name
    twin = chapter.read_twin()
    twin.cells = read_alone(twin.cells)
    nbformat.write(twin, notebook)
    run = subprocess.run(
        [python, "-c", RUN, notebook],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert run.stdout.endswith(f"executed {len(twin.cells)} cells\n")
    after = installed(python)
    assert "cnn-companion" in after
    touched = {name for name in before if after.get(name) != before[name]}
    assert touched == set(), "the setup cell changes what Colab has installed"
