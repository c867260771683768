"""Fixtures of all tests."""

import gc
import sys

import pytest


@pytest.fixture(autouse=True, scope="module")
def forget_models(request):
    """Give back what the models of a module hold: a hundred of them fill the memory."""
    yield
    for value in vars(request.module).values():
        if (
            hasattr(value, "cache_clear")
            and value.__module__ == request.module.__name__
        ):
            value.cache_clear()
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session()
        gc.collect()
