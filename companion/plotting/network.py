"""Drawings of a network, made from the graph of the model itself.

Sides of volumes are to scale. Their thickness goes with the square root of the
channels: to scale, the 4096 units of a dense layer would dwarf a 6x6 map.
"""

import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
from keras import layers
from matplotlib.patches import FancyArrowPatch, Patch, Polygon
from matplotlib.textpath import TextPath

from companion.complexity import macs_of_call, measured_calls, values

__all__ = ["plot_network"]

# Lengths of the drawing, in points (1/72 inch).
LONGEST_SIDE = 100
ROOT_CHANNEL = 1.2
BAR = 8
GAP = 12
LINE = 12
FONT = 10
LEAN = 0.34, 0.22  # the width of a volume leans to the right and upwards

STYLE = {  # kind: colour and hatch, so that colour is never the only code
    "input": ("#ffffff", ""),
    "convolution": ("#9ecae1", ""),
    "pooling": ("#e0e0e0", "////"),
    "dense": ("#fdd0a2", "...."),
    "merge": ("#c7e9c0", "++"),
    "other": ("#f2f2f2", "---"),
}


@dataclass
class Volume:
    """The output of one operation; ``x`` is its left edge, ``y`` its middle.

    A lane (kind ``"lane"``) is where a link passes through a column without a volume,
    ``length`` points long.
    """

    name: str
    kind: str
    shape: tuple
    groups: int
    parents: list
    column: int
    x: float = 0.0
    y: float = 0.0
    length: float = 0.0

    def label(self):
        if self.kind == "lane":
            return []
        *sides, channels = map(str, self.shape)
        text = [self.name, "×".join(sides), f"×{channels}"] if sides else None
        text = text or [self.name, channels]
        return [*text, f"{self.groups} groups"] if self.groups > 1 else text

    def measure(self, scale):
        """Thickness, height and width on the page."""
        if self.kind == "lane":
            return self.length, 0, 0
        channels = ROOT_CHANNEL * math.sqrt(self.shape[-1])
        if len(self.shape) == 1:
            return BAR, channels, 0
        height, width = (*self.shape[:-1], 1)[:2]
        return channels, scale * height, scale * width

    def extent(self, scale):
        thickness, _, width = self.measure(scale)
        return thickness + LEAN[0] * width

    def below(self, scale):
        """Room that the lower half takes, with its label."""
        return self.measure(scale)[1] / 2 + LINE * (len(self.label()) + 1)

    def above(self, scale):
        _, height, width = self.measure(scale)
        return height / 2 + LEAN[1] * width

    def exit(self, scale):
        """Where links leave: the middle of the right face."""
        thickness, _, width = self.measure(scale)
        return self.x + thickness + LEAN[0] * width / 2, self.y + LEAN[1] * width / 2


def kind_of(operation, inputs, macs):
    if not inputs:
        return "input"
    if isinstance(operation, layers.Dense):
        return "dense"
    if macs:
        return "convolution"
    if len(inputs) > 1:
        return "merge"
    return "pooling" if "Pooling" in type(operation).__name__ else "other"


def makes_volume(operation, inputs, outputs, macs):
    """Whether it multiplied, merged, or changed the number of values."""
    if isinstance(operation, (layers.ZeroPadding2D, layers.Cropping2D)):
        return False
    changed = len(inputs) != 1 or values(inputs) != values(outputs)
    return macs or changed or kind_of(operation, inputs, macs) == "pooling"


