"""Which names a code cell needs from the cells before it, found without running it."""

import ast
import builtins
import re
import symtable

COMPREHENSIONS = "listcomp", "setcomp", "dictcomp", "genexpr"
MAGIC = re.compile(r"^( *)(?:%%?|!)[a-z].*$", re.M)
BUILTIN = frozenset(dir(builtins))


def plain(source):
    """A cell as Python: IPython's `%name` and `!name` lines give way to `pass`."""
    return MAGIC.sub(r"\1pass", source)


def defined(source):
    """The names that a cell binds at its top level."""
    table = symtable.symtable(plain(source), "cell", "exec")
    return {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }


def needed(source):
    """The names that a cell reads and does not bind: now, and when it is called.

    The body of a function reads its globals when the function is called, which may be
    after a later cell has bound them.
    """
    table = symtable.symtable(plain(source), "cell", "exec")
    free = frozenset(defined(source)) | BUILTIN
    now, called = read_by(table)
    return now - free, called - free - now


def read_by(table):
    """The global names that a scope reads at once, and that functions in it read."""
    top = table.get_type() == "module"
    now = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (top or symbol.is_global())
    }
    called = set()
    for inner in table.get_children():
        at_once, later = read_by(inner)
        called |= later
        if inner.get_type() == "class" or inner.get_name() in COMPREHENSIONS:
            now |= at_once
        else:
            called |= at_once
    return now, called


def calls(source, name):
    """Whether a cell calls the function `name`, anywhere in it."""
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", None) == name
        for node in ast.walk(ast.parse(plain(source)))
    )


def first_definition(source, prefix=""):
    """The first function or class whose name begins with `prefix`, or None."""
    kinds = ast.FunctionDef, ast.ClassDef
    found = [n.name for n in ast.parse(plain(source)).body if isinstance(n, kinds)]
    return next((name for name in found if name.startswith(prefix)), None)
