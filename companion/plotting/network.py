"""Drawings of a network, made from the graph of the model itself.

Sides of volumes are to scale. Their thickness goes with the square root of the
channels: to scale, the 4096 units of a dense layer would dwarf a 6x6 map.
"""

import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
from keras import layers
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Polygon
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

from companion.complexity import layer_costs
from companion.plotting.arguments import check_ax

__all__ = ["plot_network", "plot_shapes", "plot_towers"]

# Lengths of the drawing, in points (1/72 inch).
LONGEST_SIDE = 100
ROOT_CHANNEL = 1.2
BAR = 8
GAP = 12
LINE = 12
FONT = 10
STAGGER = 3.3 * LINE
LEGEND = 3.5 * LINE
LEGEND_WIDTH = 330
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

    Its label hangs ``drop`` points lower where neighbours crowd. A lane (kind
    ``"lane"``) is where a link of ``length`` points passes through a column.
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
    drop: float = 0.0

    def label(self):
        if self.kind == "lane":
            return []
        return label_of(self.name, self.shape, self.groups)

    def measure(self, scale):
        """Thickness, height and width on the page."""
        if self.kind == "lane":
            return self.length, 0, 0
        channels = ROOT_CHANNEL * math.sqrt(self.shape[-1])
        if len(self.shape) == 1:
            return BAR, channels, 0
        height, width = self.sides()
        return channels, scale * height, scale * width

    def sides(self):
        """The two that are drawn: of (depth, height, width, channels) the last ones."""
        return (
            (*self.shape[:-1], 1, 1)[:2] if len(self.shape) < 4 else self.shape[-3:-1]
        )

    def extent(self, scale):
        thickness, _, width = self.measure(scale)
        return thickness + LEAN[0] * width

    def below(self, scale):
        """Room that the lower half takes, with its label."""
        return self.measure(scale)[1] / 2 + self.drop + LINE * (len(self.label()) + 0.7)

    def above(self, scale):
        _, height, width = self.measure(scale)
        return height / 2 + LEAN[1] * width

    def exit(self, scale):
        """Where links leave: the middle of the right face."""
        thickness, _, width = self.measure(scale)
        return self.x + thickness + LEAN[0] * width / 2, self.y + LEAN[1] * width / 2


def label_of(name, shape, parts):
    """Name, sides, channels; the channels of a grouped layer group by group."""
    *sides, channels = map(str, shape)
    if parts > 1:
        channels = f"{parts}·{shape[-1] // parts}"
    return [name, "×".join(sides), f"×{channels}"] if sides else [name, channels]


def kind_of(operation, inputs):
    if not inputs:
        return "input"
    if isinstance(operation, layers.Dense):
        return "dense"
    if hasattr(operation, "kernel_size"):
        return "convolution"
    if len(inputs) > 1:
        return "merge"
    return "pooling" if "Pooling" in type(operation).__name__ else "other"


def makes_volume(operation, inputs, outputs, macs):
    """Whether it multiplied, merged, or changed the number of values."""
    if type(operation).__name__.startswith(("ZeroPadding", "Cropping")):
        return False
    changed = len(inputs) != 1 or math.prod(inputs[0].shape) != sum(
        math.prod(output.shape) for output in outputs
    )
    return macs or changed or kind_of(operation, inputs) == "pooling"


