"""A twin's outputs depend on what its kernel loaded, and on nothing else."""

import json
import re
import shutil
import subprocess

import pytest

from book._kit import hashes, twins
from book._kit.chapter import SETUP_CELL, Chapter, chapters
from book._kit.repository import ROOT

MODEL = '''"""A file."""

import keras


def net(x, *, size=3):
    """A function."""
    # a remark
    return f"{x:.{size}f}" if x else None
'''


@pytest.mark.parametrize(
    "old, new",
    [
        ('"""A file."""', '"""Another text,\n\nof two lines."""'),
        ('    """A function."""\n', ""),
        ("    # a remark\n", ""),
        ("net(x, *, size=3)", "net(\n    x,\n    *,\n    size=3,\n)"),
        ("return f", "return  f"),
        ('f"{x:.{size}f}"', "f'{x:.{size}f}'"),
    ],
)
def test_words_and_layout_change_nothing(old, new):
    assert old in MODEL
    changed = MODEL.replace(old, new)
    assert hashes.content("m.py", changed, {}) == hashes.content("m.py", MODEL, {})


@pytest.mark.parametrize(
    "old, new",
    [
        ("size=3", "size=4"),
        ("else None", "else 0"),
        ("*, size", "size"),
        ("net(", "network("),
        ("if x", "if not x"),
        ("size}f", "size}e"),
        ("import keras", "import keras as k"),
    ],
)
def test_code_counts(old, new):
    assert old in MODEL
    changed = MODEL.replace(old, new)
    assert hashes.content("m.py", changed, {}) != hashes.content("m.py", MODEL, {})


def test_the_form_of_a_tree_is_that_of_every_python():
    """Written by hand: empty fields, which come with new versions, are left out."""
    assert hashes.content("m.py", "x = 1", {}) == (
        "Module(body=[Assign(targets=[Name(id='x',ctx=Store())],value=Constant(value=1))])"
    )


def test_json_is_data():
    compact, spread = '{"a":[1,2],"b":3}', '{\n "b": 3,\n "a": [1, 2]\n}'
    assert hashes.content("r.json", compact, {}) == hashes.content("r.json", spread, {})
    other = compact.replace("2", "2.5")
    assert hashes.content("r.json", compact, {}) != hashes.content("r.json", other, {})


def test_of_a_table_of_names_the_used_rows_count():
    used = {"companion/layers/gate.py", "companion/models/resnet.py"}
    stub, blocks = "companion/layers/__init__.pyi", "companion/blocks.py"
    row, other = "from .gate import Gate as Gate", "from .new import New as New"
    one = hashes.content(stub, row, used)
    assert hashes.content(stub, f"{row}\n{other}", used) == one
    assert hashes.content(stub, row.replace("Gate", "Old"), used) != one
    table = 'BLOCKS = {"basic": "resnet.basic"}'
    one = hashes.content(blocks, table, used)
    added = table.replace("}", ', "dense": "densenet.layer"}')
    assert hashes.content(blocks, added, used) == one
    moved = table.replace("resnet.basic", "resnet.other")
    assert hashes.content(blocks, moved, used) != one


def test_a_package_from_elsewhere_is_refused(tmp_path):
    """Its files would be missing in the record, and no edit would wake the chapter."""
    here = tmp_path / "companion" / "blocks.py"
    record = str(tmp_path / "companion" / "results" / "zoo.json")
    assert hashes.used([str(here)], [record, "/etc/other.json"], tmp_path) == {
        "companion/blocks.py",
        "companion/results/zoo.json",
    }
    with pytest.raises(ValueError, match="PYTHONPATH"):
        hashes.used([str(here), "/elsewhere/companion/blocks.py"], [], tmp_path)


PAGE = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
book:
  id: ch99
  questions: []
  objectives: [load something]
  prerequisites: []
  needs: nothing
  companion: [companion]
---

# Page

```{code-cell} ipython3
SETUP
```

