"""Arguments that several drawings share, and what they must be."""

from matplotlib.axes import Axes


def check_ax(ax):
    """Refuse what is neither `None` nor axes to draw into."""
    if ax is not None and not isinstance(ax, Axes):
        raise ValueError(
            "`ax` must be axes of matplotlib, the second that plt.subplots() returns, "
            f"one of them if there are several. Received: ax={ax!r}"
        )


def check_names(name, runs, most):
    """Refuse what is no dictionary of 1 to `most` lines of a drawing."""
    if not isinstance(runs, dict) or not 0 < len(runs) <= most:
        received = f"{len(runs)} {name}" if isinstance(runs, dict) else repr(runs)
        raise ValueError(
            f"One figure holds 1 to {most} {name}, a dictionary from their names. "
            f"Received: {received}"
        )
