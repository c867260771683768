"""Resolve the dependency groups of pyproject.toml: two locks and environment.yml.

`dev.lock` pins everything that executes and tests the course; `site.lock` the part that
builds its pages, in the same versions. Both carry hashes and no address. The last line
of `dev.lock` says which Python is the newest that its TensorFlow has a wheel for.
"""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")

ENVIRONMENT = """\
# conda env create -f environment.yml. Made by `make lock` from requirements/dev.lock.
name: cnn-verified
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - -e .
{pins}
"""


def compile_lock(name, *arguments):
    subprocess.run(
        [UV, "pip", "compile", "-q", "--universal", "--python-version", "3.11"]
        + ["--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"]
        + [*arguments, "-o", f"requirements/{name}.lock"],
        cwd=ROOT,
        check=True,
    )


def newest_python():
    """The newest Python 3 that can install dev.lock, by its second number."""
    for minor in itertools.count(12):
        attempt = subprocess.run(
            [UV, "pip", "compile", "-q", "--no-deps", "--only-binary", "tensorflow"]
            + ["--python-version", f"3.{minor}", "requirements/dev.lock"],
            cwd=ROOT,
            capture_output=True,
        )
        if attempt.returncode:
            return minor - 1


def pins(lock):
    """The pinned requirements of a lock, with markers and without hashes."""
    lines = (ROOT / "requirements" / lock).read_text("utf8").splitlines()
    return [line.rstrip(" \\") for line in lines if line[:1].isalnum()]


def environment():
    """The text of environment.yml."""
    rows = "\n".join(f"      - {pin}" for pin in pins("dev.lock"))
    return ENVIRONMENT.format(pins=rows)


def main():
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv else []
    compile_lock("dev", "pyproject.toml", "--group", "dev", *upgrade)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins("dev.lock")) + "\n")
        constraints.flush()
        compile_lock("site", "--group", "pyproject.toml:site", "-c", constraints.name)
    with (ROOT / "requirements" / "dev.lock").open("a", encoding="utf8") as lock:
        lock.write(f"# newest Python: 3.{newest_python()}\n")
    (ROOT / "environment.yml").write_text(environment(), "utf8")


if __name__ == "__main__":
    main()