def volumes_of(model, names=None, input_shape=None):
    """The volumes to draw, in graph order, each with the volumes it is made from."""
    if names is not None and not isinstance(names, (list, tuple, set)):
        raise ValueError(
            f"`layers` must be a list of names. Received: layers={names!r}"
        )
    volumes, makers = [], {}
    graph = layer_costs(model, input_shape)
    for cost in graph:
        name, operation, macs = cost.name, cost.operation, cost.macs
        inputs, outputs = cost.inputs, cost.outputs
        parents = [volume for tensor in inputs for volume in makers[id(tensor)]]
        parents = list({id(volume): volume for volume in parents}.values())
        if names is None:
            drawn = makes_volume(operation, inputs, outputs, macs)
        else:
            drawn = name in names
        if drawn:
            shape = outputs[0].shape[1:] or (1,)
            column = 1 + max((parent.column for parent in parents), default=-1)
            groups = getattr(operation, "groups", 1) if macs else 1
            kind = kind_of(operation, inputs)
            volumes.append(Volume(name, kind, shape, groups, parents, column))
            parents = [volumes[-1]]
        makers.update((id(tensor), parents) for tensor in outputs)
    known = {volume.name for volume in volumes}
    unknown = [name for name in names or () if name not in known]
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
    """Set ``x`` and ``y`` of every volume and lane; every other label hangs lower."""
    chain = max(map(len, columns)) == 1
    middle, before = 0, None
    for number, column in enumerate(columns):
        spread(column, scale)
        extent = max(volume.extent(scale) for volume in column)
        text = text_width(column)
        for volume in column:
            volume.drop = STAGGER * (chain and number % 2)
        top = label_top(column[0], scale)
        if before is not None:
            extent_before, text_before, top_before = before
            apart = [extent + extent_before + 2 * (GAP if chain else 2 * GAP)]
            apart += [extent + text_before + 6, text + extent_before + 6]
            if not chain or abs(top - top_before) < 3 * LINE:
                apart.append(text + text_before + 14)
            middle += max(apart) / 2
        for volume in column:
            if volume.kind == "lane":
                volume.length = extent
            volume.x = middle - volume.extent(scale) / 2
        before = extent, text, top


def label_top(volume, scale):
    return volume.y - volume.measure(scale)[1] / 2 - 3 - volume.drop


def text_width(column):
    """Of the widest label, in points."""
    lines = [line for volume in column for line in volume.label()]
    return max(
        (TextPath((0, 0), t, size=FONT).get_extents().x1 for t in lines), default=0
    )


# Drawing


def draw_volume(ax, volume, scale):
    """Front, top and right face; dashes where the channels fall into a few groups."""
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
    for group in range(1, volume.groups if volume.groups <= 4 else 1):
        cut = x + thickness * group / volume.groups
        line = [cut, cut, cut + dx], [low, high, high + dy]
        ax.plot(*line, color="black", linestyle="--", linewidth=1.2, zorder=3)


def draw_label(ax, volume, scale):
    """Below the volume, on a thin line if it hangs lower."""
    x = volume.x + volume.extent(scale) / 2
    top = label_top(volume, scale)
    if volume.drop:
        ax.plot([x, x], [top + volume.drop, top], color="black", lw=0.5, zorder=1)
    text = "\n".join(volume.label())
    label = ax.text(x, top, text, ha="center", va="top", fontsize=FONT, zorder=5)
    label.set(linespacing=1.15, path_effects=[withStroke(linewidth=2, foreground="w")])


def draw_link(ax, start, end, arrow="-|>", **style):
    link = FancyArrowPatch(
        start,
        end,
        arrowstyle=arrow,
        mutation_scale=9,
        shrinkA=0,
        shrinkB=0,
        color="black",
        zorder=4,
        **style,
    )
    ax.add_patch(link)


def axes_for(ax, left, right, low, high):
    """One unit of the axes is one point, so that text and volumes fit each other."""
    check_ax(ax)
    right = max(right, left + LEGEND_WIDTH)
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
        handles=[*lines, *patches],
        ncols=max(1, len(patches)),
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


