"""The update rules of gradient descent by hand, in NumPy, one paper in each file.

An optimizer has one method, `step(theta, gradient)`, that returns the new parameters,
and carries its state under the letters of its paper. It belongs to one array of
parameters; `theta` and `gradient` are never changed. Hyper-parameters are attributes
too, and may be changed between steps: that is a schedule.

The step size is `alpha` in every rule, the letter of Polyak and of Adam, also where a
paper writes another one. Where PyTorch and Keras differ from the paper or from one
another, the paper's form is the default, and an argument gives the other.

`KerasAdaBound` is the only one for training a Keras model: Keras has all the others.
It loads Keras on first use; the rest needs NumPy only.
"""

import importlib

from companion.optimizers.adabound import AdaBound
from companion.optimizers.adadelta import AdaDelta
from companion.optimizers.adagrad import AdaGrad
from companion.optimizers.adam import Adam
from companion.optimizers.adamax import AdaMax
from companion.optimizers.adamw import AdamW
from companion.optimizers.amsgrad import AMSGrad
from companion.optimizers.minimize import minimize
from companion.optimizers.momentum import Momentum
from companion.optimizers.nadam import Nadam
from companion.optimizers.nesterov import Nesterov
from companion.optimizers.rmsprop import RMSProp
from companion.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "AMSGrad",
    "AdaBound",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "AdamW",
    "KerasAdaBound",
    "Momentum",
    "Nadam",
    "Nesterov",
    "RMSProp",
    "minimize",
]


def __getattr__(name):
    if name == "KerasAdaBound":
        return importlib.import_module(f"{__name__}.keras_adabound").KerasAdaBound
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
