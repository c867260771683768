"""Every public layer passes the conformance suite. A layer without a row fails."""

import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest

from companion import conformance, layers
from companion.layers import (
    BatchNormalization,
    ChannelShuffle,
    ChannelWiseConv,
    DropConnect,
    DropPath,
    GlobalContext,
    GroupedConv2D,
    InterleavedGroupConv2D,
    LocalResponseNormalization,
    NoisyBatchNormalization,
    NonLocal,
    RadialBasis,
    SelectiveKernel,
    SqueezeExcite,
    Subsampling2D,
    TableConv2D,
)


def batch_normalization(x, gamma, beta, mean, variance):
    """Section 3, at inference: the moving averages."""
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def channel_shuffle(x, groups):
    """Section 3.1: channel j of group i moves to j g + i."""
    y = np.empty_like(x)
    size = x.shape[-1] // groups
    for i, j in np.ndindex(groups, size):
        y[..., j * groups + i] = x[..., i * size + j]
    return y


def channel_wise(x, kernel, groups):
    """Section 3.2, output by output; kernel q makes the q-th part of the outputs."""
    size, channels = len(kernel), x.shape[-1]
    made = channels // groups
    before = max((made - 1) * groups + size - channels, 0) // 2
    y = np.zeros_like(x)
    for q, i, j in np.ndindex(groups, made, size):
        seen = i * groups + j - before
        if 0 <= seen < channels:
            y[..., q * made + i] += kernel[j, 0, q] * x[..., seen]
    return y


def global_context(x, w, b, v1, b1, gamma, beta, v2, b2):
    """Equation 5 and Figure 4d, sample by sample."""
    y = np.empty_like(x)
    for n, image in enumerate(x):
        a = np.exp(image @ w[:, 0] + b)
        context = sum(a[i, j] / a.sum() * image[i, j] for i, j in np.ndindex(a.shape))
        t = context @ v1 + b1
        t = (t - t.mean()) / np.sqrt(t.var() + 1e-5) * gamma + beta
        y[n] = image + np.maximum(t, 0) @ v2 + b2
    return y


