"""Checker of the chapter on ResNet v2."""

from keras import layers

from companion.conformance import check_block

__all__ = ["check_preactivation_unit"]


def check_preactivation_unit(block):
    """Name the mistake in a full pre-activation unit of two 3x3 convolutions.

    Where the stride is 2 or the channels change, a 1x1 convolution of the activated
    input is the shortcut. No convolution has a bias; zeros may come from a layer of
    their own.

    Args:
        block: function `(x, filters, stride) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_preactivation_unit(variant(source="raw"))
    ... except AssertionError as error:
    ...     print(str(error)[-43:])
    from the raw input, not from the activated.

    Source: He et al., "Identity Mappings in Deep Residual Networks" (arXiv
    1603.05027), Section 4.1 and Figure 4(e).
    """
    right = [variant(), variant(pad="zeros")]
    cases = [(6, 1), (9, 1), (9, 2), (6, 2)]
    check_block(block, right, (8, 7, 6), cases, mistakes=MISTAKES)


def variant(
    *,
    order=("bn relu conv", "bn relu conv"),
    after="",
    size=3,
    bias=False,
    source="activated",
    project="1x1",
    pad="same",
    stride_first=True,
):
    """A unit with one thing or another done differently."""

    def conv(x, filters, stride=1, size=size):
        if pad == "zeros" and size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
            return layers.Conv2D(filters, size, stride, use_bias=bias)(x)
        return layers.Conv2D(filters, size, stride, "same", use_bias=bias)(x)

    def follow(steps, x, filters=None, stride=1):
        for step in steps.split():
            if step == "bn":
                x = layers.BatchNormalization()(x)
            elif step == "relu":
                x = layers.ReLU()(x)
            else:
                x = conv(x, filters, stride)
        return x

    def block(x, filters, stride):
        front, _, rest = order[0].partition("conv")
        active = follow(front, x)
        strides = (stride, 1) if stride_first else (1, stride)
        y = follow(f"conv{rest}", active, filters, strides[0])
        y = follow(order[1], y, filters, strides[1])
        changed = stride != 1 or x.shape[-1] != filters
        short = active if source == "always activated" else x
        if project == "always" or (changed and project != "none"):
            short = conv(x if source == "raw" else active, filters, stride, 1)
            if project == "normalized":
                short = layers.BatchNormalization()(short)
        if project != "none":
            y = layers.Add()([y, short])
        return follow(after, y)

    return block


MISTAKES = {
    "The unit is post-activated: a convolution is first, and a ReLU follows the sum.": (
        variant(order=("conv bn relu", "conv bn"), after="relu")
    ),
    "This is the block of the first ResNet, with its normalized projection.": variant(
        order=("conv bn relu", "conv bn"), after="relu", project="normalized"
    ),
    "After the sum stands a ReLU, so the shortcut is cut off.": variant(after="relu"),
    "After the sum stands a normalization, which rescales the shortcut.": variant(
        order=("relu conv", "bn relu conv"), after="bn"
    ),
    "The branch ends in a ReLU, so F can no longer be negative.": variant(
        order=("bn relu conv", "bn relu conv relu")
    ),
    "In front of the first convolution stands a ReLU and no normalization.": variant(
        order=("relu conv", "bn relu conv bn")
    ),
    "The ReLU comes before the normalization.": variant(
        order=("relu bn conv", "relu bn conv")
    ),
    "In front of the first convolution stands no ReLU.": variant(
        order=("bn conv", "bn relu conv")
    ),
    "Between the two convolutions stands no ReLU.": variant(
        order=("bn relu conv", "bn conv")
    ),
    "Nothing is normalized.": variant(order=("relu conv", "relu conv")),
    "The projection starts from the raw input, not from the activated.": variant(
        source="raw"
    ),
    "The projection is normalized; here it is a bare convolution.": variant(
        project="normalized"
    ),
    "The shortcut starts from the activated map where the shapes are equal, too.": (
        variant(source="always activated")
    ),
    "No shortcut arrives: what is added to F(x)?": variant(project="none"),
    "Where the shapes are equal, the shortcut needs no projection.": variant(
        project="always"
    ),
    "The stride is in the second convolution.": variant(stride_first=False),
    "The kernels are 1x1.": variant(size=1),
    "The convolutions have biases.": variant(bias=True),
}
