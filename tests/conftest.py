"""Fixtures of all tests."""

import gc
import sys

import pytest


@pytest.fixture(autouse=True, scope="module")
def forget_models():
    """Give back what the models of a module hold: a hundred of them fill the memory."""
    yield
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session()
        gc.collect()
