"""Layers, models and measuring tools of the course *Convolutional Networks, Verified*.

Subpackages load on first use, so ``import companion`` costs next to nothing:

>>> import companion
>>> companion.receptive_field.compose([(3, 1, 0, 1), (3, 1, 0, 1)]).size
5
"""

import lazy_loader

from companion.saving import watch

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "blocks",
        "complexity",
        "conformance",
        "data",
        "folding",
        "layers",
        "models",
        "optimizers",
        "plotting",
        "pretrained",
        "receptive_field",
        "results",
        "scratch",
        "training",
    ],
)

watch()  # saved models find our layers, whenever Keras is imported


def __getattr__(name):
    """The version as installed, from `pyproject.toml`; else a module on first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("cnn-companion")
    return _load(name)
