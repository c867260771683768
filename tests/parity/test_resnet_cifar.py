"""ResNet-20 and the plain network against a second implementation, in NumPy.

Random weights and random batch-norm statistics go into both. The reference is written
from Section 4.2: one image, channels first, 3x3 windows, nothing shared with the
package. ResNet20Projection is held against pytorchcv in tests/parity/torch.
"""

import keras
import numpy as np
import pytest

from companion.models import PlainNet20, ResNet20

TOLERANCE = 1e-5  # of the largest logit; float32 agrees to about 1e-6
SIDE = 17  # maps of 17, 9 and 5: the strides meet odd sizes


def convolve(x, kernel, stride):
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return np.tensordot(kernel, windows, axes=([1, 2, 3], [0, 3, 4]))


def normalize(x, gamma, beta, mean, variance):
    parts = (p[:, None, None] for p in (gamma, beta, mean, variance))
    gamma, beta, mean, variance = parts
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def relu(x):
    return np.maximum(x, 0)


def option_a(x):
    """Every second pixel; zeros for the new channels."""
    x = x[:, ::2, ::2]
    return np.concatenate([x, np.zeros_like(x)])


def network(image, w, residual=True, shortcut=option_a, last_relu=relu):
    """``w`` maps a layer to its weights, in the order of Section 4.2."""
    x = relu(normalize(convolve(image, w["conv1"], 1), *w["conv1_bn"]))
    for stage in (2, 3, 4):
        for block in (1, 2, 3):
            name = f"conv{stage}_{block}"
            stride = 2 if stage > 2 and block == 1 else 1
            y = convolve(x, w[f"{name}_1"], stride)
            y = relu(normalize(y, *w[f"{name}_1_bn"]))
            y = normalize(convolve(y, w[f"{name}_2"], 1), *w[f"{name}_2_bn"])
            if residual:
                y = y + (shortcut(x) if stride == 2 else x)
            x = last_relu(y)
    kernel, bias = w["fc"]
    return kernel @ x.mean(axis=(1, 2)) + bias


def draw():
    """Kernels as He et al. propose, moved off the start; positive variances."""
    random = np.random.default_rng(42)
    layers, channels = {"conv1": (16, 3)}, 16
    for stage, filters in (2, 16), (3, 32), (4, 64):
        for block in (1, 2, 3):
            layers[f"conv{stage}_{block}_1"] = filters, channels
            layers[f"conv{stage}_{block}_2"] = filters, filters
            channels = filters
    weights = {}
    for name, shape in layers.items():
        scale = np.sqrt(2 / (9 * shape[1]))
        weights[name] = scale * random.standard_normal((*shape, 3, 3))
        ranges = (0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5)
        weights[f"{name}_bn"] = [random.uniform(*r, shape[0]) for r in ranges]
    weights["fc"] = [random.standard_normal((10, 64)), random.standard_normal(10)]
    return weights


@pytest.fixture(scope="module")
def weights():
    return draw()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(4).standard_normal((3, SIDE, SIDE))


def logits(function, weights, image):
    model = function(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
    for name, values in weights.items():
        if name == "fc":
            values = [values[0].T, values[1]]
        elif not name.endswith("_bn"):
            values = [values.transpose(2, 3, 1, 0)]
        model.get_layer(name).set_weights(values)
    x = image.transpose(1, 2, 0)[None].astype("float32")
    return keras.ops.convert_to_numpy(model(x, training=False))[0]


@pytest.fixture(scope="module")
def found(weights, image):
    return logits(ResNet20, weights, image)


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_resnet20(found, weights, image):
    expected = network(image, weights)
    assert expected.std() > 1
    assert difference(found, expected) < TOLERANCE


def test_plain20(weights, image):
    expected = network(image, weights, residual=False)
    assert expected.std() > 0.1
    found = logits(PlainNet20, weights, image)
    assert difference(found, expected) < TOLERANCE


MISTAKES = {
    "zeros first": {
        "shortcut": lambda x: option_a(x)[np.r_[len(x) : 2 * len(x), : len(x)]]
    },
    "channels repeated": {"shortcut": lambda x: np.tile(x[:, ::2, ::2], (2, 1, 1))},
    "no ReLU after the addition": {"last_relu": lambda x: x},
    "no shortcut": {"residual": False},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_seen(mistake, found, weights, image):
    wrong = network(image, weights, **MISTAKES[mistake])
    assert difference(found, wrong) > 100 * TOLERANCE
