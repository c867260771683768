"""A layer of the package brings all its rules; what is missing is named."""

import keras

from companion import layers
from companion.complexity.rules import rule_of
from companion.receptive_field.rules import kernel_geometry, load_keras_rules, nearest

from .test_cases import CASES


def missing(name, row):
    """What a public layer lacks, in words; `row` is its row in CASES, or None."""
    if row is None:
        return [f"{name}: no row in CASES of test_cases.py"]
    make, _, reference, *_ = row
    load_keras_rules()
    brings = {
        f"{name}: no NumPy reference in CASES": callable(reference),
        f"{name}: no geometry, @kernel_geometry.register({name})": nearest(
            kernel_geometry.registry, make()
        ),
        f"{name}: no cost rule, @layer_macs.register({name})": rule_of(make()),
    }
    return [lack for lack, found in brings.items() if not found]


def test_every_layer_brings_its_rules():
    rows = [(name, CASES.get(name)) for name in layers.__all__]
    assert [lack for row in rows for lack in missing(*row)] == []


def test_what_is_missing_is_named():
    class Bare(keras.layers.Layer):
        def call(self, x):
            return x

    assert missing("Bare", None) == ["Bare: no row in CASES of test_cases.py"]
    lacks = missing("Bare", (Bare, (5, 4, 3), None))
    for word, lack in zip(("reference", "geometry", "cost"), lacks, strict=True):
        assert word in lack and "Bare" in lack
