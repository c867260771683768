"""Small arrays as number grids: what pooling reads, keeps and sends back."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from companion.arguments import integers, real_numbers
from companion.plotting.arguments import check_ax

__all__ = ["plot_number_grid"]

CELL = 0.5  # inches


def plot_number_grid(array, marks=None, blocks=None, title=None, ax=None):
    """Draw a matrix as a grid of numbers, some of them marked.

    Args:
        array: matrix of numbers, ``(rows, columns)``.
        marks: Boolean matrix of the same shape. Marked numbers are bold, in a shaded
            cell with a thick border: the maxima of max pooling, say.
        blocks: ``(rows, columns)`` of a block, or one number for both; thick lines part
            the blocks.
        title: text above the grid.
        ax: axes to draw into; a new figure of fitting size if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``; its texts are the numbers, row by row.

    Raises:
        ValueError: if the array is not a matrix, if the shape of ``marks`` differs,
            or if ``blocks`` is not a pair of positive integers.

    Example:

    >>> x = np.array([[1, 7], [3, 5]])
    >>> ax = plot_number_grid(x, marks=x == x.max())
    >>> [text.get_text() for text in ax.texts]
    ['1', '7', '3', '5']
    """
    check_ax(ax)
    array = real_numbers("array", array)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"A number grid needs a matrix. Received: array of shape {array.shape}"
        )
    marks = np.zeros(array.shape, bool) if marks is None else np.asarray(marks, bool)
    if marks.shape != array.shape:
        raise ValueError(
            f"`marks` must have the shape {array.shape} of the array. "
            f"Received: marks of shape {marks.shape}"
        )
    blocks = array.shape if blocks is None else integers("blocks", blocks, count=2)
    rows, columns = array.shape
    if ax is None:
        size = CELL * columns + 0.1, CELL * rows + (0.4 if title else 0.1)
        ax = plt.figure(figsize=size, facecolor="white", layout="tight").subplots()
    ax.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal")
    ax.set_axis_off()
    for (row, column), number in np.ndenumerate(array):
        draw_cell(ax, row, column, number, marks[row, column])
    for row in (*range(0, rows, blocks[0]), rows):
        ax.plot([0, columns], [row, row], color="black", linewidth=2.2, zorder=3)
    for column in (*range(0, columns, blocks[1]), columns):
        ax.plot([column, column], [0, rows], color="black", linewidth=2.2, zorder=3)
    if title:
        ax.set_title(title, fontsize=11)
    return ax


def draw_cell(ax, row, column, number, marked):
    ax.add_patch(
        Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#808080", lw=0.8)
    )
    if marked:
        frame = {"facecolor": "#ffe08a", "edgecolor": "black", "linewidth": 2}
        ax.add_patch(Rectangle((column + 0.09, row + 0.09), 0.82, 0.82, **frame))
    text = f"{number:.3g}".replace("-", "−")
    ax.text(
        column + 0.5,
        row + 0.5,
        text,
        ha="center",
        va="center",
        fontsize=12 if len(text) < 4 else 9,
        fontweight="bold" if marked else "normal",
    )
