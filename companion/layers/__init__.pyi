# Which file defines each public name: `__init__.py` imports it on first use.
from .batch_normalization import BatchNormalization as BatchNormalization
from .channel_shuffle import ChannelShuffle as ChannelShuffle
from .channel_wise_conv import ChannelWiseConv as ChannelWiseConv
from .drop_connect import DropConnect as DropConnect
from .drop_path import DropPath as DropPath
from .global_context import GlobalContext as GlobalContext
from .grouped_conv2d import GroupedConv2D as GroupedConv2D
from .interleaved_group_conv2d import InterleavedGroupConv2D as InterleavedGroupConv2D
from .local_response_normalization import (
    LocalResponseNormalization as LocalResponseNormalization,
)
from .noisy_batch_normalization import (
    NoisyBatchNormalization as NoisyBatchNormalization,
)
from .non_local import NonLocal as NonLocal
from .radial_basis import RadialBasis as RadialBasis
from .selective_kernel import SelectiveKernel as SelectiveKernel
from .squeeze_excite import SqueezeExcite as SqueezeExcite
from .subsampling2d import Subsampling2D as Subsampling2D
from .table_conv2d import TableConv2D as TableConv2D
