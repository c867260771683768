"""Solutions of the chapter on grouped and separable convolutions."""

import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from companion.exercises import check_separable_convolution


def padded(x, k, mode="constant"):
    e = k // 2
    return np.pad(x, ((0, 0), (e, e), (e, e), (0, 0)), mode)


def filtered(x, depthwise, mode="constant"):
    """(n, h, w, c, r)"""
    k = len(depthwise)
    windows = sliding_window_view(padded(x, k, mode), (k, k), axis=(1, 2))
    return np.einsum("nhwcij,ijcr->nhwcr", windows, depthwise)


def in_the_chapter(x, depthwise, pointwise):
    k, _, c, r = depthwise.shape
    n, h, w, _ = x.shape
    larger = padded(x, k)
    seen = np.zeros((n, h, w, c, r))
    for i in range(k):
        for j in range(k):
            seen += larger[:, i : i + h, j : j + w, :, None] * depthwise[i, j]
    return seen.reshape(n, h, w, c * r) @ pointwise[0, 0]


def windows(x, depthwise, pointwise):
    y = filtered(x, depthwise)
    return y.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


def one_full_kernel(x, depthwise, pointwise):
    k, _, c, r = depthwise.shape
    p = pointwise.reshape(c, r, -1)
    kernel = np.einsum("ijcr,crf->ijcf", depthwise, p)
    seen = sliding_window_view(padded(x, k), (k, k), axis=(1, 2))
    return np.einsum("nhwcij,ijcf->nhwf", seen, kernel)


def tensorflow(x, depthwise, pointwise):
    ones = (1, 1, 1, 1)
    return tf.nn.separable_conv2d(x, depthwise, pointwise, ones, "SAME")


def turned(x, depthwise, pointwise):
    return windows(x, depthwise[::-1, ::-1], pointwise)


def exchanged(x, depthwise, pointwise):
    return windows(x, depthwise.transpose(1, 0, 2, 3), pointwise)


def multiplier_first(x, depthwise, pointwise):
    y = np.moveaxis(filtered(x, depthwise), 3, 4)
    return y.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


def sums_first(x, depthwise, pointwise):
    total = x.sum(-1, keepdims=True)
    return windows(np.repeat(total, x.shape[-1], axis=-1), depthwise, pointwise)


def first_filter(x, depthwise, pointwise):
    c, r = depthwise.shape[2:]
    p = pointwise.reshape(c, r, -1)[:, 0]
    return filtered(x, depthwise)[..., 0] @ p


def one_kernel(x, depthwise, pointwise):
    c = x.shape[-1]
    return windows(x, np.repeat(depthwise[:, :, :1], c, axis=2), pointwise)


def not_padded(x, depthwise, pointwise):
    e = len(depthwise) // 2
    return windows(x, depthwise, pointwise)[:, e:-e, e:-e]


def zeros_before(x, depthwise, pointwise):
    k = len(depthwise)
    y = np.pad(x, ((0, 0), (k - 1, 0), (k - 1, 0), (0, 0)))
    seen = sliding_window_view(y, (k, k), axis=(1, 2))
    seen = np.einsum("nhwcij,ijcr->nhwcr", seen, depthwise)
    return seen.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


def continued(x, depthwise, pointwise):
    y = filtered(x, depthwise, "edge")
    return y.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


def mirrored(x, depthwise, pointwise):
    y = filtered(x, depthwise, "reflect")
    return y.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


def depthwise_only(x, depthwise, pointwise):
    return filtered(x, depthwise).reshape(*x.shape[:3], -1)


def with_relu(x, depthwise, pointwise):
    y = np.maximum(filtered(x, depthwise), 0)
    return y.reshape(*x.shape[:3], -1) @ pointwise[0, 0]


EXERCISES = [
    {
        "label": "ex-separable-code",
        "checker": check_separable_convolution,
        "right": {
            "as in the chapter": in_the_chapter,
            "windows and einsum": windows,
            "one full kernel": one_full_kernel,
            "TensorFlow's": tensorflow,
        },
        "wrong": {
            "kernel turned": (turned, "turned round"),
            "rows and columns": (exchanged, "were exchanged"),
            "multiplier first": (multiplier_first, "side by side"),
            "channels summed": (sums_first, "one channel only"),
            "first filter only": (first_filter, "Only the first of the r"),
            "one channel's kernels": (one_kernel, "kernels of the first one"),
            "not padded": (not_padded, "The edges were left out"),
            "zeros on one side": (zeros_before, "on one side only"),
            "edges continued": (continued, "were continued"),
            "edges mirrored": (mirrored, "were mirrored"),
            "no pointwise half": (depthwise_only, "pointwise half is missing"),
            "a ReLU between": (with_relu, "stands a ReLU"),
            "returns nothing": (lambda x, d, p: None, "returned None"),
            "two arguments": (lambda x, kernel: x, "positional arguments"),
            "a word": (lambda x, d, p: "y", "type str"),
        },
    }
]
