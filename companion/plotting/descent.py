"""Pictures of optimization: paths on a landscape, and how far one may step."""

import matplotlib.pyplot as plt
import numpy as np

from companion.arguments import real_numbers
from companion.plotting.arguments import check_ax, check_names

__all__ = ["plot_descent", "plot_step_limit"]

LINES = [  # style, marker and colour: each path can be told apart without the colour
    ("-", "o", "#08519c"),
    ("--", "s", "#a63603"),
    (":", "^", "#006d2c"),
    ("-.", "D", "#54278f"),
    ((0, (5, 1, 1, 1, 1, 1)), "v", "#000000"),
]


def _axes(ax, size):
    check_ax(ax)
    if ax is None:
        ax = plt.figure(figsize=size, facecolor="white", layout="tight").subplots()
    ax.set_facecolor("white")
    ax.tick_params(labelsize=9)
    return ax


def plot_descent(function, trajectories, minimum=None, *, limits=None, ax=None):
    """Contours of a function of two variables, and the paths of optimizers on them.

    Neighbouring contours differ by a constant factor above the lowest value in sight,
    so that the valley is visible as well as the slopes. Markers stand on about twelve
    steps of each path, the first and last among them.

    Args:
        function: function of an array whose first axis holds the two coordinates; the
            other axes are those of a grid, such as ``lambda p: p[0]**2 + 9 * p[1]**2``.
        trajectories: dictionary from a name to its path, ``(steps + 1, 2)``, as
            ``companion.optimizers.minimize`` returns it. Five at most.
        minimum: ``(x, y)`` to mark with a star, or ``None``.
        limits: ``((left, right), (bottom, top))``; by default all paths fit.
        ax: axes to draw into; a new figure if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``; its lines hold the paths under their names.

    Raises:
        ValueError: if there are no paths or more than five, if one does not have the
            shape ``(steps + 1, 2)``, if ``function`` does not return one number for
            each point of a grid, or if a path is infinite and there are no ``limits``.

    Example:

    >>> from companion.optimizers import SGD, minimize
    >>> path = minimize(SGD(0.1), lambda p: p * (1, 9), [4.0, 1.0], steps=20)
    >>> ax = plot_descent(lambda p: p[0]**2 / 2 + 9 * p[1]**2 / 2, {"SGD": path})
    >>> ax.lines[0].get_label(), len(ax.lines[0].get_xdata())
    ('SGD', 21)
    """
    check_names("paths", trajectories, len(LINES))
    paths = {name: real_numbers("path", path) for name, path in trajectories.items()}
    for name, path in paths.items():
        if path.ndim != 2 or path.shape[1] != 2 or not len(path):
            raise ValueError(
                "A path must have the shape (steps + 1, 2). "
                f"Received: path {name!r} of shape {path.shape}"
            )
    if minimum is not None:
        minimum = _pair_of_numbers("minimum", minimum, (2,))
    if limits is not None:
        limits = _pair_of_numbers("limits", limits, (2, 2))
    else:
        seen = list(paths.values()) + ([] if minimum is None else [[minimum]])
        seen = np.concatenate(seen)
        low, high = seen.min(axis=0), seen.max(axis=0)
        margin = np.maximum(0.08 * (high - low), 0.02 * (high - low).max() + 1e-9)
        limits = np.stack([low - margin, high + margin], axis=1)
        if not np.isfinite(limits).all():
            raise ValueError(
                "A path that leaves all bounds needs `limits`. "
                f"Received: limits=None, numbers from {low} to {high}"
            )
    if not callable(function):
        raise ValueError(
            "`function` must be a function of an array of points. "
            f"Received: function={function!r}"
        )
    ax = _axes(ax, (4.6, 4.2))
    _draw_contours(ax, function, limits)
    for (name, path), (style, marker, colour) in zip(
        paths.items(), LINES, strict=False
    ):
        marks = np.unique(np.linspace(0, len(path) - 1, 12).round().astype(int))
        ax.plot(
            *path.T,
            linestyle=style,
            marker=marker,
            markersize=4.5,
            markevery=marks.tolist(),
            color=colour,
            linewidth=1.6,
            label=name,
        )
    if minimum is not None:
        star = {"marker": "*", "markersize": 14, "linestyle": "none"}
        ax.plot(*minimum, **star, color="#ffd000", markeredgecolor="black", zorder=4)
    ax.set(xlim=limits[0], ylim=limits[1])
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        ncols=2,
        frameon=False,
        fontsize=10,
        handlelength=3.5,
    )
    return ax


