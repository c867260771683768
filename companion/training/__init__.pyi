# Which file defines each public name: `__init__.py` imports it on first use.
from .families import FAMILIES as FAMILIES
from .families import family_network as family_network
from .pictures import augmented as augmented
from .pictures import standardised as standardised
from .recipe import Recipe as Recipe
from .run import train as train
