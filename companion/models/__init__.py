"""Networks of the course, one paper per file, as functions that return a Keras model.

>>> from companion import models
>>> sorted(models.MODELS)
['AlexNet', 'AlexNetOneTower', 'CaffeNet']
"""

from companion.models.alexnet import AlexNet, CaffeNet
from companion.models.alexnet_one_tower import AlexNetOneTower
from companion.models.registry import MODELS, Entry, register

__all__ = [
    "MODELS",
    "AlexNet",
    "AlexNetOneTower",
    "CaffeNet",
    "Entry",
    "register",
]
