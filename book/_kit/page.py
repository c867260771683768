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
    sources: set = field(default_factory=set)
    column: int = 0

    @property
    def cites(self):
        return bool(self.sources)

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
        self.read(self.text, 1)

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
        return set().union(*map(keys_of, groups)) - {""}

    def read(self, text, line):
        reader = Reader(self, line)
        for token in PARSER.parse(text):
            reader.take(token)

    def read_front(self, content, line):
        self.front = yaml.safe_load(content) or {}
        lines = content.splitlines()
        for goal in self.meta.get("objectives") or []:
            where = next((i for i, s in enumerate(lines) if str(goal)[:20] in s), 0)
            self.read(str(goal), line + where)

    def read_fence(self, token, line):
        match = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info)
        if match is None:
            return
        options, body, skipped = split_options(token.content)
        name, argument = match[1], match[2].strip()
        self.directives.append(Directive(line, name, argument, options, body))
        caption = options.get("mystnb", {}).get("figure", {}).get("caption")
        if caption:
            self.read(caption, line)
        if name not in VERBATIM:
            self.read(body, line + 1 + skipped)


@dataclass
class Reader:
    """Goes through the parser's tokens and adds what it finds to a page."""

    page: Page
    first_line: int
    line: int = 0
    kind: str = "paragraph"
    column: int = 0
    header: list | None = None  # what each cell of the head cites
    row: list = field(default_factory=list)

    def take(self, token):
        self.line = self.first_line + (token.map or [0])[0]
        if take := getattr(self, f"take_{token.type}", None):
            take(token)

    def take_front_matter(self, token):
        self.page.read_front(token.content, self.line + 1)

    def take_fence(self, token):
        self.page.read_fence(token, self.line)

    take_colon_fence = take_fence

    def take_heading_open(self, token):
        self.kind = token.tag

    def take_table_open(self, token):
        self.header = None

    def take_tr_open(self, token):
        self.row = []

    def take_td_open(self, token):
        self.kind, self.column = "cell", len(self.row)

    take_th_open = take_td_open

    def take_math_block(self, token):
        self.page.blocks.append(Block(self.line, "math", math=token.content))

    take_math_block_label = take_amsmath = take_math_block

    def take_inline(self, token):
        block = Block(self.line, self.kind, column=self.column)
        Words(self.page, block).take_all(token.children)
        self.page.blocks.append(block)
        self.row.append(block)
        self.kind = "paragraph"

    def take_tr_close(self, token):
        """A cell cites what its row and the head of its column cite."""
        own = [cell.sources for cell in self.row]
        self.header = self.header or own
        for cell in self.row:
            heads = self.header[cell.column : cell.column + 1]
            cell.sources = set().union(*own, *heads)


@dataclass
class Words:
    """Goes through the tokens of a paragraph and adds what they say to its block."""

    page: Page
    block: Block
    in_link: bool = False

    def take_all(self, tokens):
        for token in tokens:
            take = getattr(self, f"take_{token.type}", self.take_other)
            take(token, self.block.line_of(len(self.block.numbers)))

    def take_text(self, token, line):
        self.block.words += token.content
        self.block.numbers += " " if self.in_link else token.content

    def take_softbreak(self, token, line):
        self.block.words += "\n"
        self.block.numbers += "\n"

    take_hardbreak = take_softbreak

    def take_link_open(self, token, line):
        self.in_link = True
        self.page.links.append((line, token.attrGet("href")))

    def take_link_close(self, token, line):
        self.in_link = False

    def take_image(self, token, line):
        self.page.images.append((line, token.content, token.attrGet("src")))

    def take_math_inline(self, token, line):
        self.block.math += f"{token.content}\n"

    take_math_inline_double = take_math_inline

    def take_myst_role(self, token, line):
        name, block = token.meta["name"], self.block
        self.page.roles.append((line, name))
        if name.startswith("cite"):
            block.sources |= keys_of(token.content)
        block.words += CITED_MARK if name.startswith("cite") else " "
        block.numbers += "\n" * token.content.count("\n") or " "

    def take_other(self, token, line):
        self.block.numbers += " "


def keys_of(group):
    """The keys of a citation: "he2016resnet, hu2018squeeze"."""
    return {key.strip() for key in group.split(",")}


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
