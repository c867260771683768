"""What the outputs of a chapter depend on, and whether that is still what it was.

What its kernel had imported at the end decides: every file of the package among the
loaded modules, and every JSON file of the package that the kernel opened. The package
imports a file when one of its names is used, so a file that no cell leads to is not
among them. A file that a used one imports is, even if nothing of it ran: which
functions ran could be traced, but a constant is used without a trace.

Of each file only that counts which can change an output:

- code without docstrings, comments and formatting;
- JSON as data;
- of a table of names (`companion/blocks.py`, the stubs `__init__.pyi`) the rows that
  lead to a file of the list, so that a new row leaves every chapter alone;
- of an `__init__.py` not the lines that hand over to its stub.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

BEFORE = """
import sys as _sys
_opened = set()
_sys.addaudithook(lambda event, given: event == "open" and _opened.add(given[0]))
"""
AFTER = """
import json as _json
_loaded = [_module.__file__ for _name, _module in list(_sys.modules.items())
           if _name.split(".")[0] == "companion" and getattr(_module, "__file__", None)]
_opened = [_path for _path in map(str, list(_opened)) if _path.endswith(".json")]
print(_json.dumps([_loaded, _opened]))
"""
BLOCKS = "companion/blocks.py"  # its table: name here, "file.name" of companion/models


def used(loaded, opened, root):
    """The package's files among those that a kernel loaded or opened, from the root."""
    package = root.resolve() / "companion"
    for path in loaded:
        if not Path(path).resolve().is_relative_to(package):
            raise ValueError(
                f"A chapter uses the package beside it, {package}: set PYTHONPATH. "
                f"Received: {path}"
            )
    paths = (Path(path).resolve() for path in [*loaded, *opened])
    names = {
        path.relative_to(root.resolve()).as_posix()
        for path in paths
        if path.is_relative_to(package)
    }
    return names | {f"{name}i" for name in names if (root / f"{name}i").exists()}


def hashes(names, root):
    """Short hashes of files, by name; None where one is gone.

    Each hash is a list of one string, which puts it on a line of its own in a
    notebook: git can then merge edits of neighbouring files.
    """
    names = set(names)
    return {name: hash_of(name, names, root) for name in sorted(names)}


def hash_of(name, names, root):
    if not (root / name).exists():
        return None
    text = (root / name).read_text("utf8")
    is_table = name.endswith(".pyi") or name == BLOCKS
    return [digest(name, text, frozenset(names) if is_table else None)]


@functools.cache
def digest(name, text, names):
    """Most files mean the same to every chapter, so each is read through once."""
    return hashlib.sha256(content(name, text, names).encode()).hexdigest()[:12]


def content(name, text, names):
    """What of a file's text can change an output."""
    if name.endswith(".json"):
        return json.dumps(json.loads(text), sort_keys=True)
    tree = ast.parse(text)
    if name.endswith(".pyi"):
        tree.body = [row for row in tree.body if leads_to(row, name, names)]
    tree.body = [line for line in tree.body if not hands_over(line)]
    for node in ast.walk(tree):
        drop_docstring(node)
        if name == BLOCKS and isinstance(node, ast.Dict):
            keep_rows(node, names)
    return written(tree)


def leads_to(row, stub, names):
    """Whether a row of a stub, `from .file import Name`, names one of the files."""
    module = f"{Path(stub).parent.as_posix()}/{row.module.replace('.', '/')}"
    return not names.isdisjoint({f"{module}.py", f"{module}/__init__.py"})


def hands_over(line):
    """Whether a line belongs to `lazy_loader`, which finds names through the stub."""
    return "lazy_loader" in ast.unparse(line)


def drop_docstring(node):
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
        del node.body[0]


def keep_rows(table, names):
    """Drop from the table of blocks the rows that lead to other files."""
    rows = [
        (key, value)
        for key, value in zip(table.keys, table.values, strict=True)
        if f"companion/models/{value.value.split('.')[0]}.py" in names
    ]
    table.keys, table.values = map(list, zip(*rows, strict=True)) if rows else ([], [])


def written(node):
    """A syntax tree as text that is the same in every version of Python."""
    if isinstance(node, list):
        return f"[{','.join(map(written, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    filled = [(k, v) for k, v in ast.iter_fields(node) if v is not None and v != []]
    return f"{type(node).__name__}({','.join(k + '=' + written(v) for k, v in filled)})"
