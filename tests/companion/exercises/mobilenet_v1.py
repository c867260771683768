"""Solutions of the chapter on MobileNetV1."""

import numpy as np
from keras import ops

from companion.exercises import check_folded_normalization


def is_depthwise(kernel, gamma):
    return kernel.shape[3] == 1 and kernel.shape[2] == len(gamma)


def as_in_the_chapter(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma / np.sqrt(variance + epsilon)
    by_output = factor[:, None] if is_depthwise(kernel, gamma) else factor
    return kernel * by_output, beta - factor * mean


def in_a_loop(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    new, bias = np.array(kernel), []
    for c in range(len(gamma)):
        factor = gamma[c] * (variance[c] + epsilon) ** -0.5
        if is_depthwise(kernel, gamma):
            new[:, :, c] *= factor
        else:
            new[..., c] *= factor
        bias.append(beta[c] - mean[c] * factor)
    return new, np.array(bias)


def in_keras(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma * ops.rsqrt(variance + epsilon)
    shape = (1, 1, -1, 1) if is_depthwise(kernel, gamma) else (1, 1, 1, -1)
    return [kernel * ops.reshape(factor, shape), beta - mean * factor]


def swapped_axes(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    deviation = np.sqrt(epsilon + variance)
    if is_depthwise(kernel, gamma):
        new = np.swapaxes(np.swapaxes(kernel, 2, 3) * (gamma / deviation), 2, 3)
    else:
        new = np.einsum("hwio,o->hwio", kernel, gamma / deviation)
    return new, gamma * (0 - mean) / deviation + beta


def without(part):
    """The right folding, but for one mistake."""

    def fold(kernel, gamma, beta, mean, variance, epsilon=1e-3):
        root = np.sqrt(variance + epsilon)
        if part == "root":
            root = variance + epsilon
        if part == "epsilon":
            root = np.sqrt(variance)
        if part == "epsilon under the root":
            root = np.sqrt(variance) + epsilon
        if part == "the argument":
            root = np.sqrt(variance + 1e-3)
        factor = (1 if part == "gamma" else gamma) / root
        bias = {
            "mean": beta,
            "minus": beta + factor * mean,
            "factor": beta - mean,
            "beta": -factor * mean,
        }.get(part, beta - factor * mean)
        if part == "kernel":
            return kernel, bias
        if part == "axis" or not is_depthwise(kernel, gamma):
            return kernel * factor, bias
        return kernel * factor[:, None], bias

    return fold


def kernel_only(*given):
    return as_in_the_chapter(*given)[0]


def no_return(*given):
    as_in_the_chapter(*given)


def words(*given):
    return "kernel", "bias"


def no_epsilon(kernel, gamma, beta, mean, variance):
    return as_in_the_chapter(kernel, gamma, beta, mean, variance)


def in_place(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma / np.sqrt(variance + epsilon)
    kernel *= factor[:, None] if is_depthwise(kernel, gamma) else factor
    return kernel, beta - factor * mean


EXERCISES = [
    {
        "label": "ex-v1-fold",
        "checker": check_folded_normalization,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "channel by channel": in_a_loop,
            "with Keras' operations, in a list": in_keras,
            "with swapped axes": swapped_axes,
        },
        "wrong": {
            "no mean": (without("mean"), "The mean is missing"),
            "mean added": (without("minus"), "The mean has the wrong sign"),
            "mean not scaled": (without("factor"), "The mean is not scaled"),
            "no beta": (without("beta"), "Beta is missing"),
            "no gamma": (without("gamma"), "Gamma is missing"),
            "no root": (without("root"), "not by its root"),
            "no epsilon": (without("epsilon"), "Epsilon is missing"),
            "epsilon outside": (without("epsilon under the root"), "under the root"),
            "a fixed epsilon": (without("the argument"), "use the argument"),
            "kernel unchanged": (without("kernel"), "The kernel is unchanged"),
            "the last axis": (without("axis"), "last axis but one"),
            "only the kernel": (kernel_only, "[shape]"),
            "no return": (no_return, "returned None"),
            "no numbers": (words, "It must return numbers"),
            "no epsilon accepted": (no_epsilon, "[runs]"),
            "in place": (in_place, "arguments of case 1 were changed"),
        },
    }
]
