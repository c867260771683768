"""Networks of the course, one paper per file, as functions that return a Keras model.

>>> from companion import models
>>> models.MODELS["AlexNet"].params
60965224
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
