"""The AlexNets against a second implementation, written in NumPy from the papers.

Random weights go into both; the logits must agree. The reference shares nothing with
the package: channels first, one image, two towers in separate arrays that meet in
conv3 and the dense layers as in Figure 2 of the paper, no flattening.

What equal logits prove is shown at the end: twelve realistic mistakes, each put into
the Keras model on purpose, move the logits by far more than the tolerance.
"""

import keras
import numpy as np
import pytest

from companion.models import AlexNet, AlexNetOneTower, AlexNetTwoCards, CaffeNet

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6


# The paper in NumPy


def convolve_relu(x, kernel, bias, stride=1, padding=0):
    """x (c, h, w) and kernel (out, c, k, k)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    y = np.tensordot(kernel, windows, axes=([1, 2, 3], [0, 3, 4]))
    return np.maximum(y + bias[:, None, None], 0)


def pool(x):
    side = (x.shape[1] - 3) // 2 + 1
    y = np.empty((x.shape[0], side, side), x.dtype)
    for row in range(side):
        for col in range(side):
            window = x[:, 2 * row : 2 * row + 3, 2 * col : 2 * col + 3]
            y[:, row, col] = window.max(axis=(1, 2))
    return y


def normalize(a, k, alpha, beta=0.75, n=5):
    """b_i = a_i / (k + alpha * sum of the squares of n neighbouring maps) ** beta."""
    total = len(a)
    b = np.empty_like(a)
    for i in range(total):
        first, last = max(0, i - n // 2), min(total - 1, i + n // 2)
        squares = (a[first : last + 1] ** 2).sum(axis=0)
        b[i] = a[i] / (k + alpha * squares) ** beta
    return b


def dense(x, kernel, bias):
    return np.tensordot(kernel, x, axes=x.ndim) + bias


def papers_response(towers):
    """Section 3.3 as Caffe reads it: neighbours of a map may lie in the other tower."""
    both = normalize(np.concatenate(towers), k=2.0, alpha=1e-4)
    return [pool(half) for half in np.split(both, 2)]


def authors_response(towers):
    """rnorm1a and rnorm1b of cuda-convnet2: no card sees the other's maps."""
    return [pool(normalize(tower, k=2.0, alpha=1e-4)) for tower in towers]


def caffes_response(towers):
    """Caffe's lrn_param {local_size: 5 alpha: 0.0001 beta: 0.75}: k is 1, mean of 5."""
    both = np.concatenate([pool(tower) for tower in towers])
    return np.split(normalize(both, k=1.0, alpha=1e-4 / 5), 2)


def two_towers(image, w, response):
    """Section 3.5; ``w`` maps a layer to its kernel and bias, both towers stacked."""

    def halves(layer):
        kernel, bias = w[layer]
        return zip(np.split(kernel, 2), np.split(bias, 2), strict=True)

    towers = [convolve_relu(image, *half, stride=4) for half in halves("conv1")]
    towers = response(towers)
    towers = [
        convolve_relu(tower, *half, padding=2)
        for tower, half in zip(towers, halves("conv2"), strict=True)
    ]
    towers = response(towers)
    both = np.concatenate(towers)
    towers = [convolve_relu(both, *half, padding=1) for half in halves("conv3")]
    for layer in "conv4", "conv5":
        towers = [
            convolve_relu(tower, *half, padding=1)
            for tower, half in zip(towers, halves(layer), strict=True)
        ]
    x = np.concatenate([pool(tower) for tower in towers])
    x = np.maximum(dense(x, *w["fc6"]), 0)
    x = np.maximum(dense(x, *w["fc7"]), 0)
    return dense(x, *w["fc8"])


def one_tower(image, w):
    """The layers of torchvision's alexnet, in its order."""
    x = pool(convolve_relu(image, *w["conv1"], stride=4, padding=2))
    x = pool(convolve_relu(x, *w["conv2"], padding=2))
    x = convolve_relu(x, *w["conv3"], padding=1)
    x = convolve_relu(x, *w["conv4"], padding=1)
    x = pool(convolve_relu(x, *w["conv5"], padding=1))
    x = np.maximum(dense(x, *w["fc6"]), 0)
    x = np.maximum(dense(x, *w["fc7"]), 0)
    return dense(x, *w["fc8"])


# Random weights, and their way into Keras

TWO_TOWER_SHAPES = {  # kernels (out, in, ...), in = channels that one kernel sees
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 256, 6, 6),
    "fc7": (4096, 4096),
    "fc8": (1000, 4096),
}
ONE_TOWER_SHAPES = TWO_TOWER_SHAPES | {
    "conv1": (64, 3, 11, 11),
    "conv2": (192, 64, 5, 5),
    "conv3": (384, 192, 3, 3),
    "conv4": (256, 384, 3, 3),
    "conv5": (256, 256, 3, 3),
}


def draw_weights(shapes):
    """Activations keep the size of pixels, so that normalization has work to do."""
    random = np.random.default_rng(2012)
    weights = {}
    for layer, shape in shapes.items():
        scale = np.float32(np.sqrt(3 / np.prod(shape[1:])))
        kernel = random.standard_normal(shape, dtype=np.float32) * scale
        weights[layer] = kernel, 10 * random.standard_normal(shape[0], dtype=np.float32)
    return weights


