# Which file defines each public name: `__init__.py` imports it on first use.
from .augmentations import colour_shifts as colour_shifts
from .augmentations import cutout as cutout
from .augmentations import mixup as mixup
from .augmentations import principal_colours as principal_colours
from .augmentations import random_crops as random_crops
from .augmentations import random_mirrors as random_mirrors
from .families import FAMILIES as FAMILIES
from .families import family_network as family_network
from .pictures import augmented as augmented
from .pictures import standardised as standardised
from .recipe import Recipe as Recipe
from .run import train as train
