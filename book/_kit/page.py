"""A source page of the book, read by the parser that Sphinx uses."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

VERBATIM = {
    "bibliography", "code", "code-block", "code-cell", "literalinclude", "math",
}  # fmt: skip
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")

PARSER = create_md_parser(
    MdParserConfig(
        enable_extensions={
            "amsmath",
            "attrs_block",
            "attrs_inline",
            "colon_fence",
            "deflist",
            "dollarmath",
        }
    ),
    RendererHTML,
)
CITED_MARK = "\N{OBJECT REPLACEMENT CHARACTER}"


@dataclass
class Block:
    """A paragraph, heading or table cell: its words, with and without link texts."""

    line: int
    kind: str
    words: str = ""
    numbers: str = ""
    math: str = ""
    cites: bool = False
    column: int = 0

    def line_of(self, position):
        return self.line + self.numbers.count("\n", 0, position)


@dataclass
class Directive:
    line: int
    name: str
    argument: str
    options: dict
    body: str


@dataclass
class Page:
    """A source page of the book, read by the parser that Sphinx uses."""

    text: str
    path: Path | None = None
    front: dict = field(default_factory=dict)
    blocks: list = field(default_factory=list)
    directives: list = field(default_factory=list)
    roles: list = field(default_factory=list)
    links: list = field(default_factory=list)
    images: list = field(default_factory=list)

    def __post_init__(self):
        self._read(self.text, 1)

    @property
    def is_chapter(self):
        return "jupytext" in self.front

    @property
    def meta(self):
        return self.front.get("book") or {}

    @property
    def cells(self):
        return [d for d in self.directives if d.name == "code-cell"]

    @property
    def cited(self):
        """Keys of the works cited, the paper of the front matter included."""
        groups = [self.meta.get("paper") or "", *CITED.findall(self.text)]
        return {key.strip() for group in groups for key in group.split(",")} - {""}

    def _read(self, text, line):
        kind, column, row = "paragraph", 0, []
        for token in PARSER.parse(text):
            start = line + (token.map or [0])[0]
            if token.type == "front_matter":
                self._front(token.content, start + 1)
            elif token.type in ("fence", "colon_fence"):
                self._fence(token, start)
            elif token.type == "heading_open":
                kind = token.tag
            elif token.type == "table_open":
                header = None
            elif token.type == "tr_open":
                row = []
            elif token.type in ("th_open", "td_open"):
                kind, column = "cell", len(row)
            elif token.type in ("math_block", "math_block_label", "amsmath"):
                self.blocks.append(Block(start, "math", math=token.content))
            elif token.type == "inline":
                block = Block(start, kind, column=column)
                self._inline(token.children, block)
                self.blocks.append(block)
                row.append(block)
                kind = "paragraph"
            elif token.type == "tr_close":
                header = header or row
                for cell in row:
                    sources = [*row, *header[cell.column : cell.column + 1]]
                    cell.cites = any(CITED_MARK in source.words for source in sources)

    def _front(self, content, line):
        self.front = yaml.safe_load(content) or {}
        lines = content.splitlines()
        for goal in self.meta.get("objectives") or []:
            where = next((i for i, s in enumerate(lines) if str(goal)[:20] in s), 0)
            self._read(str(goal), line + where)

    def _fence(self, token, line):
        match = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info)
        if match is None:
            return
        options, body, skipped = split_options(token.content)
        name, argument = match[1], match[2].strip()
        self.directives.append(Directive(line, name, argument, options, body))
        caption = options.get("mystnb", {}).get("figure", {}).get("caption")
        if caption:
            self._read(caption, line)
        if name not in VERBATIM:
            self._read(body, line + 1 + skipped)

    def _inline(self, children, block):
        in_link = False
        for child in children:
            line = block.line_of(len(block.numbers))
            if child.type == "text":
                block.words += child.content
                block.numbers += " " if in_link else child.content
            elif child.type in ("softbreak", "hardbreak"):
                block.words += "\n"
                block.numbers += "\n"
            elif child.type in ("link_open", "link_close"):
                in_link = child.type == "link_open"
                if in_link:
                    self.links.append((line, child.attrGet("href")))
            elif child.type == "image":
                self.images.append((line, child.content, child.attrGet("src")))
            elif child.type.startswith("math_inline"):
                block.math += f"{child.content}\n"
            elif child.type == "myst_role":
                name = child.meta["name"]
                self.roles.append((line, name))
                block.cites = block.cites or name.startswith("cite")
                block.words += CITED_MARK if name.startswith("cite") else " "
                block.numbers += "\n" * child.content.count("\n") or " "
            else:
                block.numbers += " "


def split_options(content):
    """Split a directive's content into options, body and the lines skipped."""
    lines = content.splitlines()
    if lines and lines[0].strip() == "---":
        end = lines.index("---", 1) if "---" in lines[1:] else len(lines)
        block, skipped = lines[1:end], end + 1
    else:
        skipped = next(
            (i for i, s in enumerate(lines) if not re.match(r":[\w-]+:", s)), len(lines)
        )
        block = [f"{s[1:].replace(':', ': ', 1)}" for s in lines[:skipped]]
    return yaml.safe_load("\n".join(block)) or {}, "\n".join(lines[skipped:]), skipped
