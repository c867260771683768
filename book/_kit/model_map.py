"""The map of the field: networks by year, each a link, with lines to their ancestors.

`{model-map}` draws it as SVG on a page of the site, with links that are text; in a
notebook the same map is a table of links. Both are made from `map.yml`.

Years go down, a column is a direction of the field. A line leaves a network at its
right side, runs down the gap beside its column, and enters its descendants; where
nothing stands between two networks of a column, it is straight. Lines of different
networks in one gap get tracks of their own, so that none is taken for another.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

from book._kit.chapter import BOOK

YEARS, BOX, GAP = 34, 90, 17  # widths: of the years, a network, the room for lines
HEIGHT, STEP, HEAD = 28, 40, 22  # of a network, from one to the next, of the titles
TRACK, PORT = 5, 4  # between two lines, and how far in and out lie from the middle
NEEDED = {"name", "year", "column", "chapter"}


@dataclass(frozen=True)
class Network:
    """A row of `map.yml`."""

    name: str
    year: int
    column: str
    chapter: str
    ancestors: tuple = ()


@dataclass(frozen=True)
class Map:
    """The columns from left to right, and the networks from the oldest on."""

    columns: tuple
    networks: tuple

    def __getitem__(self, name):
        return next(each for each in self.networks if each.name == name)

    @property
    def years(self):
        return sorted({network.year for network in self.networks})

    @property
    def lines(self):
        """(ancestor, descendant) of every line."""
        return [(self[old], new) for new in self.networks for old in new.ancestors]

    def cell(self, year, column):
        return [n for n in self.networks if (n.year, n.column) == (year, column)]


def load(path=BOOK / "map.yml"):
    """Read `map.yml`; raise ValueError where it breaks its form."""
    data = yaml.safe_load(Path(path).read_text("utf8"))
    columns, seen = tuple(data["columns"]), {}
    for row in data["networks"]:
        if not NEEDED <= set(row) <= NEEDED | {"from"}:
            raise ValueError(
                f"A network has {sorted(NEEDED)} and perhaps from. Received: {row}"
            )
        network = Network(
            row["name"],
            row["year"],
            row["column"],
            row["chapter"],
            tuple(row.get("from", ())),
        )
        if network.column not in columns or network.name in seen:
            raise ValueError(
                f"A network has one row, in one of the columns {columns}. "
                f"Received: {row}"
            )
        for name in network.ancestors:
            if name not in seen or seen[name].year >= network.year:
                raise ValueError(
                    "A network comes after those it starts from, in a later year. "
                    f"Received: {network.name} from {name}"
                )
        seen[network.name] = network
    years = [network.year for network in seen.values()]
    if years != sorted(years):
        raise ValueError(f"Networks stand in the order of years. Received: {years}")
    return Map(columns, tuple(seen.values()))


def table(chart, address):
    """The map as a Markdown table; `address` turns a chapter's slug into a link."""
    yield f"| Year | {' | '.join(chart.columns)} |"
    yield "|---" * (len(chart.columns) + 1) + "|"
    for year in chart.years:
        cells = [
            ", ".join(f"[{n.name}]({address(n.chapter)})" for n in chart.cell(year, c))
            for c in chart.columns
        ]
        yield f"| {year} | {' | '.join(cells)} |"


def sentence(chart):
    """The lines in words, for those who do not see them."""
    parts = [
        f"{network.name} from {' and '.join(network.ancestors)}"
        for network in chart.networks
        if network.ancestors
    ]
    return f"Networks take up ideas of earlier ones: {'; '.join(parts)}."


