"""The package's reference, read from its source: nothing of the package is executed.

`Room("layers")` is one public module of `companion`. Its public names are those of its
`__all__`, else those of its stub `__init__.pyi`, else everything without an underscore.
Docstrings become MyST: sections such as Args become definition lists, what stands after
``>>>`` a code block, and indented lines a block as typed.
"""

import ast
import inspect
import re
from dataclasses import dataclass, field
from functools import cache, cached_property

import companion
from book._kit.repository import ROOT

SECTIONS = (
    "Args", "Attributes", "Example", "Input shape", "Output shape", "Raises",
    "Reference", "Returns", "Shapes", "Source", "Weights", "Yields",
)  # fmt: skip
HEADING = re.compile(rf"({'|'.join(SECTIONS)}):(?: (?P<rest>.*))?$")
ITEM = re.compile(r"(?P<name>[\w*`., ()]+?): +(?P<text>\S.*)", re.S)
CODE = re.compile(r"(`+)(.+?)\1", re.S)
MARKUP = re.compile(r"(?<=\w)\*+(?=\w)|[<$\[]")


@dataclass(frozen=True)
class Name:
    """One public name: what it is, how it is called, where it stands."""

    name: str
    kind: str
    signature: str
    docstring: str
    path: str
    line: int
    members: tuple = ()
    family: str = ""
    published: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Room:
    """One public module of the package, by its name below `companion`."""

    name: str

    @property
    def module(self):
        return f"companion.{self.name}"

    @cached_property
    def source(self):
        return Source.of(self.module)

    @property
    def docstring(self):
        return ast.get_docstring(self.source.tree) or ""

    @cached_property
    def names(self):
        """The public names in order, each as a `Name`."""
        exports = self.source.exports()
        return [read(name, *exports[name]) for name in sorted(exports, key=str.lower)]


def rooms():
    """Every public module of the package."""
    return [Room(name) for name in sorted(companion.__all__)]


@dataclass(frozen=True)
class Source:
    """One module of the package as a syntax tree."""

    module: str
    path: str
    tree: ast.Module
    stub: ast.Module | None

    @classmethod
    @cache
    def of(cls, module):
        path = ROOT / module.replace(".", "/")
        stub = path / "__init__.pyi"
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return cls(
            module,
            path.relative_to(ROOT).as_posix(),
            ast.parse(path.read_text("utf8")),
            ast.parse(stub.read_text("utf8")) if stub.exists() else None,
        )

    def exports(self):
        """Public names: (the module that defines each, its name there)."""
        listed = self.value_of("__all__")
        if self.stub:
            names = self.imports(self.stub)
            public = ast.literal_eval(listed) if listed else names
            return {name: names[name] for name in public}
        if table := self.value_of("BLOCKS"):
            places = ast.literal_eval(table).items()
            return {
                name: tuple(f"companion.models.{place}".rsplit(".", 1))
                for name, place in places
            }
        names = ast.literal_eval(listed) if listed else self.definitions()
        imported = self.imports(self.tree)
        return {
            name: imported.get(name, (self.module, name))
            for name in names
            if not name.startswith("_")
        }

    def imports(self, tree):
        """What `from ... import` binds in a tree, of this package."""
        is_package = self.path.endswith(("__init__.py", "__init__.pyi"))
        found = {}
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom):
                continue
            parent = node.module or ""
            if node.level:
                up = node.level - is_package
                base = self.module.rsplit(".", up)[0] if up else self.module
                parent = f"{base}.{parent}".rstrip(".")
            if parent.startswith("companion"):
                for alias in node.names:
                    found[alias.asname or alias.name] = parent, alias.name
        return found

    def definitions(self):
        kinds = ast.FunctionDef | ast.ClassDef
        return [node.name for node in self.tree.body if isinstance(node, kinds)]

    def find(self, name):
        """The statement that defines a name here, or None."""
        for node in self.tree.body:
            if name in (getattr(node, "name", None), *assigned(node)):
                return node
        return None

    def follow(self, name):
        """The source and the statement that define a name, here or where it is from."""
        if node := self.find(name):
            return self, node
        imported = self.imports(self.stub or self.tree)
        if name not in imported:
            raise ValueError(
                "A public name is defined in a module of the package. "
                f"Received: {name} in {self.module}"
            )
        module, original = imported[name]
        return Source.of(module).follow(original)

    def value_of(self, name):
        return getattr(self.find(name), "value", None)


def assigned(node):
    """The plain names that a statement assigns to."""
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        targets = getattr(node, "targets", [])
    return [target.id for target in targets if isinstance(target, ast.Name)]


def read(name, module, original):
    """Read one definition, wherever it stands."""
    source, node = Source.of(module).follow(original)
    place = source.path, node.lineno
    if isinstance(node, ast.FunctionDef):
        return read_function(name, source, node)
    if isinstance(node, ast.ClassDef):
        members = tuple(members_of(node, source.path))
        return Name(name, "class", construction(node), document(node), *place, members)
    if isinstance(node.value, ast.Name):  # another name of something
        return read(name, source.module, node.value.id)
    made = source.find(getattr(getattr(node.value, "func", None), "id", ""))
    text = document(made) if isinstance(made, ast.ClassDef) else ""
    return Name(name, "data", "", text, *place)