def grouped_convolution(x, kernel, bias, groups, stride):
    """Section 3.5, position by position; TensorFlow's "same" padding; ReLU."""
    k, _, part, filters = kernel.shape
    batch, *sizes, _ = x.shape
    out = [-(-size // stride) for size in sizes]
    total = [max((o - 1) * stride + k - s, 0) for o, s in zip(out, sizes, strict=True)]
    padding = [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)]
    padded = np.pad(x, padding)
    y = np.zeros((batch, *out, filters))
    for row, column, f in np.ndindex(*out, filters):
        first = f // (filters // groups) * part
        top, left = row * stride, column * stride
        patch = padded[:, top : top + k, left : left + k, first : first + part]
        y[:, row, column, f] = np.sum(patch * kernel[..., f], axis=(1, 2, 3)) + bias[f]
    return np.maximum(y, 0)


def interleaved_group_convolution(x, primary, secondary, bias):
    """Equations 2 to 6: each secondary group has one channel of each primary group."""
    k, _, inside, _ = primary.shape
    groups = secondary.shape[2]
    padded = np.pad(x, [(0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    middle = np.zeros((*x.shape[:3], groups, inside))
    for row, column, group, m in np.ndindex(*x.shape[1:3], groups, inside):
        patch = padded[:, row : row + k, column : column + k]
        patch = patch[..., group * inside : (group + 1) * inside]
        weights = primary[..., group * inside + m]
        middle[:, row, column, group, m] = np.sum(patch * weights, axis=(1, 2, 3))
    y = np.zeros_like(middle)
    for m, out, seen in np.ndindex(inside, groups, groups):
        weight = secondary[0, 0, seen, m * groups + out]
        y[..., out, m] += weight * middle[..., seen, m]
    return (y + bias.reshape(inside, groups).T).reshape(x.shape)


def local_response_normalization(x, depth_radius, bias, alpha, beta):
    """Section 3.3, channel by channel."""
    y = np.zeros_like(x)
    for i in range(x.shape[-1]):
        beside = x[..., max(0, i - depth_radius) : i + depth_radius + 1]
        s = bias + alpha * np.sum(beside**2, axis=-1)
        y[..., i] = x[..., i] / s**beta
    return y


def non_local(x, w_theta, w_phi, w_g, w, *norm):
    """Equations 1, 4 and 6 for each position i; a sum over all positions j."""
    y = np.zeros((*x.shape[:-1], w_g.shape[-1]))
    for n, image in enumerate(x):
        for i in np.ndindex(image.shape[:-1]):
            f = np.exp(image @ w_phi @ (w_theta.T @ image[i]))
            for j in np.ndindex(image.shape[:-1]):
                y[n][i] += f[j] / f.sum() * (image[j] @ w_g)
    return x + normalize(y @ w, *norm)


def normalize(x, gamma, beta, mean, variance):
    """Batch normalization at inference."""
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def radial_basis(x, codes):
    """Equation 7, class by class."""
    return np.stack([np.sum((x - code) ** 2, axis=-1) for code in codes], axis=-1)


def selective_kernel(x, groups, stride, *weights):
    """Sections 3.1 and 3.2; the dilated 3x3 as a 5x5 with zeros in between."""
    small, *small_norm = weights[:5]
    large, *large_norm = weights[5:10]
    w, *w_norm = weights[10:15]
    spread = np.zeros((5, 5, *large.shape[2:]))
    spread[::2, ::2] = large
    u1 = np.maximum(normalize(centred(x, small, groups, stride), *small_norm), 0)
    u2 = np.maximum(normalize(centred(x, spread, groups, stride), *large_norm), 0)
    z = np.maximum(normalize((u1 + u2).mean(axis=(1, 2)) @ w, *w_norm), 0)
    first, second = np.split(np.exp(z @ weights[15]), 2, axis=-1)
    a = (first / (first + second))[:, None, None]
    return a * u1 + (1 - a) * u2


def centred(x, kernel, groups, stride):
    """Convolution in groups, (k - 1) / 2 zeros on each side."""
    k, _, part, filters = kernel.shape
    padded = np.pad(x, [(0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    out = [-(-size // stride) for size in x.shape[1:3]]
    y = np.zeros((len(x), *out, filters))
    for row, column, f in np.ndindex(*out, filters):
        first = f // (filters // groups) * part
        top, left = row * stride, column * stride
        patch = padded[:, top : top + k, left : left + k, first : first + part]
        y[:, row, column, f] = np.sum(patch * kernel[..., f], axis=(1, 2, 3))
    return y


def squeeze_excite(x, w1, b1, w2, b2):
    """Equations 2, 3 and 4, channel by channel, with MobileNetV3's gate."""
    y = np.empty_like(x)
    for n, image in enumerate(x):
        z = [image[..., c].mean() for c in range(image.shape[-1])]
        hidden = np.maximum(z @ w1 + b1, 0)
        s = np.clip(hidden @ w2 + b2 + 3, 0, 6) / 6
        for c, gate in enumerate(s):
            y[n, ..., c] = gate * image[..., c]
    return y


def subsampling(x, coefficient, bias, size):
    """Section II-B: add, multiply, add; position by position; ReLU."""
    batch, height, width, channels = x.shape
    y = np.empty((batch, height // size, width // size, channels))
    for row, column in np.ndindex(*y.shape[1:3]):
        window = x[:, row * size :, column * size :][:, :size, :size]
        y[:, row, column] = coefficient * np.sum(window, axis=(1, 2)) + bias
    return np.maximum(y, 0)


def table_convolution(x, kernel, bias, table, stride):
    """Table I, connection by connection; ReLU."""
    windows = np.lib.stride_tricks.sliding_window_view(
        x, kernel.shape[:2], axis=(1, 2)
    )[:, ::stride, ::stride]
    y = np.zeros((*windows.shape[:3], len(table))) + bias
    connection = 0
    for output, row in enumerate(table):
        for seen in row:
            y[..., output] += np.tensordot(
                windows[:, :, :, seen], kernel[..., connection]
            )
            connection += 1
    return np.maximum(y, 0)


UNEQUAL = [(0, 1), (3, 1, 2), (3,), (0, 1, 2, 3), (2, 0)]

CASES = {  # name: (make, shape of one sample, reference, checks that do not apply)
    "BatchNormalization": (BatchNormalization, (5, 4, 3), batch_normalization),
    "ChannelShuffle": (
        lambda: ChannelShuffle(3),
        (5, 4, 6),
        lambda x: channel_shuffle(x, 3),
    ),
    "ChannelWiseConv": (
        lambda: ChannelWiseConv(5, groups=2),
        (5, 4, 6),
        lambda x, kernel: channel_wise(x, kernel, 2),
    ),
    "DropConnect": (
        lambda: DropConnect(4, 0.3, seed=5, bias_initializer="ones"),
        (5,),
        lambda x, kernel, bias: x @ kernel + bias,
    ),
    "DropPath": (
        lambda: DropPath(0.3, seed=5),
        (5, 4, 3),
        lambda x: x,
    ),
    "GlobalContext": (
        lambda: GlobalContext(2),
        (5, 4, 6),
        global_context,
        "training_step",  # one bias has no gradient; see test_global_context.py
    ),
    "GroupedConv2D": (
        lambda: GroupedConv2D(
            12, 3, groups=3, strides=2, padding="same", activation="relu"
        ),
        (8, 7, 6),
        lambda x, kernel, bias: grouped_convolution(x, kernel, bias, 3, 2),
    ),
    "InterleavedGroupConv2D": (
        lambda: InterleavedGroupConv2D(3, 2),
        (5, 4, 6),
        interleaved_group_convolution,
    ),
    "LocalResponseNormalization": (
        lambda: LocalResponseNormalization(depth_radius=1, bias=1.5, alpha=0.3, beta=1),
        (5, 4, 6),
        lambda x: local_response_normalization(x, 1, 1.5, 0.3, 1),
    ),
    "NoisyBatchNormalization": (
        lambda: NoisyBatchNormalization(shift=1, factor=2, jitter=0.2, seed=5),
        (5, 4, 3),
        batch_normalization,
    ),
    "NonLocal": (lambda: NonLocal(5), (3, 4, 6), non_local),
    "RadialBasis": (
        lambda: RadialBasis([[0, 1, 2, 3, 4], [1, 1, 1, 1, 1], [2, -1, 0, 0, 5]]),
        (5,),
        radial_basis,
        "frozen",  # codes are fixed
    ),
    "SelectiveKernel": (
        lambda: SelectiveKernel(12, groups=3, ratio=4, minimum=5, strides=2),
        (8, 7, 6),
        lambda x, *weights: selective_kernel(x, 3, 2, *weights),
    ),
    "SqueezeExcite": (
        lambda: SqueezeExcite(2, gate="hard_sigmoid"),
        (5, 4, 6),
        squeeze_excite,
    ),
    "Subsampling2D": (
        lambda: Subsampling2D(3, activation="relu", bias_initializer="ones"),
        (8, 7, 4),
        lambda x, coefficient, bias: subsampling(x, coefficient, bias, 3),
    ),
    "TableConv2D": (
        lambda: TableConv2D(UNEQUAL, (3, 2), strides=2, activation="relu"),
        (8, 7, 4),
        lambda x, kernel, bias: table_convolution(x, kernel, bias, UNEQUAL, 2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_conformance(name):
    make, input_shape, reference, *without = CASES[name]
    assert type(make()).__name__ == name
    conformance.check_layer(make, input_shape, reference, without)


def test_every_public_layer_has_a_row():
    assert sorted(CASES) == sorted(layers.__all__)


def test_every_layer_of_the_package_is_public():
    found = set()
    for file in pkgutil.iter_modules(layers.__path__):
        module = importlib.import_module(f"companion.layers.{file.name}")
        for name, kind in inspect.getmembers(module, inspect.isclass):
            own = kind.__module__ == module.__name__
            if own and issubclass(kind, keras.layers.Layer):
                found.add(name)
    assert found == set(layers.__all__)
