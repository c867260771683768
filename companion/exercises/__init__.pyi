# Which file defines each public name: `__init__.py` imports it on first use.
from .adaptive_optimizers import check_adam as check_adam
from .gradient_descent import check_momentum as check_momentum
from .resnet import check_residual_block as check_residual_block