def read_function(name, source, node):
    """A function; a model with its family and what was published about it."""
    family, published, call = "", {}, signature(node)
    for mark in node.decorator_list:
        if "params" in (given := literals(mark)):
            published = given
        if called(mark) == "variant":
            family = mark.args[0].id
            call = completed(source.follow(family)[1], node)
    place = source.path, node.lineno
    return Name(name, "function", call, document(node), *place, (), family, published)


def called(mark):
    """The plain name that a decorator calls, or None."""
    return getattr(getattr(mark, "func", None), "id", None)


def literals(mark):
    """The numbers and texts that a decorator is given by name."""
    given = {keyword.arg: keyword.value for keyword in getattr(mark, "keywords", ())}
    return {k: it.value for k, it in given.items() if isinstance(it, ast.Constant)}


def completed(builder, node):
    """The signature of a variant: keywords of its builder, with its own defaults."""
    own, shared = keywords(node), keywords(builder)
    return f"(*, {', '.join((shared | own).values())})"


def keywords(node):
    """The keyword-only parameters by name, as they are written."""
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return {
        argument.arg: f"{argument.arg}={ast.unparse(default)}"
        for argument, default in pairs
        if default
    }


def document(node):
    return ast.get_docstring(node) or ""


def signature(node, skip=0):
    """The parameters as they are written, less the first `skip`, and the result."""
    arguments = ast.parse(ast.unparse(node)).body[0].args
    positional = [*arguments.posonlyargs, *arguments.args][skip:]
    arguments.posonlyargs = [a for a in positional if a in arguments.posonlyargs]
    arguments.args = [a for a in positional if a in arguments.args]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(arguments)}){returns}"


def construction(node):
    """The signature of a class: that of `__init__`, or its annotated fields."""
    for item in node.body:
        if getattr(item, "name", None) == "__init__":
            return signature(item, skip=1)
    fields = [
        ast.unparse(item.target) + (f"={ast.unparse(item.value)}" if item.value else "")
        for item in node.body
        if isinstance(item, ast.AnnAssign)
    ]
    return f"({', '.join(fields)})" if fields else ""


def members_of(node, path):
    """The documented public methods and properties of a class."""
    for item in node.body:
        if not isinstance(item, ast.FunctionDef) or item.name.startswith("_"):
            continue
        marks = {ast.unparse(mark).split(".")[-1] for mark in item.decorator_list}
        is_property = bool(marks & {"property", "cached_property"})
        if text := document(item):
            call = "" if is_property else signature(item, "staticmethod" not in marks)
            kind = "property" if is_property else "method"
            yield Name(item.name, kind, call, text, path, item.lineno)


# --- docstrings ---------------------------------------------------------------------


def myst(docstring, link=None):
    """A docstring as MyST; `link` may turn the name in a code span into a reference."""
    written, prose = [], []
    lines = inspect.cleandoc(docstring).splitlines()

    def flush():
        written.extend(paragraphs(prose, link))
        prose.clear()

    while lines:
        line = lines.pop(0)
        match = HEADING.match(line)
        if not match:
            prose.append(line)
            continue
        flush()
        if match["rest"]:
            prose.append(f"{match[1]}: {match['rest']}")
            continue
        written.append(f"**{match[1]}**")
        body = []
        while lines and (not lines[0].strip() or lines[0].startswith("  ")):
            body.append(lines.pop(0))
        written += section(match[1], inspect.cleandoc("\n".join(["", *body])), link)
    flush()
    return "\n\n".join(written)


def section(title, body, link):
    """The indented lines of a section: a definition list where all are items."""
    items = re.split(r"\n(?=\S)", body)
    matches = [ITEM.fullmatch(item) for item in items]
    if title == "Example" or not all(matches):
        return paragraphs(body.splitlines(), link)
    rows = []
    for match in matches:
        text = inspect.cleandoc(match["text"]).replace("\n\n", "\n")
        name = match["name"].replace("`", "")
        rows.append(f"`{name}`\n: " + escape(text, link).replace("\n", "\n  "))
    return ["\n\n".join(rows)]


def paragraphs(lines, link):
    """Prose, doctests and indented blocks, separated by empty lines."""
    for block in re.split(r"\n(?:[ ]*\n)+", "\n".join(lines).strip("\n")):
        rows = block.splitlines()
        if not rows:
            continue
        if rows[0].lstrip().startswith(">>>"):
            yield fenced("pycon", inspect.cleandoc("\n".join(rows)))
        elif all(row.startswith("  ") for row in rows):
            yield fenced("text", inspect.cleandoc("\n" + block))
        elif first := next((i for i, r in enumerate(rows) if r[:3] == ">>>"), 0):
            yield from paragraphs(rows[:first], link)
            yield from paragraphs(rows[first:], link)
        else:
            yield escape(block, link)


def fenced(language, text):
    return f"```{language}\n{text}\n```"


def escape(text, link=None):
    """Prose whose signs mean themselves; code spans stay, and may become links."""
    written, end = [], 0
    for match in CODE.finditer(text):
        written.append(plain(text[end : match.start()]))
        target = link and link(match[2])
        written.append(target or match[0])
        end = match.end()
    return "".join([*written, plain(text[end:])])


def plain(text):
    return MARKUP.sub(lambda match: "".join("\\" + sign for sign in match[0]), text)
