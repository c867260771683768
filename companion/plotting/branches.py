"""A module of parallel branches from the top down: kernel and channels in every box."""

import matplotlib.pyplot as plt
from keras import layers
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from companion.complexity import layer_costs
from companion.plotting.arguments import check_ax
from companion.plotting.blocks import activation_of, label_of
from companion.plotting.network import STYLE, kind_of

__all__ = ["plot_branches"]

# Lengths of the drawing, in points (1/72 inch).
FONT = 10
LINE = 12.5
PADDING = 5
GAP = 15
BETWEEN = 8
NARROWEST = 46


class Box:
    """A layer that multiplies, pools or merges, the input, or an activation by itself.

    A lane, without lines of text, is where a link passes the boxes beside it.
    """

    def __init__(self, kind, lines, sources):
        self.kind, self.lines, self.sources = kind, lines, list(sources)
        self.rank = 1 + max((source.rank for source in sources), default=-1)
        self.linear = kind == "convolution"
        self.x, self.left, self.right = None, None, None

    @property
    def height(self):
        return LINE * len(self.lines) + PADDING

    def text(self):
        return [*self.lines, "linear"] if self.linear else self.lines


def words_of(operation, kind, shape):
    """What stands in a box."""
    *_sides, channels = shape
    width = f"{channels:,d} channels"
    if kind == "input":
        return ["×".join(map(str, shape))]
    if kind == "merge":
        sums = not isinstance(operation, layers.Concatenate)
        return ["sum" if sums else f"concatenate: {width}"]
    if kind == "pooling":
        name = type(operation).__name__
        size = getattr(operation, "pool_size", None)
        mean = "mean" if "Average" in name else "max"
        words = mean if size is None else f"{mean} {'×'.join(map(str, size))}"
        stride = max(getattr(operation, "strides", None) or (1,))
        return [f"{words}, stride {stride}" if stride > 1 else words]
    label = label_of(operation)
    label = label.replace("depthwise ", "depthwise\n").replace(", ", ",\n")
    return [*label.split("\n"), width]


def boxes_of(model):
    """Boxes in graph order, each with those that it reads."""
    boxes, makers = [], {}
    costs = list(layer_costs(model))
    readers = {}
    for cost in costs:
        for tensor in cost.inputs:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    for cost in costs:
        operation, inputs = cost.operation, cost.inputs
        sources = [makers[id(tensor)] for tensor in inputs]
        kind = kind_of(operation, inputs)
        activation = activation_of(operation)
        box = None
        if kind != "other" and (cost.macs or kind not in ("convolution", "dense")):
            shape = cost.outputs[0].shape[1:]
            box = Box(kind, words_of(operation, kind, shape), sources)
            box.linear &= activation is None
        elif activation and (
            sources[0].kind != "convolution" or readers[id(inputs[0])] > 1
        ):
            box = Box("other", [activation], sources)
        if box is None:
            box = sources[0]
            if activation:
                box.linear = False
            if isinstance(operation, layers.Rescaling):
                box.lines.append(f"× {operation.scale:g}")
        else:
            boxes.append(box)
        makers.update((id(tensor), box) for tensor in cost.outputs)
    return boxes


def with_lanes(boxes):
    """A link to a merge from a box that others read as well gets a lane."""
    readers = {box: [b for b in boxes if box in b.sources] for box in boxes}
    drawn = []
    for box in boxes:
        if box.kind == "merge":
            for place, source in enumerate(box.sources):
                if len(readers[source]) > 1:
                    box.sources[place] = Box("lane", [], [source])
                    drawn.append(box.sources[place])
        drawn.append(box)
    return drawn


def merge_above(box):
    """The merge that a chain of boxes begins at, or None."""
    while box.kind != "merge" and box.sources:
        box = box.sources[0]
    return box if box.kind == "merge" else None


