"""Figures of the course. Functions take arrays or models and return the axes.

None of them calls ``show()``. The ground is white, and colour is never the only code.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
