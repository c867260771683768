"""The package's reference as pages, and links to it from the code of the chapters."""

import ast
import re

from docutils import nodes
from sphinx.util import logging

from book._kit import api
from book._kit.repository import repository_url, revision
from book._kit.sphinx_ext import Generated

logger = logging.getLogger(__name__)
CHAIN = re.compile(
    r'<span class="n">(?P<first>\w+)</span>'
    r'(?:<span class="o">\.</span><span class="n">(?P<second>\w+)</span>)?'
)


class Api(Generated):
    """Every public name of one module; without an argument, a table of all modules."""

    optional_arguments = 1

    def run(self):
        if not self.arguments:
            return self.parse("\n".join(overview()))
        room = api.Room(self.arguments[0].removeprefix("companion."))
        self.env.note_dependency(str(api.ROOT / room.source.path))
        parts = [f"```{{py:module}} {room.module}\n```", api.myst(room.docstring)]
        written = self.parse("\n\n".join(parts))
        for title, names in groups(room):
            content = self.parse("\n\n".join(entry(room, name) for name in names))
            written += [self.section(title, content)] if title else content
        return written


def overview():
    """A table of the modules: what each is for, by the first line of its docstring."""
    yield from ("| Module | What it holds |", "|---|---|")
    for room in api.rooms():
        summary = api.escape(room.docstring.partition("\n\n")[0].replace("\n", " "))
        yield f"| [`{room.module}`](/book/api/{room.name}.md) | {summary} |"


def groups(room):
    """The names of a room; where it has a paper in each file, under its titles."""
    if room.name != "models":
        return [("", room.names)]
    files = {}
    for name in sorted(room.names, key=lambda name: name.line):
        files.setdefault(name.path, []).append(name)
    return [(title_of(path), files[path]) for path in sorted(files)]


def title_of(path):
    """What the first line of a module's docstring names, before its colon."""
    module = path.removesuffix(".py").replace("/", ".")
    return ast.get_docstring(api.Source.of(module).tree).partition(":")[0].split(".")[0]


def entry(room, name, owner=""):
    """A name as a directive of Sphinx' Python domain, with its docstring inside."""
    place = f"{owner}{name.name}"
    summary, _, rest = api.myst(name.docstring, link_within(room)).partition("\n\n")
    inner = [summary, published(name), rest, family(room, name)]
    inner += [entry(room, member, f"{place}.") for member in name.members]
    body = "\n\n".join(filter(None, inner))
    fence = "`" * (5 if owner else 6)
    return f"{fence}{{py:{name.kind}}} {place}{name.signature}\n\n{body}\n{fence}"


def published(name):
    """The numbers that stand above a model, in words."""
    if not name.published:
        return ""
    numbers = [
        f"{name.published['params']:,d} parameters",
        f"{name.published['macs']:,d} multiply-adds",
    ]
    if side := name.published.get("receptive_field"):
        numbers.append(f"a receptive field of {side} pixels")
    return (
        f"**Published** {', '.join(numbers)} ({api.escape(name.published['source'])})."
    )


def family(room, name):
    """A variant shares what its builder explains."""
    if not name.family:
        return ""
    builder = api.escape(f"`{name.family}`", link_within(room))
    return f"Arguments, shapes and errors are those of {builder}."


def link_within(room):
    """Function that turns what a code span names, if public here, into a reference."""
    public = {name.name for name in room.names}

    def link(text):
        name = text.removesuffix("()").removeprefix(f"{room.module}.")
        return f"{{py:obj}}`{text} <{room.module}.{name}>`" if name in public else None

    return link


def source_of(domain, info):
    """The address of a definition's first line, for `sphinx.ext.linkcode`."""
    room = api.Room(info["module"].removeprefix("companion."))
    first, _, member = info["fullname"].partition(".")
    name = next(name for name in room.names if name.name == first)
    if member:
        name = next(item for item in name.members if item.name == member)
    return f"{repository_url()}/blob/{revision()}/{name.path}#L{name.line}"


def find_sources(app, config):
    config.linkcode_resolve = source_of


def missing(described):
    """The public names, with their room, that are not among those described."""
    return [
        (room.name, name.name)
        for room in api.rooms()
        for name in room.names
        if f"{room.module}.{name.name}" not in described
    ]


def warn_of_missing_names(app, env):
    """A build with warnings as errors fails where a public name has no page."""
    for room, name in missing(env.get_domain("py").objects):
        message = "companion.%s.%s has no page: put the directive {api} %s on one"
        logger.warning(message, room, name, room, type="api")


def imported(doctree):
    """What the code of a page imports: {"AlexNet": "companion.models.AlexNet"}."""
    names = {}
    for block in doctree.findall(nodes.literal_block):
        for node in statements(block.astext()):
            if isinstance(node, ast.ImportFrom) and is_ours(node.module):
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in filter(lambda alias: is_ours(alias.name), node.names):
                    bound = alias.name if alias.asname else alias.name.split(".")[0]
                    names[alias.asname or bound] = bound
    return names


def is_ours(module):
    return (module or "").split(".")[0] == "companion"


def statements(code):
    """The statements of a cell, or none where it is not plain Python."""
    try:
        return ast.walk(ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", code, flags=re.M)))
    except SyntaxError:
        return ()


def link_code(app, pagename, templatename, context, doctree):
    """Names of the package in the code of a page lead to its reference."""
    if doctree:
        described = app.env.get_domain("py").objects
        context["body"] = linked(
            context["body"],
            imported(doctree),
            {
                name: f"{app.builder.get_relative_uri(pagename, place.docname)}"
                f"#{place.node_id}"
                for name, place in described.items()
            },
        )


def linked(html, names, addresses):
    """Highlighted code in which `names`, as imported, are links to `addresses`."""

    def link(match):
        target = names.get(match["first"])
        for name in (f"{target}.{match['second']}", target):
            if name in addresses:
                return f'<a class="api" href="{addresses[name]}">{match[0]}</a>'
        return match[0]

    return CHAIN.sub(link, html) if names else html


def name_toggles(app, pagename, templatename, context, doctree):
    """Screen readers are told what the arrow beside a section unfolds."""
    make = context.get("generate_toctree_html")
    if make:
        context["generate_toctree_html"] = lambda *arguments, **options: str(
            make(*arguments, **options)
        ).replace("<summary>", '<summary aria-label="Pages of this section">')


def setup(app):
    app.setup_extension("book._kit.sphinx_ext")
    app.add_directive("api", Api)
    app.connect("config-inited", find_sources)
    app.setup_extension("sphinx.ext.linkcode")
    app.connect("env-check-consistency", warn_of_missing_names)
    app.connect("html-page-context", link_code)
    app.connect("html-page-context", name_toggles, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
