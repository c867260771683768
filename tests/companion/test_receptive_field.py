"""Receptive fields against the published table, a probe, and closed forms.

Published numbers: Araujo, Norris and Sim, Distill 2019, doi 10.23915/distill.00021;
github.com/google-research/receptive_field, files README.md, RECEPTIVE_FIELD_TABLE.md
and receptive_field_test.py. The table is kept in reference/receptive_fields.json.
"""

import json
import math
import pathlib

import keras
import matplotlib
import numpy as np
import pandas
import pytest
from keras import layers, ops

from companion import models
from companion import receptive_field as rf
from companion.layers import (
    ChannelShuffle,
    DropPath,
    GlobalContext,
    GroupedConv2D,
    LocalResponseNormalization,
    NonLocal,
    SelectiveKernel,
    SqueezeExcite,
)

matplotlib.use("Agg")

REFERENCE = pathlib.Path(__file__).parent / "reference" / "receptive_fields.json"
PUBLISHED = json.loads(REFERENCE.read_text())["nets"]
OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13)


def image_input(size=None, channels=1):
    height, width = size if isinstance(size, tuple) else (size, size)
    return keras.Input((height, width, channels))


def numbers(field):
    return field.size, field.stride, field.offset


def negative(padding):
    return None if padding is None else -padding


# --- The published table: TF-Slim networks with one filter per layer ----------------


def conv(x, kernel, stride=1, padding="same", dilation=1, name=None):
    return layers.Conv2D(1, kernel, stride, padding, dilation_rate=dilation, name=name)(
        x
    )


def pool(x, kernel, stride, padding="valid", name=None):
    return layers.MaxPooling2D(kernel, stride, padding, name=name)(x)


def padded(x, padding):
    return layers.ZeroPadding2D(padding)(x) if padding else x


def alexnet_v2():
    image = image_input()
    x = conv(image, 11, 4, "valid", name="conv1")
    x = pool(x, 3, 2, name="pool1")
    x = conv(x, 5, name="conv2")
    x = pool(x, 3, 2)
    for i in (3, 4, 5):
        x = conv(x, 3, name=f"conv{i}")
    return keras.Model(image, pool(x, 3, 2, name="pool5"))


def vgg(*repeats):
    image = x = image_input()
    for block, repeat in enumerate(repeats, start=1):
        for i in range(1, repeat + 1):
            x = conv(x, 3, name=f"conv{block}_{i}")
        x = pool(x, 2, 2, name=f"pool{block}")
    return keras.Model(image, x)


def inception_v2():
    def mixed(x, name):
        towers = [conv(x, 1), conv(conv(x, 1), 3), conv(conv(conv(x, 1), 3), 3)]
        pooled = layers.AveragePooling2D(3, 1, "same")(x)
        return layers.Concatenate(name=name)([*towers, conv(pooled, 1)])

    def reduction(x, name):
        towers = [conv(conv(x, 1), 3, 2), conv(conv(conv(x, 1), 3), 3, 2)]
        return layers.Concatenate(name=name)([*towers, pool(x, 3, 2, "same")])

    image = image_input()
    x = layers.SeparableConv2D(1, 7, 2, "same", name="Conv2d_1a_7x7")(image)
    x = pool(x, 3, 2, "same", name="MaxPool_2a_3x3")
    x = conv(x, 1, name="Conv2d_2b_1x1")
    x = conv(x, 3, name="Conv2d_2c_3x3")
    x = pool(x, 3, 2, "same", name="MaxPool_3a_3x3")
    for name in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c"):
        x = (reduction if name[1] == "a" else mixed)(x, f"Mixed_{name}")
    return keras.Model(image, x)


def resnet_v1(*repeats):
    """TF-Slim: explicit padding before strided convolutions, "same" elsewhere; the
    stride is in the 3x3 of the last unit of a block."""
    image = image_input()
    x = conv(padded(image, 3), 7, 2, "valid")
    x = pool(x, 3, 2, "same")
    for block, repeat in enumerate(repeats, start=1):
        for unit in range(repeat):
            stride = 2 if unit == repeat - 1 and block < 4 else 1
            y = conv(x, 1)
            y = conv(padded(y, 1), 3, 2, "valid") if stride == 2 else conv(y, 3)
            shortcut = conv(x, 1, stride) if unit == 0 else pool(x, 1, stride)
            last = f"block{block}" if unit == repeat - 1 else None
            x = layers.Add(name=last)([shortcut, conv(y, 1)])
    return keras.Model(image, x)


