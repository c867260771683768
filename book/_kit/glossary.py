"""The glossary: the course's terms in English and Chinese, from `glossary.yml`."""

import re
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Entry:
    """A term, its Chinese name, what it means, and the chapter that teaches it."""

    term: str
    zh: str
    definition: str
    chapter: str = ""
    also: tuple = ()
    everyday: bool = False  # whether the word is everyday English as well

    @property
    def names(self):
        """Everything that a `{term}` role may say for this entry, in lower case."""
        english = [self.term, *self.also]
        return {name.lower() for name in [*english, *map(plural, english), self.zh]}

    @property
    def anchor(self):
        """The fragment under which the glossary's page has the entry."""
        return "term-" + re.sub(r"[^a-zA-Z0-9]+", "-", self.term)


def plural(name):
    """The regular plural of a term; an irregular one is listed under `also`."""
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def load(path):
    """Read `glossary.yml` sorted by term; raise ValueError where it breaks its form."""
    entries = [entry_of(row) for row in yaml.safe_load(Path(path).read_text("utf8"))]
    counts = Counter(name for entry in entries for name in entry.names)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise ValueError(f"A name belongs to one entry. Received: {twice} twice")
    return sorted(entries, key=lambda entry: entry.term.lower())


def places(path):
    """The anchors of the entries on the glossary's page, by each of their names."""
    return {name: entry.anchor for entry in load(path) for name in entry.names}


def entry_of(row):
    """Make an entry of a row, or say what is wrong with the row."""
    known = {field.name for field in fields(Entry)}
    needed = {"term", "zh", "definition"}
    missing = sorted(key for key in needed if not row.get(key))
    if missing or set(row) - known:
        raise ValueError(
            f"An entry has {sorted(needed)} and perhaps {sorted(known - needed)}. "
            f"Received: {row}"
        )
    if not row["definition"].rstrip().endswith("."):
        raise ValueError(f"A definition is a sentence. Received: {row['term']!r}")
    return Entry(**{**row, "also": tuple(row.get("also", ()))})
