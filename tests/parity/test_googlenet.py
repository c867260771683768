"""GoogLeNet against a second implementation, in NumPy, from Table 1 and Caffe's rules.

Random weights go into both; the logits of all three heads must agree. No installable
implementation is faithful: those of this name compute 3x3 instead of 5x5. The reference
shares nothing with the package: channels first, one image, Caffe's layer names, sizes
that are rounded up where Keras pads.

What equal logits prove is shown at the end: realistic mistakes, each put into the Keras
model on purpose, move the logits by far more than the tolerance.
"""

import math

import keras
import numpy as np
import pytest

from companion.models import GoogLeNet

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6


# The paper in NumPy


def convolve(x, kernel, bias, stride=1):
    """x (c, h, w) and kernel (out, c, k, k), padded by (k - 1) / 2; then ReLU."""
    size = kernel.shape[-1]
    around = size // 2
    x = np.pad(x, ((0, 0), (around, around), (around, around)))
    side = (x.shape[1] - size) // stride + 1
    last = stride * (side - 1) + 1
    y = np.zeros((len(kernel), side, side), x.dtype)
    for row in range(size):
        for col in range(size):
            seen = x[:, row : row + last : stride, col : col + last : stride]
            y += np.tensordot(kernel[:, :, row, col], seen, axes=1)
    return np.maximum(y + bias[:, None, None], 0)


def pool(x, size, stride, padding=0, reduce=np.max):
    """Caffe's: the number of windows is rounded up, and they end at the border."""
    whole = x.shape[1]
    side = math.ceil((whole + 2 * padding - size) / stride) + 1
    y = np.empty((len(x), side, side), x.dtype)
    for row in range(side):
        for col in range(side):
            top, left = stride * row - padding, stride * col - padding
            window = x[:, max(top, 0) : top + size, max(left, 0) : left + size]
            y[:, row, col] = reduce(window, axis=(1, 2))
    return y


