# Which file defines each public name: `__init__.py` imports it on first use.
from .resnet import check_residual_block as check_residual_block
