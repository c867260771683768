"""Checker of the chapter on counting."""

from companion.conformance import check_function

__all__ = ["check_convolution_costs"]


def check_convolution_costs(function):
    """Name the mistake in a count of what a convolution costs.

    Args:
        function: called as `function(side, c_in, c_out, k, stride, padding, groups,
            bias)`; returns parameters, multiply-adds and output values for one image.
            A square map, `padding` zeros on each side, sizes rounded down.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_convolution_costs(variant(groups_in_macs=False))
    ... except AssertionError as error:
    ...     print(str(error)[-67:])
    An output reads the channels of its own group: fewer multiply-adds.

    Source: the definition of a convolution; each number of the result is one product
    with the kernel.
    """
    cases = [
        (8, 6, 4, 3, 1, 1, 1, True),
        (11, 6, 12, 3, 2, 0, 1, False),
        (14, 12, 24, 5, 3, 2, 3, True),
        (12, 10, 10, 3, 2, 1, 10, False),
        (7, 5, 9, 1, 1, 0, 1, True),
    ]
    check_function(function, variant(), cases, mistakes=MISTAKES)


def variant(
    *,
    bias_terms="outputs",
    groups_in_params=True,
    groups_in_macs=True,
    groups_squared=False,
    strided=True,
    paddings=2,
    rounding="floor",
    per_multiply_add=1,
    bias_in_macs=False,
    at="outputs",
    square_kernel=True,
    square_map=True,
    channels_of_output=True,
    count="values",
):
    """A count, right or with one thing done differently."""

    def costs(side, c_in, c_out, k, stride=1, padding=0, groups=1, bias=True):
        room = side + paddings * padding - k
        steps = stride if strided else 1
        out = (-(-room // steps) if rounding == "ceil" else room // steps) + 1
        places = out * (out if square_map else 1)
        taps = k * (k if square_kernel else 1)
        divisor = groups * groups if groups_squared else groups
        own = c_in * c_out // divisor
        every = c_in * c_out
        biases = {"outputs": c_out, "inputs": c_in, "none": 0, "always": c_out}
        added = biases[bias_terms] * (bias or bias_terms == "always")
        params = taps * (own if groups_in_params else every) + added
        where = {"outputs": places, "inputs": side * side}[at]
        macs = where * taps * (own if groups_in_macs else every)
        macs = per_multiply_add * macs + bias_in_macs * bias * places * c_out
        values = places * (c_out if channels_of_output else 1)
        if count == "inputs":
            values = side * side * c_in
        return params, macs, values

    return costs


MISTAKES = {
    "Every output channel has a bias, if the layer has any.": variant(
        bias_terms="none"
    ),
    "There is one bias for each output channel, not for each input channel.": variant(
        bias_terms="inputs"
    ),
    "A layer may have no bias: bias=False.": variant(bias_terms="always"),
    "A kernel reads the channels of its own group: fewer weights.": variant(
        groups_in_params=False
    ),
    "An output reads the channels of its own group: fewer multiply-adds.": variant(
        groups_in_macs=False
    ),
    "Groups divide both counts, each once: are they left out?": variant(
        groups_in_params=False, groups_in_macs=False
    ),
    "Groups divide the weights once: each of c_out kernels has c_in / g channels.": (
        variant(groups_squared=True)
    ),
    "The stride makes the output smaller.": variant(strided=False),
    "Padding makes the output larger.": variant(paddings=0),
    "The padding is on both sides.": variant(paddings=1),
    "Round down: a window that does not fit is dropped.": variant(rounding="ceil"),
    "A multiply-add is one, not a product and a sum.": variant(per_multiply_add=2),
    "Adding a bias multiplies nothing: it is no multiply-add.": variant(
        bias_in_macs=True
    ),
    "The kernel is applied once for each output place, not for each input.": variant(
        at="inputs"
    ),
    "A kernel of 3x3 has nine weights for each channel.": variant(square_kernel=False),
    "The output has as many columns as rows.": variant(square_map=False),
    "At each place the output has c_out values.": variant(channels_of_output=False),
    "Count the values that the layer writes, not those it reads.": variant(
        count="inputs"
    ),
}