def _pair_of_numbers(name, value, shape):
    array = real_numbers(name, value)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must be finite numbers of shape {shape}. "
            f"Received: {name}={value!r}"
        )
    return array


def _draw_contours(ax, function, limits):
    grid = np.stack(np.meshgrid(*[np.linspace(*limit, 161) for limit in limits]))
    values = real_numbers("function(grid)", function(grid))
    if values.shape not in ((), grid.shape[1:]):
        raise ValueError(
            "`function` must return one number for each point: of an array of shape "
            f"{grid.shape} one of shape {grid.shape[1:]}. "
            f"Received: an array of shape {values.shape}"
        )
    values = np.broadcast_to(values, grid.shape[1:])
    height = values - values.min()
    if height.max() > 0:
        levels = height.max() * 2.0 ** np.arange(-11, 1)
        ax.contour(*grid, height, levels, colors="#969696", linewidths=0.7)


def plot_step_limit(curvatures, ax=None):
    """By what factor gradient descent shrinks each direction of a quadratic.

    Along an eigenvector with curvature h one step multiplies the distance from the
    minimum by ``1 - alpha * h``. The drawing shows its size against the step size. A
    direction converges where it is below 1, all of them up to the limit of 2 over the
    largest curvature, and fastest together at 2 over the sum of smallest and largest.

    Args:
        curvatures: one to five positive numbers, the eigenvalues of the Hessian.
        ax: axes to draw into; a new figure if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``; its first lines are the curvatures in order.

    Raises:
        ValueError: if there are no curvatures, more than five, or one that is not
            positive.

    Example:

    >>> ax = plot_step_limit([1.0, 4.0])
    >>> [text.get_text() for text in ax.texts]
    ['best\\n0.4', 'limit\\n0.5']
    """
    curvatures = real_numbers("curvatures", curvatures).astype(np.float64)
    fits = curvatures.ndim == 1 and 0 < curvatures.size <= len(LINES)
    if not fits or not np.all((curvatures > 0) & (curvatures < np.inf)):
        raise ValueError(
            f"One figure holds 1 to {len(LINES)} positive curvatures. "
            f"Received: curvatures={curvatures.tolist()}"
        )
    limit = 2 / curvatures.max()
    best = 2 / (curvatures.min() + curvatures.max())
    ax = _axes(ax, (4.8, 3.4))
    alpha = np.linspace(0, 1.25 * limit, 501)
    for h, (style, marker, colour) in zip(curvatures, LINES, strict=False):
        ax.plot(
            alpha,
            np.abs(1 - alpha * h),
            linestyle=style,
            marker=marker,
            markersize=4.5,
            markevery=50,
            color=colour,
            linewidth=1.6,
            label=f"curvature {h:g}",
        )
    ax.axhline(1, color="black", linewidth=0.8)
    ax.axvspan(
        limit, 1.25 * limit, facecolor="#eeeeee", edgecolor="#bbbbbb", hatch="//"
    )
    for name, x, side in (("best", best, -4), ("limit", limit, 4)):
        ax.axvline(x, color="black", linestyle=(0, (1.5, 1.5)), linewidth=1)
        ax.annotate(
            f"{name}\n{x:.3g}",
            (x, 1.5),
            (side, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="top",
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set(xlim=(0, 1.25 * limit), ylim=(0, 1.55))
    ax.set_xlabel("step size", fontsize=11)
    ax.set_ylabel("factor per step", fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.18),
        ncols=2,
        frameon=False,
        fontsize=10,
        handlelength=3.5,
    )
    return ax
