"""What layers ask of their input and their sizes, said once."""

import keras

from companion.arguments import channels_last, integers


def channels_of(layer, input_shape, ndim=4):
    """Return the channels of the input; from now on the layer takes no other number.

    Args:
        layer: the layer that is being built.
        input_shape: what `build` received.
        ndim: the rank, 4 for `(batch, height, width, channels)`; `None` for any from 2.

    Raises:
        ValueError: if the rank is another one, if the number of channels is unknown or
            zero, or if Keras is set to `channels_first`.
    """
    channels_last()
    sides = input_shape if isinstance(input_shape, (tuple, list)) else ()
    if any(isinstance(side, (tuple, list)) for side in sides) or (
        len(sides) < 2 if ndim is None else len(sides) != ndim
    ):
        rank = "2 or more" if ndim is None else ndim
        raise ValueError(
            f"{type(layer).__name__} takes one input of rank {rank}, with channels "
            f"last. Received: input_shape={input_shape}"
        )
    if not sides[-1]:
        raise ValueError(
            "The number of channels, the last axis, must be known. "
            f"Received: input_shape={input_shape}"
        )
    rank = {"min_ndim": 2} if ndim is None else {"ndim": ndim}
    layer.input_spec = keras.layers.InputSpec(**rank, axes={-1: sides[-1]})
    return sides[-1]


def convolution_sizes(**arguments):
    """Sizes of a `Conv2D` as pairs of plain integers; the other arguments as given."""
    pairs = ("kernel_size", "strides", "dilation_rate")
    return {
        name: integers(name, value, count=2) if name in pairs else value
        for name, value in arguments.items()
    }
