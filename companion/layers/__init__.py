"""Layers of the papers that Keras lacks, or runs slowly on a CPU.

One class per file. Every public name has a row in `CASES` of
`tests/companion/layers/test_cases.py`, where `companion.conformance` checks it.
"""

from companion.layers.batch_normalization import BatchNormalization
from companion.layers.channel_shuffle import ChannelShuffle
from companion.layers.channel_wise_conv import ChannelWiseConv
from companion.layers.drop_path import DropPath
from companion.layers.global_context import GlobalContext
from companion.layers.grouped_conv2d import GroupedConv2D
from companion.layers.interleaved_group_conv2d import InterleavedGroupConv2D
from companion.layers.local_response_normalization import LocalResponseNormalization
from companion.layers.non_local import NonLocal
from companion.layers.radial_basis import RadialBasis
from companion.layers.selective_kernel import SelectiveKernel
from companion.layers.squeeze_excite import SqueezeExcite
from companion.layers.subsampling2d import Subsampling2D
from companion.layers.table_conv2d import TableConv2D

__all__ = [
    "BatchNormalization",
    "ChannelShuffle",
    "ChannelWiseConv",
    "DropPath",
    "GlobalContext",
    "GroupedConv2D",
    "InterleavedGroupConv2D",
    "LocalResponseNormalization",
    "NonLocal",
    "RadialBasis",
    "SelectiveKernel",
    "SqueezeExcite",
    "Subsampling2D",
    "TableConv2D",
]
