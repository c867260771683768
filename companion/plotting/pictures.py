"""Pictures of what a trained network sees: filters, feature maps, a photograph."""

import math

import matplotlib.pyplot as plt
import numpy as np

from companion.arguments import real_numbers
from companion.plotting.arguments import check_ax

__all__ = ["plot_filters", "plot_maps", "plot_photograph", "plot_top"]

WIDTH = 4.6  # inches


def plot_filters(filters, columns=None, title=None, ax=None):
    """Draw the filters of a first convolution as small colour pictures.

    A filter that reads red, green and blue is itself a picture: grey where its weights
    are zero, brighter where they are positive. All have one scale, so that a faint
    filter looks faint.

    Args:
        filters: kernel ``(height, width, channels, filters)`` of 1 or 3 channels.
        columns: how many in a row; about one and a half times the rows if ``None``.
        title: text above the grid.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if the kernel does not have four axes and 1 or 3 channels.

    Example:

    >>> from companion import results
    >>> ax = plot_filters(results.seen("AlexNetOneTower").filters)
    >>> ax.get_images()[0].get_array().shape  # 64 filters of 11 x 11, in 7 rows of 10
    (83, 119, 3)
    """
    check_ax(ax)
    filters = real_numbers("filters", filters)
    if filters.ndim != 4 or filters.shape[2] not in (1, 3):
        raise ValueError(
            "Filters are drawn where they read 1 or 3 channels: a kernel of shape "
            "(height, width, 3, filters). "
            f"Received: filters of shape {filters.shape}"
        )
    scaled = 0.5 + 0.5 * filters / max(np.abs(filters).max(), 1e-12)
    tiles = [scaled[..., number] for number in range(filters.shape[3])]
    return draw_tiles(tiles, columns, title, ax, cmap="gray", vmin=0, vmax=1)


def plot_maps(maps, columns=None, title=None, ax=None):
    """Draw feature maps side by side, each from dark (its smallest) to bright.

    Args:
        maps: ``(height, width, n)``.
        columns: how many in a row; all if ``None`` and there are at most 8.
        title: text above the grid.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if the maps do not have three axes.

    Example:

    >>> from companion import results
    >>> ax = plot_maps(results.seen("VGG16").maps["conv5_3"])
    >>> ax.get_images()[0].get_array().shape  # 5 maps of 14 x 14
    (14, 74)
    """
    check_ax(ax)
    maps = real_numbers("maps", maps)
    if maps.ndim != 3:
        raise ValueError(
            "Feature maps must have shape (height, width, n). "
            f"Received: maps of shape {maps.shape}"
        )
    low, high = maps.min((0, 1)), maps.max((0, 1))
    scaled = (maps - low) / np.where(high > low, high - low, 1)
    tiles = [scaled[..., number] for number in range(maps.shape[2])]
    if columns is None and len(tiles) <= 8:
        columns = len(tiles)
    return draw_tiles(tiles, columns, title, ax, cmap="magma", vmin=0, vmax=1)


def draw_tiles(tiles, columns, title, ax, **options):
    """Pictures of one size in a grid, parted by white lines."""
    columns = columns or min(len(tiles), math.ceil(math.sqrt(1.5 * len(tiles))))
    rows = math.ceil(len(tiles) / columns)
    height, width = (side + max(1, side // 12) for side in tiles[0].shape[:2])
    colour = tiles[0].shape[2] if tiles[0].ndim == 3 else 0
    shape = (rows * height, columns * width) + ((3,) if colour == 3 else ())
    canvas = np.full(shape, np.nan)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        tile = tile[..., 0] if colour == 1 else tile
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    canvas = canvas[: canvas.shape[0] - height + tiles[0].shape[0]]
    canvas = canvas[:, : canvas.shape[1] - width + tiles[0].shape[1]]
    if colour == 3:
        canvas = np.nan_to_num(canvas, nan=1.0)
    if ax is None:
        size = WIDTH, WIDTH * canvas.shape[0] / canvas.shape[1] + (0.3 if title else 0)
        ax = plt.figure(figsize=size, facecolor="white", layout="tight").subplots()
    ax.imshow(canvas, interpolation="nearest", **options)
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=11)
    return ax


def plot_photograph(image, heat=None, label=None, title=None, ax=None):
    """Draw a photograph, or one with a map of numbers over it.

    Args:
        image: ``(height, width, 3)``, uint8 or of 0 to 1.
        heat: matrix of numbers stretched over the photograph: an occlusion map, a map
            of a class. Its smallest number is ringed.
        label: what the numbers are, beside their scale.
        title: text above the photograph.
        ax: axes to draw into; a new figure if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if the image or the map has another number of axes.

    Example:

    >>> from companion import results
    >>> cat = results.seen("ResNet50")
    >>> ax = plot_photograph(cat.image, cat.occlusion, label="p(Egyptian cat)")
    >>> len(ax.get_images())
    2
    """
    check_ax(ax)
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            "A photograph must have shape (height, width, 3). "
            f"Received: image of shape {image.shape}"
        )
    if ax is None:
        size = (3.4 if heat is None else 4.2), 3.4
        ax = plt.figure(figsize=size, facecolor="white", layout="tight").subplots()
    ax.imshow(image)
    if heat is not None:
        heat = real_numbers("heat", heat)
        if heat.ndim != 2:
            raise ValueError(
                f"`heat` must be a matrix. Received: heat of shape {heat.shape}"
            )
        rows, columns = image.shape[:2]
        extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
        drawn = ax.imshow(
            heat, cmap="viridis", alpha=0.6, extent=extent, interpolation="nearest"
        )
        row, column = np.unravel_index(heat.argmin(), heat.shape)
        place = (
            (column + 0.5) * columns / heat.shape[1] - 0.5,
            (row + 0.5) * rows / heat.shape[0] - 0.5,
        )
        ring = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2}
        ax.plot(*place, "o", markeredgecolor="white", **ring)
        ax.figure.colorbar(drawn, ax=ax, label=label or "", fraction=0.046)
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=11)
    return ax


def plot_top(top, title=None, ax=None):
    """Draw the most probable classes as bars, the first on top.

    Args:
        top: ``[(class, probability), ...]``.
        title: text above the bars.
        ax: axes to draw into; a new figure if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``.

    Raises:
        ValueError: if there are no classes.

    Example:

    >>> from companion import results
    >>> ax = plot_top(results.seen("ResNet50", "coffee").top)
    >>> ax.get_yticklabels()[0].get_text()
    'espresso'
    """
    check_ax(ax)
    if not top:
        raise ValueError(
            "There must be a class to draw: a network without a classifier has none. "
            f"Received: top={top!r}"
        )
    if ax is None:
        size = 4.2, 0.4 + 0.3 * len(top)
        ax = plt.figure(figsize=size, facecolor="white", layout="tight").subplots()
    names = [name.replace("_", " ") for name, _ in top]
    chances = [chance for _, chance in top]
    bars = ax.barh(range(len(top)), chances, color="#3b6fb6")
    ax.bar_label(bars, [f"{chance:.2f}" for chance in chances], padding=3, fontsize=9)
    ax.set_yticks(range(len(top)), names, fontsize=10)
    ax.set(xlim=(0, 1.12), ylim=(len(top) - 0.5, -0.5), xticks=[])
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    if title:
        ax.set_title(title, fontsize=11)
    return ax
