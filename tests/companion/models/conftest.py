"""Where the tests of models run when several processes share them."""

from pathlib import Path

import pytest

from companion.models import MODELS


def family(item):
    """The file of the models that a test is about: of its parameter, or of its name."""
    about = hasattr(item, "callspec") and item.callspec.params.get("model")
    if about in MODELS:
        return MODELS[about].build.__module__.rpartition(".")[2]
    if item.path.stem == "test_contract" and about:
        return about.partition(" ")[0]
    return item.path.stem.removeprefix("test_")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """`--dist loadgroup` keeps a family in one process, which builds it once."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.xdist_group(family(item)))