def normalize(a, alpha=1e-4, beta=0.75, n=5):
    """lrn_param {local_size: 5 alpha: 0.0001 beta: 0.75}: k is 1, the mean of n."""
    b = np.empty_like(a)
    for i in range(len(a)):
        beside = a[max(0, i - n // 2) : i + n // 2 + 1]
        b[i] = a[i] / (1 + alpha / n * (beside**2).sum(axis=0)) ** beta
    return b


def inception(x, w, row):
    one = convolve(x, *w[f"{row}/1x1"])
    three = convolve(convolve(x, *w[f"{row}/3x3_reduce"]), *w[f"{row}/3x3"])
    five = convolve(convolve(x, *w[f"{row}/5x5_reduce"]), *w[f"{row}/5x5"])
    pooled = convolve(pool(x, 3, 1, padding=1), *w[f"{row}/pool_proj"])
    return np.concatenate([one, three, five, pooled])


def head(x, w, loss):
    x = convolve(pool(x, 5, 3, reduce=np.mean), *w[f"{loss}/conv"])
    kernel, bias = w[f"{loss}/fc"]
    x = np.maximum(np.tensordot(kernel, x, axes=3) + bias, 0)
    kernel, bias = w[f"{loss}/classifier"]
    return kernel @ x + bias


def googlenet(image, w):
    """Logits of the main head and of those after 4a and 4d."""
    x = normalize(pool(convolve(image, *w["conv1"], stride=2), 3, 2))
    x = normalize(convolve(convolve(x, *w["conv2_reduce"]), *w["conv2"]))
    x = pool(x, 3, 2)
    for row in "3a", "3b":
        x = inception(x, w, row)
    x = inception(pool(x, 3, 2), w, "4a")
    first = head(x, w, "loss1")
    for row in "4b", "4c", "4d":
        x = inception(x, w, row)
    second = head(x, w, "loss2")
    x = pool(inception(x, w, "4e"), 3, 2)
    for row in "5a", "5b":
        x = inception(x, w, row)
    kernel, bias = w["loss3/classifier"]
    return np.stack([kernel @ x.mean(axis=(1, 2)) + bias, first, second])


# Random weights, and their way into Keras

ROWS = {  # input; 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
HEADS = {"loss1": ("auxiliary_4a", 512), "loss2": ("auxiliary_4d", 528)}


def shapes():
    """Caffe's name of each kernel: its name in Keras and its shape, (out, in, ...)."""
    found = {
        "conv1": ("conv1", (64, 3, 7, 7)),
        "conv2_reduce": ("conv2_reduce", (64, 64, 1, 1)),
        "conv2": ("conv2", (192, 64, 3, 3)),
        "loss3/classifier": ("fc", (1000, 1024)),
    }
    for row, (inputs, one, reduce3, three, reduce5, five, projection) in ROWS.items():
        for branch, shape in {
            "1x1": (one, inputs, 1, 1),
            "3x3_reduce": (reduce3, inputs, 1, 1),
            "3x3": (three, reduce3, 3, 3),
            "5x5_reduce": (reduce5, inputs, 1, 1),
            "5x5": (five, reduce5, 5, 5),
            "pool_proj": (projection, inputs, 1, 1),
        }.items():
            found[f"{row}/{branch}"] = f"inception_{row}_{branch}", shape
    for loss, (name, inputs) in HEADS.items():
        found[f"{loss}/conv"] = f"{name}_conv", (128, inputs, 1, 1)
        found[f"{loss}/fc"] = f"{name}_fc", (1024, 128, 4, 4)
        found[f"{loss}/classifier"] = name, (1000, 1024)
    return found


SHAPES = shapes()


@pytest.fixture(scope="module")
def weights():
    """Activations keep the size of pixels, so that normalization has work to do."""
    random = np.random.default_rng(2014)
    drawn = {}
    for name, (_, shape) in SHAPES.items():
        scale = np.float32(np.sqrt(2.5 / np.prod(shape[1:])))
        kernel = random.standard_normal(shape, dtype=np.float32) * scale
        drawn[name] = kernel, 10 * random.standard_normal(shape[0], dtype=np.float32)
    return drawn


@pytest.fixture(scope="module")
def image():
    random = np.random.default_rng(224)
    return random.uniform(-128, 128, (3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def reference(image, weights):
    return googlenet(image, weights)


@pytest.fixture(scope="module")
def model(weights):
    model = GoogLeNet(auxiliary=True, classifier_activation=None)
    for name, (layer, _) in SHAPES.items():
        kernel, bias = weights[name]
        target = model.get_layer(layer)
        if isinstance(target, keras.layers.Dense) and kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0).reshape(target.kernel.shape)
        elif kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0)
        else:
            kernel = kernel.T
        target.set_weights([kernel, bias])
    left = {layer.name for layer in model.layers if layer.weights}
    assert left == {layer for layer, _ in SHAPES.values()}
    return model


def differences(model, image, reference):
    """Of each head, in parts of its largest logit."""
    outputs = model(image.transpose(1, 2, 0)[None])
    found = np.stack([keras.ops.convert_to_numpy(output)[0] for output in outputs])
    return np.abs(found - reference).max(axis=1) / np.abs(reference).max(axis=1)


def test_normalization_matters_for_these_weights(image, weights):
    """Otherwise equal logits would say nothing about it."""
    a = pool(convolve(image, *weights["conv1"], stride=2), 3, 2)
    divisor = a[a > 0] / normalize(a)[a > 0]
    assert np.median(divisor) > 1.5


def test_all_three_heads(model, image, reference):
    assert (reference.std(axis=1) > 1).all()
    assert (differences(model, image, reference) < TOLERANCE).all()


# Mistakes that keep every shape, every parameter count and every multiply-add


def linear(x):
    return x


MAIN, FIRST, SECOND = 0, 1, 2
SET_ATTRIBUTES = {
    "alpha not divided by n": ("norm1", "alpha", 1e-4),
    "alpha of the second normalization": ("norm2", "alpha", 1e-4),
    "k = 2, as in AlexNet": ("norm1", "bias", 2.0),
    "n = 7 instead of 5": ("norm2", "depth_radius", 3),
    "conv1 padded by Keras' same": ("conv1_pad", "padding", ((2, 3), (2, 3))),
    "pool1 rounded down": ("pool1", "padding", "valid"),
    "pool4 rounded down": ("pool4", "padding", "valid"),
    "no ReLU in a reduction": ("inception_4c_5x5_reduce", "activation", linear),
    "no ReLU in a projection": ("inception_5a_pool_proj", "activation", linear),
}
HEAD_ATTRIBUTES = {
    "no ReLU in the head's dense layer": ("auxiliary_4a_fc", FIRST),
    "no ReLU in the head's convolution": ("auxiliary_4d_conv", SECOND),
}


@pytest.mark.parametrize("mistake", SET_ATTRIBUTES)
def test_wrong_attributes_are_seen(mistake, model, image, reference, monkeypatch):
    layer, attribute, value = SET_ATTRIBUTES[mistake]
    monkeypatch.setattr(model.get_layer(layer), attribute, value)
    assert differences(model, image, reference)[MAIN] > 100 * TOLERANCE


@pytest.mark.parametrize("mistake", HEAD_ATTRIBUTES)
def test_wrong_heads_are_seen(mistake, model, image, reference, monkeypatch):
    layer, output = HEAD_ATTRIBUTES[mistake]
    monkeypatch.setattr(model.get_layer(layer), "activation", linear)
    moved = differences(model, image, reference)
    assert moved[output] > 100 * TOLERANCE
    assert moved[MAIN] < TOLERANCE


def test_average_instead_of_maximum_is_seen(model, image, reference, monkeypatch):
    average = keras.layers.AveragePooling2D(3, strides=1, padding="same")
    monkeypatch.setattr(model.get_layer("inception_4b_pool"), "call", average.call)
    assert differences(model, image, reference)[MAIN] > 100 * TOLERANCE


def test_exchanged_branches_are_seen(model, image, reference):
    """Both kernels are 1x1 from 256 to 128 channels."""
    layers = [model.get_layer(f"inception_3b_{end}") for end in ("1x1", "3x3_reduce")]
    before = [layer.get_weights() for layer in layers]
    for layer, weights in zip(layers, reversed(before), strict=True):
        layer.set_weights(weights)
    moved = differences(model, image, reference)
    for layer, weights in zip(layers, before, strict=True):
        layer.set_weights(weights)
    assert (moved > 100 * TOLERANCE).all()


def test_flattening_channels_first_is_seen(model, image, reference):
    layer = model.get_layer("auxiliary_4a_fc")
    kernel, bias = layer.get_weights()
    wrong = kernel.reshape(4, 4, 128, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    layer.set_weights([wrong, bias])
    moved = differences(model, image, reference)
    layer.set_weights([kernel, bias])
    assert moved[FIRST] > 100 * TOLERANCE
