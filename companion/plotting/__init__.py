"""Figures of the course. Functions take arrays or models and return the axes.

None of them calls ``show()``. The ground is white, and colour is never the only code.
"""

from companion.plotting.blocks import plot_blocks
from companion.plotting.curves import plot_history
from companion.plotting.descent import plot_descent, plot_step_limit
from companion.plotting.grids import plot_number_grid
from companion.plotting.kernels import plot_kernels
from companion.plotting.network import plot_network, plot_shapes, plot_towers
from companion.plotting.receptive_field import (
    plot_effective_receptive_field,
    plot_receptive_field,
)

__all__ = [
    "plot_blocks",
    "plot_descent",
    "plot_effective_receptive_field",
    "plot_history",
    "plot_kernels",
    "plot_network",
    "plot_number_grid",
    "plot_receptive_field",
    "plot_shapes",
    "plot_step_limit",
    "plot_towers",
]
