# Which file defines each public name: `__init__.py` imports it on first use.
from .pooling import check_stochastic_pool as check_stochastic_pool
from .receptive_fields import check_seen_pixels as check_seen_pixels
from .resnet import check_residual_block as check_residual_block
