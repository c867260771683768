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

from book._kit import forked_kernel
from book._kit.chapter import chapters
from book._kit.notebook import read_alone
from book._kit.repository import BRANCH, ROOT, repository_url, revision

UV = Path(sys.executable).with_name("uv")
PREINSTALLED = ("keras", "tensorflow", "matplotlib", "ipykernel", "pip", "nbclient")

RUN = """
import json, pathlib, sys, nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from forked_kernel import fork_kernels

fork_kernels("keras", "tensorflow", "ipykernel.kernelapp")
for path in map(pathlib.Path, map(str.strip, sys.stdin)):
    notebook = nbformat.read(path, 4)
    here = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=here
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(json.dumps(str(error)), flush=True)
    else:
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        print(json.dumps(len(code)), flush=True)
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
    """The interpreter of an environment like Colab's, and what runs a notebook."""
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
    packages = next((folder / "venv" / "lib").iterdir()) / "site-packages"
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").write_text("")
    (packages / "colab.pth").write_text("import google.colab\n")
    shutil.copy(forked_kernel.__file__, packages)
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
    server = subprocess.Popen(
        [python, "-c", RUN],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(notebook):
        """The count of executed cells, or what stopped them."""
        print(notebook, file=server.stdin, flush=True)
        return json.loads(server.stdout.readline())

    yield python, run
    server.stdin.close()
    server.wait(timeout=60)


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.slug)
def test_visible_cells_run_alone(chapter, colab, tmp_path):
    python, run = colab
    before = installed(python)
    notebook = tmp_path / chapter.twin.name
    twin = chapter.read_twin()
    twin.cells = read_alone(twin.cells)
    nbformat.write(twin, notebook)
    assert run(notebook) == len(twin.cells)
    after = installed(python)
    assert "cnn-companion" in after
    touched = {name for name in before if after.get(name) != before[name]}
    assert touched == set(), "the setup cell changes what Colab has installed"