```{code-cell} ipython3
CODE
```
""".replace("SETUP", SETUP_CELL)
CODE = {
    "dense": "from companion import blocks\n\nblocks.dense_block",
    "alex": "from companion.models import AlexNet",
    "shuffle": 'from companion import layers, results\n\nresults.load("senet")\n'
    "layers.ChannelShuffle",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the package, and a book of three chapters that were executed there."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "companion", root / "companion")
    (root / "book").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "ROOT", root)
        patch.setenv("PYTHONPATH", str(root))
        patch.setenv("KERAS_BACKEND", "jax")
        for name, code in CODE.items():
            page = root / "book" / f"{name}.md"
            page.write_text(PAGE.replace("CODE", code))
            twins.execute(Chapter(page, root / "book"))
        yield root


def stale(root):
    found = chapters(root / "book")
    assert len(found) == 3
    return {chapter.slug for chapter in found if twins.why_stale(chapter)}


def append(text):
    return lambda old: old + text


def replace(old, new):
    def change(text):
        assert old in text
        return text.replace(old, new)

    return change


def words(text):
    """Other docstrings, of the file and of all that is in it."""
    return re.sub(r'^( *)"""(?=\S)', r'\1"""Words. ', text, flags=re.M)


A_FUNCTION = append("\n\ndef more():\n    return 1\n")
NEW_LAYER = append("from .new_layer import NewLayer as NewLayer\n")


@pytest.mark.parametrize(
    "path, change, woken",
    [
        ("models/densenet.py", words, set()),
        ("models/densenet.py", append("\n# a remark\n"), set()),
        ("models/densenet.py", A_FUNCTION, {"dense"}),
        ("models/alexnet.py", A_FUNCTION, {"alex"}),
        ("models/vgg.py", A_FUNCTION, set()),
        ("layers/channel_shuffle.py", A_FUNCTION, {"shuffle"}),
        ("layers/local_response_normalization.py", A_FUNCTION, {"alex"}),
        ("layers/table_conv2d.py", A_FUNCTION, set()),
        ("models/registry.py", A_FUNCTION, {"alex", "dense"}),
        ("results/senet.json", append("\n"), set()),
        ("results/senet.json", replace('"command"', '"order"'), {"shuffle"}),
        ("results/zoo.json", replace('"command"', '"order"'), set()),
        ("layers/__init__.pyi", NEW_LAYER, set()),
        ("layers/__init__.pyi", replace("ChannelShuffle as", "Other as"), {"shuffle"}),
        ("models/__init__.pyi", append("from .new import New as New\n"), set()),
        ("blocks.py", replace("BLOCKS = {", 'BLOCKS = {"new": "new.block", '), set()),
        ("blocks.py", replace("densenet.transition", "densenet.other"), {"dense"}),
        (
            "__init__.py",
            replace('        "scratch",', '        "new", "scratch",'),
            set(),
        ),
    ],
)
def test_an_edit_wakes_the_chapters_that_it_can_change(path, change, woken, tree):
    file = tree / "companion" / path
    before = file.read_text("utf8")
    assert stale(tree) == set()
    try:
        file.write_text(change(before), "utf8")
        assert file.read_text("utf8") != before
        assert stale(tree) == woken
    finally:
        file.write_text(before, "utf8")


def test_a_new_layer_wakes_nothing(tree):
    new = tree / "companion" / "layers" / "new_layer.py"
    new.write_text("class NewLayer:\n    pass\n")
    try:
        assert stale(tree) == set()
    finally:
        new.unlink()


def test_a_chapter_records_the_files_that_it_uses(tree):
    recorded = Chapter(tree / "book/alex.md", tree / "book").read_twin().metadata
    names = {name.removeprefix("companion/") for name in recorded["companion"]}
    assert {"models/alexnet.py", "layers/grouped_conv2d.py"} <= names
    assert "results/senet.json" not in names
    others = {n for n in names if n.startswith("models/")} - {
        "models/__init__.py", "models/__init__.pyi", "models/registry.py"
    }  # fmt: skip
    assert others == {"models/alexnet.py"}


def test_edits_of_neighbouring_files_merge(tmp_path):
    """Two people change two models that one chapter uses: git joins their twins."""
    names = ["companion/models/resnet.py", "companion/models/resnet_v2.py"]
    for person, texts in {"base": "aa", "one": "ba", "two": "ab"}.items():
        for name, text in zip(names, texts, strict=True):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"x = '{text}'\n")
        recorded = json.dumps(hashes.hashes(set(names), tmp_path), indent=1)
        (tmp_path / person).write_text(recorded)
    merged = subprocess.run(
        ["git", "merge-file", "-p", "one", "base", "two"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert merged.returncode == 0, merged.stdout
    both = json.loads(merged.stdout)
    one, two = (
        json.loads((tmp_path / person).read_text()) for person in ("one", "two")
    )
    assert both == {names[0]: one[names[0]], names[1]: two[names[1]]}
