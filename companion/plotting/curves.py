"""Learning curves."""

import matplotlib.pyplot as plt

from companion.arguments import real_numbers
from companion.plotting.arguments import check_ax, check_names

__all__ = ["plot_history"]

LINES = [  # style, marker and colour: each run can be told apart without the colour
    ("-", "o", "#08519c"),
    ("--", "s", "#a63603"),
    (":", "^", "#006d2c"),
    ("-.", "D", "#54278f"),
    ((0, (5, 1, 1, 1, 1, 1)), "v", "#636363"),
]


def plot_history(runs, metric, ax=None):
    """One curve for each run: a metric against the epoch.

    Args:
        runs: dictionary from the name of a run to its history, as ``model.fit``
            returns it, or to the dictionary of lists in it. Five at most.
        metric: key of the history, such as ``"val_accuracy"``.
        ax: axes to draw into; a new figure if ``None``.

    Returns:
        The ``matplotlib.axes.Axes``; its lines carry the names of the runs.

    Raises:
        ValueError: if there are no runs or more than five, if a run did not record the
            metric, or not one number for each epoch.

    Example:

    >>> runs = {"ReLU": {"loss": [2.0, 0.5, 0.2]}, "tanh": {"loss": [2.0, 1.1, 0.7]}}
    >>> [line.get_label() for line in plot_history(runs, "loss").lines]
    ['ReLU', 'tanh']
    """
    check_ax(ax)
    check_names("runs", runs, len(LINES))
    if ax is None:
        ax = plt.figure(figsize=(5, 3.2), facecolor="white", layout="tight").subplots()
    ax.set_facecolor("white")
    for (name, run), (style, marker, colour) in zip(runs.items(), LINES, strict=False):
        history = getattr(run, "history", run)
        recorded = sorted(history) if isinstance(history, dict) else "nothing"
        if not isinstance(metric, str) or metric not in recorded:
            raise ValueError(
                f"Run {name!r} recorded {recorded}. Received: metric={metric!r}"
            )
        numbers = real_numbers(metric, history[metric])
        if numbers.ndim != 1:
            raise ValueError(
                "A run must have recorded one number for each epoch. "
                f"Received: {metric} of shape {numbers.shape} in run {name!r}"
            )
        ax.plot(
            range(1, len(numbers) + 1),
            numbers,
            linestyle=style,
            marker=marker,
            markevery=max(1, len(numbers) // 8),
            color=colour,
            label=name,
        )
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch", fontsize=11)
    ax.set_ylabel(metric.replace("_", " "), fontsize=11)
    ax.tick_params(labelsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=10, handlelength=3.5)
    return ax
