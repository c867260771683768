"""Which names a code cell needs from the cells before it, found without running it."""

import ast
import builtins
import re
import symtable

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
    """The names that a cell, or a function in it, reads and does not bind itself."""
    table = symtable.symtable(plain(source), "cell", "exec")
    read = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    for inner in table.get_children():
        read |= globals_of(inner)
    return read - defined(source) - BUILTIN


def globals_of(table):
    """The global names that a function or class reads, and those inside it."""
    read = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_global() and symbol.is_referenced()
    }
    return read.union(*map(globals_of, table.get_children()))


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
