"""Checker of the chapter on SENet."""

from keras import layers, ops

from companion.conformance import check_block

__all__ = ["check_squeeze_excite"]

WAYS = [(kind, bias) for kind in ("dense", "convolution") for bias in (True, False)]


def check_squeeze_excite(layer_class):
    """Name the mistake in a squeeze-and-excitation layer.

    The two products may be dense layers or 1x1 convolutions, with biases or without.
    How the layer is saved is not asked.

    Args:
        layer_class: called as `layer_class(ratio=2)`; the layer takes maps.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> from companion.layers import SqueezeExcite
    >>> check_squeeze_excite(SqueezeExcite)

    Source: Hu et al., "Squeeze-and-Excitation Networks" (arXiv 1709.01507), Section 3.
    """

    def block(x, ratio):
        return layer_class(ratio=ratio)(x)

    right = [variant(kind=kind, bias=bias) for kind, bias in WAYS]
    check_block(block, right, (5, 4, 12), [(2,), (4,)], mistakes=MISTAKES)


def variant(
    *,
    kind="dense",
    bias=True,
    squeeze="mean",
    inside="relu",
    gate="sigmoid",
    scale="product",
    width="ratio",
    residual=False,
):
    """A block with one thing or another done differently."""

    def product(z, units, activation):
        if kind == "dense":
            return layers.Dense(units, activation, use_bias=bias)(z)
        return layers.Conv2D(units, 1, activation=activation, use_bias=bias)(z)

    def block(x, ratio):
        channels = x.shape[-1]
        keep = kind == "convolution" or squeeze == "none"
        z = {
            "mean": lambda: ops.mean(x, (1, 2), keepdims=keep),
            "sum": lambda: ops.sum(x, (1, 2), keepdims=keep),
            "max": lambda: ops.max(x, (1, 2), keepdims=keep),
            "none": lambda: x,
            "rows": lambda: ops.mean(x, 1, keepdims=True),
        }[squeeze]()
        s = product(z, channels // ratio if width == "ratio" else ratio, inside)
        s = product(s, channels, gate)
        s = s if len(s.shape) == 4 else s[:, None, None, :]
        if scale == "sum":
            return x + s
        return x * s + x if residual else x * s

    return block


def one_layer(x, ratio):
    z = ops.mean(x, (1, 2))
    return x * layers.Dense(x.shape[-1], "sigmoid")(z)[:, None, None, :]


FAULTS = {
    "The gates are added. They multiply.": {"scale": "sum"},
    "x is added to the scaled x: the block alone has no shortcut.": {"residual": True},
    "The gates compete: each needs a sigmoid of its own, no softmax.": {
        "gate": "softmax"
    },
    "Nothing keeps the gates between 0 and 1.": {"gate": None},
    "The gates are ReLUs and have no upper bound.": {"gate": "relu"},
    "The gates go from -1 to 1: tanh instead of a sigmoid.": {"gate": "tanh"},
    "Between the two products stands no ReLU: together they are one matrix.": {
        "inside": None
    },
    "The first product ends in a sigmoid instead of a ReLU.": {"inside": "sigmoid"},
    "The squeeze is a sum, so it grows with the map.": {"squeeze": "sum"},
    "The squeeze takes the largest value, not the mean.": {"squeeze": "max"},
    "Nothing is squeezed: every place has gates of its own.": {"squeeze": "none"},
    "The mean is over one axis of the map only.": {"squeeze": "rows"},
    "The hidden layer has `ratio` units; it has the channels divided by it.": {
        "width": "given"
    },
}
MISTAKES = {  # the same sentence for each way of writing the mistake, told by blanks
    "There is one product from C to C; the bottleneck has two.": one_layer,
    **{
        sentence + " " * number: variant(kind=kind, bias=bias, **fault)
        for sentence, fault in FAULTS.items()
        for number, (kind, bias) in enumerate(WAYS)
    },
}
