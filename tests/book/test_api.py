"""The reference says what the package is, though it is read without running it."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest
from docutils import nodes

from book._kit import api, api_pages
from book._kit.repository import ROOT

ROOMS = {room.name: room for room in api.rooms()}
NAMES = [(room, name) for room in ROOMS.values() for name in room.names]
every_room = pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
every_name = pytest.mark.parametrize(
    ("room", "name"), NAMES, ids=[f"{room.name}.{name.name}" for room, name in NAMES]
)


@every_room
def test_a_room_has_the_public_names_of_its_module(room):
    module = importlib.import_module(room.module)
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == room.module and name[0] != "_"
    ]
    assert [name.name for name in room.names] == sorted(listed, key=str.lower)


@every_name
def test_a_signature_is_that_of_the_object(room, name):
    thing = getattr(importlib.import_module(room.module), name.name)
    if name.kind == "data":
        assert not inspect.isfunction(thing) and not inspect.isclass(thing)
        return
    if not name.signature:  # a subclass that is made as its parent is
        assert "__init__" not in vars(thing)
        return
    if name.kind == "class" and "__init__" in vars(thing):
        thing = thing.__init__
    expected = {
        parameter: it.kind.name
        for parameter, it in inspect.signature(thing).parameters.items()
        if parameter != "self"
    }
    assert kinds(name.signature) == expected


def kinds(signature):
    """The parameters that a text declares, in order, each with its kind."""
    arguments = ast.parse(f"def f{signature}: 0").body[0].args
    return {
        **{it.arg: "POSITIONAL_ONLY" for it in arguments.posonlyargs},
        **{it.arg: "POSITIONAL_OR_KEYWORD" for it in arguments.args},
        **{it.arg: "VAR_POSITIONAL" for it in [arguments.vararg] if it},
        **{it.arg: "KEYWORD_ONLY" for it in arguments.kwonlyargs},
        **{it.arg: "VAR_KEYWORD" for it in [arguments.kwarg] if it},
    }


@every_name
def test_a_name_is_explained_where_it_stands(room, name):
    assert name.docstring or name.kind == "data"
    line = (ROOT / name.path).read_text("utf8").splitlines()[name.line - 1]
    assert line.startswith(("def ", "class ", f"{name.name}"))
    for member in name.members:
        line = (ROOT / name.path).read_text("utf8").splitlines()[member.line - 1]
        assert f"def {member.name}(" in line


def test_reading_the_package_runs_none_of_it():
    code = (
        "import sys; from book._kit import api; [room.names for room in api.rooms()];"
        "sys.exit(bool({'keras', 'numpy', 'companion.layers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_name_without_page_is_named():
    assert ("layers", "DropPath") in api_pages.missing({})
    described = [f"companion.{room.name}.{name.name}" for room, name in NAMES]
    assert api_pages.missing(described) == []
    described.remove("companion.layers.DropPath")
    assert api_pages.missing(described) == [("layers", "DropPath")]


def test_a_model_shows_what_was_published():
    names = {name.name: name for name in ROOMS["models"].names}
    text = api_pages.entry(ROOMS["models"], names["AlexNet"])
    assert "60,965,224 parameters" in text


DOCSTRING = """Squares `x`, as `scale` does, in x**2 * y**2 steps < 3.

    Args:
        x: a number
            or several.
        **kwargs: the rest.

    Drawn as

        a   b

    Returns:
        Two things, not a list of items.

    Example:
        >>> square(2)
        4

    Reference: [1] by hand.
    """


def test_a_docstring_becomes_myst():
    text = api.myst(DOCSTRING, {"scale": "{py:obj}`scale`"}.get)
    assert text == (
        "Squares `x`, as {py:obj}`scale` does, in x\\*\\*2 * y\\*\\*2 steps \\< 3.\n\n"
        "**Args**\n\n"
        "`x`\n: a number\n  or several.\n\n`**kwargs`\n: the rest.\n\n"
        "Drawn as\n\n```text\na   b\n```\n\n"
        "**Returns**\n\nTwo things, not a list of items.\n\n"
        "**Example**\n\n```pycon\n>>> square(2)\n4\n```\n\n"
        "Reference: \\[1] by hand."
    )


def test_code_links_to_what_it_imports():
    cells = (
        "%matplotlib inline\nfrom companion import models, scratch as by_hand",
        "from companion.layers import DropPath as Drop\nimport numpy as np",
    )
    page = nodes.container("", *(nodes.literal_block(cell, cell) for cell in cells))
    names = api_pages.imported(page)
    assert names == {
        "models": "companion.models",
        "by_hand": "companion.scratch",
        "Drop": "companion.layers.DropPath",
    }
    html = '<span class="n">{}</span>'
    dot = '<span class="o">.</span>'
    addresses = {"companion.models.VGG16": "m#V", "companion.layers.DropPath": "l#D"}
    for code, address in [
        (html.format("Drop"), "l#D"),
        (html.format("models") + dot + html.format("VGG16"), "m#V"),
    ]:
        linked = api_pages.linked(code, names, addresses)
        assert linked == f'<a class="api" href="{address}">{code}</a>'
    other = html.format("np") + dot + html.format("VGG16")
    assert api_pages.linked(other, names, addresses) == other
