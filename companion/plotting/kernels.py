"""The filters of convolutions, slab by slab: which channels does a filter read?"""

import math

import matplotlib.pyplot as plt
from keras import layers as keras_layers
from matplotlib.patches import Rectangle

from companion.layers import TableConv2D
from companion.plotting.arguments import check_ax

__all__ = ["plot_kernels"]

# Lengths of the drawing, in points (1/72 inch).
CELL = 9
STEP = 9, 7  # from the slab of one channel to that of the next, at most
STACK = 63  # all steps of a filter together, at most
GAP = 16
LINE = 15
FONT = 10
WIDTH = 350


def plot_kernels(layers, ax=None):
    """Draw the filters of convolutions, one row for each layer.

    A filter is a stack with a place for every channel of the input, channel 0 in
    front. A slab is the k x k weights with which it reads one channel, one square for
    a weight; a dotted frame is a channel that it does not read. Of more filters than
    fit in a row the first ones and the last are drawn.

    Args:
        layers: built layers, `Conv2D` or `DepthwiseConv2D`.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``; the texts above the rows count the weights.

    Raises:
        ValueError: if there are no layers, if a layer is no convolution of this kind,
            or if it has not been built.

    Example: a full layer from 3 to 4 channels.

    >>> layer = keras_layers.Conv2D(4, 3, name="full")
    >>> layer.build((None, 8, 8, 3))
    >>> print(plot_kernels([layer]).texts[0].get_text())
    full: 4 × (3×3×3) = 108
    """
    check_ax(ax)
    if not isinstance(layers, (list, tuple)):
        raise ValueError(f"`layers` must be a list. Received: layers={layers!r}")
    rows = [(layer, *filters_of(layer)) for layer in layers]
    if not rows:
        raise ValueError(f"There must be a layer to draw. Received: layers={layers!r}")
    heights = [LINE + stack_size(layer, c)[1] + GAP for layer, c, _ in rows]
    if ax is None:
        figure = plt.figure(figsize=(WIDTH / 72, sum(heights) / 72), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(sum(heights), 0), aspect="equal", facecolor="white")
    ax.set_axis_off()
    top = 0
    for (layer, channels, reads), height in zip(rows, heights, strict=True):
        draw_row(ax, layer, channels, reads, top, top + height - GAP)
        top += height
    return ax


def filters_of(layer):
    """Channels of the input, and for every filter the channels that it reads."""
    kinds = keras_layers.Conv2D, keras_layers.DepthwiseConv2D
    if not isinstance(layer, kinds) or isinstance(layer, TableConv2D):
        raise ValueError(
            "Only layers of the types Conv2D and DepthwiseConv2D are drawn. "
            f"Received: {type(layer).__name__} {getattr(layer, 'name', layer)!r}"
        )
    if not layer.built:
        raise ValueError(
            f"A layer has no kernel before it is built. Received: {layer.name!r}"
        )
    *_, depth, filters = layer.kernel.shape
    if isinstance(layer, keras_layers.DepthwiseConv2D):
        return depth, [range(c, c + 1) for c in range(depth) for _ in range(filters)]
    groups = [f * layer.groups // filters for f in range(filters)]
    return depth * layer.groups, [range(g * depth, (g + 1) * depth) for g in groups]


def step(channels):
    """Steps to the right and up; smaller if there are many channels."""
    shrink = min(1, STACK / (STEP[0] * channels))
    return STEP[0] * shrink, STEP[1] * shrink


def stack_size(layer, channels):
    """Width and height of a filter: its front slab, and the steps to the last one."""
    rows, columns = layer.kernel.shape[:2]
    right, up = step(channels)
    return CELL * columns + (channels - 1) * right, CELL * rows + (channels - 1) * up


def chosen(filters, width):
    """Numbers of the filters to draw, ``None`` for those left out."""
    places = int((WIDTH - 8 + GAP) // (width + GAP))
    if filters <= places:
        return range(filters)
    return [*range(max(1, places - 2)), None, filters - 1]


def draw_row(ax, layer, channels, reads, top, bottom):
    size = "×".join(map(str, (*layer.kernel.shape[:2], len(reads[0]))))
    weights = f"{math.prod(layer.kernel.shape):,d}"
    title = f"{layer.name}: {len(reads)} × ({size}) = {weights}"
    ax.text(4, top + 2, title, fontsize=FONT, va="top")
    x, width = 4, stack_size(layer, channels)[0]
    for number in chosen(len(reads), width):
        if number is None:
            ax.text(x + width / 2, bottom, "…", fontsize=FONT, ha="center")
        else:
            name = f"{layer.name}:{number}"
            draw_filter(ax, name, channels, reads[number], layer, x, bottom)
        x += width + GAP


def draw_filter(ax, name, channels, read, layer, x, y):
    """From the last channel, behind, to the first."""
    rows, columns = layer.kernel.shape[:2]
    right, up = step(channels)
    colours = plt.get_cmap("viridis")
    for channel in reversed(range(channels)):
        left, low = x + channel * right, y - channel * up
        seen = channel in read
        shade = 1 - 0.7 * channel / max(1, channels - 1)
        zorder = 2 + channels - channel
        face = Rectangle(
            (left, low - CELL * rows),
            CELL * columns,
            CELL * rows,
            facecolor=colours(shade) if seen else "none",
            edgecolor="black" if seen else "#707070",
            linestyle="-" if seen else ":",
            linewidth=0.9,
            zorder=zorder if seen else 1,
        )
        face.set_gid(f"{name}:{channel}:{'read' if seen else 'unread'}")
        ax.add_patch(face)
        if seen:
            cut = {"color": "black", "linewidth": 0.5, "zorder": zorder}
            for i in range(1, rows):
                ax.plot([left, left + CELL * columns], [low - CELL * i] * 2, **cut)
            for j in range(1, columns):
                ax.plot([left + CELL * j] * 2, [low - CELL * rows, low], **cut)