def place(boxes, width):
    """Columns for the ends of branches; a box stands amid the boxes that read it."""
    readers = {box: [b for b in boxes if box in b.sources] for box in boxes}
    column = 0
    for box in boxes:
        for source in box.sources if box.kind == "merge" else ():
            if source.kind != "merge" and not merge_above(source):
                source.x = column * (width + BETWEEN)
                column += 1
    for box in reversed(boxes):
        if box.kind != "merge" and not merge_above(box) and box.x is None:
            seats = [b.x for b in readers[box] if b.kind != "merge"]
            box.x = sum(seats) / len(seats) if seats else 0
    for box in boxes:
        if box.kind == "merge":
            seats = [b.x for b in box.sources]
            kept = [b.x for b in box.sources if b.kind != "lane"] or seats
            box.x = sum(kept) / len(kept)
        elif above := merge_above(box):
            box.x = above.x
            seats = [box.x]
        else:
            seats = [b.x for b in readers[box]] if box.kind == "input" else [box.x]
            seats = [x for x in seats if x is not None] or [box.x]
        wide = width if box.kind != "lane" else 0
        box.left, box.right = min(seats) - wide / 2, max(seats) + wide / 2


def draw_box(ax, box, y):
    colour, _hatch = STYLE[box.kind]
    patch = FancyBboxPatch(
        (box.left, y - box.height),
        box.right - box.left,
        box.height,
        boxstyle="square,pad=0",
        facecolor=colour,
        edgecolor="black",
        linewidth=1.4 if box.linear else 0.8,
        linestyle="--" if box.linear else "-",
        zorder=2,
    )
    patch.set_gid(" ".join(box.lines))
    ax.add_patch(patch)
    middle = (box.left + box.right) / 2
    ax.text(
        middle,
        y - box.height / 2,
        "\n".join(box.lines),
        ha="center",
        va="center",
        fontsize=FONT,
        linespacing=1.1,
        zorder=3,
    )


def draw_link(ax, start, end, arrow):
    """Down, aside half-way, and down again."""
    (x, y), (to_x, to_y) = start, end
    turn = y - GAP / 2
    ax.plot([x, x, to_x, to_x], [y, turn, turn, to_y], color="black", lw=1, zorder=1)
    if arrow:
        head = FancyArrowPatch(
            (to_x, to_y + 8),
            (to_x, to_y),
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=0,
            shrinkB=0,
            color="black",
            zorder=1,
        )
        ax.add_patch(head)


def plot_branches(model, ax=None):
    """Draw a module of parallel branches, from its graph.

    A box for the input and for every layer that multiplies, pools or merges: the
    kernel, a stride other than one, and the channels that it puts out. Convolutions
    that no activation follows have dashed edges. Normalization is not drawn.

    Args:
        model: functional model of known sizes that holds one module.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if a size is unknown.

    Example:

    >>> import keras
    >>> from companion.blocks import inception
    >>> image = keras.Input((28, 28, 192))
    >>> y = inception(image, (64, 96, 128, 16, 32, 32), "module_3a")
    >>> ax = plot_branches(keras.Model(image, y))
    >>> [text.get_text() for text in ax.texts][-1]
    'concatenate: 256 channels'
    """
    check_ax(ax)
    boxes = with_lanes(boxes_of(model))
    narrow = [b for b in boxes if b.kind not in ("merge", "input", "lane")]
    lines = [line for box in narrow for line in box.lines]
    widths = [TextPath((0, 0), t, size=FONT).get_extents().width for t in lines]
    width = max([NARROWEST, *(w + 2 * PADDING for w in widths)])
    place(boxes, width)
    below = {}  # y where a rank begins
    for rank in range(1 + max(box.rank for box in boxes)):
        tall = max((b.height for b in boxes if b.rank == rank - 1), default=0)
        below[rank] = below.get(rank - 1, 0) - (tall + GAP if rank else 0)
    low = min(below[box.rank] - box.height for box in boxes)
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    frame = left - 3, right + 3, low - 3, 3
    if ax is None:
        size = (frame[1] - frame[0]) / 72, (frame[3] - frame[2]) / 72
        ax = plt.figure(figsize=size, facecolor="white").add_axes((0, 0, 1, 1))
    ax.set(xlim=frame[:2], ylim=frame[2:], aspect="equal", facecolor="white")
    ax.set_axis_off()
    for box in boxes:
        y = below[box.rank]
        for source in box.sources:
            start = min(max(box.x, source.left), source.right)
            end = min(max(start, box.left), box.right)
            if box.kind == "merge":
                start = end = min(max(source.x, box.left), box.right)
            height = 0 if source.kind == "lane" else source.height
            draw_link(
                ax,
                (start, below[source.rank] - height),
                (end, y),
                arrow=box.kind != "lane",
            )
        if box.kind != "lane":
            draw_box(ax, box, y)
    return ax