SLIM = {
    "alexnet_v2": alexnet_v2,
    "vgg_a": lambda: vgg(1, 1, 2, 2, 2),
    "vgg_16": lambda: vgg(2, 2, 3, 3, 3),
    "inception_v2": inception_v2,
    "resnet_v1_50": lambda: resnet_v1(3, 4, 6, 3),
    "resnet_v1_101": lambda: resnet_v1(3, 4, 23, 3),
    "resnet_v1_152": lambda: resnet_v1(3, 8, 36, 3),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_table(name):
    model = SLIM[name]()
    tables = [
        rf.receptive_field_table(model, input_size).set_index("layer")
        for input_size in (None, 224, 321)
    ]
    for end_point, (size, stride, *paddings) in PUBLISHED[name].items():
        for table, padding in zip(tables, paddings, strict=True):
            row = table.loc[end_point]
            offset = None if pandas.isna(row["offset"]) else row["offset"]
            assert (row["size"], row["stride"]) == (size, stride), end_point
            assert offset == negative(padding), end_point
            assert row["aligned"], end_point


def test_every_published_network_is_built():
    assert set(SLIM) == set(PUBLISHED)
    assert sum(map(len, PUBLISHED.values())) == 60


def test_center_of_the_published_example():
    """README: the unit [0, 2] of Inception-ResNet-v2 is centred at [37, 101]."""
    published = rf.AxisFields(((-1482, -1482 + 3039 - 1),), 32)
    assert rf.ReceptiveField(published, published).center(0, 2) == (37, 101)


# --- Fields found numerically, with torch or TensorFlow gradients --------------------

ALEXNET = [
    (11, 4, 2, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1),
    (3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1),
]  # fmt: skip
ZFNET = [
    (7, 2, 1, 1), (3, 2, 1, 1), (5, 2, 0, 1), (3, 2, 1, 1),
    (3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1),
]  # fmt: skip
C3, POOL = (3, 1, 1, 1), (2, 2, 0, 1)
CHAINS = {  # layers, size, stride, padding, outputs, input
    "9x9": ([(9, 1, 4, 1)], 9, 1, 4, 101, 101),
    "two 3x3": ([C3] * 2, 5, 1, 2, 101, 101),
    "three 3x3": ([C3] * 3, 7, 1, 3, 101, 101),
    "dilated": ([(3, 1, d, d) for d in (1, 2, 4)], 15, 1, 7, 101, 101),
    "context module": (
        [(3, 1, d, d) for d in (1, 1, 2, 4, 8, 16, 1)], 67, 1, 33, 301, 301,
    ),
    "alexnet_v2": ([(11, 4, 0, 1), *ALEXNET[1:]], 195, 32, 64, 32, 1059),
    "torchvision alexnet": (ALEXNET, 195, 32, 66, 32, 1059),
    "zfnet": (ZFNET, 171, 32, 59, 36, 1200),
    "vgg_a": (
        [C3, POOL, C3, POOL, C3, C3, POOL, C3, C3, POOL, C3, C3, POOL],
        150, 32, 59, 32, 1024,
    ),
    "vgg_19": (
        ([C3] * 2 + [POOL]) * 2 + ([C3] * 4 + [POOL]) * 3, 268, 32, 118, 32, 1024,
    ),
    "lenet5": ([(5, 1, 0, 1), POOL] * 2, 16, 4, 0, 13, 64),
    "unet": (
        ([(3, 1, 0, 1)] * 2 + [POOL]) * 4 + [(3, 1, 0, 1)] * 2, 140, 16, 0, 58, 1052,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name):
    chain, size, stride, padding, outputs, pixels = CHAINS[name]
    image = x = image_input(pixels)
    for kernel, step, pad, dilation in chain:
        x = conv(padded(x, pad), kernel, step, "valid", dilation)
    field = rf.receptive_field(keras.Model(image, x))
    assert numbers(field) == (size, stride, -padding)
    assert field.units == (outputs, outputs)
    assert numbers(rf.compose(chain)) == (size, stride, -padding)


def resnet(block, repeats, stride_in=1):
    """Explicit, symmetric padding; the stride is in the 1x1 or in the 3x3."""
    image = image_input()
    x = conv(padded(image, 3), 7, 2, "valid")
    x = pool(padded(x, 1), 3, 2)
    for stage, repeat in enumerate(repeats):
        for unit in range(repeat):
            stride = 2 if stage and not unit else 1
            kernels = {"basic": (3, 3), "bottleneck": (1, 3, 1)}[block]
            strided = 0 if block == "basic" or stride_in == 1 else 1
            y = x
            for i, kernel in enumerate(kernels):
                step = stride if i == strided else 1
                y = conv(padded(y, kernel // 2), kernel, step, "valid")
            shortcut = conv(x, 1, stride) if stride == 2 or not unit else x
            x = layers.Add()([shortcut, y])
    return keras.Model(image, x)


def googlenet(widest):
    image = image_input()
    x = conv(padded(image, 3), 7, 2, "valid")
    x = pool(padded(x, 1), 3, 2)
    x = conv(conv(x, 1), 3)
    x = pool(padded(x, 1), 3, 2)
    for name in "ab|abcde|ab":
        if name == "|":
            x = pool(padded(x, 1), 3, 2)
            continue
        towers = [conv(x, 1), conv(conv(x, 1), 3), conv(conv(x, 1), widest)]
        x = layers.Concatenate()([*towers, conv(pool(x, 3, 1, "same"), 1)])
    return keras.Model(image, x)


@pytest.mark.parametrize(
    ("model", "size", "padding"),
    [
        (lambda: resnet("basic", (2, 2, 2, 2)), 435, 217),
        (lambda: resnet("basic", (3, 4, 6, 3)), 899, 449),
        (lambda: resnet("bottleneck", (3, 4, 6, 3)), 483, 241),
        (lambda: resnet("bottleneck", (3, 4, 6, 3), stride_in=3), 427, 213),
        (lambda: googlenet(5), 715, 357),
        (lambda: googlenet(3), 395, 197),
    ],
    ids=["resnet18", "resnet34", "resnet50", "resnet50 v1.5", "googlenet", "3 for 5"],
)
def test_branching_network(model, size, padding):
    field = rf.receptive_field(model(), input_size=2048)
    assert numbers(field) == (size, 32, -padding)
    assert field.units == (64, 64)
    assert field.aligned


@pytest.mark.parametrize(
    ("name", "size", "padding"),
    [
        ("AlexNet", 195, 64),
        ("VGG11", 150, 59),
        ("VGG16", 212, 90),
        ("VGG19", 268, 118),
        ("ResNet18", 435, 217),
        ("ResNet34", 899, 449),
        ("ResNet50", 483, 241),
        ("ResNet101", 1027, 513),
        ("ResNet152", 1507, 753),
        ("ResNet50V1_5", 427, 213),
    ],
)
def test_models_of_the_companion(name, size, padding):
    """The same networks as above and in the table, built by the companion."""
    with keras.StatelessScope(initialize_variables=False):
        model = models.MODELS[name].build(classes=None)
    field = rf.receptive_field(model)
    assert numbers(field) == (size, 32, -padding)
    assert field.aligned


# --- The graphs of the published library's own unit tests -----------------------------


def graph_1(pooled=False):
    """The branches fit together unless 4 divides the image size with remainder 1."""
    image = image_input()
    left = conv(image, 1, 4, "valid")
    right = padded(image, ((1, 0), (1, 0)))
    step = pool if pooled else conv
    right = step(step(right, 3, 2, "valid"), 1, 2, "valid")
    return image, layers.Add(name="output")([left, right])


@pytest.mark.parametrize("size", [None, 32, (34, 35)])
@pytest.mark.parametrize("pooled", [False, True])
def test_two_branches_with_explicit_padding(pooled, size):
    field = rf.receptive_field(keras.Model(*graph_1(pooled)), input_size=size)
    assert numbers(field) == (3, 4, -1)
    assert field.aligned


def test_branches_that_do_not_fit_together():
    model = keras.Model(*graph_1())
    with pytest.raises(ValueError, match=r"'output'.*equally many rows.*\(9, 8\)"):
        rf.receptive_field(model, input_size=(33, 32))
    image = image_input()
    never = layers.Add()([layers.Cropping2D(1)(image), image])
    with pytest.raises(ValueError, match="equally many"):
        rf.receptive_field(keras.Model(image, never))


def test_misaligned_branches():
    image = image_input(33)
    left = conv(padded(image, ((2, 1), (2, 1))), 5, 2, "valid", name="left")
    right = layers.MaxPooling2D(1, 2, name="right")(
        conv(conv(image, 3, 1, "valid"), 3, 1, "valid")
    )
    model = keras.Model(image, layers.Add(name="sum")([left[:, :15, :15], right]))
    field = rf.receptive_field(model)
    assert not field.aligned
    assert field.region(0, 0) == rf.Box(-2, -2, 5, 5)
    (note,) = field.notes
    assert "sum" in note and "'right'" in note
    assert "(0, 0)" in note and "(2, 2)" in note
    assert rf.receptive_field(model, "left").aligned
    table = rf.receptive_field_table(model).set_index("layer")
    assert not table.loc["sum", "aligned"] and table.loc["right", "aligned"]


def test_alignment_that_depends_on_the_image_size():
    image = image_input()
    left = conv(image, 1, 4, "valid")
    right = conv(conv(image, 3, 2, "same"), 1, 2, "valid")
    model = keras.Model(image, layers.Add()([left, right]))
    unknown = rf.receptive_field(model)
    assert numbers(unknown) == (3, 4, None)
    assert numbers(rf.receptive_field(model, input_size=9)) == (3, 4, -1)
    assert rf.receptive_field(model, input_size=9).aligned
    assert not rf.receptive_field(model, input_size=8).aligned
    assert not unknown.aligned and "pixels" in unknown.notes[0]
    with pytest.raises(ValueError, match="depends on the image size"):
        unknown.region(0, 0)


def test_kernels_that_are_not_square():
    image = image_input()
    model = keras.Model(
        image, conv(conv(image, (3, 5), 2, "valid"), (3, 1), 2, "valid")
    )
    field = rf.receptive_field(model)
    assert numbers(field) == ((7, 5), 4, 0)
    assert numbers(rf.compose([((3, 5), 2, 0, 1), ((3, 1), 2, 0, 1)])) == ((7, 5), 4, 0)


def test_two_stages_of_branches():
    image, x = graph_1()
    left = conv(x, 1, 2, "valid")
    right = conv(padded(x, ((1, 0), (1, 0))), 3, 2, "valid")
    field = rf.receptive_field(keras.Model(image, layers.Add()([left, right])))
    assert numbers(field) == (11, 8, -5)


# --- keras.applications ---------------------------------------------------------------


def application(name, size=224, **options):
    build = getattr(keras.applications, name)
    shape = (size, size, 3)
    return build(weights=None, include_top=False, input_shape=shape, **options)


@pytest.mark.parametrize(
    ("name", "size", "padding"),
    [  # sizes: Distill table and README; padding: TF-Slim where the padding is the same
        ("VGG16", 212, 90),
        ("VGG19", 268, 118),
        ("ResNet50", 483, 241),
        ("ResNet101", 1027, 513),
        ("ResNet152", 1507, 753),
        ("MobileNet", 315, 126),
        ("InceptionV3", 1311, 618),
        ("InceptionResNetV2", 3039, 1482),
    ],
)
def test_keras_application(name, size, padding):
    field = rf.receptive_field(application(name))
    assert numbers(field) == (size, 32, -padding)
    assert field.aligned


def test_densenet_is_its_longest_path():
    path = [(7, 2, 3, 1), (3, 2, 1, 1)]
    for repeat in (6, 12, 24, 16):
        path += [C3] * repeat + ([POOL] if repeat != 16 else [])
    field = rf.receptive_field(application("DenseNet121"))
    assert numbers(field) == numbers(rf.compose(path))
    assert field.aligned


@pytest.mark.parametrize("size", [75, 224, 299])
def test_xception_is_misaligned_where_a_side_is_even(size):
    """A strided 1x1 shortcut samples pixel 0. "same" pads a 3x3 pooling of stride 2 by
    one on the left of an odd side, and its centre is pixel 0 too; on the left of an
    even side by nothing, and its centre is pixel 1."""
    side = (size - 3) // 2 + 1 - 2  # behind the two unpadded convolutions
    even = 0
    for _ in range(4):
        even += side % 2 == 0
        side = -(-side // 2)
    field = rf.receptive_field(application("Xception", size))
    assert len(field.notes) == even > 0
    assert not field.aligned and field.stride == 32 and field.units == (side, side)


def test_gates_see_the_whole_image_unless_left_out():
    model = application("MobileNetV3Small", 96)
    field = rf.receptive_field(model)
    assert (field.size, field.stride, field.offset) == (96, 0, 0)
    local = rf.receptive_field(model, ignore_global=True)
    assert local.stride == 32 and local.size > 300
    assert all("left out" in note for note in local.notes) and len(local.notes) == 9


def test_vgg_against_the_probe():
    assert_probe_agrees(application("VGG16", 64), "block3_pool", least=1)


def test_xception_against_the_probe():
    model = application("Xception", 75)
    second_merge = [at for at in model.layers if isinstance(at, layers.Add)][1]
    assert_probe_agrees(model, second_merge, least=1)


# --- The probe: NaN shows what a model really reads -----------------------------------


def assert_probe_agrees(model, layer=None, least=4):
    """Where a field lies inside the image, the probe finds exactly it; elsewhere the
    probe finds no pixel outside it. Returns how many fields lie inside."""
    field = rf.receptive_field(model, layer)
    probe = rf.probe_receptive_field(model, layer)
    assert field.units == (probe.rows.shape[1], probe.columns.shape[1])
    inside = [0, 0]
    axes = [(field.rows, probe.rows), (field.columns, probe.columns)]
    for i, (axis, reached) in enumerate(axes):
        assert axis.pixels == len(reached)
        for unit in range(axis.units):
            found = np.flatnonzero(reached[:, unit])
            first, last = axis.of(unit) or (0, -1)
            if 0 <= first <= last < axis.pixels:
                assert (first, last) == (found[0], found[-1]), (i, unit)
                inside[i] += 1
            else:
                assert all(first <= pixel <= last for pixel in found), (i, unit)
    assert math.prod(inside) >= least
    return math.prod(inside)


class Draw:
    """Random small networks: every window, every padding, branches, upsampling."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.cropped = False  # padding would then stand for pixels that exist

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def kernel(self, x, low=1):
        most = min(5, *x.shape[1:3])
        return tuple(int(k) for k in self.random.integers(low, max(most, low) + 1, 2))

    def padding(self):
        return "valid" if self.cropped else self.choose("same", "valid")

    def window(self, x):
        """Without padding, the last rows may be left over: that is a crop as well."""
        y = self.any_window(x)
        layer = y._keras_history.operation
        kernel = getattr(layer, "pool_size", None) or layer.kernel_size
        for size, k, stride in zip(x.shape[1:3], kernel, layer.strides, strict=True):
            self.cropped |= layer.padding == "valid" and (size - k) % stride > 0
        return y

    def any_window(self, x):
        kind = self.choose("conv", "dilated", "depthwise", "separable", "max", "mean")
        kernel, stride = self.kernel(x), self.choose(1, 1, 2, 3)
        if kind == "conv":
            stride = self.choose(stride, (stride, 1), (2, 3))
            return layers.Conv2D(2, kernel, stride, self.padding(), groups=2)(x)
        if kind == "dilated":
            rate = self.choose(2, 3, (1, 2))
            size = min(x.shape[1:3])
            padding = "same" if size < 13 and not self.cropped else self.padding()
            kernel = kernel if size >= 13 or padding == "same" else 1
            return layers.Conv2D(2, kernel, 1, padding, dilation_rate=rate)(x)
        if kind == "depthwise":
            return layers.DepthwiseConv2D(kernel, stride, self.padding())(x)
        if kind == "separable":
            return layers.SeparableConv2D(2, kernel, stride, self.padding())(x)
        pooling = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
        return pooling(kernel, stride, self.padding())(x)

    def branches(self, x):
        stride, merge = self.choose(1, 2), self.choose("add", "join", "times")
        padding = "valid" if self.cropped else "same"
        kernel = min(3, *x.shape[1:3])
        kernels = (kernel, kernel) if self.cropped else self.choose((1, 3), (5, 2))
        left = layers.Conv2D(2, kernels[0], stride, padding)(x)
        right = layers.Conv2D(2, kernels[1], stride, padding, activation="relu")(x)
        third = layers.MaxPooling2D(kernels[0], stride, padding)(x)
        if merge == "add":
            return layers.Add()([left, right, third])
        if merge == "join":
            joined = layers.Concatenate()([left, right, third])
            return layers.Conv2D(2, 1)(joined)
        return left * ops.sigmoid(right) + third

    def upsampling(self, x):
        if self.cropped or self.choose(True, False):
            return layers.UpSampling2D(self.choose(2, 3, (2, 1)))(x)
        kernel, stride = self.kernel(x, low=2), self.choose(1, 2)
        return layers.Conv2DTranspose(2, kernel, stride, self.padding())(x)

    def edges(self, x):
        if self.choose(True, False) and not self.cropped:
            return layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
        if min(x.shape[1:3]) < 6:
            return layers.BatchNormalization()(x)
        self.cropped = True
        return self.choose(
            layers.Cropping2D(((1, 0), (0, 2))), lambda x: x[:, 1:, ::2]
        )(x)

    def model(self):
        image = image_input((int(self.random.integers(22, 31)), 26), channels=2)
        x = image
        for _ in range(self.random.integers(3, 6)):
            step = self.choose(
                self.window, self.window, self.branches, self.upsampling, self.edges
            )
            x = layers.ReLU()(step(x)) if max(x.shape[1:3]) < 60 else self.window(x)
        return keras.Model(image, x)


@pytest.mark.parametrize("first", range(0, 30, 5))
def test_random_networks_against_the_probe(first):
    inside = [
        assert_probe_agrees(Draw(seed).model(), least=0)
        for seed in range(first, first + 5)
    ]
    assert np.count_nonzero(inside) >= 3 and sum(inside) > 100


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_transposed_convolution(kernel, stride, padding):
    image = image_input((9, 8))
    x = layers.Conv2DTranspose(1, kernel, stride, padding)(image)
    if kernel < stride:  # some units get no product at all
        x = conv(x, stride, padding="valid")
    assert_probe_agrees(keras.Model(image, x))


def test_transposed_convolution_with_holes():
    field = rf.receptive_field(
        keras.Sequential([image_input(4), layers.Conv2DTranspose(1, 1, 2)])
    )
    assert field.region(2, 4) == rf.Box(1, 2, 2, 3)
    with pytest.raises(ValueError, match=r"no pixel.*\(1, 4\)"):
        field.region(1, 4)


def test_transposed_convolution_with_output_padding():
    for padding in (1,) if OLD else (0, 1):  # Keras 3.10 refuses 0
        image = image_input(7)
        layer = layers.Conv2DTranspose(1, 3, 2, "same", output_padding=padding)
        assert_probe_agrees(keras.Model(image, layer(image)))


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resampling_against_impulses(factor, interpolation):
    """What a bright pixel reaches; NaN would leak through JAX' matrix product."""
    layer = layers.UpSampling2D(factor, interpolation=interpolation)
    field = rf.receptive_field(keras.Sequential([image_input((12, 11)), layer]))
    impulses = np.eye(12, dtype="float32").reshape(12, 12, 1, 1).repeat(11, axis=2)
    reached = np.abs(ops.convert_to_numpy(layer(impulses)))[:, :, 0, 0] > 1e-6
    for row in range(3 * factor, 9 * factor):
        pixels = np.flatnonzero(reached[:, row])
        box = field.region(row, 0)
        assert (box.top, box.bottom) == (pixels[0], pixels[-1] + 1)


def test_max_pooling_against_impulses():
    """The probe replaces max pooling, so here it is asked directly."""
    for size, kernel, stride, padding in [
        (11, 3, 2, "same"),
        (12, 4, 3, "same"),
        (11, 3, 2, "valid"),
        (12, 2, 2, "same"),
    ]:
        layer = layers.MaxPooling2D(kernel, stride, padding)
        field = rf.receptive_field(keras.Sequential([image_input(size), layer]))
        impulses = np.eye(size, dtype="float32").reshape(size, size, 1, 1)
        impulses = impulses.repeat(size, axis=2)
        reached = ops.convert_to_numpy(layer(impulses))[:, :, 0, 0] > 0
        assert reached.shape[1] == field.units[0]
        for row in range(field.units[0]):
            pixels = np.flatnonzero(reached[:, row])
            box = field.region(row, 0).clip(size, size)
            assert (box.top, box.bottom) == (pixels[0], pixels[-1] + 1)


def test_skip_connection_over_upsampling():
    image = image_input(32)
    down = conv(layers.MaxPooling2D(2)(conv(image, 3)), 3)
    up = layers.UpSampling2D(2, name="up")(down)
    x = conv(layers.Concatenate()([conv(image, 3), up]), 3)
    model = keras.Model(image, x)
    field = rf.receptive_field(model)
    assert field.aligned and field.stride == 1
    assert_probe_agrees(model, least=100)
    assert rf.receptive_field(model, "up").aligned
    assert (
        rf.receptive_field(
            keras.Sequential([image_input(8), layers.UpSampling2D(4)])
        ).stride
        == 0.25
    )


def unet(size, padding):
    """Two levels; the skips are cropped where there is no padding."""
    image = x = image_input(size)
    skips = []
    for level in range(2):
        x = conv(conv(x, 3, padding=padding), 3, padding=padding)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}")(x)
    x = conv(conv(x, 3, padding=padding), 3, padding=padding)
    for skip in reversed(skips):
        x = layers.Conv2DTranspose(1, 2, 2)(x)
        if padding == "valid":
            margin = (skip.shape[1] - x.shape[1]) // 2
            skip = layers.Cropping2D(margin)(skip)
        x = layers.Concatenate()([skip, x])
        x = conv(conv(x, 3, padding=padding), 3, padding=padding)
    return keras.Model(image, x)


def test_unet_reads_multiples_of_4():
    known, unknown = unet(64, "same"), unet(None, "same")
    field, of_any_size = rf.receptive_field(known), rf.receptive_field(unknown)
    assert numbers(field) == numbers(of_any_size) == (44, 1, -22)
    assert field.aligned and of_any_size.aligned
    assert_probe_agrees(known, least=400)
    table = rf.receptive_field_table(unknown, input_size=32).set_index("layer")
    assert table.loc["down1", "output shape"] == (8, 8, 1)
    table = rf.receptive_field_table(unknown).set_index("layer")
    assert table.loc["down1", "output shape"] == (None, None, 1)
    with pytest.raises(ValueError, match=r"concatenate.*\(17, 17\).*\(16, 16\)"):
        rf.receptive_field(unknown, input_size=35)


def test_unet_without_padding_against_the_probe():
    model = unet(60, "valid")
    field = rf.receptive_field(model)
    assert field.aligned and numbers(field) == (44, 1, 0)
    assert assert_probe_agrees(model) == 20 * 20  # no field leaves the image


ADAPTIVE = [] if OLD else [layers.AdaptiveAveragePooling2D, layers.AdaptiveMaxPooling2D]


@pytest.mark.parametrize("size", [(12, 18), (9, 7), (8, 20), (5, 5)])
@pytest.mark.parametrize("target", [(8, 12), (13, 7), (1, 3)])
def test_resizing_and_adaptive_pooling(size, target):
    image = image_input(size)
    spread = conv(image, 3)
    for x in (
        layers.Resizing(*target, "nearest")(spread),
        layers.Resizing(*target, "bilinear")(spread),
        ops.image.resize(spread, target),
        *(kind(target)(spread) for kind in ADAPTIVE),
    ):
        assert_probe_agrees(keras.Model(image, conv(x, 2)), least=0)


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_adaptive_pooling_to_one_unit_is_global(kind):
    image = image_input(9)
    gate = kind(1)(image)
    field = rf.receptive_field(keras.Model(image, gate * image))
    assert (field.size, field.stride) == (9, 0)


def test_resizing_must_do_nothing_else():
    image = image_input(9)
    x = layers.Resizing(5, 6, crop_to_aspect_ratio=True, name="fit")(image)
    with pytest.raises(ValueError, match=r"'fit'.*crop_to_aspect_ratio=True"):
        rf.receptive_field(keras.Model(image, x))
    x = layers.CenterCrop(5, 10, name="cut")(image)
    with pytest.raises(ValueError, match=r"'cut'.*size=\(9, 9\).*\(5, 10\)"):
        rf.receptive_field(keras.Model(image, x))
    with pytest.raises(ValueError, match="pass the image size"):
        rf.receptive_field(keras.Sequential([image_input(), layers.Resizing(64, 64)]))


def test_center_crop():
    image = image_input((11, 12))
    assert_probe_agrees(keras.Model(image, layers.CenterCrop(6, 6)(conv(image, 3))))


# --- Every kind of layer, call and model ----------------------------------------------


def test_whole_image_after_global_operations():
    image = image_input((20, 30))
    x = conv(image, 3, 2, name="conv")
    y = layers.GlobalAveragePooling2D(name="pooled")(x)
    z = layers.Dense(3, name="head")(layers.Flatten(name="flat")(x))
    model = keras.Model(image, layers.Concatenate(name="both")([y, z]))
    for name in ("pooled", "flat", "head", "both"):
        field = rf.receptive_field(model, name)
        assert (field.size, field.stride, field.offset) == ((20, 30), 0, 0)
        assert field.is_global
        assert field.region(0, 0) == rf.Box(0, 0, 20, 30)
    assert not rf.receptive_field(model, "conv").is_global
    assert rf.probe_receptive_field(model).region(0, 0) == rf.Box(0, 0, 20, 30)


def test_global_pooling_sees_only_what_its_input_has_seen():
    image = image_input(10)
    x = layers.GlobalMaxPooling2D()(conv(image, 3, 4, "valid"))
    model = keras.Model(image, x)
    field = rf.receptive_field(model)
    assert field.region(0, 0) == rf.Box(0, 0, 7, 7)
    assert rf.probe_receptive_field(model).region(0, 0) == rf.Box(0, 0, 7, 7)


def test_global_field_of_an_unknown_image_is_infinite():
    image = image_input()
    model = keras.Model(image, layers.GlobalMaxPooling2D()(conv(image, 3, 2)))
    field = rf.receptive_field(model)
    assert numbers(field) == (math.inf, 0, 0)
    assert field.region(0, 0).clip(40, 50) == rf.Box(0, 0, 40, 50)


def test_one_unknown_side():
    image = image_input((31, None))
    model = keras.Model(image, conv(conv(image, 3, 2), 3, 2))
    # 31 rows become 16 with a zero on each side, and 8 with one zero at the end
    assert numbers(rf.receptive_field(model)) == (7, 4, (-1, None))
    assert rf.receptive_field(model).units == (8, None)


def test_units_behind_a_global_operation():
    image = image_input(16)
    x = layers.Dense(4 * 4 * 2)(layers.Flatten()(conv(image, 3, 2)))
    x = layers.Reshape((4, 4, 2), name="map")(x)
    x = layers.Conv2DTranspose(3, 4, 2, "same", name="up")(x)
    x = layers.Lambda(lambda x: x[:, 1:], output_shape=(7, 8, 3), name="cut")(x)
    model = keras.Model(image, conv(x, 3, padding="valid", name="last"))
    field = rf.receptive_field(model)
    assert field.units == (5, 6)
    assert field.region(4, 5) == rf.Box(0, 0, 16, 16)
    with pytest.raises(ValueError, match=r"\(5, 6\) units"):
        field.region(5, 0)
    shapes = rf.receptive_field_table(model).set_index("layer")["output shape"]
    assert shapes["map"] == (4, 4, 2) and shapes["up"] == (8, 8, 3)
    assert shapes["cut"] == (7, 8, 3) and shapes["last"] == (5, 6, 1)


def test_table_at_another_image_size():
    image = image_input(32)
    x = conv(gated(conv(image, 3, 2, name="conv"), "scale"), 3, 2, name="last")
    pooled = layers.GlobalAveragePooling2D(name="pooled")(x)
    model = keras.Model(image, pooled)
    for size, half, quarter in ((None, 16, 8), (20, 10, 5)):
        table = rf.receptive_field_table(model, size).set_index("layer")
        shapes = table["output shape"]
        assert shapes["conv"] == shapes["scale"] == (half, half, 1)
        assert shapes["last"] == (quarter, quarter, 1)
        assert shapes["scale_gate"] == (1, 1, 1) and shapes["pooled"] == (1,)


def gated(x, name):
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply(name=name)([x, conv(gate, 1, name=f"{name}_gate")])


def test_squeeze_excite_gate():
    image = image_input(16)
    model = keras.Model(image, conv(gated(conv(image, 3), "scale"), 3))
    assert numbers(rf.receptive_field(model)) == (16, 0, 0)
    probe = rf.probe_receptive_field(model)
    assert probe.region(0, 0) == probe.region(7, 7) == rf.Box(0, 0, 16, 16)
    field = rf.receptive_field(model, ignore_global=True)
    assert numbers(field) == (5, 1, -2)
    (note,) = field.notes
    assert "scale" in note and "scale_gate" in note and "left out" in note
    table = rf.receptive_field_table(model, ignore_global=True).set_index("layer")
    assert table.loc["scale", "size"] == 3 and table.loc["scale_gate", "size"] == 16


def test_a_gate_over_rows_and_columns_is_left_out_as_well():
    """Coordinate attention: each gate sees a row or a column of the image."""
    image = image_input((12, 16))
    x = conv(image, 3)
    rows = ops.sigmoid(ops.mean(x, axis=2, keepdims=True))
    columns = ops.sigmoid(ops.mean(x, axis=1, keepdims=True))
    model = keras.Model(image, x * rows * columns)
    field = rf.receptive_field(model)
    assert field.is_global and field.size == (12, 16)
    assert rf.probe_receptive_field(model).region(6, 8) == rf.Box(0, 0, 12, 16)
    local = rf.receptive_field(model, ignore_global=True)
    assert numbers(local) == (3, 1, -1) and len(local.notes) == 2


def seen(layer, side=12):
    """Fields of a layer behind a 3x3 convolution: of all paths, and of the local one;
    and the probe's answer for the unit in the middle."""
    image = image_input(side, channels=4)
    x = layer(layers.Conv2D(4, 3, padding="same")(image))
    model = keras.Model(image, x)
    middle = x.shape[1] // 2
    field = rf.receptive_field(model)
    local = rf.receptive_field(model, ignore_global=True)
    return field, local, rf.probe_receptive_field(model).region(middle, middle)


CONTEXTS = {  # the layer, its local field behind a 3x3, and how to cut its context off
    "squeeze_excite": (
        lambda: SqueezeExcite(2, name="context"),
        (3, 1, -1),
        {"expand": lambda z: ops.ones((1, 4))},
    ),
    "global_context": (
        lambda: GlobalContext(2, name="context"),
        (3, 1, -1),
        {"expand": lambda z: ops.zeros((1, 4))},
    ),
    "non_local": (
        lambda: NonLocal(name="context"),
        (3, 1, -1),
        {"expand": lambda y: ops.zeros((1, 12, 12, 4)), "norm": lambda y, **_: y},
    ),
    "selective_kernel": (
        lambda: SelectiveKernel(4, groups=2, name="context"),
        (7, 1, -3),
        {"_select": lambda *_: ops.full((1, 2, 4), 0.5)},
    ),
    "selective_kernel of stride 2": (
        lambda: SelectiveKernel(4, groups=2, strides=2, name="context"),
        (7, 2, -3),
        {"_select": lambda *_: ops.full((1, 2, 4), 0.5)},
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_context_inside_a_layer(name):
    make, expected, cut = CONTEXTS[name]
    layer = make()
    field, local, probed = seen(layer)
    assert (field.size, field.stride) == (12, 0)
    assert probed == field.region(0, 0) == rf.Box(0, 0, 12, 12)
    assert numbers(local) == expected
    (note,) = local.notes
    assert "'context'" in note or "context:" in note
    assert "left out" in note
    for attribute, without_context in cut.items():
        object.__setattr__(layer, attribute, without_context)
    _, local, probed = seen(layer)
    middle = local.units[0] // 2
    assert probed == local.region(middle, middle)


@pytest.mark.parametrize(
    "layer",
    [
        layers.GroupNormalization(2),
        layers.LayerNormalization(axis=(1, 2, 3)),
        layers.Softmax(axis=(1, 2)),
        layers.Softmax(axis=1),
        layers.MultiHeadAttention(1, 2),
        layers.MultiHeadAttention(1, 2, attention_axes=(2,)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_context_inside_a_layer_of_keras(layer):
    twice = isinstance(layer, layers.MultiHeadAttention)
    field, local, probed = seen(lambda x: layer(x, x) if twice else layer(x))
    assert probed == field.region(6, 6) != rf.Box(5, 5, 8, 8)
    assert numbers(local) == (3, 1, -1) and len(local.notes) == 1


@pytest.mark.parametrize(
    "layer",
    [ChannelShuffle(2), DropPath(0.5), layers.LayerNormalization()],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_without_context_have_no_note(layer):
    field, local, probed = seen(layer)
    assert numbers(field) == numbers(local) == (3, 1, -1)
    assert local.notes == () and probed == field.region(6, 6)


def test_gates_and_context_of_one_network_are_both_left_out():
    image = image_input(24, channels=4)
    x = SqueezeExcite(2, name="inside")(layers.Conv2D(4, 3, padding="same")(image))
    gate = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Multiply(name="outside")([x, gate])
    field = rf.receptive_field(keras.Model(image, x), ignore_global=True)
    assert numbers(field) == (3, 1, -1)
    assert [note.split(":")[0] for note in field.notes] == ["inside", "outside"]


ARGUMENTS = {  # strong ones, so that an augmentation at inference would be seen
    "Activation": ("relu",),
    "AlphaDropout": (0.5,),
    "Dense": (2,),
    "Dropout": (0.5,),
    "GaussianDropout": (0.5,),
    "GaussianNoise": (1.0,),
    "Normalization": (-1, 0.5, 2.0),
    "RandomBrightness": (0.5,),
    "RandomColorDegeneration": (0.5,),
    "RandomContrast": (0.5,),
    "RandomErasing": (1.0,),
    "RandomHue": (0.5,),
    "RandomPosterization": (3,),
    "RandomRotation": (0.5,),
    "RandomSaturation": (0.5,),
    "RandomSharpness": (1.0,),
    "RandomTranslation": (0.5, 0.5),
    "RandomZoom": (0.5, 0.5),
    "Rescaling": (2.0,),
    "SpatialDropout2D": (0.5,),
}
MERGES = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]
KINDS = (rf.ELEMENT_WISE_LAYERS + rf.AUGMENTATION_LAYERS).split()
KINDS = [kind for kind in KINDS if hasattr(layers, kind)]
if OLD:
    KINDS.remove("RandomGrayscale")  # lets go of the graph in Keras 3.10


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_work_position_by_position(kind):
    image = image_input((8, 9), channels=3)
    layer = getattr(layers, kind)(*ARGUMENTS.get(kind, ()))
    x = layer([image, image]) if kind in MERGES else layer(image)
    assert assert_probe_agrees(keras.Model(image, x)) == 8 * 9


def test_normalisation_over_positions_sees_everything():
    for layer, size in [
        (layers.GroupNormalization(1), 8),
        (layers.LayerNormalization(axis=(1, 2, 3)), 8),
        (layers.LayerNormalization(), 3),
        (layers.BatchNormalization(), 3),
        (layers.Softmax(axis=(1, 2)), 8),
        (LocalResponseNormalization(), 3),
    ]:
        image = image_input(8)
        model = keras.Model(image, layer(conv(image, 3)))
        assert rf.receptive_field(model).size == size, layer
        probe = rf.probe_receptive_field(model).region(4, 4)
        assert probe.bottom - probe.top == size, layer


def test_normalisation_along_one_axis():
    image = image_input(8)
    model = keras.Model(image, layers.Softmax(axis=1)(conv(image, 3)))
    field = rf.receptive_field(model)
    assert (field.size, field.stride) == ((8, 3), (0, 1))
    assert rf.probe_receptive_field(model).region(4, 4) == field.region(4, 4)


def test_nested_and_shared_models():
    inner_image = image_input((None, None))
    inner = keras.Model(inner_image, conv(inner_image, 3, 2, name="conv"), name="stem")
    pooling = layers.MaxPooling2D(2, name="pool")
    tail = keras.Sequential([image_input(), pooling], name="tail")
    image = image_input(33)
    shared = layers.Conv2D(1, 3, padding="same", name="shared")
    x = shared(shared(tail(inner(inner(image)))))
    model = keras.Model(image, x)
    table = rf.receptive_field_table(model).set_index("layer")
    sizes = table["size"].to_dict()
    assert sizes["stem (call 1)"] == sizes["stem/conv (call 1)"] == 3
    assert sizes["stem (call 2)"] == sizes["stem/conv (call 2)"] == 7
    assert sizes["tail"] == sizes["tail/pool"] == 11
    assert sizes["shared (call 1)"] == 27 and sizes["shared (call 2)"] == 43
    with pytest.raises(ValueError, match=r"shared \(call 1\)"):
        rf.receptive_field(model, "shared")
    assert_probe_agrees(model, least=0)


def test_a_nested_model_of_several_outputs():
    image = image_input((None, None))
    fine = conv(image, 3, 2, name="fine")
    backbone = keras.Model(
        image, {"a": fine, "b": conv(fine, 3, 2, name="coarse")}, name="backbone"
    )
    whole = image_input(31)
    maps = backbone(whole)
    heads = {key: conv(maps[key], 3, name=f"head_{key}") for key in "ab"}
    model = keras.Model(whole, heads)
    sizes = rf.receptive_field_table(model).set_index("layer")["size"]
    assert sizes["backbone/fine"] == sizes["backbone (output 1)"] == 3
    assert sizes["backbone/coarse"] == sizes["backbone (output 2)"] == 7
    assert (sizes["head_a"], sizes["head_b"]) == (7, 15)
    assert_probe_agrees(model, "head_b")
    assert numbers(rf.receptive_field(keras.Model(whole, maps["b"]))) == (7, 4, -1)


def test_transfer_learning_model():
    base_image = image_input(32, channels=3)
    base = keras.Model(base_image, conv(conv(base_image, 3, 2), 3, 2), name="base")
    image = image_input(32, channels=3)
    x = layers.Rescaling(1 / 127.5, offset=-1)(layers.RandomFlip()(image))
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    model = keras.Model(image, layers.Dense(5)(layers.Dropout(0.2)(x)))
    assert numbers(rf.receptive_field(model, "base")) == (7, 4, 0)
    assert rf.receptive_field(model).size == 32
    assert_probe_agrees(model, "base")


def test_layer_of_another_call_is_not_counted():
    conv_layer = layers.Conv2D(1, 3, name="conv")
    conv_layer(image_input(9))
    image = image_input(12)
    model = keras.Model(image, conv_layer(image))
    assert rf.receptive_field(model, conv_layer).size == 3
    assert rf.probe_receptive_field(model, conv_layer).region(0, 0).bottom == 3


def test_operations_of_keras_ops():
    image = image_input(17, channels=4)
    x = ops.relu(image) * 2.0 + 1.0
    x = ops.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0)))
    x = ops.max_pool(x, 3, 2, padding="valid")
    x = ops.average_pool(x, 2, 1, padding="same")
    x = ops.conv(x, np.ones((3, 1, 4, 4), "float32"), 1, "same", dilation_rate=2)
    first, second = ops.split(x, 2, axis=-1)
    x = ops.concatenate([first, ops.exp(second)], axis=-1)
    mask = ops.expand_dims(ops.mean(x, axis=-1), -1)
    x = ops.reshape(x * mask, (-1, *x.shape[1:3], 2, 2))
    x = ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, *x.shape[1:3], 4))
    model = keras.Model(image, x[..., 1:])
    assert_probe_agrees(model, least=10)
    kernels = np.ones((3, 2, 4, 1), "f"), np.ones((1, 1, 4, 2), "f")
    moved = [ops.separable_conv(image, *kernels, 2, "same")]
    if hasattr(ops, "space_to_depth"):
        moved += [ops.space_to_depth(image[:, :16, :16], 2)]
        moved += [ops.depth_to_space(image, 2)]
    for y in moved:
        assert_probe_agrees(keras.Model(image, y), least=40)
    centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
    field = rf.receptive_field(keras.Model(image, centred))
    assert field.is_global and field.size == 17


def test_a_transposed_convolution_of_keras_ops_is_that_of_the_layer():
    """Keras 3.15 cannot run the operation inside a model, so no probe here."""
    image = image_input(17, channels=4)
    operation = ops.conv_transpose(image, np.ones((3, 2, 1, 4), "float32"), 2, "same")
    layer = layers.Conv2DTranspose(1, (3, 2), 2, "same")(image)
    fields = [rf.receptive_field(keras.Model(image, y)) for y in (operation, layer)]
    assert fields[0].rows == fields[1].rows
    assert fields[0].columns == fields[1].columns


def test_reshape_to_tokens_sees_everything():
    image = image_input(8, channels=2)
    x = layers.Conv2D(2, 3, padding="same")(image)
    tokens = layers.Reshape((64, 2), name="tokens")(x)
    mixed = layers.MultiHeadAttention(1, 2, name="mixed")(tokens, tokens)
    model = keras.Model(image, layers.Reshape((8, 8, 1))(layers.Dense(1)(mixed)))
    assert numbers(rf.receptive_field(model)) == (8, 0, 0)
    assert numbers(rf.receptive_field(model, "tokens")) == (8, 0, 0)
    assert rf.probe_receptive_field(model).region(3, 3) == rf.Box(0, 0, 8, 8)


def test_channel_shuffle_by_reshape_keeps_positions():
    image = image_input(8, channels=4)
    x = layers.Reshape((8, 8, 2, 2))(layers.Conv2D(4, 3, padding="same")(image))
    x = layers.Reshape((8, 8, 4))(layers.Permute((1, 2, 4, 3))(x))
    assert_probe_agrees(keras.Model(image, x))


def test_branches_of_different_strides_are_joined_unit_by_unit():
    image = image_input(16)
    left = layers.Cropping2D(4, name="left")(image)
    right = conv(image, 2, 2, "valid", name="right")
    model = keras.Model(image, layers.Add()([left, right]))
    field = rf.receptive_field(model)
    assert not field.aligned and "stride 2" in field.notes[0]
    assert_probe_agrees(model, least=64)


def test_inputs_that_are_no_image():
    image, number = image_input(12), keras.Input((3,))
    scale = layers.Reshape((1, 1, 1))(layers.Dense(1, name="dense")(number))
    model = keras.Model([image, number], layers.Multiply()([conv(image, 3), scale]))
    assert numbers(rf.receptive_field(model)) == (3, 1, -1)
    assert "dense" not in set(rf.receptive_field_table(model)["layer"])
    with pytest.raises(ValueError, match="'dense' does not depend on the image"):
        rf.receptive_field(model, "dense")


def test_two_images_of_one_size():
    one, two = image_input(12), image_input(12)
    x = layers.Subtract()([conv(one, 3), conv(conv(two, 3), 3)])
    field = rf.receptive_field(keras.Model([one, two], x))
    assert numbers(field) == (5, 1, -2) and field.aligned


def test_grouped_convolution_of_the_companion():
    image = image_input(9, channels=4)
    model = keras.Model(image, GroupedConv2D(4, 3, strides=2, groups=2)(image))
    assert_probe_agrees(model)


def test_resizing_and_spectral_normalisation():
    image = image_input((12, 18))
    x = layers.Resizing(8, 12, interpolation="nearest")(image)
    x = layers.SpectralNormalization(layers.Conv2D(1, 3, 2))(x)
    assert_probe_agrees(keras.Model(image, x))


# --- Layers that must be registered ---------------------------------------------------


class Blur(layers.Layer):
    def call(self, x):
        return ops.average_pool(x, 3, 1, "same")

    def compute_output_shape(self, shape):
        return shape


class Halved(layers.Conv2D):
    """A convolution that skips every second unit of its output."""

    def call(self, x):
        return super().call(x)[:, ::2, ::2]

    def compute_output_shape(self, shape):
        batch, height, width, channels = super().compute_output_shape(shape)
        return batch, -(-height // 2), -(-width // 2), channels


class Named(layers.Conv2D):
    """Computes what its parent computes."""


class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(1, 3)

    def call(self, x):
        return self.conv(x)


@pytest.mark.parametrize("kind", [Blur, lambda **o: Halved(1, 3, **o), Subclassed])
def test_unknown_layer(kind):
    image = image_input(12)
    layer = kind(name="mine")
    model = keras.Model(image, layer(conv(image, 3)))
    with pytest.raises(TypeError) as error:
        rf.receptive_field(model)
    for part in ("'mine'", type(layer).__name__, "kernel_geometry.register("):
        assert part in str(error.value)


def test_unknown_layer_behind_global_pooling_is_harmless():
    image = image_input(12)
    x = layers.Lambda(lambda x: x + 1)(layers.GlobalMaxPooling2D()(image))
    assert rf.receptive_field(keras.Model(image, x)).size == 12


def test_subclassed_model_itself():
    model = Subclassed(name="mine")
    model(image_input(9))
    with pytest.raises(TypeError, match=r"'mine' \(Subclassed\).*subclassed model"):
        rf.receptive_field(model)


def test_unknown_operation():
    image = image_input(12)
    with pytest.raises(TypeError, match=r"operation 'flip.*\(Flip\).*of your own"):
        rf.receptive_field(keras.Model(image, ops.flip(image, axis=1)))


def test_registered_layers():
    class Registered(Halved):
        pass

    class RegisteredModel(Subclassed):
        pass

    class Pointwise(Blur):
        def call(self, x):
            return x + 1.0

    @rf.kernel_geometry.register(Registered)
    def _(layer, size):
        return [rf.Window.sliding(units, kernel=3, stride=2) for units in size]

    rf.kernel_geometry.register(Pointwise, rf.element_wise)
    rf.kernel_geometry.register(
        RegisteredModel, lambda layer, size: [rf.Window.sliding(n, 3) for n in size]
    )
    image = image_input(12)
    x = RegisteredModel()(Pointwise()(Registered(1, 3)(image)))
    assert numbers(rf.receptive_field(keras.Model(image, x))) == (7, 2, 0)


def test_subclasses_with_a_call_of_their_own_do_not_inherit_the_local_rule():
    class Wide(SqueezeExcite):
        def call(self, x):
            return super().call(ops.average_pool(x, 3, 1, "same"))

    image = image_input(12, channels=4)
    model = keras.Model(image, Wide(2, name="wide")(image))
    with pytest.raises(TypeError, match=r"'wide' \(Wide\)"):
        rf.receptive_field(model, ignore_global=True)
    rf.kernel_geometry.register(
        Wide, lambda layer, size: [rf.Window.everything(n, n) for n in size]
    )
    assert rf.receptive_field(model, ignore_global=True).size == 12
    rf.local_geometry.register(
        Wide, lambda layer, size: [rf.Window.sliding(n, 3, 1, "same") for n in size]
    )
    assert numbers(rf.receptive_field(model, ignore_global=True)) == (3, 1, -1)


def test_subclass_with_the_same_call_needs_no_registration():
    image = image_input(12)
    assert rf.receptive_field(keras.Model(image, Named(1, 5)(image))).size == 5


# --- Bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [
        [(0, 1, 0, 1)],
        [(3, 0, 0, 1)],
        [(3, 1, -1, 1)],
        [(3, 1, 0, 0)],
        [(3, 1, 0)],
        [3],
        [(3.0, 1, 0, 1)],
    ],
)
def test_compose_rejects(chain):
    with pytest.raises(ValueError, match="Received: "):
        rf.compose(chain)


@pytest.mark.parametrize("input_size", [0, -3, 2.5, (3,), (8, 0), "same"])
def test_input_size_is_checked(input_size):
    model = keras.Sequential([image_input(8), layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match=r"input_size.*Received: input_size="):
        rf.receptive_field(model, input_size=input_size)


def test_image_smaller_than_a_window():
    model = keras.Sequential([image_input(), layers.Conv2D(1, 5, name="big")])
    with pytest.raises(ValueError, match=r"'big'.*window=5, size=4"):
        rf.receptive_field(model, input_size=4)


def test_models_that_cannot_be_read():
    with pytest.raises(ValueError, match="unbuilt model"):
        rf.receptive_field(keras.Sequential([layers.Conv2D(1, 3)]))
    with pytest.raises(TypeError, match="must be a Keras model"):
        rf.receptive_field(layers.Conv2D(1, 3))
    with pytest.raises(ValueError, match="read images"):
        rf.receptive_field(keras.Sequential([keras.Input((8,)), layers.Dense(2)]))
    first = layers.Conv2D(1, 3, data_format="channels_first", name="first")
    channels_first_image = keras.Input((3, 8, 8))
    with pytest.raises(ValueError, match=r"channels_last.*'first'"):
        rf.receptive_field(
            keras.Model(channels_first_image, first(channels_first_image))
        )
    image = image_input(8)
    with pytest.raises(ValueError, match="side by side"):
        rf.receptive_field(
            keras.Model(image, layers.Concatenate(axis=1)([image, image]))
        )


def test_layer_must_exist():
    image = image_input(8)
    x = conv(image, 3, name="a")
    model = keras.Model(image, [x, conv(x, 3, name="b")])
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*layer='c'"):
        rf.receptive_field(model, "c")
    with pytest.raises(ValueError, match="2 outputs"):
        rf.receptive_field(model)
    with pytest.raises(ValueError, match="layer='c'"):
        rf.probe_receptive_field(model, "c")


def test_units_and_boxes_are_checked():
    field = rf.receptive_field(
        keras.Sequential([image_input(8), layers.Conv2D(1, 3, padding="same")])
    )
    assert field.center(7, 0) == (7.0, 0.0)
    for unit in ((8, 0), (0, -1)):
        with pytest.raises(ValueError, match=r"\(8, 8\) units"):
            field.region(*unit)
    box = field.region(0, 7)
    with pytest.raises(ValueError, match="clip it"):
        _ = box.slices
    image = np.arange(64).reshape(8, 8)
    assert image[box.clip(8, 8).slices].tolist() == [[6, 7], [14, 15]]


def test_measuring_needs_an_image_size():
    model = keras.Sequential([image_input(), layers.Conv2D(1, 3)])
    for measure in (rf.probe_receptive_field, rf.effective_receptive_field):
        with pytest.raises(ValueError, match="no fixed image size"):
            measure(model)
    assert rf.probe_receptive_field(model, input_size=5).region(2, 2).top == 2
    assert rf.effective_receptive_field(model, input_size=5).shape == (5, 5)


# --- The effective field --------------------------------------------------------------


def uniform(depth, pixels):
    """A chain of 3x3 layers of equal weights without nonlinearity."""
    mean = keras.initializers.Constant(1 / 9)
    return keras.Sequential(
        [image_input(pixels)]
        + [
            layers.Conv2D(1, 3, padding="same", kernel_initializer=mean)
            for _ in range(depth)
        ]
    )


@pytest.mark.parametrize("depth", [1, 5, 24, 67])
def test_uniform_layers_follow_the_square_root_law(depth):
    """sigma = sqrt(2 n / 3); 2 sigma over the radius n is 1.633 / sqrt(n)."""
    model = uniform(depth, 2 * depth + 1)
    weights = rf.effective_receptive_field(model, samples=1)
    fit = rf.gaussian_fit(weights)
    assert fit.center == pytest.approx((depth, depth), abs=1e-4)
    assert fit.sigma == pytest.approx((math.sqrt(2 * depth / 3),) * 2, rel=1e-4)
    ratio = fit.radius_ratio(rf.receptive_field(model))
    assert ratio == pytest.approx((2 * math.sqrt(2 / 3 / depth),) * 2, rel=1e-4)


def test_one_third_to_one_fifth_is_24_to_67_layers():
    for depth, ratio in ((24, 1 / 3), (67, 1 / 5)):
        model = uniform(depth, 2 * depth + 1)
        fit = rf.gaussian_fit(rf.effective_receptive_field(model, samples=1))
        found = fit.radius_ratio(rf.receptive_field(model))
        assert found == pytest.approx((ratio, ratio), rel=0.005)


def test_paths_from_the_centre_and_from_the_edge():
    """Five 3x3 layers: 51 paths against 1 along each axis, 2601 in the plane."""
    weights = rf.effective_receptive_field(uniform(5, 11), samples=1)
    assert weights[5, 5] / weights[0, 0] == pytest.approx(2601, rel=1e-4)
    assert weights[5, 0] / weights[0, 0] == pytest.approx(51, rel=1e-4)


def test_gradient_stays_inside_the_theoretical_field():
    keras.utils.set_random_seed(3)
    image = image_input((31, 29), channels=3)
    x = layers.Conv2D(8, (3, 5), 2, activation="tanh")(image)
    x = layers.Conv2D(8, 3, padding="same")(layers.AveragePooling2D(2)(x))
    model = keras.Model(image, x)
    weights = rf.effective_receptive_field(model, samples=4, seed=1)
    field = rf.receptive_field(model)
    box = field.region(field.units[0] // 2, field.units[1] // 2)
    rows, columns = np.flatnonzero(weights.sum(1)), np.flatnonzero(weights.sum(0))
    found = rf.Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert found == box
    assert weights.sum() == pytest.approx(1)
    again = rf.effective_receptive_field(model, samples=4, seed=1)
    assert np.array_equal(weights, again)
    assert not np.allclose(weights, rf.effective_receptive_field(model, seed=2))


def test_effective_field_on_given_images():
    model = uniform(1, 5)
    weights = rf.effective_receptive_field(model, images=np.zeros((2, 5, 5, 1), "f"))
    assert weights[1:4, 1:4] == pytest.approx(np.full((3, 3), 1 / 9))


def test_effective_field_on_images_of_bytes():
    keras.utils.set_random_seed(0)
    image = image_input(7)
    rescaled = layers.Rescaling(1 / 255)(image)
    tanh = layers.Conv2D(2, 5, padding="same", activation="tanh")(rescaled)
    model = keras.Model(image, tanh)
    images = np.random.default_rng(0).integers(0, 256, (2, 7, 7, 1))
    weights = rf.effective_receptive_field(model, images=images.astype("uint8"))
    same = rf.effective_receptive_field(model, images=images.astype("float32"))
    assert np.array_equal(weights, same) and weights.sum() == pytest.approx(1)


def test_effective_field_of_a_cut_graph():
    image = image_input(5)
    model = keras.Model(image, ops.stop_gradient(conv(image, 3)))
    with pytest.raises(ValueError, match="No gradient"):
        rf.effective_receptive_field(model)


def test_probe_leaves_the_model_as_it_was():
    image = image_input(8)
    model = keras.Model(image, layers.MaxPooling2D(2, name="pool")(conv(image, 3)))
    before = model.predict(np.ones((1, 8, 8, 1), "f"), verbose=0)
    rf.probe_receptive_field(model, "pool")
    assert np.array_equal(before, model.predict(np.ones((1, 8, 8, 1), "f"), verbose=0))
    assert model.get_layer("pool").output is model.output


def test_dead_unit_is_reported():
    dead = layers.Conv2D(1, 3, kernel_initializer="zeros")
    with pytest.raises(ValueError, match="No gradient"):
        rf.effective_receptive_field(keras.Sequential([image_input(5), dead]))


def test_gaussian_fit_recovers_a_gaussian():
    y, x = np.mgrid[:61, :81]
    weights = np.exp(-((y - 28) ** 2) / (2 * 4**2) - (x - 43.5) ** 2 / (2 * 6.5**2))
    fit = rf.gaussian_fit(7 * weights)
    assert fit.center == pytest.approx((28, 43.5), abs=1e-6)
    assert fit.sigma == pytest.approx((4, 6.5), rel=1e-6)


@pytest.mark.parametrize(
    "weights", [np.zeros((3, 3)), -np.ones((3, 3)), np.ones(3), np.full((2, 2), np.nan)]
)
def test_gaussian_fit_rejects(weights):
    with pytest.raises(ValueError, match="Received: shape="):
        rf.gaussian_fit(weights)
