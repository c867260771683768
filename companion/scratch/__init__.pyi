# Which file defines each public name: `__init__.py` imports it on first use.
from .convolution import conv2d_backward as conv2d_backward
from .convolution import conv2d_forward as conv2d_forward
from .gradient import numerical_gradient as numerical_gradient
from .pooling import average_pool2d_backward as average_pool2d_backward
from .pooling import average_pool2d_forward as average_pool2d_forward
from .pooling import global_average_pool2d_backward as global_average_pool2d_backward
from .pooling import global_average_pool2d_forward as global_average_pool2d_forward
from .pooling import global_max_pool2d_backward as global_max_pool2d_backward
from .pooling import global_max_pool2d_forward as global_max_pool2d_forward
from .pooling import max_pool2d_backward as max_pool2d_backward
from .pooling import max_pool2d_forward as max_pool2d_forward
from .pooling import max_unpool2d as max_unpool2d
from .windows import output_size as output_size
from .windows import padding_amounts as padding_amounts
