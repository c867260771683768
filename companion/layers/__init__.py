"""Layers of the papers that Keras lacks, or runs slowly on a CPU.

One class per file. Every public name has a row in `CASES` of
`tests/companion/layers/test_cases.py`, where `companion.conformance` checks it.
"""

from companion.layers.grouped_conv2d import GroupedConv2D
from companion.layers.local_response_normalization import LocalResponseNormalization

__all__ = ["GroupedConv2D", "LocalResponseNormalization"]
