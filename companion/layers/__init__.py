"""Layers of the papers that Keras lacks, or runs slowly on a CPU.

One class per file. Every public name has a row in `CASES` of
`tests/companion/layers/test_cases.py`, where `companion.conformance` checks it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