def plot_network(model, layers=None, ax=None, *, input_shape=None):
    """Draw the volumes of a network in the order of its graph.

    One volume for every layer that multiplies, pools, merges branches or changes the
    number of values; normalization, dropout and padding are part of an arrow. Height
    and width are to scale; depth or frames, a third side, stand in the label only.
    Thickness, and the length of the bars of dense layers, go with the square root of
    the channels. Where a convolution has groups the label
    says ``×groups·channels``, and dashes cut the volume if there are four at most.

    Args:
        model: a functional or sequential Keras model.
        layers: names of the layers to draw instead, for deep networks.
        ax: axes to draw into; a new figure of fitting size if ``None``.
        input_shape: shape of one image where the model leaves sizes open, a list of
            shapes for several inputs.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if a size is unknown, or if a name is not a layer of the model.

    Example:

    >>> from companion.models import AlexNet
    >>> ax = plot_network(AlexNet(classes=None))
    >>> sum(text.get_text().startswith("conv") for text in ax.texts)
    5
    """
    volumes = volumes_of(model, layers, input_shape)
    columns = columns_of(volumes)
    chain = max(map(len, columns)) == 1
    side = max(side for v in volumes for side in v.sides())
    scale = (LONGEST_SIDE if chain else LONGEST_SIDE / 2) / side
    place(columns, scale)
    nodes = [node for column in columns for node in column]
    ends = text_width(columns[0]) / 2, text_width(columns[-1]) / 2
    kinds = {volume.kind for volume in volumes}
    ax = axes_for(
        ax,
        left=min(-ends[0], *(volume.x for volume in columns[0])) - 4,
        right=max(v.x + max(v.extent(scale), ends[1] + BAR) for v in nodes) + 4,
        low=min(v.y - v.below(scale) for v in nodes),
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
            draw_label(ax, volume, scale)
    draw_legend(ax, kinds)
    return ax


def split_volume(volume, towers):
    """One volume per tower, each with its share of the channels."""
    *sides, channels = volume.shape
    shape = (*sides, channels // towers)
    return [
        Volume(volume.name, volume.kind, shape, 1, [], volume.column, volume.x)
        for _ in range(towers)
    ]


def plot_towers(model, ax=None, *, input_shape=None):
    """Draw a network with grouped layers as the towers that it was trained in.

    Every volume appears once for each group, with its share of the channels: the
    two-GPU figure of the AlexNet paper, from the model itself. Thin arrows stay in
    their tower; thick ones belong to layers whose kernels see all towers. The image
    and the output of the classifier are not split.

    Args:
        model: a Keras model without branches, with a grouped convolution.
        ax: axes to draw into; a new figure of fitting size if ``None``.
        input_shape: shape of one image where the model leaves sizes open.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if the model has branches or no group, or if the groups do not
            divide the channels of a volume.

    Example:

    >>> from companion.models import AlexNet
    >>> ax = plot_towers(AlexNet(classes=None))
    >>> [patch.get_gid() for patch in ax.patches].count("conv2:front")
    2

    Reference: Krizhevsky et al., NIPS 2012, Figure 2.
    """
    volumes = volumes_of(model, input_shape=input_shape)
    columns = columns_of(volumes)
    towers = max(volume.groups for volume in volumes)
    branches = max(map(len, columns))
    if towers == 1 or branches > 1:
        raise ValueError(
            "Towers need a chain of layers, with a grouped convolution among them. "
            f"Received: model={model.name!r}, groups={towers}, branches={branches}"
        )
    whole = [volumes[0], *(v for v in volumes[-1:] if len(v.shape) == 1)]
    for volume in volumes:
        if volume not in whole and volume.shape[-1] % towers:
            raise ValueError(
                f"{towers} towers need a multiple of {towers} channels. "
                f"Received: {volume.shape} in layer {volume.name!r}"
            )
    scale = LONGEST_SIDE / max(side for v in volumes for side in v.sides())
    place(columns, scale)
    parts = [[v] if v in whole else split_volume(v, towers) for v in volumes]
    step = LINE + max(
        p.measure(scale)[1] + p.above(scale) for v in parts[1:] for p in v
    )
    for column in parts:
        for number, part in enumerate(column):
            part.y = step * ((len(column) - 1) / 2 - number)
    return draw_towers(ax, volumes, parts, scale)


def draw_towers(ax, volumes, parts, scale):
    lowest = min(p.y - p.measure(scale)[1] / 2 for column in parts for p in column)
    highest = max(p.y + p.above(scale) for column in parts for p in column)
    kinds = {volume.kind for volume in volumes}
    ax = axes_for(
        ax,
        left=volumes[0].x - text_width(volumes[:1]) / 2,
        right=volumes[-1].x + text_width(volumes[-1:]) / 2 + BAR,
        low=lowest - STAGGER - 4 * LINE,
        high=highest + LEGEND + 1.5 * LINE,
    )
    for volume, sources, column in zip(volumes, [[], *parts], parts, strict=False):
        for i, part in enumerate(column):
            draw_volume(ax, part, scale)
            for j, source in enumerate(sources):
                stays = volume.kind == "pooling" or volume.groups > 1
                if stays and len(sources) == len(column) and i != j:
                    continue
                crosses = not stays and len(sources) > 1
                width = 2 if crosses else 0.8
                draw_link(ax, source.exit(scale), (part.x, part.y), lw=width)
        x = volume.x + volume.extent(scale) / 2
        top = lowest - LINE / 2 - volume.drop
        bottom = min(part.y - part.measure(scale)[1] / 2 for part in column)
        ax.plot([x, x], [bottom - 2, top], color="black", lw=0.5, zorder=1)
        text = "\n".join(label_of(volume.name, volume.shape, len(column)))
        ax.text(x, top, text, ha="center", va="top", fontsize=FONT)
    lines = [
        Line2D([], [], color="black", lw=0.8, label="own tower"),
        Line2D([], [], color="black", lw=2, label="all towers"),
    ]
    draw_legend(ax, kinds, lines)
    return ax


def plot_shapes(model, ax=None, *, input_shape=None):
    """Stairs of a network: how its maps shrink while its channels grow.

    Args:
        model: a Keras model without branches.
        ax: axes to draw into; a new figure if ``None``.
        input_shape: shape of one image where the model leaves sizes open.

    Returns:
        The ``matplotlib.axes.Axes``, with a logarithmic scale of base 2. The lines
        hold the numbers: height of the maps, and number of channels.

    Raises:
        ValueError: if the model has branches or no maps, or a size is unknown.

    Example:

    >>> from companion.models import AlexNet
    >>> height, channels = plot_shapes(AlexNet(classes=None)).lines
    >>> [int(side) for side in height.get_ydata()]
    [227, 55, 27, 27, 13, 13, 13, 13, 6]
    """
    check_ax(ax)
    volumes = volumes_of(model, input_shape=input_shape)
    branches = max(map(len, columns_of(volumes)))
    if branches > 1:
        raise ValueError(
            "Stairs need a chain of layers. "
            f"Received: model={model.name!r} with {branches} branches"
        )
    maps = [volume for volume in volumes if len(volume.shape) > 1]
    if not maps:
        raise ValueError(
            "Stairs need maps with sides. "
            f"Received: model={model.name!r} with vectors only"
        )
    if ax is None:
        ax = plt.figure(figsize=(5, 3.2), facecolor="white", layout="tight").subplots()
    heights, channels = [v.sides()[0] for v in maps], [v.shape[-1] for v in maps]
    draw_stairs(ax, heights, "height", -15, color="#08519c", linestyle="-", marker="o")
    draw_stairs(
        ax, channels, "channels", 6, color="#a63603", linestyle="--", marker="s"
    )
    ax.set_yscale("log", base=2)
    ax.set_ylim(min(heights + channels) / 2, 1.5 * max(heights + channels))
    ax.yaxis.set_major_formatter("{x:.0f}")
    names = [volume.name for volume in maps]
    ax.set_xticks(range(len(maps)), names, rotation=45, ha="right")
    ax.tick_params(labelsize=FONT)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_stairs(ax, sizes, name, lift, **style):
    """One flight, named at its end; sizes stand ``lift`` points above it."""
    ax.step(range(len(sizes)), sizes, where="mid", label=name, **style)
    label = {"textcoords": "offset points", "color": style["color"], "fontsize": FONT}
    for step, size in enumerate(sizes):
        if step == 0 or size != sizes[step - 1]:
            ax.annotate(str(size), (step, size), (0, lift), ha="center", **label)
    ax.annotate(name, (len(sizes) - 1, sizes[-1]), (8, 0), va="center", **label)
