"""Grouped convolution: Krizhevsky, Sutskever, Hinton (2012), section 3.5."""

import functools
import math

import keras
from keras import ops

from companion.arguments import integer
from companion.complexity.rules import layer_macs
from companion.layers.fast_path import accelerator, compiled_by_xla
from companion.layers.inputs import channels_of, convolution_sizes
from companion.receptive_field import Window, kernel_geometry


@keras.saving.register_keras_serializable(package="companion")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D(groups=g)`, trained 4 to 600 times faster on a CPU.

    Input channels and filters are cut into `groups` equal parts, and the filters of a
    part see only the channels of the same part: parameters and multiply-adds are
    divided by `groups`. AlexNet did this to spread a layer over two GPUs; ResNeXt and
    ShuffleNet do it to spend the same budget on more channels.

    Keras compiles a grouped convolution with XLA on the TensorFlow backend, and XLA's
    gradient of it is pathologically slow on a CPU; so is JAX's, which is the same. On a
    CPU this layer takes another road to the same numbers: TensorFlow's own operator
    where it has the gradient, otherwise one matrix product per group (1x1 kernels) or
    one convolution per group. On an accelerator, and on the torch backend, it leaves
    the work to Keras.

    Weights have the names, shapes and order of `Conv2D(groups=g)`, and so has the
    configuration: either layer becomes the other by

        other = keras.layers.Conv2D.from_config(layer.get_config())
        other.build(input_shape)
        other.set_weights(layer.get_weights())

    `keras.models.clone_model` does the same to a model; files of `save_weights` name
    the class, so convert after loading.

    Args:
        filters: Integer, output channels, a multiple of `groups`.
        kernel_size: Integer or pair.
        groups: Integer >= 1, must divide the input channels too.
        **kwargs: Every other argument of `keras.layers.Conv2D`, channels last.

    Input shape: `(batch, height, width, channels)`. Output shape: as `Conv2D`,
    `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If a size is not a positive integer, if `groups` does not divide the
            filters or the input channels, if the rank is not 4, or if `data_format` is
            not "channels_last".

    Example:

    >>> import keras
    >>> layer = GroupedConv2D(256, 5, groups=2, padding="same")  # AlexNet's second
    >>> tuple(layer(keras.ops.zeros((1, 27, 27, 96))).shape)
    (1, 27, 27, 256)
    >>> layer.count_params()  # half of the kernel of Conv2D(256, 5), and the biases
    307456
    """

    def __init__(self, filters, kernel_size, *, groups, **kwargs):
        super().__init__(
            integer("filters", filters),
            groups=integer("groups", groups),
            **convolution_sizes(kernel_size=kernel_size, **kwargs),
        )
        self.input_spec = keras.layers.InputSpec(ndim=4)
        if self.data_format != "channels_last":
            raise ValueError(
                f"Channels must come last. Received: data_format={self.data_format}"
            )

    def build(self, input_shape):
        channels_of(self, input_shape)
        strict = self.input_spec
        super().build(input_shape)
        self.input_spec = strict

    def convolution_op(self, inputs, kernel):
        backend = keras.backend.backend()
        if self.groups == 1 or backend == "torch" or accelerator():
            return super().convolution_op(inputs, kernel)
        if backend == "tensorflow" and _tensorflow_trains(self.compute_dtype):
            return self._tensorflow_convolution(inputs, kernel)
        if self.kernel_size == (1, 1):
            return self._matrix_product_per_group(inputs, kernel)
        return self._convolution_per_group(inputs, kernel)

    def _tensorflow_convolution(self, inputs, kernel):
        """TensorFlow reads the number of groups off the kernel's shape."""
        import tensorflow as tf

        padding, dilations = self.padding.upper(), self.dilation_rate
        return tf.nn.conv2d(inputs, kernel, self.strides, padding, dilations=dilations)

    def _matrix_product_per_group(self, inputs, kernel):
        """A 1x1 convolution: at each position, one matrix per group."""
        inputs = inputs[:, :: self.strides[0], :: self.strides[1]]
        batch, height, width, channels = ops.shape(inputs)
        g, i, o = self.groups, channels // self.groups, self.filters // self.groups
        x = ops.reshape(inputs, (-1, g, i))  # (b h w, g, c / g)
        weights = ops.reshape(kernel, (i, g, o))  # (c / g, g, f / g)
        y = ops.einsum("ngi,igo->ngo", x, weights)
        return ops.reshape(y, (batch, height, width, self.filters))

    def _convolution_per_group(self, inputs, kernel):
        parts = zip(
            ops.split(inputs, self.groups, axis=-1),
            ops.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        convolve = super().convolution_op
        return ops.concatenate([convolve(x, k) for x, k in parts], axis=-1)


def _tensorflow_trains(dtype):
    """Whether TensorFlow's operator has its gradient here: not inside a function that
    XLA compiles, where it would end in the slow one."""
    import tensorflow as tf

    if compiled_by_xla():
        return False
    with tf.init_scope():
        return _gradient_exists(dtype)


@functools.cache
def _gradient_exists(dtype):
    """Tried on one pixel, because it depends on the build: oneDNN brings the gradient,
    for float32 and bfloat16, and is missing on Apple's processors."""
    import tensorflow as tf

    try:
        tf.raw_ops.Conv2DBackpropInput(
            input_sizes=(1, 1, 1, 2),
            filter=tf.zeros((3, 3, 1, 2), dtype),
            out_backprop=tf.zeros((1, 1, 1, 2), dtype),
            strides=(1, 1, 1, 1),
            padding="SAME",
        )
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        return False
    return True


@kernel_geometry.register(GroupedConv2D)
def _geometry(layer, size):
    axes = zip(size, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True)
    return [
        Window.sliding(units, kernel, stride, layer.padding, dilation)
        for units, kernel, stride, dilation in axes
    ]


@layer_macs.register(GroupedConv2D)
def _macs(layer, input_shape, output_shape):
    """The kernel of a group is that smaller."""
    return math.prod(layer.kernel.shape) * math.prod(output_shape[1:-1])
