"""The registry refuses what would spoil it; test_contract.py checks the entries."""

import pickle

import numpy as np
import pytest

from companion.models import MODELS, register
from companion.models.registry import check_arguments

GOOD = {"params": 10, "macs": 9, "source": "by hand"}


@pytest.fixture
def clean_registry(monkeypatch):
    monkeypatch.setattr(MODELS, "entries", {})


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
        ((None, 227, 3), 10, "classes=None"),  # before a dense layer
        ((66, 227, 3), 10, "67 or more"),
        ((227, -1, 3), None, "67 or more"),
        ((227, 227.0, 3), None, "67 or more"),
        ((227, 227, 3), 0, "classes=0"),
        ((227, 227, 3), "1000", "classes='1000'"),
    ],
)
def test_arguments_no_model_can_take(input_shape, classes, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        check_arguments(input_shape, classes, smallest_side=67, flattened=True)
    assert rule in str(error.value)


@pytest.mark.parametrize(
    "input_shape, classes",
    [
        ((67, 227, 1), 10),
        ([227, 227, 3], None),
        ((None, None, 3), None),
        ((None, None, 3), 10),
        ((np.int64(67), None, np.uint8(3)), np.int32(10)),
    ],
)
def test_arguments_every_model_takes(input_shape, classes):
    shape, length = check_arguments(input_shape, classes, smallest_side=67)
    assert (shape, length) == (tuple(input_shape), classes)
    assert {type(number) for number in (*shape, length)} <= {int, type(None)}


def test_a_file_owns_the_names_of_the_stub(clean_registry):
    """Also before it is imported: nobody else registers a VGG16."""

    def VGG16():
        pass

    with pytest.raises(ValueError, match=r"name='VGG16'.*companion\.models\.vgg"):
        register(**GOOD)(VGG16)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_function_is_pickled_by_its_name(name):
    build = MODELS[name].build
    assert build.__name__ == build.__qualname__ == name
    assert pickle.loads(pickle.dumps(build)) is build
