"""Blocks side by side: how many channels each layer has, and what follows it."""

import matplotlib.pyplot as plt
from keras import layers
from matplotlib.patches import FancyArrowPatch, Rectangle

from companion.arguments import integer
from companion.complexity import layer_costs
from companion.layers import SqueezeExcite
from companion.plotting.arguments import check_ax

__all__ = ["plot_blocks"]

# Lengths of the drawing, in points (1/72 inch).
COLUMN = 175
BAR = 13
STEP = 62
TITLE = 30
GAP = 22
WIDEST = 118
NARROWEST = 4
FONT = 10

COLOURS = {"input": "#ffffff", "layer": "#9ecae1", "gates": "#fdd0a2", "sum": "#c7e9c0"}


class Row:
    """A layer that multiplies or pools, a merge or the input; below it what follows."""

    def __init__(self, kind, label, shape, sources):
        self.kind, self.label, self.sources = kind, label, sources
        self.channels = shape[-1]
        self.normalized = False
        self.activation = None

    @property
    def linear(self):
        return self.kind == "layer" and self.activation is None

    def lines(self):
        facts = [f"{self.channels} channels"] if self.kind in ("input", "layer") else []
        facts += ["BN"] if self.normalized else []
        facts += [self.activation] if self.activation else []
        facts += ["linear"] if self.linear else []
        return [self.label, ", ".join(facts)]


def activation_of(operation):
    """The name that a paper would print, or None where there is no nonlinearity."""
    if isinstance(operation, layers.ReLU):
        return "ReLU" if operation.max_value is None else f"ReLU{operation.max_value:g}"
    function = getattr(operation, "activation", None)
    name = getattr(function, "__name__", None)
    papers = {"relu": "ReLU", "relu6": "ReLU6", "hard_silu": "h-swish", "silu": "swish"}
    return papers.get(name, name) if name != "linear" else None


def label_of(operation):
    if isinstance(operation, SqueezeExcite):
        return "× gates (squeeze, excite)"
    size = getattr(operation, "kernel_size", None)
    if size is None:
        return "dense"
    size = "×".join(map(str, size))
    if isinstance(operation, layers.DepthwiseConv2D):
        size = f"depthwise {size}"
    stride = max(operation.strides)
    return f"{size}, stride {stride}" if stride > 1 else size


def rows_of(model):
    """The rows of a block, each with the rows that it reads."""
    rows, makers = [], {}
    for cost in layer_costs(model):
        operation, inputs, outputs = cost.operation, cost.inputs, cost.outputs
        sources = list(dict.fromkeys(makers[id(tensor)] for tensor in inputs))
        row, shape = None, outputs[0].shape
        if not inputs:
            row = Row("input", "input", shape, [])
        elif cost.macs:
            kind = "gates" if isinstance(operation, SqueezeExcite) else "layer"
            row = Row(kind, label_of(operation), shape, sources)
            row.activation = None if kind == "gates" else activation_of(operation)
        elif len(sources) > 1:
            row = Row("sum", "sum", shape, sources)
        elif "Pooling" in type(operation).__name__:
            row = Row("pool", "pool", shape, sources)
        if row is None:
            row = sources[0]
            row.normalized |= isinstance(operation, layers.BatchNormalization)
            row.activation = activation_of(operation) or row.activation
        else:
            rows.append(row)
        makers.update((id(tensor), row) for tensor in outputs)
    return rows


def draw(ax, title, rows, left, top, scale):
    """One block from the top down, its shortcuts to the right of it."""
    centre = left + COLUMN / 2
    ax.text(centre, top - 4, title, ha="center", va="top", fontsize=FONT + 1)
    places = {}
    for number, row in enumerate(rows):
        y = top - TITLE - number * STEP
        width = max(NARROWEST, scale * row.channels)
        places[row] = y, centre + width / 2
        bar = Rectangle(
            (centre - width / 2, y - BAR),
            width,
            BAR,
            facecolor=COLOURS.get(row.kind, "#e0e0e0"),
            edgecolor="black",
            linewidth=0.8,
            hatch="////" if row.linear else None,
        )
        bar.set_gid(f"{title}: {row.label} ({row.channels})")
        ax.add_patch(bar)
        text = "\n".join(line for line in row.lines() if line)
        ax.text(centre, y - BAR - 3, text, ha="center", va="top", fontsize=FONT)
        for source in row.sources:
            if number and source is not rows[number - 1]:
                shortcut(ax, places[source], places[row], left + COLUMN - 6)


def shortcut(ax, start, end, lane):
    (above, right), (below, edge) = start, end
    above, below = above - BAR / 2, below - BAR / 2
    ax.plot([right, lane, lane], [above, above, below], color="black", lw=1.4)
    arrow = FancyArrowPatch(
        (lane, below),
        (edge, below),
        arrowstyle="-|>",
        mutation_scale=10,
        shrinkA=0,
        shrinkB=0,
        color="black",
        linewidth=1.4,
    )
    ax.add_patch(arrow)


def plot_blocks(blocks, columns=2, ax=None):
    """Draw blocks as stacks of bars, from the graphs of models that hold one each.

    A bar is as wide as its layer has channels, on one scale for all blocks. Below it
    stand the kernel and what follows before the next layer: normalization, activation.
    Bars of layers that stay linear are hatched, and lines on the right are shortcuts.

    Args:
        blocks: dictionary from the name of a block to a Keras model of known sizes.
        columns: how many blocks stand side by side.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if there are no blocks, or if ``columns`` is not a positive integer.

    Example: the bottleneck of MobileNetV2 has one linear layer, its last.

    >>> import keras
    >>> from companion.blocks import inverted_residual
    >>> image = keras.Input((56, 56, 24))
    >>> y = inverted_residual(image, 24, expansion=6, stride=1, name="block")
    >>> ax = plot_blocks({"inverted": keras.Model(image, y)})
    >>> [bar.get_gid() for bar in ax.patches if bar.get_hatch()]
    ['inverted: 1×1 (24)']
    """
    check_ax(ax)
    if not isinstance(blocks, dict) or not blocks:
        raise ValueError(
            "There must be a block to draw, in a dictionary from names to models. "
            f"Received: blocks={blocks!r}"
        )
    columns = integer("columns", columns)
    stacks = {name: rows_of(model) for name, model in blocks.items()}
    names = list(stacks)
    shelves = [names[i : i + columns] for i in range(0, len(names), columns)]
    heights = [
        TITLE + STEP * max(len(stacks[name]) for name in shelf) for shelf in shelves
    ]
    width = COLUMN * min(columns, len(names))
    height = sum(heights) + GAP * (len(shelves) - 1)
    if ax is None:
        figure = plt.figure(figsize=(width / 72, height / 72), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(-height, 0), aspect="equal", facecolor="white")
    ax.set_axis_off()
    most = max(row.channels for rows in stacks.values() for row in rows)
    top = 0
    for shelf, tall in zip(shelves, heights, strict=True):
        for number, name in enumerate(shelf):
            draw(ax, name, stacks[name], number * COLUMN, top, WIDEST / most)
        top -= tall + GAP
    return ax
