"""Solutions of the chapter on counting."""

import keras
import numpy as np

from companion.complexity import count_activations, count_macs, count_params
from companion.exercises import check_convolution_costs


def formulas(side, c_in, c_out, k, stride, padding, groups, bias):
    out = (side + 2 * padding - k) // stride + 1
    weights = k * k * (c_in // groups) * c_out
    return weights + c_out * bias, out * out * weights, out * out * c_out


def loops(side, c_in, c_out, k, stride, padding, groups, bias):
    """Walks over the windows, and counts."""
    starts = range(0, side + 2 * padding - k + 1, stride)
    params = sum(k * k * (c_in // groups) + bool(bias) for _ in range(c_out))
    macs = values = 0
    for _ in starts:
        for _ in starts:
            for _ in range(c_out):
                values += 1
                macs += k * k * c_in // groups
    return [params, macs, values]


def from_the_package(side, c_in, c_out, k, stride, padding, groups, bias):
    """Builds the layer in Keras and has it counted."""
    image = keras.Input((side, side, c_in))
    x = keras.layers.ZeroPadding2D(padding)(image)
    layer = keras.layers.Conv2D(c_out, k, stride, groups=groups, use_bias=bias)
    model = keras.Model(image, layer(x))
    return np.array([f(model) for f in (count_params, count_macs, count_activations)])


def no_bias(side, c_in, c_out, k, stride, padding, groups, bias):
    params, macs, values = formulas(side, c_in, c_out, k, stride, padding, groups, bias)
    return params - c_out * bias, macs, values


def bias_of_inputs(side, c_in, c_out, k, stride, padding, groups, bias):
    params, *rest = formulas(side, c_in, c_out, k, stride, padding, groups, False)
    return params + c_in * bias, *rest


def bias_always(side, c_in, c_out, k, stride, padding, groups, bias):
    return formulas(side, c_in, c_out, k, stride, padding, groups, True)


def all_channels(which):
    def costs(side, c_in, c_out, k, stride, padding, groups, bias):
        right = formulas(side, c_in, c_out, k, stride, padding, groups, bias)
        wrong = formulas(side, c_in, c_out, k, stride, padding, 1, bias)
        return [
            w if n in which else r
            for n, (r, w) in enumerate(zip(right, wrong, strict=True))
        ]

    return costs


def groups_twice(side, c_in, c_out, k, stride, padding, groups, bias):
    """As if each group's kernels were divided among the groups again."""
    weights = k * k * (c_in // groups) * (c_out // groups)
    out = (side + 2 * padding - k) // stride + 1
    return weights + c_out * bias, out * out * weights, out * out * c_out


def no_stride(side, c_in, c_out, k, stride, padding, groups, bias):
    return formulas(side, c_in, c_out, k, 1, padding, groups, bias)


def no_padding(side, c_in, c_out, k, stride, padding, groups, bias):
    return formulas(side, c_in, c_out, k, stride, 0, groups, bias)


def one_sided(side, c_in, c_out, k, stride, padding, groups, bias):
    out = (side + padding - k) // stride + 1
    weights = k * k * (c_in // groups) * c_out
    return weights + c_out * bias, out * out * weights, out * out * c_out


def rounded_up(side, c_in, c_out, k, stride, padding, groups, bias):
    out = -(-(side + 2 * padding - k) // stride) + 1
    weights = k * k * (c_in // groups) * c_out
    return weights + c_out * bias, out * out * weights, out * out * c_out


def operations(*arguments):
    params, macs, values = formulas(*arguments)
    return params, 2 * macs, values


def with_bias(*arguments):
    """The formula of the notes: the bias counts as a multiply-add."""
    params, macs, values = formulas(*arguments)
    return params, macs + arguments[-1] * values, values


def at_the_inputs(side, c_in, c_out, k, stride, padding, groups, bias):
    params, _, values = formulas(side, c_in, c_out, k, stride, padding, groups, bias)
    return params, side * side * (params - c_out * bias), values


def one_row_kernel(side, c_in, c_out, k, stride, padding, groups, bias):
    out = (side + 2 * padding - k) // stride + 1
    weights = k * (c_in // groups) * c_out
    return weights + c_out * bias, out * out * weights, out * out * c_out


def one_row_map(side, c_in, c_out, k, stride, padding, groups, bias):
    out = (side + 2 * padding - k) // stride + 1
    weights = k * k * (c_in // groups) * c_out
    return weights + c_out * bias, out * weights, out * c_out


def one_channel(*arguments):
    params, macs, values = formulas(*arguments)
    return params, macs, values // arguments[2]


def what_it_reads(*arguments):
    params, macs, _ = formulas(*arguments)
    return params, macs, arguments[0] ** 2 * arguments[1]


def swapped(*arguments):
    params, macs, values = formulas(*arguments)
    return macs, params, values


def two_numbers(*arguments):
    return formulas(*arguments)[:2]


def nothing(*arguments):
    formulas(*arguments)


def words(*arguments):
    return "many"


def four_arguments(side, c_in, c_out, k):
    return formulas(side, c_in, c_out, k, 1, 0, 1, True)


EXERCISES = [
    {
        "label": "ex-counting-convolution",
        "checker": check_convolution_costs,
        "right": {
            "three formulas": formulas,
            "loops over the windows": loops,
            "a layer of Keras, counted by the package": from_the_package,
        },
        "wrong": {
            "no bias": (no_bias, "Every output channel has a bias"),
            "a bias for each input": (bias_of_inputs, "not for each input channel"),
            "always a bias": (bias_always, "may have no bias"),
            "groups not in parameters": (all_channels({0}), "fewer weights"),
            "groups not in multiply-adds": (all_channels({1}), "fewer multiply-adds"),
            "groups nowhere": (all_channels({0, 1}), "are they left out"),
            "groups squared": (groups_twice, "Groups divide the weights once"),
            "no stride": (no_stride, "The stride makes the output smaller"),
            "no padding": (no_padding, "Padding makes the output larger"),
            "padding on one side": (one_sided, "The padding is on both sides"),
            "rounded up": (rounded_up, "Round down"),
            "operations": (operations, "A multiply-add is one"),
            "bias as a multiply-add": (with_bias, "Adding a bias multiplies nothing"),
            "at the inputs": (at_the_inputs, "not for each input."),
            "k instead of k squared": (one_row_kernel, "has nine weights"),
            "a row of the map": (one_row_map, "as many columns as rows"),
            "one channel": (one_channel, "the output has c_out values"),
            "values read": (what_it_reads, "not those it reads"),
            "two results exchanged": (swapped, "Work through one number of a small"),
            "two results": (two_numbers, "results of the wrong shape"),
            "no return": (nothing, "Is a `return` missing?"),
            "words": (words, "must return numbers"),
            "four arguments": (four_arguments, "takes 4 positional arguments"),
        },
    }
]
