"""The operators of a convolutional network by hand, in NumPy, forward and backward.

Feature maps have shape (batch, height, width, channels). Every forward function has
a backward function that takes the gradient of a loss with respect to the output and
returns the gradient with respect to what went in. Results keep the dtype of their
input; a function never changes its arguments.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
