# Which file defines each public name: `__init__.py` imports it on first use.
from .blocks import plot_blocks as plot_blocks
from .branches import plot_branches as plot_branches
from .curves import plot_history as plot_history
from .descent import plot_descent as plot_descent
from .descent import plot_step_limit as plot_step_limit
from .grids import plot_number_grid as plot_number_grid
from .kernels import plot_kernels as plot_kernels
from .network import plot_network as plot_network
from .network import plot_shapes as plot_shapes
from .network import plot_towers as plot_towers
from .pictures import plot_filters as plot_filters
from .pictures import plot_maps as plot_maps
from .pictures import plot_photograph as plot_photograph
from .pictures import plot_top as plot_top
from .receptive_field import (
    plot_effective_receptive_field as plot_effective_receptive_field,
)
from .receptive_field import plot_receptive_field as plot_receptive_field
