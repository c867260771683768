"""Train a network by one recipe, so that any two of them can be compared.

The recipe is short: stochastic gradient descent with momentum, a rate that rises for an
epoch and then falls to zero along a cosine, decay of the kernels, pictures shifted and
mirrored. A run lives in a folder: a log of its epochs, the network and its optimizer
after the last of them. Stopped at any time, it goes on where it was, and ends with the
same numbers as a run that was never stopped.

    python -m companion.training resnet20 --data cifar10

>>> from companion.training import Recipe
>>> Recipe(epochs=2, batch=100).steps(images=1050)  # ten whole batches an epoch
20
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
