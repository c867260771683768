"""The kept table of all models agrees with the registry and with the models' names."""

import re

import pytest

from companion import results
from companion.models import MODELS

ROWS = {row["model"]: row for row in results.load("zoo")["rows"]}
ODD = {
    "DenseNet264": 265,  # blocks of 6, 12, 64 and 48: table 1 of the paper has one more
    "WideResNet28_10": 26,  # 28 counts the projections of the three groups, not the end
}


def named_depths():
    for name in MODELS:
        digits = re.fullmatch(r"(?:\D*?)(\d{2,})(V2|V1_5|K24|_.*|Projection)?", name)
        if digits and not name.startswith(("LeNet", "EfficientNet")):
            yield name, int(digits[1])


def test_every_model_has_a_row_and_no_other():
    assert sorted(ROWS) == sorted(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_repeats_the_published_numbers(name):
    row, entry = ROWS[name], MODELS[name]
    assert (row["params"], row["macs"]) == (entry.params, entry.macs)
    assert entry.receptive_field in (None, row["receptive_field"])


@pytest.mark.parametrize("name, depth", list(named_depths()))
def test_depth_is_the_number_in_the_name(name, depth):
    assert ROWS[name]["depth"] == ODD.get(name, depth)


def test_an_accuracy_has_a_source():
    for row in ROWS.values():
        assert (row["top1"] is None) == (row["source"] is None)
        assert row["top1"] is None or 50 < row["top1"] < 90
