"""Drawings of receptive fields: on the image, and as a map of weights."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse, Rectangle

from companion.arguments import real_numbers
from companion.plotting.arguments import check_ax
from companion.receptive_field import gaussian_fit, receptive_field

__all__ = ["plot_effective_receptive_field", "plot_receptive_field"]

LINES = [  # (colour, dashes): no two fields share both, and dashes suffice alone
    ("#0072b2", "solid"),
    ("#d55e00", (0, (6, 2))),
    ("#000000", (0, (1.5, 1.5))),
    ("#117733", (0, (7, 2, 1.5, 2))),
    ("#882255", (0, (3, 1, 1, 1, 1, 1))),
    ("#332288", (0, (10, 4))),
]


def _axes(ax, size):
    check_ax(ax)
    if ax is None:
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        figure.set_facecolor("white")
    ax.set_facecolor("white")
    return ax


def _rectangle(box, **style):
    """A box of whole pixels; pixel centres have whole coordinates."""
    return Rectangle(
        (box.left - 0.5, box.top - 0.5),
        box.right - box.left,
        box.bottom - box.top,
        **style,
    )


def plot_receptive_field(model, layers, image, *, unit=None, ax=None):
    """Draw the receptive field of one unit of each of several layers on an image.

    What lies in the padding, outside the image, is hatched. The size of each field is
    written in the legend, as height x width.

    Args:
        model: Functional or Sequential Keras model.
        layers: list of layers or layer names, at most six, smallest field first.
        image: array (height, width) or (height, width, channels), as `imshow` takes it.
        unit: (row, col) of the unit, the same in each layer; None takes the centre
            unit of each.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: if `layers` or `image` is not as above, or there is no such unit.
        TypeError: as `companion.receptive_field.receptive_field`.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((32, 32, 1)),
    ...     keras.layers.Conv2D(6, 5, name="c1"), keras.layers.MaxPool2D(name="s2")])
    >>> ax = plot_receptive_field(model, ["c1", "s2"], np.zeros((32, 32)))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['c1: 5 × 5', 's2: 6 × 6']
    """
    image = real_numbers("image", image)
    if image.ndim not in (2, 3):
        raise ValueError(
            "image must be an array (height, width) or (height, width, channels). "
            f"Received: shape={image.shape}"
        )
    if not isinstance(layers, (list, tuple)) or not 1 <= len(layers) <= len(LINES):
        raise ValueError(
            f"Between 1 and {len(LINES)} layers can be told apart. "
            f"Received: layers={layers!r}"
        )
    height, width = image.shape[:2]
    fields = [receptive_field(model, layer, (height, width)) for layer in layers]
    boxes = [field.region(*(unit or (n // 2 for n in field.units))) for field in fields]

    ax = _axes(ax, (3.6, 4.2))
    ax.imshow(image, cmap="gray" if image.ndim == 2 else None, zorder=1)
    edges = np.array([*boxes, (0, 0, height, width)])
    top, left = edges[:, :2].min(axis=0) - 0.5
    bottom, right = edges[:, 2:].max(axis=0) - 0.5
    outside = Rectangle(
        (left, top), right - left, bottom - top, facecolor="#eeeeee", zorder=0
    )
    outside.set(hatch="////", edgecolor="#bbbbbb", linewidth=0)
    ax.add_patch(outside)
    for layer, field, box, (colour, dashes) in zip(
        layers, fields, boxes, LINES, strict=False
    ):
        name = layer if isinstance(layer, str) else layer.name
        style = {"fill": False, "zorder": 3}
        ax.add_patch(_rectangle(box, edgecolor="white", linewidth=4, **style))
        label = f"{name}: {box.bottom - box.top} × {box.right - box.left}"
        if field.is_global:
            label += ", all that is seen"
        ax.add_patch(
            _rectangle(
                box,
                edgecolor=colour,
                linestyle=dashes,
                linewidth=2,
                label=label,
                **style,
            )
        )
    margin = 0.02 * max(right - left, bottom - top)
    ax.set_xlim(left - margin, right + margin)
    ax.set_ylim(bottom + margin, top - margin)
    ax.tick_params(labelsize=9)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        fontsize=10,
        handlelength=3.5,
        frameon=False,
    )
    return ax


def plot_effective_receptive_field(weights, *, box=None, ax=None):
    """Draw an effective receptive field with its Gaussian and the theoretical field.

    The ellipses are one and two standard deviations of the fitted Gaussian. Weights
    are shown relative to the largest.

    Args:
        weights: array (height, width), as `effective_receptive_field` returns.
        box: the theoretical field to draw, `ReceptiveField.region(row, col)`.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: if `weights` is not such an array.

    Example:

    >>> from companion.receptive_field import Region
    >>> weights = np.outer(np.hanning(15), np.hanning(15))
    >>> ax = plot_effective_receptive_field(weights, box=Region(1, 1, 14, 14))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1 σ = 2.5 px', '2 σ', 'theoretical: 13 × 13']
    """
    fit = gaussian_fit(weights)
    weights = np.asarray(weights)
    ax = _axes(ax, (3.6, 4.2))
    shown = ax.imshow(weights / weights.max(), cmap="gray_r", vmin=0, vmax=1)
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    bar.set_label("weight / largest weight", fontsize=10)
    bar.ax.tick_params(labelsize=9)

    vertical, horizontal = fit.sigma
    same = f"{vertical:.1f}" == f"{horizontal:.1f}"
    size = f"{vertical:.1f}" if same else f"{vertical:.1f} × {horizontal:.1f}"
    for times, label, (colour, dashes) in (
        (1, f"1 σ = {size} px", LINES[0]),
        (2, "2 σ", LINES[1]),
    ):
        ellipse = Ellipse(
            fit.center[::-1], 2 * times * horizontal, 2 * times * vertical, fill=False
        )
        ellipse.set(edgecolor=colour, linestyle=dashes, linewidth=2, label=label)
        ax.add_patch(ellipse)
    if box is not None:
        label = f"theoretical: {box.bottom - box.top} × {box.right - box.left}"
        colour, dashes = LINES[2]
        ax.add_patch(
            _rectangle(
                box,
                fill=False,
                edgecolor=colour,
                linestyle=dashes,
                linewidth=2,
                label=label,
            )
        )
        height, width = weights.shape
        ax.set_xlim(min(box.left, 0) - 1, max(box.right, width))
        ax.set_ylim(max(box.bottom, height), min(box.top, 0) - 1)
    ax.tick_params(labelsize=9)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        fontsize=10,
        handlelength=3.5,
        frameon=False,
    )
    return ax
