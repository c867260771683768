"""Checker of the chapter on ResNet."""

from keras import layers

from companion.conformance import check_block

__all__ = ["check_residual_block"]


def check_residual_block(block):
    """Name the mistake in a basic block of ResNet: two 3x3 convolutions and a shortcut.

    The projection is normalized. Biases in front of a normalization do no harm, and
    zeros may come from a layer of their own.

    Args:
        block: function `(x, filters, stride) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_residual_block(variant(between=False))
    ... except AssertionError as error:
    ...     print(str(error)[-33:])
    together they are one linear map.

    Source: He et al., "Deep Residual Learning for Image Recognition" (arXiv
    1512.03385), Section 3.2 and Figure 5.
    """
    right = [
        variant(bias=bias, project_bias=project_bias, pad=pad)
        for bias, project_bias in ((False, False), (True, True), (True, False))
        for pad in ("same", "zeros")
    ]
    cases = [(6, 1), (9, 1), (9, 2)]
    check_block(block, right, (8, 7, 6), cases, mistakes=MISTAKES)


def variant(
    *,
    bias=False,
    size=3,
    between=True,
    normalized=True,
    end="after the sum",
    project="normalized",
    project_bias=False,
    pad="same",
    stride_first=True,
):
    """A basic block with one thing or another done differently."""

    def conv(x, filters, stride=1, size=size):
        if pad == "zeros" and size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
            y = layers.Conv2D(filters, size, stride, use_bias=bias)(x)
        else:
            y = layers.Conv2D(filters, size, stride, "same", use_bias=bias)(x)
        return layers.BatchNormalization()(y) if normalized else y

    def block(x, filters, stride):
        strides = (stride, 1) if stride_first else (1, stride)
        y = conv(x, filters, strides[0])
        y = conv(layers.ReLU()(y) if between else y, filters, strides[1])
        if project == "always" or stride != 1 or x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, stride, use_bias=project_bias)(x)
            if normalized and project != "bare":
                x = layers.BatchNormalization()(x)
        if end in ("before the sum", "twice"):
            y = layers.ReLU()(y)
        if project != "none":
            y = layers.Add()([y, x])
        return layers.ReLU()(y) if end in ("after the sum", "twice") else y

    return block


MISTAKES = {
    "Between the two convolutions stands no ReLU: together they are one linear map.": (
        variant(between=False)
    ),
    "No shortcut arrives: what is added to F(x)?": variant(project="none"),
    "The last ReLU stands in front of the sum, so the sum is never cut off.": variant(
        end="before the sum"
    ),
    "A ReLU stands in front of the sum as well, so F can no longer be negative.": (
        variant(end="twice")
    ),
    "After the sum stands no ReLU.": variant(end="none"),
    "Nothing is normalized.": variant(normalized=False, bias=True, project_bias=True),
    "The projection is not normalized.": variant(project="bare"),
    "The stride is in the second convolution.": variant(stride_first=False),
    "The kernels are 1x1.": variant(size=1),
    "The kernels are 5x5.": variant(size=5),
    "Where the shapes are equal, the shortcut needs no projection.": variant(
        project="always"
    ),
}
