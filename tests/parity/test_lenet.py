"""The LeNets against a second implementation, written in NumPy from the paper.

Random weights go into both; the outputs must agree. The reference shares nothing with
the package: one image, channels first, Table I as the paper prints it, one small
correlation for every cross in it.

What equal outputs prove is shown at the end: the same reference with a realistic
mistake is far from the Keras model.
"""

import keras
import numpy as np
import pytest

from companion.models import LeNet5, LeNet5Modern

TOLERANCE = 1e-5  # of the largest output; float32 agrees to about 1e-6

TABLE_1 = """\
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""  # rows: maps of S2, columns: maps of C3

CROSSES = np.array([[mark == "X" for mark in row] for row in TABLE_1.split()])


def squash(a):
    return 1.7159 * np.tanh(2 / 3 * a)


def correlate(image, kernel):
    """One map, one 5x5 kernel."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijkl,kl", windows, kernel)


def convolve(maps, kernel, bias, crosses):
    """kernel (out, in, 5, 5), of which only the crossed pairs are used."""
    y = []
    for output, b in enumerate(bias):
        seen = np.flatnonzero(crosses[:, output])
        y.append(b + sum(correlate(maps[c], kernel[output, c]) for c in seen))
    return np.stack(y)


def add_four(maps):
    rows = maps[:, 0::2] + maps[:, 1::2]
    return rows[:, :, 0::2] + rows[:, :, 1::2]


def every(maps, outputs):
    return np.ones((len(maps), outputs), bool)


def lenet5(image, w, squash=squash, crosses=CROSSES, add=add_four, squash_s=squash):
    """The seven layers of Section II-B; minus the penalties."""

    def subsample(maps, coefficient, bias):
        return coefficient[:, None, None] * add(maps) + bias[:, None, None]

    x = squash(convolve(image, *w["C1"], every(image, 6)))
    x = squash_s(subsample(x, *w["S2"]))
    x = squash(convolve(x, *w["C3"], crosses))
    x = squash_s(subsample(x, *w["S4"]))
    x = squash(convolve(x, *w["C5"], every(x, 120)))
    kernel, bias = w["F6"]
    x = squash(kernel @ x[:, 0, 0] + bias)
    return -np.array([np.sum((x - word) ** 2) for word in w["penalty"]])


def lenet5_modern(image, w):
    """Every map sees all; averages; tanh; three dense layers."""
    x = np.tanh(convolve(image, *w["C1"], every(image, 6)))
    x = add_four(x) / 4
    x = np.tanh(convolve(x, *w["C3"], every(x, 16)))
    x = add_four(x) / 4
    kernel, bias = w["C5"]
    x = np.tanh(np.tensordot(kernel, x, 3) + bias)
    for layer in "F6", "output":
        kernel, bias = w[layer]
        x = np.tanh(kernel @ x + bias) if layer == "F6" else kernel @ x + bias
    return x


SHAPES = {  # of one kernel, its fan-in last
    "C1": (6, 1, 5, 5),
    "S2": (6,),
    "C3": (16, 6, 5, 5),
    "S4": (16,),
    "C5": (120, 16, 5, 5),
    "F6": (84, 120),
}


def draw(shapes, seed):
    """Sums of about 1, where the squashing is neither linear nor flat."""
    random = np.random.default_rng(seed)
    weights = {}
    for layer, shape in shapes.items():
        scale = 1.5 / np.sqrt(max(np.prod(shape[1:]), 4))
        kernel = scale * random.standard_normal(shape)
        weights[layer] = kernel, 0.3 * random.standard_normal(shape[0])
    return weights


def to_keras(layer, kernel, bias):
    """From (out, in, height, width) to the weights of one Keras layer."""
    table = getattr(layer, "table", None)
    if table is not None:
        pairs = [(output, seen) for output, row in enumerate(table) for seen in row]
        kernel = np.stack([kernel[pair] for pair in pairs], axis=-1)
    elif kernel.ndim == 4:
        kernel = kernel.transpose(2, 3, 1, 0)
    elif kernel.ndim == 2:
        kernel = kernel.T
    return [kernel.reshape(layer.weights[0].shape), bias]


def transplant(weights, model):
    for name, (kernel, bias) in weights.items():
        layer = model.get_layer(name)
        layer.set_weights(to_keras(layer, kernel, bias))


def outputs(model, image):
    x = image.transpose(1, 2, 0)[None].astype("float32")
    return keras.ops.convert_to_numpy(model(x))[0]


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1998).standard_normal((1, 32, 32))


@pytest.fixture(scope="module")
def lenet():
    """The model with random weights, and the weights; code words are random too."""
    model = LeNet5(classifier_activation=None)
    weights = draw(SHAPES, seed=5)
    transplant(weights, model)
    weights["penalty"] = np.random.default_rng(84).choice([-1, 1], (10, 84))
    model.get_layer("penalty").set_weights([weights["penalty"]])
    return model, weights


def test_lenet5(lenet, image):
    model, weights = lenet
    expected = lenet5(image, weights)
    assert expected.std() > 1
    assert difference(outputs(model, image), expected) < TOLERANCE


def test_lenet5_modern(image):
    model = LeNet5Modern(classifier_activation=None)
    shapes = {layer: SHAPES[layer] for layer in ("C1", "C3", "F6")}
    weights = draw(shapes | {"C5": (120, 16, 5, 5), "output": (10, 84)}, seed=6)
    transplant(weights, model)
    expected = lenet5_modern(image, weights)
    assert expected.std() > 0.1
    assert difference(outputs(model, image), expected) < TOLERANCE


def maximum(maps):
    rows = np.maximum(maps[:, 0::2], maps[:, 1::2])
    return np.maximum(rows[:, :, 0::2], rows[:, :, 1::2])


MISTAKES = {
    "tanh without its two constants": {"squash": np.tanh},
    "slope of 1 instead of 2/3": {"squash": lambda a: 1.7159 * np.tanh(a)},
    "average instead of sum": {"add": lambda maps: add_four(maps) / 4},
    "maximum instead of sum": {"add": maximum},
    "no squashing after sub-sampling": {"squash_s": lambda a: a},
    "every map of C3 sees all": {"crosses": np.ones((6, 16), bool)},
    "table upside down": {"crosses": CROSSES[::-1]},
    "columns of the table shifted": {"crosses": np.roll(CROSSES, 1, axis=1)},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_seen(mistake, lenet, image):
    model, weights = lenet
    wrong = lenet5(image, weights, **MISTAKES[mistake])
    assert difference(outputs(model, image), wrong) > 100 * TOLERANCE
