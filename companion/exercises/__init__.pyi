# Which file defines each public name: `__init__.py` imports it on first use.
from .alexnet import check_lrn as check_lrn
from .alexnet import check_top_k_error as check_top_k_error
from .resnet import check_residual_block as check_residual_block
from .senet import check_squeeze_excite as check_squeeze_excite
from .vgg import check_vgg_params as check_vgg_params
