# Which file defines each public name: `__init__.py` imports it on first use.
from .densenet import check_dense_block as check_dense_block
from .resnet import check_residual_block as check_residual_block
from .resnet_v2 import check_preactivation_unit as check_preactivation_unit