def volumes_of(model, names=None):
    """The volumes to draw, in graph order, each with the volumes it is made from."""
    volumes, makers = [], {}
    graph = list(measured_calls(model, None))
    for name, operation, inputs, outputs in graph:
        parents = [volume for tensor in inputs for volume in makers[id(tensor)]]
        parents = list({volume.name: volume for volume in parents}.values())
        macs = macs_of_call(operation, inputs, outputs)
        if names is None:
            drawn = makes_volume(operation, inputs, outputs, macs)
        else:
            drawn = name in names
        if drawn:
            shape = outputs[0].shape[1:]
            if len(shape) > 3:
                raise ValueError(
                    "A volume with more than two sides cannot be drawn. "
                    f"Received: output {shape} of layer {name!r}"
                )
            column = 1 + max((parent.column for parent in parents), default=-1)
            groups = getattr(operation, "groups", 1) if macs else 1
            kind = kind_of(operation, inputs, macs)
            volumes.append(Volume(name, kind, shape, groups, parents, column))
            parents = [volumes[-1]]
        makers.update((id(tensor), parents) for tensor in outputs)
    unknown = sorted(set(names or ()) - {volume.name for volume in volumes})
    if unknown:
        raise ValueError(
            f"Every name must be a layer of {model.name!r}. Received: layers={unknown}"
        )
    return volumes


# Layout: a column for every step of the longest path, a lane for every branch.


def columns_of(volumes):
    """Volumes by column; a link over several columns gets a lane in each."""
    columns = [[] for _ in range(1 + max(volume.column for volume in volumes))]
    for volume in volumes:
        for i, parent in enumerate(volume.parents):
            for column in range(parent.column + 1, volume.column):
                parent = Volume("", "lane", (), 1, [parent], column)
                columns[column].append(parent)
            volume.parents[i] = parent
        columns[volume.column].append(volume)
    return columns


def mean_height(volume):
    heights = [parent.y for parent in volume.parents]
    return sum(heights) / len(heights) if heights else 0


def spread(column, scale):
    """Set ``y``: level with where the links come from, but without overlaps."""
    column.sort(key=mean_height, reverse=True)
    free = math.inf
    for volume in column:
        volume.y = min(mean_height(volume), free - volume.above(scale))
        free = volume.y - volume.below(scale)
    shift = sum(mean_height(v) - v.y for v in column) / len(column)
    for volume in column:
        volume.y += shift


def place(columns, scale):
    """Set ``x`` and ``y`` of every volume and lane."""
    middle, previous = 0, None
    staggered = max(map(len, columns)) == 1
    for column in columns:
        spread(column, scale)
        extent = max(volume.extent(scale) for volume in column)
        text = text_width(column)
        if previous is not None:
            apart = [(extent + previous[0]) / 2 + GAP]
            apart += [(extent + previous[1]) / 2 + 3, (text + previous[0]) / 2 + 3]
            if not staggered:
                apart.append((text + previous[1]) / 2 + 6)
            middle += max(apart)
        for volume in column:
            if volume.kind == "lane":
                volume.length = extent
            volume.x = middle - volume.extent(scale) / 2
        previous = extent, text


def text_width(column):
    """Of the widest label, in points."""
    lines = [line for volume in column for line in volume.label()]
    return max(
        (TextPath((0, 0), t, size=FONT).get_extents().x1 for t in lines), default=0
    )


# Drawing


def draw_volume(ax, volume, scale):
    """Front, top and right face; dashes where the channels fall into groups."""
    thickness, height, width = volume.measure(scale)
    x, low, high = volume.x, volume.y - height / 2, volume.y + height / 2
    right, dx, dy = x + thickness, LEAN[0] * width, LEAN[1] * width
    colour, hatch = STYLE[volume.kind]
    faces = {
        "front": [(x, low), (right, low), (right, high), (x, high)],
        "top": [(x, high), (right, high), (right + dx, high + dy), (x + dx, high + dy)],
        "right": [
            (right, low),
            (right + dx, low + dy),
            (right + dx, high + dy),
            (right, high),
        ],
    }
    for face, corners in faces.items():
        polygon = Polygon(corners, fc=colour, ec="black", lw=0.8, zorder=2)
        polygon.set_gid(f"{volume.name}:{face}")
        if face == "front":
            polygon.set_hatch(hatch)
        ax.add_patch(polygon)
    for group in range(1, volume.groups):
        cut = x + thickness * group / volume.groups
        line = [cut, cut, cut + dx], [low, high, high + dy]
        ax.plot(*line, color="black", linestyle="--", linewidth=1.2, zorder=3)