def draw_image(side):
    random = np.random.default_rng(227)
    return random.uniform(-128, 128, (3, side, side)).astype(np.float32)


def transplant(weights, model):
    for layer, (kernel, bias) in weights.items():
        kernel = kernel.T if kernel.ndim == 2 else kernel.transpose(2, 3, 1, 0)
        target = model.get_layer(layer)
        target.set_weights([kernel.reshape(target.kernel.shape), bias])


def logits(model, image):
    return keras.ops.convert_to_numpy(model(image.transpose(1, 2, 0)[None]))[0]


def difference(model, image, reference):
    return np.abs(logits(model, image) - reference).max() / np.abs(reference).max()


@pytest.fixture(scope="module")
def weights():
    return draw_weights(TWO_TOWER_SHAPES)


@pytest.fixture(scope="module")
def image():
    return draw_image(227)


@pytest.fixture(scope="module")
def reference(image, weights):
    return two_towers(image, weights, papers_response)


@pytest.fixture(scope="module")
def alexnet(weights):
    model = AlexNet(classifier_activation=None)
    transplant(weights, model)
    return model


def test_normalization_matters_for_these_weights(image, weights):
    """Otherwise equal logits would say nothing about it."""
    kernel, bias = weights["conv1"]
    a = convolve_relu(image, kernel, bias, stride=4)
    divisor = a[a > 0] / normalize(a, k=2.0, alpha=1e-4)[a > 0]
    assert np.median(divisor) > 2 * 2.0**0.75


def test_alexnet(alexnet, image, reference):
    assert reference.std() > 1
    assert difference(alexnet, image, reference) < TOLERANCE


def test_two_cards(weights):
    """At 224x224; in conv1 a last window hangs over the edge and reads zeros."""
    model = AlexNetTwoCards(classifier_activation=None)
    transplant(weights, model)
    image = draw_image(224)
    edge = np.pad(image, ((0, 0), (0, 3), (0, 3)))
    reference = two_towers(edge, weights, authors_response)
    assert difference(model, image, reference) < TOLERANCE
    mixed = two_towers(edge, weights, papers_response)
    assert difference(model, image, mixed) > 100 * TOLERANCE


def test_caffenet(image, weights):
    model = CaffeNet(classifier_activation=None)
    transplant(weights, model)
    reference = two_towers(image, weights, caffes_response)
    assert difference(model, image, reference) < TOLERANCE


def test_one_tower():
    weights, image = draw_weights(ONE_TOWER_SHAPES), draw_image(224)
    model = AlexNetOneTower(classifier_activation=None)
    transplant(weights, model)
    assert difference(model, image, one_tower(image, weights)) < TOLERANCE


# Mistakes that keep every shape, every parameter count and every multiply-add


def swap_halves(kernel):
    return np.roll(kernel, kernel.shape[-1] // 2, axis=-1)


def interleave(kernel):
    """Output channels dealt to the groups in turn."""
    half = kernel.shape[-1] // 2
    return (
        kernel.reshape(*kernel.shape[:-1], 2, half)
        .swapaxes(-1, -2)
        .reshape(kernel.shape)
    )


def flatten_channels_first(kernel):
    return kernel.reshape(6, 6, 256, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


SET_ATTRIBUTES = {
    "alpha divided by n, as in Caffe and torch": ("norm1", "alpha", 1e-4 / 5),
    "alpha of the second normalization": ("norm2", "alpha", 1e-4 / 5),
    "k = 1, as in Caffe": ("norm1", "bias", 1.0),
    "n = 7 instead of 5": ("norm1", "depth_radius", 3),
    "beta = 0.5": ("norm2", "beta", 0.5),
    "tanh instead of ReLU": ("conv5", "activation", keras.ops.tanh),
    "no ReLU after fc7": ("fc7", "activation", keras.activations.linear),
}
CHANGE_KERNELS = {
    "groups of conv2 exchanged": ("conv2", swap_halves),
    "groups of conv4 interleaved": ("conv4", interleave),
    "kernels rotated by 180 degrees": ("conv3", lambda kernel: kernel[::-1, ::-1]),
    "flattened channels first": ("fc6", flatten_channels_first),
}


@pytest.mark.parametrize("mistake", SET_ATTRIBUTES)
def test_wrong_constants_are_seen(mistake, alexnet, image, reference, monkeypatch):
    layer, attribute, value = SET_ATTRIBUTES[mistake]
    monkeypatch.setattr(alexnet.get_layer(layer), attribute, value)
    assert difference(alexnet, image, reference) > 100 * TOLERANCE


@pytest.mark.parametrize("mistake", CHANGE_KERNELS)
def test_wrong_orders_are_seen(mistake, alexnet, image, reference):
    name, change = CHANGE_KERNELS[mistake]
    layer = alexnet.get_layer(name)
    kernel, bias = layer.get_weights()
    layer.set_weights([np.ascontiguousarray(change(kernel)), bias])
    moved = difference(alexnet, image, reference)
    layer.set_weights([kernel, bias])
    assert moved > 100 * TOLERANCE


def test_pooling_before_normalization_is_seen(weights, image, reference):
    model = CaffeNet(classifier_activation=None)
    for norm in "norm1", "norm2":
        model.get_layer(norm).bias = 2.0
        model.get_layer(norm).alpha = 1e-4
    transplant(weights, model)
    assert difference(model, image, reference) > 100 * TOLERANCE
