"""Layers, models and measuring tools of the course *Convolutional Networks, Verified*.

Subpackages load on first use, so ``import companion`` costs next to nothing:

>>> import companion
>>> companion.receptive_field.compose([(3, 1, 0, 1), (3, 1, 0, 1)]).size
5
"""

import importlib

__version__ = "0.1.0"

__all__ = [
    "blocks",
    "complexity",
    "conformance",
    "data",
    "layers",
    "models",
    "optimizers",
    "plotting",
    "pretrained",
    "receptive_field",
    "results",
    "scratch",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
