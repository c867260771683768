"""Local response normalisation: Krizhevsky, Sutskever, Hinton (2012), section 3.3."""

import keras
import numpy as np
from keras import ops

from companion.arguments import integer, number
from companion.complexity.rules import layer_macs, no_products
from companion.layers.inputs import channels_of
from companion.receptive_field import element_wise, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each activation by the activity of the channels beside it.

    With `n = 2 * depth_radius + 1` neighbouring channels at the same position, the
    paper writes

        b_i = a_i / (k + alpha * sum of a_j**2 over |j - i| <= n/2) ** beta

    where `bias` is the paper's `k`. At the first and last channels the window is cut
    off. A strong activation thus inhibits its neighbours ("lateral inhibition").
    Nothing is learned. The defaults are the paper's: k = 2, n = 5, alpha = 1e-4,
    beta = 0.75.

    **Two conventions.** Here, in the paper and in `tf.nn.local_response_normalization`
    the *sum* of squares is multiplied by `alpha`. Caffe and
    `torch.nn.LocalResponseNorm` multiply the *mean* over the window: they divide
    `alpha` by n (Caffe's `local_size`, torch's `size`), and their k is 1 unless set.
    To reproduce them:

        LocalResponseNormalization(depth_radius=(size - 1) // 2, bias=k,
                                   alpha=alpha / size, beta=beta)

    for an odd `size`, the only kind Caffe accepts.

    Squares are summed in float32 even under a float16 policy, in which the square of
    256 is already infinite.

    Args:
        depth_radius: Integer >= 0, neighbours on each side: (n - 1) / 2.
        bias: Float > 0, the paper's k. It keeps the divisor from vanishing.
        alpha: Float >= 0, factor of the sum of squares.
        beta: Float, exponent.

    Input shape: `(batch, ..., channels)`. Output shape: the same.

    Raises:
        ValueError: If an argument is out of its range, or the number of channels is
            unknown.

    Example:

    >>> import keras
    >>> ones = keras.ops.ones((1, 1, 1, 5))
    >>> middle = LocalResponseNormalization()(ones)[0, 0, 0, 2]
    >>> round(float(middle), 4)  # 1 / (2 + 1e-4 * 5)**0.75
    0.5945
    """

    def __init__(self, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.depth_radius = integer("depth_radius", depth_radius, least=0)
        self.bias = number("bias", bias, above=0)
        self.alpha = number("alpha", alpha, least=0)
        self.beta = number("beta", beta)

    def build(self, input_shape):
        channels_of(self, input_shape, ndim=None)

    def call(self, inputs):
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        channel = np.arange(inputs.shape[-1])
        window = np.abs(channel[:, None] - channel) <= self.depth_radius
        a = ops.cast(inputs, dtype)
        neighbours = ops.matmul(ops.square(a), ops.cast(window, dtype))
        s = self.bias + self.alpha * neighbours
        if self.beta == 0.75:  # s**-0.75 from two square roots, faster than a power
            root = ops.rsqrt(s)
            b = a * root * ops.sqrt(root)
        else:
            b = a * ops.power(s, -self.beta)
        return ops.cast(b, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "depth_radius": self.depth_radius,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
        }


kernel_geometry.register(LocalResponseNormalization, element_wise)
layer_macs.register(LocalResponseNormalization, no_products)
