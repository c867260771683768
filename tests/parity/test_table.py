"""README.md of this folder names every registered model, and none that is not there."""

import re
from pathlib import Path

import pytest

from companion.models import MODELS

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


def rows():
    """Cells of the table's rows; the first two lines are its head."""
    text = (FOLDER / "README.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, rule, *body = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines
    )
    assert len(head) == 5 and set("".join(rule)) <= set(":-")
    return body


ROWS = rows()


def names_of(row):
    return re.findall(r"`(\w+)`", row[0])


def files_of(row):
    return re.findall(r"\]\(([^)]+)\)", row[2])


def by_names(row):
    return row[0].replace("`", "")


def test_every_registered_model_has_one_row():
    named = sorted(name for row in ROWS for name in names_of(row))
    assert named == sorted(MODELS)


@pytest.mark.parametrize("row", ROWS, ids=by_names)
def test_cells_are_filled(row):
    assert len(row) == 5 and all(row)
    assert names_of(row) and files_of(row)


@pytest.mark.parametrize("row", ROWS, ids=by_names)
def test_files_hold_tests_of_the_models(row):
    sources = {name: (FOLDER / name).read_text() for name in files_of(row)}
    for name, source in sources.items():
        assert re.search(r"^def test_\w+\(", source, re.MULTILINE), name
    for model in names_of(row):
        found = [
            source for source in sources.values() if re.search(rf"\b{model}\b", source)
        ]
        assert found, f"{model} is in none of {sorted(sources)}"


@pytest.mark.parametrize("row", ROWS, ids=by_names)
def test_differences_are_below_the_tolerances(row):
    """One for each file, of which those in torch compute in float64."""
    numbers = re.findall(r"([\d.e+-]+) \((float\d\d)\)", row[3])
    for (number, precision), name in zip(numbers, files_of(row), strict=True):
        assert precision == ("float64" if name.startswith("torch/") else "float32")
        limits = {"float64": 1e-10, "float32": 1e-5}
        if names_of(row) == ["PlainNet110"]:
            limits["float64"] = 1e-6  # see torch/test_resnet_cifar.py
        assert float(number) < limits[precision]


def test_versions_are_those_of_the_environment():
    text = (FOLDER / "README.md").read_text()
    pins = (ROOT / "requirements" / "parity.txt").read_text()
    for name in ("torchvision", "timm", "pytorchcv"):
        version = re.search(rf"^{name}==(\S+)$", pins, re.MULTILINE)[1]
        assert f"{name} {version}" in text
