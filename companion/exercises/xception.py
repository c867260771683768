"""Checker of the chapter on Xception."""

import itertools

from keras import layers

from companion.conformance import check_block

__all__ = ["check_xception_separable"]


def check_xception_separable(layer):
    """Name the mistake in a depthwise-separable layer of Xception's kind.

    Biases in front of the normalization do no harm; the depthwise half may be a grouped
    convolution, or both halves one layer of Keras.

    Args:
        layer: function `(x, filters) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_xception_separable(separable(between="relu"))
    ... except AssertionError as error:
    ...     print(str(error)[-48:])
    Between the halves stands a non-linear function.

    Source: Chollet, "Xception" (arXiv 1610.02357), Sections 1.2 and 4.7.
    """
    flags = itertools.product((False, True), repeat=3)
    right = [
        separable(bias=bias, bias1=bias1, grouped=grouped)
        for grouped, bias, bias1 in flags
    ]
    cases = [(9,), (3,)]
    check_block(layer, right, (7, 6, 5), cases, mistakes=MISTAKES)


def separable(
    *,
    order="depthwise first",
    size=3,
    multiplier=1,
    bias=False,
    bias1=False,
    grouped=False,
    before=None,
    between=None,
    after=None,
    normalized="end",
    padding="same",
    dilation=1,
):
    """A separable layer with one thing or another done differently."""

    def spatial(x):
        channels = x.shape[-1]
        options = {"padding": padding, "use_bias": bias, "dilation_rate": dilation}
        if order == "full":
            return layers.Conv2D(channels, size, **options)(x)
        if grouped:
            return layers.Conv2D(channels, size, groups=channels, **options)(x)
        return layers.DepthwiseConv2D(size, depth_multiplier=multiplier, **options)(x)

    def function(x, name):
        if name is None:
            return x
        return layers.Activation(name)(x)

    def layer(x, filters):
        def mix(x):
            return layers.Conv2D(filters, 1, use_bias=bias1)(x)

        steps = {
            "pointwise first": [mix, spatial],
            "pointwise only": [mix],
            "depthwise only": [spatial],
        }
        x = function(x, before)
        for number, step in enumerate(steps.get(order, [spatial, mix])):
            if number:
                if normalized in ("twice", "between"):
                    x = layers.BatchNormalization()(x)
                x = function(x, between)
            x = step(x)
        if normalized in ("twice", "end"):
            x = layers.BatchNormalization()(x)
        return function(x, after)

    return layer


MISTAKES = {
    "The 1x1 comes first, the depthwise convolution second.": separable(
        order="pointwise first"
    ),
    "Between the halves stands a non-linear function.": separable(between="relu"),
    "Between the halves stands a non-linear function, an ELU.": separable(
        between="elu"
    ),
    "Between the halves stand a normalization and a ReLU, as in MobileNet.": separable(
        normalized="twice", between="relu"
    ),
    "Between the halves stand a normalization and a ReLU6, as in MobileNet.": separable(
        normalized="twice", between="relu6"
    ),
    "The halves are normalized one by one.": separable(normalized="twice"),
    "The normalization stands between the halves.": separable(normalized="between"),
    "Nothing is normalized.": separable(normalized="none"),
    "Nothing is normalized: biases are no replacement.": separable(
        normalized="none", bias=True, bias1=True
    ),
    "Nothing is normalized: a bias is no replacement.": separable(
        normalized="none", bias1=True
    ),
    "At the end stands a ReLU: in Xception it belongs to the module.": separable(
        after="relu"
    ),
    "At the beginning stands a ReLU: in Xception it belongs to the module.": separable(
        before="relu"
    ),
    "The 3x3 reads all channels: where is the depthwise half?": separable(order="full"),
    "The 1x1 is missing.": separable(order="depthwise only"),
    "The depthwise convolution is missing.": separable(order="pointwise only"),
    "The depthwise kernel is 1x1.": separable(size=1),
    "The depthwise kernel is 5x5.": separable(size=5),
    "Each channel has two filters: a depth multiplier of one.": separable(multiplier=2),
    "The taps of the kernel lie apart: there is no dilation.": separable(dilation=2),
    "Height and width shrink: where is the padding?": separable(padding="valid"),
}