class Drawing:
    """Where everything stands, in units of the picture."""

    def __init__(self, chart):
        self.chart = chart
        self.rows, row = {}, 0
        for year in chart.years:
            stacks = [chart.cell(year, column) for column in chart.columns]
            for stack in stacks:
                for depth, network in enumerate(stack):
                    self.rows[network] = row + depth
            row += max(map(len, stacks))
        self.width = YEARS + len(chart.columns) * (BOX + GAP)
        self.height = HEAD + row * STEP
        self.tracks = self.lay_tracks()

    def left(self, network):
        return YEARS + self.chart.columns.index(network.column) * (BOX + GAP)

    def middle(self, network):
        return HEAD + self.rows[network] * STEP + HEIGHT / 2

    def is_straight(self, old, new):
        """Whether nothing stands between two networks of one column."""
        between = range(self.rows[old] + 1, self.rows[new])
        return old.column == new.column and not any(
            n.column == old.column and self.rows[n] in between
            for n in self.chart.networks
        )

    def gap(self, old, new):
        """Number of the gap that the line runs down: that before the descendant."""
        columns = self.chart.columns
        first, last = columns.index(old.column), columns.index(new.column)
        if last < first:
            raise ValueError(
                f"Lines run down or to the right. Received: {new.name} from {old.name}"
            )
        return first if first == last else last - 1

    def lay_tracks(self):
        """The track of each network's line in each gap."""
        spans = {}
        for old, new in self.chart.lines:
            if not self.is_straight(old, new):
                key = self.gap(old, new), old
                spans[key] = max(spans.get(key, 0), self.rows[new])
        tracks = {}
        for (gap, old), end in spans.items():
            start = self.rows[old]
            taken = {
                tracks[key]
                for key in tracks
                if key[0] == gap and self.rows[key[1]] <= end and spans[key] >= start
            }
            tracks[gap, old] = min(set(range(len(spans))) - taken)
        return tracks

    def path(self, old, new):
        """The line from one network to another, as the `d` of an SVG path."""
        if self.is_straight(old, new):
            x = self.left(old) + BOX / 2
            top = self.middle(old) + HEIGHT / 2
            return f"M{x:g} {top:g}V{self.middle(new) - HEIGHT / 2:g}"
        gap = self.gap(old, new)
        x = YEARS + gap * (BOX + GAP) + BOX + 4 + TRACK * self.tracks[gap, old]
        start, end = self.left(old) + BOX, self.left(new)
        if new.column == old.column:
            end += BOX
        y = self.middle(old) + PORT, self.middle(new) - PORT
        return f"M{start:g} {y[0]:g}H{x:g}V{y[1]:g}H{end:g}"


def small(name):
    """A class for names that would not fit into their box."""
    return ' class="long"' if len(name) > 13 else ""


def svg(chart, address):
    """The map as an SVG element; `address` turns a chapter's slug into a link."""
    drawing = Drawing(chart)
    size = f"0 0 {drawing.width} {drawing.height}"
    parts = [
        f'<svg class="model-map" viewBox="{size}" role="group" '
        'aria-labelledby="model-map-title" aria-describedby="model-map-lines">',
        '<title id="model-map-title">Networks by year, each a link to its chapter'
        "</title>",
        f'<desc id="model-map-lines">{escape(sentence(chart))}</desc>',
        '<marker id="model-map-arrow" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="6" markerHeight="6" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8z"/></marker>',
    ]
    for column in chart.columns:
        x = YEARS + chart.columns.index(column) * (BOX + GAP) + BOX / 2
        parts.append(f'<text class="column" x="{x:g}" y="12">{escape(column)}</text>')
    for year in chart.years:
        first = min(drawing.rows[n] for n in chart.networks if n.year == year)
        y = HEAD + first * STEP + HEIGHT / 2
        parts.append(f'<text class="year" x="0" y="{y:g}">{year}</text>')
    for old, new in chart.lines:
        parts.append(
            f'<path class="line" d="{drawing.path(old, new)}" '
            'marker-end="url(#model-map-arrow)"/>'
        )
    for network in chart.networks:
        x, y = drawing.left(network), drawing.middle(network)
        parts.append(
            f'<a href="{escape(address(network.chapter))}">'
            f'<rect x="{x:g}" y="{y - HEIGHT / 2:g}" width="{BOX}" '
            f'height="{HEIGHT}" rx="4"/>'
            f'<text{small(network.name)} x="{x + BOX / 2:g}" y="{y:g}">'
            f"{escape(network.name)}</text></a>"
        )
    return "\n".join([*parts, "</svg>"])
