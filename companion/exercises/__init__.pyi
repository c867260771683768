# Which file defines each public name: `__init__.py` imports it on first use.
from .alexnet import check_lrn as check_lrn
from .alexnet import check_top_k_error as check_top_k_error
from .densenet import check_dense_block as check_dense_block
from .googlenet import check_class_activation_map as check_class_activation_map
from .googlenet import check_inception_module as check_inception_module
from .inception import check_grid_reduction as check_grid_reduction
from .inception import check_smoothed_labels as check_smoothed_labels
from .mobilenet_v1 import check_folded_normalization as check_folded_normalization
from .mobilenet_v2 import check_inverted_residual as check_inverted_residual
from .mobilenet_v3 import check_h_swish as check_h_swish
from .pooling import check_stochastic_pool as check_stochastic_pool
from .receptive_fields import check_seen_pixels as check_seen_pixels
from .resnet import check_residual_block as check_residual_block
from .resnet_v2 import check_preactivation_unit as check_preactivation_unit
from .senet import check_squeeze_excite as check_squeeze_excite
from .vgg import check_vgg_params as check_vgg_params
from .xception import check_xception_separable as check_xception_separable
