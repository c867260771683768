"""The registry refuses what would spoil it; every entry is checked against a model."""

import keras
import pytest

from companion.complexity import count_macs, count_params
from companion.models import MODELS, register
from companion.models.registry import check_arguments
from companion.receptive_field import receptive_field

GOOD = {"params": 10, "macs": 9, "source": "by hand"}


@pytest.fixture
def clean_registry():
    entries = dict(MODELS)
    MODELS.clear()
    yield
    MODELS.clear()
    MODELS.update(entries)


@pytest.mark.parametrize("entry", MODELS.values(), ids=MODELS)
def test_published_numbers_hold_for_the_built_model(entry):
    keras.utils.clear_session()
    with keras.StatelessScope(initialize_variables=False):
        model, features = entry.build(), entry.build(classes=None)
    assert count_params(model) == entry.params
    assert count_macs(model) == entry.macs
    if entry.receptive_field is not None:
        assert receptive_field(features).size == entry.receptive_field


def test_an_entry_keeps_the_function_and_its_numbers(clean_registry):
    @register(**GOOD, receptive_field=3)
    def TinyNet():
        return "built"

    assert TinyNet() == "built"
    entry = MODELS["TinyNet"]
    assert entry.build is TinyNet
    assert (entry.params, entry.macs, entry.receptive_field) == (10, 9, 3)
    assert entry.source == "by hand"


def test_the_same_name_twice_is_refused(clean_registry):
    def TinyNet():
        pass

    register(**GOOD)(TinyNet)
    with pytest.raises(ValueError, match=r"once only.*name='TinyNet'"):
        register(**GOOD)(TinyNet)


@pytest.mark.parametrize("number", [0, -1, 2.5, "60M", True, None])
@pytest.mark.parametrize("name", ["params", "macs"])
def test_numbers_must_be_positive_integers(name, number):
    with pytest.raises(ValueError, match=rf"{name}=") as error:
        register(**GOOD | {name: number})
    assert repr(number) in str(error.value)


def test_numbers_need_a_source():
    with pytest.raises(ValueError, match=r"source=''"):
        register(**GOOD | {"source": ""})


def test_receptive_field_must_be_positive():
    with pytest.raises(ValueError, match=r"receptive_field=0"):
        register(**GOOD, receptive_field=0)


@pytest.mark.parametrize(
    "input_shape, classes, rule",
    [
        ((227, 227), 10, "height, width, channels"),
        ((1, 227, 227, 3), 10, "height, width, channels"),
        (227, 10, "height, width, channels"),
        ((227, 227, None), None, "Channels"),
        ((227, 227, 0), None, "Channels"),
        ((None, 227, 3), 10, "classes=None"),
        ((66, 227, 3), 10, "67 or more"),
        ((227, -1, 3), None, "67 or more"),
        ((227, 227.0, 3), None, "67 or more"),
        ((227, 227, 3), 0, "classes=0"),
        ((227, 227, 3), "1000", "classes='1000'"),
    ],
)
def test_arguments_no_model_can_take(input_shape, classes, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        check_arguments(input_shape, classes, smallest_side=67)
    assert rule in str(error.value)


@pytest.mark.parametrize(
    "input_shape, classes",
    [((67, 227, 1), 10), ([227, 227, 3], None), ((None, None, 3), None)],
)
def test_arguments_every_model_takes(input_shape, classes):
    check_arguments(input_shape, classes, smallest_side=67)
