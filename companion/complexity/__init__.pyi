# Which file defines each public name: `__init__.py` imports it on first use.
from .counts import LayerCost as LayerCost
from .counts import complexity_table as complexity_table
from .counts import count_activations as count_activations
from .counts import count_macs as count_macs
from .counts import count_operations as count_operations
from .counts import count_params as count_params
from .counts import layer_costs as layer_costs
from .counts import memory_access_cost as memory_access_cost
from .keras_rules import layer_macs as layer_macs
