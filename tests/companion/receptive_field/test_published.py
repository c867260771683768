"""Receptive fields of whole networks, against the published table and the probe.

Published numbers: Araujo, Norris and Sim, Distill 2019, doi 10.23915/distill.00021;
github.com/google-research/receptive_field, files README.md, RECEPTIVE_FIELD_TABLE.md
and receptive_field_test.py. The table is kept in reference/receptive_fields.json.
"""

import json
import pathlib

import keras
import pandas
import pytest
from keras import layers

from companion import models
from companion import receptive_field as rf

from .nets import assert_probe_agrees, conv, image_input, numbers, padded, pool

REFERENCE = pathlib.Path(__file__).parents[1] / "reference" / "receptive_fields.json"


PUBLISHED = json.loads(REFERENCE.read_text())["nets"]


def negative(padding):
    return None if padding is None else -padding


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
        path += [(3, 1, 1, 1)] * repeat + ([(2, 2, 0, 1)] if repeat != 16 else [])
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
