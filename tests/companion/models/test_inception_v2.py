"""BN-Inception against Figure 5 of the paper, and what its released networks do.

Ioffe, Szegedy, arXiv 1502.03167. The logits are compared with pytorchcv in
tests/parity/torch.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import complexity_table
from companion.models import InceptionV2, inception_v2
from companion.receptive_field import receptive_field


@functools.cache
def built(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return InceptionV2(**arguments)


PAPER = [  # #1x1, #3x3 reduce, #3x3, double reduce, double #3x3; pooling; Figure 5
    ("inception_3a", (64, 64, 64, 64, 96), ("average", 32), (28, 28, 256)),
    ("inception_3b", (64, 64, 96, 64, 96), ("average", 64), (28, 28, 320)),
    ("inception_3c", (0, 128, 160, 64, 96), None, (14, 14, 576)),
    ("inception_4a", (224, 64, 96, 96, 128), ("average", 128), (14, 14, 576)),
    ("inception_4b", (192, 96, 128, 96, 128), ("average", 128), (14, 14, 576)),
    ("inception_4c", (160, 128, 160, 128, 160), ("average", 128), (14, 14, 608)),
    ("inception_4d", (96, 128, 192, 160, 192), ("average", 128), (14, 14, 608)),
    ("inception_4e", (0, 128, 192, 192, 256), None, (7, 7, 1056)),
    ("inception_5a", (352, 192, 320, 160, 224), ("average", 128), (7, 7, 1024)),
    ("inception_5b", (352, 192, 320, 192, 224), ("max", 128), (7, 7, 1024)),
]
POOLINGS = {
    "average": keras.layers.AveragePooling2D,
    "max": keras.layers.MaxPooling2D,
}


@pytest.mark.parametrize("row, widths, pooling, shape", PAPER)
def test_rows_of_figure_5(row, widths, pooling, shape):
    """Channels are the sum of the columns, for 4c to 4e unlike the figure's."""
    names = {layer.name for layer in built().layers}
    branches = ("1x1", "3x3_reduce", "3x3", "double3x3_reduce", "double3x3_1")
    for branch, width in zip(branches, widths, strict=True):
        assert (f"{row}_{branch}" in names) == (width > 0)
        if width:
            assert built().get_layer(f"{row}_{branch}").filters == width
    assert built().get_layer(f"{row}_double3x3_2").filters == widths[-1]
    pool = built().get_layer(f"{row}_pool")
    if pooling is None:
        assert f"{row}_pool_proj" not in names
        assert isinstance(pool, keras.layers.MaxPooling2D)
    else:
        kind, projection = pooling
        assert type(pool) is POOLINGS[kind]
        assert built().get_layer(f"{row}_pool_proj").filters == projection
    assert built().get_layer(row).output.shape[1:] == shape


def test_stem():
    shapes = {"conv1": (112, 112, 64), "pool1": (56, 56, 64), "conv2": (56, 56, 192)}
    for name, shape in (shapes | {"pool2": (28, 28, 192)}).items():
        assert built().get_layer(name).output.shape[1:] == shape


def test_what_halves_a_map():
    """No pooling between modules: 3c and 4e halve by all three of their branches."""
    strided = {
        layer.name for layer in built().layers if getattr(layer, "strides", 0) == (2, 2)
    }
    parts = {
        f"inception_{row}_{end}"
        for row in ("3c", "4e")
        for end in ("3x3", "double3x3_2", "pool")
    }
    assert strided == parts | {"conv1", "pool1", "pool2"}


def test_redundant_biases():
    """Section 3.2 drops them: 10,016 of 11,295,240 parameters."""
    kernels = [x for x in built().layers if isinstance(x, keras.layers.Conv2D)]
    assert len(kernels) == 69
    assert sum(layer.filters for layer in kernels if layer.use_bias) == 10_016


def test_normalization():
    norms = [
        x for x in built().layers if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 69
    for norm in norms:
        assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
        assert norm.scale and norm.center
        assert not norm.input._keras_history.operation.name.endswith("_relu")


def test_average_counts_the_padding():
    pad, pool = (built().get_layer(f"inception_3a_pool{end}") for end in ("_pad", ""))
    average = keras.ops.convert_to_numpy(pool(pad(np.ones((1, 4, 4, 1), "float32"))))
    edge, corner = 6 / 9, 4 / 9
    np.testing.assert_allclose(average[0, 0, :, 0], [corner, edge, edge, corner])


PUBLISHED = [  # Araujo et al., Distill 2019, inception_v2: end point, size, stride
    ("pool2", 27, 8),
    ("inception_3a", 59, 8),
    ("inception_3b", 91, 8),
    ("inception_3c", 123, 16),
    ("inception_4a", 187, 16),
    ("inception_4d", 379, 16),
    ("inception_4e", 443, 32),
    ("inception_5b", 699, 32),
]


@pytest.mark.parametrize("row, size, stride", PUBLISHED)
def test_published_fields(row, size, stride):
    field = receptive_field(built(), row)
    assert (field.size, field.stride) == (size, stride)


def test_modules_cost_what_convolutions_cost():
    """By hand: 3a is 28 * 28 positions times the products of widths and windows."""
    macs = complexity_table(built())["macs"]
    found = sum(macs[name] for name in macs.index if name.startswith("inception_3a_"))
    products = 192 * (64 + 64 + 64 + 32) + 9 * (64 * 64 + 64 * 96 + 96 * 96)
    assert found == 28 * 28 * products


@pytest.fixture
def one_of_each(monkeypatch):
    """A module that averages, one that halves and one that takes the maximum."""
    rows = [row for row in inception_v2.TABLE if row[0][-2:] in ("3a", "3c", "5b")]
    monkeypatch.setattr(inception_v2, "TABLE", rows)


def test_training_moves_all_but_the_redundant_biases(one_of_each):
    keras.utils.set_random_seed(2)
    model = InceptionV2(input_shape=(64, 64, 3), classes=3)
    before = [keras.ops.convert_to_numpy(x) for x in model.trainable_weights]
    model.compile("sgd", "sparse_categorical_crossentropy")
    images = np.random.default_rng(2).normal(size=(4, 64, 64, 3)).astype("float32")
    model.train_on_batch(images, np.array([0, 1, 2, 0]))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        moved = np.abs(keras.ops.convert_to_numpy(weight) - old).max()
        redundant = weight.name == "bias" and not weight.path.startswith("fc/")
        assert (moved < 1e-7) if redundant else (moved > 1e-6), (weight.path, moved)
