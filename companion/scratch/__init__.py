"""The operators of a convolutional network by hand, in NumPy, forward and backward.

Feature maps have shape (batch, height, width, channels). Every forward function has
a backward function that takes the gradient of a loss with respect to the output and
returns the gradient with respect to what went in. Results keep the dtype of their
input; a function never changes its arguments.
"""

from companion.scratch.convolution import conv2d_backward, conv2d_forward
from companion.scratch.gradient import numerical_gradient
from companion.scratch.pooling import (
    average_pool2d_backward,
    average_pool2d_forward,
    global_average_pool2d_backward,
    global_average_pool2d_forward,
    global_max_pool2d_backward,
    global_max_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
    max_unpool2d,
)
from companion.scratch.windows import output_size, padding_amounts

__all__ = [
    "average_pool2d_backward",
    "average_pool2d_forward",
    "conv2d_backward",
    "conv2d_forward",
    "global_average_pool2d_backward",
    "global_average_pool2d_forward",
    "global_max_pool2d_backward",
    "global_max_pool2d_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "max_unpool2d",
    "numerical_gradient",
    "output_size",
    "padding_amounts",
]