def draw_label(ax, volume, scale, drop=0.0):
    """Below the volume; ``drop`` points lower, on a thin line, if neighbours crowd."""
    x = volume.x + volume.extent(scale) / 2
    low = volume.y - volume.measure(scale)[1] / 2 - 3
    if drop:
        ax.plot([x, x], [low, low - drop], color="black", linewidth=0.5, zorder=1)
    ax.text(
        x,
        low - drop,
        "\n".join(volume.label()),
        ha="center",
        va="top",
        fontsize=FONT,
        linespacing=LINE / FONT,
    )


def draw_link(ax, start, end, arrow="-|>", **style):
    link = FancyArrowPatch(start, end, arrow, mutation_scale=9, shrinkA=0, shrinkB=0)
    link.set(color="black", zorder=4, linewidth=1, **style)
    ax.add_patch(link)


def axes_for(ax, left, right, low, high):
    """One unit of the axes is one point, so that text and volumes fit each other."""
    if ax is None:
        size = (right - left) / 72, (high - low) / 72
        figure = plt.figure(figsize=size, facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal", facecolor="white")
    ax.set_axis_off()
    return ax


def draw_legend(ax, kinds, lines=()):
    patches = [
        Patch(fc=colour, hatch=hatch, ec="black", label=kind)
        for kind, (colour, hatch) in STYLE.items()
        if kind in kinds and kind != "input"
    ]
    ax.legend(
        handles=[*patches, *lines],
        ncols=len(patches),
        loc="upper left",
        frameon=False,
        fontsize=FONT,
        title="height, width to scale; thickness, bars: √channels",
        title_fontsize=FONT,
        alignment="left",
        borderaxespad=0,
        columnspacing=1,
        handletextpad=0.5,
    )


LEGEND = 3.5 * LINE
STAGGER = 3.4 * LINE


def plot_network(model, layers=None, ax=None):
    """Draw the volumes of a network in the order of its graph.

    One volume for every layer that multiplies, pools, merges branches or changes the
    number of values; normalization, dropout and padding are part of an arrow. Height
    and width are to scale. Thickness, and the length of the bars of dense layers, go
    with the square root of the channels. Dashes cut a volume where a grouped
    convolution keeps its channels apart.

    Args:
        model: a functional or sequential Keras model of known sizes.
        layers: names of the layers to draw instead, for deep networks.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if a size is unknown, if a name is not a layer of the model, or if
            an output has more than two sides.

    Example:

    >>> from companion.models import AlexNet
    >>> ax = plot_network(AlexNet(classes=None))
    >>> sum(text.get_text().startswith("conv") for text in ax.texts)
    5
    """
    volumes = volumes_of(model, layers)
    columns = columns_of(volumes)
    chain = max(map(len, columns)) == 1
    side = max((side for v in volumes for side in v.shape[:-1]), default=1)
    scale = (LONGEST_SIDE if chain else LONGEST_SIDE / 2) / side
    place(columns, scale)
    nodes = [node for column in columns for node in column]
    ends = text_width(columns[0]) / 2, text_width(columns[-1]) / 2
    kinds = {volume.kind for volume in volumes}
    ax = axes_for(
        ax,
        left=min(0, nodes[0].x + nodes[0].extent(scale) / 2 - ends[0]) - 4,
        right=max(v.x + max(v.extent(scale), ends[1] + BAR) for v in nodes) + 4,
        low=min(v.y - v.below(scale) for v in nodes) - chain * STAGGER,
        high=max(v.y + v.above(scale) for v in nodes) + LEGEND,
    )
    for volume in nodes:
        for parent in volume.parents:
            arrow = "-" if volume.kind == "lane" else "-|>"
            draw_link(ax, parent.exit(scale), (volume.x, volume.y), arrow)
        if volume.kind == "lane":
            draw_link(ax, (volume.x, volume.y), volume.exit(scale), "-")
        else:
            draw_volume(ax, volume, scale)
            draw_label(ax, volume, scale, STAGGER * (chain and volume.column % 2))
    draw_legend(ax, kinds)
    return ax
