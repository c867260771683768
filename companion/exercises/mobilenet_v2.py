"""Checker of the chapter on MobileNetV2."""

from keras import layers

from companion.conformance import check_block

__all__ = ["check_inverted_residual"]


def check_inverted_residual(block):
    """Name the mistake in an inverted residual: expand, filter depthwise, project.

    Biases in front of a normalization and another epsilon do no harm, and zeros may
    come from a layer of their own.

    Args:
        block: function `(x, filters, expansion, stride) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_inverted_residual(variant(end="before the sum"))
    ... except AssertionError as error:
    ...     print(str(error)[-37:])
    it cuts off what the narrow map says.

    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks"
    (arXiv 1801.04381), Table 1 and Figure 3b.
    """
    right = [
        variant(bias=bias, pad=pad, epsilon=epsilon)
        for epsilon in (1e-3, 1e-5)
        for bias in (False, True)
        for pad in ("same", "zeros")
    ]
    cases = [(6, 3, 1), (10, 1, 1), (10, 3, 2)]
    check_block(block, right, (8, 7, 6), cases, mistakes=MISTAKES)


def variant(
    *,
    bias=False,
    pad="same",
    epsilon=1e-3,
    bends=("expand", "filter"),
    top=6.0,
    normalized=("expand", "filter", "project"),
    sizes=(1, 3, 1),
    middle="depthwise",
    stride_in="filter",
    wide_of="input",
    expand_always=False,
    end="none",
    shortcut="narrow",
):
    """An inverted residual with one thing or another done differently."""

    def finish(x, part):
        if part in normalized:
            x = layers.BatchNormalization(epsilon=epsilon)(x)
        return layers.ReLU(top)(x) if part in bends else x

    def conv(x, filters, size, stride, part):
        if pad == "zeros" and size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
        padding = "valid" if pad == "zeros" else "same"
        options = {"strides": stride, "padding": padding, "use_bias": bias}
        if part == "filter" and middle == "depthwise":
            return finish(layers.DepthwiseConv2D(size, **options)(x), part)
        return finish(layers.Conv2D(filters, size, **options)(x), part)

    def block(x, filters, expansion, stride):
        strides = {stride_in: stride}
        wide = expansion * (x.shape[-1] if wide_of == "input" else filters)
        y = x
        if expansion > 1 or expand_always:
            y = conv(y, wide, sizes[0], strides.get("expand", 1), "expand")
        up = y
        y = conv(y, wide, sizes[1], strides.get("filter", 1), "filter")
        if shortcut == "wide" and y.shape == up.shape:
            y = layers.Add()([y, up])
        y = conv(y, filters, sizes[2], strides.get("project", 1), "project")
        if end == "before the sum":
            y = layers.ReLU(top)(y)
        if shortcut == "narrow" and stride == 1 and x.shape[-1] == filters:
            y = layers.Add()([y, x])
        if shortcut == "repaired" and stride == 1:
            if x.shape[-1] != filters:
                x = layers.Conv2D(filters, 1, use_bias=bias)(x)
            y = layers.Add()([y, x])
        return layers.ReLU(top)(y) if end == "after the sum" else y

    return block


MISTAKES = {
    "An activation follows the projection: it cuts off what the narrow map says.": (
        variant(end="before the sum")
    ),
    "An activation follows the sum, so the narrow output is not linear.": variant(
        end="after the sum"
    ),
    "No shortcut joins the narrow ends.": variant(shortcut="none"),
    "The shortcut joins the wide maps and not the narrow ends.": variant(
        shortcut="wide"
    ),
    "Where the channels change, the block has no shortcut: a 1x1 convolution repairs "
    "nothing here.": variant(shortcut="repaired"),
    "The expansion is not followed by an activation.": variant(bends=("filter",)),
    "The depthwise layer is not followed by an activation.": variant(bends=("expand",)),
    "There is no activation at all: the block is one linear map.": variant(bends=()),
    "The activations have no ceiling: ReLU6 stops at 6.": variant(top=None),
    "Nothing is normalized.": variant(normalized=()),
    "Nothing is normalized, though biases are there.": variant(
        normalized=(), bias=True
    ),
    "The projection is not normalized.": variant(normalized=("expand", "filter")),
    "The middle layer is a full 3x3 convolution: each channel is to be filtered by "
    "itself.": variant(middle="full"),
    "These are three full 3x3 convolutions.": variant(middle="full", sizes=(3, 3, 3)),
    "The depthwise kernels are 1x1: nothing sees its neighbours.": variant(
        sizes=(1, 1, 1)
    ),
    "The depthwise kernels are 5x5.": variant(sizes=(1, 5, 1)),
    "The expansion multiplies the channels of the output; it must be the input's.": (
        variant(wide_of="output")
    ),
    "An expansion of 1 needs no layer.": variant(expand_always=True),
    "The stride is in the expansion.": variant(stride_in="expand"),
    "The stride is lost.": variant(stride_in="nowhere"),
}
