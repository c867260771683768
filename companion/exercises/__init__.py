"""Checkers of the code exercises, for chapters and for assignments.

Each takes a solution, tries it on inputs and weights of its own, and raises a
`ConformanceError`, an `AssertionError`, that names the mistake and not the answer. It
returns nothing when the solution is right, however it is written. One file holds the
checkers of one chapter.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
