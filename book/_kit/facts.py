"""Facts: the values that a chapter's cells glued, read back from its executed twin."""

import ast
import json
from pathlib import Path

KIND = "application/vnd.cnn-companion.fact"


def facts(twin):
    """Return the facts of an executed notebook, by name."""
    return facts_of(json.loads(Path(twin).read_text("utf8"))["cells"])


def facts_of(cells):
    """Return the facts in the outputs of notebook cells, by name."""
    found = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            if KIND not in output.get("data", {}):
                continue
            name = output["metadata"]["name"]
            if name in found:
                raise ValueError(
                    f"A chapter glues a name once. Received: name={name!r}"
                )
            found[name] = plain(name, "".join(output["data"][KIND]))
    return found


def plain(name, text):
    """Read the `repr` of a number, string, bool, list, tuple or dict."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise ValueError(
            "A chapter glues plain Python values (numbers, strings, lists). "
            f"Received: {name}={text}"
        ) from None


def split_quote(text):
    """Split what stands in a glue role: "lineage/alexnet::params:,d".

    Returns the slug (None for the page's own facts), the name and the format.
    """
    slug, own, rest = text.rpartition("::")
    name, _, spec = rest.partition(":")
    return (slug if own else None), name, spec


def render(value, spec=""):
    """Write a fact as prose shows it; lists element by element, "×" joins a size."""
    if isinstance(value, (list, tuple)):
        if spec == "×":
            return "×".join(map(str, value))
        return ", ".join(render(item, spec) for item in value)
    return format(value, spec)
