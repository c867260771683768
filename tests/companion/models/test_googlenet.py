"""GoogLeNet against Table 1 and Figure 3 of the paper, and Caffe's definition.

Szegedy et al., arXiv 1409.4842. The logits are compared with a second implementation in
tests/parity.
"""

import functools

import keras
import numpy as np
import pytest

from companion.complexity import complexity_table
from companion.models import GoogLeNet
from companion.models.googlenet import inception
from companion.receptive_field import compose, receptive_field


@functools.cache
def built(**arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return GoogLeNet(**arguments)


PAPER = [  # output of a row, its six widths; Table 1
    ("conv1", (112, 112, 64), None),
    ("pool1", (56, 56, 64), None),
    ("conv2_reduce", (56, 56, 64), None),
    ("conv2", (56, 56, 192), None),
    ("pool2", (28, 28, 192), None),
    ("inception_3a", (28, 28, 256), (64, 96, 128, 16, 32, 32)),
    ("inception_3b", (28, 28, 480), (128, 128, 192, 32, 96, 64)),
    ("pool3", (14, 14, 480), None),
    ("inception_4a", (14, 14, 512), (192, 96, 208, 16, 48, 64)),
    ("inception_4b", (14, 14, 512), (160, 112, 224, 24, 64, 64)),
    ("inception_4c", (14, 14, 512), (128, 128, 256, 24, 64, 64)),
    ("inception_4d", (14, 14, 528), (112, 144, 288, 32, 64, 64)),
    ("inception_4e", (14, 14, 832), (256, 160, 320, 32, 128, 128)),
    ("pool4", (7, 7, 832), None),
    ("inception_5a", (7, 7, 832), (256, 160, 320, 32, 128, 128)),
    ("inception_5b", (7, 7, 1024), (384, 192, 384, 48, 128, 128)),
    ("pool5", (1024,), None),
    ("fc", (1000,), None),
]
BRANCHES = ["1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj"]


def test_rows_of_table_1():
    for name, shape, widths in PAPER:
        assert built().get_layer(name).output.shape[1:] == shape, name
        if widths is not None:
            branches = [built().get_layer(f"{name}_{branch}") for branch in BRANCHES]
            assert tuple(branch.filters for branch in branches) == widths
            sizes = [branch.kernel_size[0] for branch in branches]
            assert sizes == [1, 1, 3, 1, 5, 1]


def millions(row):
    macs = complexity_table(built())["macs"]
    return macs[[name for name in macs.index if name.startswith(row)]].sum() / 1e6


def test_operations_of_table_1():
    """Printed in millions, rounded or cut off."""
    printed = {"conv2": 360, "inception_3a": 128, "inception_3b": 304}
    printed |= {"inception_4a": 73, "inception_4b": 88, "inception_4c": 100}
    printed |= {"inception_4d": 119, "inception_4e": 170, "inception_5b": 71}
    for row, number in printed.items():
        assert abs(millions(row) - number) < 1, row


def test_operations_that_do_not_follow_from_table_1():
    """It prints 34 and 54."""
    assert millions("conv1") == pytest.approx(118, abs=0.5)
    assert millions("inception_5a") == pytest.approx(51, abs=0.5)


def test_22_layers_with_parameters():
    """The longest way from the image to the output (Section 5)."""
    depth = {}
    for layer in built().layers:
        inputs = keras.tree.flatten(layer.input)
        before = [depth.get(tensor._keras_history.operation, 0) for tensor in inputs]
        depth[layer] = max(before, default=0) + bool(layer.weights)
    assert depth[built().layers[-1]] == 22


def test_normalization_of_figure_3():
    order = [layer.name for layer in built().layers]
    assert order[1:10] == [
        "conv1_pad",
        "conv1",
        "pool1",
        "norm1",
        "conv2_reduce",
        "conv2",
        "norm2",
        "pool2",
        "inception_3a_3x3_reduce",
    ]
    for norm in built().get_layer("norm1"), built().get_layer("norm2"):
        assert (norm.depth_radius, norm.bias, norm.beta) == (2, 1.0, 0.75)
        assert norm.alpha == pytest.approx(1e-4 / 5, rel=1e-12)


def test_every_convolution_has_a_bias_and_a_relu():
    kernels = [x for x in built().layers if isinstance(x, keras.layers.Conv2D)]
    assert len(kernels) == 57
    for layer in kernels:
        assert layer.use_bias
        assert layer.activation is keras.activations.relu


def test_initial_values_are_caffes():
    keras.utils.set_random_seed(0)
    model = GoogLeNet(input_shape=(32, 32, 3))
    for name, inputs in ("conv1", 7 * 7 * 3), ("inception_3a_5x5", 5 * 5 * 16):
        kernel, bias = model.get_layer(name).get_weights()
        assert kernel.std() == pytest.approx(inputs**-0.5, rel=0.05)
        assert np.abs(kernel).max() <= (3 / inputs) ** 0.5
        assert (bias == np.float32(0.2)).all()


def test_field_of_the_last_map():
    """The recursion along the 5x5 branches."""
    layers = [(7, 2, 3, 1), (3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 0, 1)]
    layers += [(5, 1, 2, 1)] * 2 + [(3, 2, 0, 1)] + [(5, 1, 2, 1)] * 5
    layers += [(3, 2, 0, 1)] + [(5, 1, 2, 1)] * 2
    field = receptive_field(built(classes=None))
    assert field.size == compose(layers).size == 715
    assert field.stride == 32


def test_no_heads_unless_asked_for():
    assert built().output_names == ["fc"]
    assert built().get_layer("drop5").rate == 0.4
    assert not [x for x in built().layers if x.name.startswith("auxiliary")]


def test_auxiliary_heads():
    """Section 5; 13,378,280 parameters with both, in Caffe's train_val.prototxt."""
    model = built(auxiliary=True)
    assert model.count_params() == 13_378_280
    assert model.output_names == ["fc", "auxiliary_4a", "auxiliary_4d"]
    assert [output.shape for output in model.outputs] == [(None, 1000)] * 3
    for head, channels in ("auxiliary_4a", 512), ("auxiliary_4d", 528):
        assert model.get_layer(f"{head}_pool").output.shape == (None, 4, 4, channels)
        assert model.get_layer(f"{head}_conv").output.shape == (None, 4, 4, 128)
        assert model.get_layer(f"{head}_fc").units == 1024
        assert model.get_layer(f"{head}_fc").activation is keras.activations.relu
        assert model.get_layer(f"{head}_drop").rate == 0.7
        assert model.get_layer(head).activation is keras.activations.softmax
        before = model.get_layer(f"{head}_pool").input._keras_history.operation.name
        assert before == head.replace("auxiliary", "inception")


def test_arguments_reach_the_heads():
    model = built(classes=7, classifier_activation=None, auxiliary=True)
    for output in model.output_names:
        assert model.get_layer(output).output.shape == (None, 7)
        assert model.get_layer(output).activation is keras.activations.linear


def test_three_losses_are_trained():
    keras.utils.set_random_seed(4)
    model = GoogLeNet(input_shape=(65, 65, 3), classes=3, auxiliary=True)
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", [loss] * 3, loss_weights=[1, 0.3, 0.3])
    images = np.random.default_rng(4).normal(size=(4, 65, 65, 3)).astype("float32")
    labels = np.array([0, 1, 2, 0])
    before = model.get_weights()
    values = model.train_on_batch(images, [labels] * 3)
    assert values[0] == pytest.approx(values[1] + 0.3 * (values[2] + values[3]), 1e-5)
    for weight, old in zip(model.weights, before, strict=True):
        if "seed_generator" not in weight.path:
            assert not np.array_equal(weight, old), weight.path


def test_the_module_stands_alone():
    image = keras.Input((9, 7, 5))
    model = keras.Model(image, inception(image, (1, 2, 3, 4, 5, 6), "module"))
    assert model.output.shape == (None, 9, 7, 1 + 3 + 5 + 6)
    names = [f"module_{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj")]
    inputs = [x._keras_history.operation.name for x in model.get_layer("module").input]
    assert inputs == names


@pytest.mark.parametrize(
    "arguments, rule",
    [
        ({"auxiliary": True, "input_shape": (64, 65, 3)}, "65 or more"),
        ({"auxiliary": True, "input_shape": (None, 224, 3)}, "must be known"),
        ({"auxiliary": True, "classes": None}, "need `classes`"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=r"Received: ") as error:
        GoogLeNet(**arguments)
    assert rule in str(error.value)
