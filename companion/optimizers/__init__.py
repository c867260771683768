"""The update rules of gradient descent by hand, in NumPy, one paper in each file.

An optimizer has one method, `step(theta, gradient)`, that returns the new parameters,
and carries its state under the letters of its paper. It belongs to one array of
parameters; `theta` and `gradient` are never changed. Hyper-parameters are attributes
too, and may be changed between steps: that is a schedule.

The step size is `alpha` in every rule, the letter of Polyak and of Adam, also where a
paper writes another one. Where PyTorch and Keras differ from the paper or from one
another, the paper's form is the default, and an argument gives the other.

Beside the rules stand schedules, functions from the number of a step to a rate, and
what limits it: the `largest_curvature` of a loss and the `noise_scale` of gradients.

`KerasAdaBound` is the only one for training a Keras model: Keras has all the others.
It loads Keras on first use; the rest needs NumPy only.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
