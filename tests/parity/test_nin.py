"""NiN for ImageNet against a second implementation, in NumPy, after Caffe.

No installable package has this network. The reference follows the authors' Caffe
definition layer by layer and Caffe's own pooling rule: one image, channels first.
The network for CIFAR is held against pytorchcv in tests/parity/torch.
"""

import keras
import numpy as np
import pytest

from companion.models import NiN

TOLERANCE = 1e-5  # of the largest output; float32 agrees to about 1e-6
SIDE = 103  # conv1 to pool3 give 24, 12, 6, 3: all three pools round up

LAYERS = (  # of nin_imagenet: name, filters, size, stride, padding
    ("conv1", 96, 11, 4, 0),
    ("cccp1", 96, 1, 1, 0),
    ("cccp2", 96, 1, 1, 0),
    ("pool",),
    ("conv2", 256, 5, 1, 2),
    ("cccp3", 256, 1, 1, 0),
    ("cccp4", 256, 1, 1, 0),
    ("pool",),
    ("conv3", 384, 3, 1, 1),
    ("cccp5", 384, 1, 1, 0),
    ("cccp6", 384, 1, 1, 0),
    ("pool",),
    ("conv4", 1024, 3, 1, 1),
    ("cccp7", 1024, 1, 1, 0),
    ("cccp8", 1000, 1, 1, 0),
)


def convolve_relu(x, kernel, bias, stride, padding):
    """x (c, h, w) and kernel (out, c, k, k)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    y = np.tensordot(kernel, windows, axes=([1, 2, 3], [0, 3, 4]))
    return np.maximum(y + bias[:, None, None], 0)


def pool_up(x):
    """pooling_layer.cpp: as many windows as begin inside; NumPy cuts them off."""
    count = -(-(x.shape[1] - 3) // 2) + 1
    y = np.empty((len(x), count, count), x.dtype)
    for row, column in np.ndindex(count, count):
        window = x[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        y[:, row, column] = window.max(axis=(1, 2))
    return y


def pool_down(x):
    """What Keras does by itself."""
    side = (x.shape[1] - 3) // 2 * 2 + 3
    return pool_up(x[:, :side, :side])


def nin_imagenet(x, weights, pool=pool_up, last_relu=True):
    for name, *row in LAYERS:
        if name == "pool":
            x = pool(x)
            continue
        *_, stride, padding = row
        kernel, bias = weights[name]
        if name == "cccp8" and not last_relu:
            x = np.tensordot(kernel[:, :, 0, 0], x, 1) + bias[:, None, None]
        else:
            x = convolve_relu(x, kernel, bias, stride, padding)
    return x.mean(axis=(1, 2))


@pytest.fixture(scope="module")
def weights():
    """Twice the variance that ReLU takes away, and biases of both signs."""
    random = np.random.default_rng(1312)
    drawn, channels = {}, 3
    for name, *row in LAYERS:
        if name != "pool":
            filters, size, *_ = row
            shape = (filters, channels, size, size)
            scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
            kernel = scale * random.standard_normal(shape, dtype=np.float32)
            bias = 0.3 * random.standard_normal(filters, dtype=np.float32)
            drawn[name], channels = (kernel, bias), filters
    return drawn


@pytest.fixture(scope="module")
def image():
    random = np.random.default_rng(4400)
    return random.standard_normal((3, SIDE, SIDE), dtype=np.float32)


@pytest.fixture(scope="module")
def found(weights, image):
    model = NiN(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    for name, (kernel, bias) in weights.items():
        model.get_layer(name).set_weights([kernel.transpose(2, 3, 1, 0), bias])
    return keras.ops.convert_to_numpy(model(image.transpose(1, 2, 0)[None]))[0]


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_nin(found, weights, image):
    expected = nin_imagenet(image, weights)
    assert expected.std() > 0.1
    assert difference(found, expected) < TOLERANCE


MISTAKES = {
    "pools round down": {"pool": pool_down},
    "no ReLU before the average": {"last_relu": False},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_seen(mistake, found, weights, image):
    wrong = nin_imagenet(image, weights, **MISTAKES[mistake])
    assert difference(found, wrong) > 100 * TOLERANCE
