"""What every registered model must do, by task, whatever its paper says.

A network is built once without values and shared by the checks. What needs values runs
on a small network of the same blocks, one for each kind of block.
"""

import contextlib
import dataclasses
import functools
import importlib
import inspect
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from companion import models
from companion.arguments import channels_last, integer
from companion.complexity import count_macs, count_params
from companion.conformance import check_model
from companion.models import MODELS, register
from companion.models.registry import TASKS, check_arguments
from companion.receptive_field import receptive_field

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"

# --- networks, built once -------------------------------------------------------------


def shapes_only(build, **arguments):
    """The weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return build(**arguments)


@functools.cache
def full(entry):
    """At its default arguments."""
    return shapes_only(entry.build)


@functools.cache
def any_size(entry):
    """Up to the last map, for images of any size."""
    return shapes_only(entry.build, input_shape=unknown(entry), classes=None)


def parameters(entry):
    return inspect.signature(entry.build).parameters


def default(entry, argument="input_shape"):
    return parameters(entry)[argument].default


def shapes(entry):
    """Shapes of the inputs at the default arguments."""
    return [tensor.shape[1:] for tensor in full(entry).inputs]


def per_input(entry, change):
    """`input_shape` with each shape changed."""
    changed = tuple(change(shape) for shape in shapes(entry))
    return changed if len(changed) > 1 else changed[0]


def unknown(entry):
    return per_input(entry, lambda shape: (*[None] * (len(shape) - 1), shape[-1]))


def flattens(entry):
    return any(isinstance(layer, layers.Flatten) for layer in full(entry).layers)


# --- the contract ---------------------------------------------------------------------

AXES = dict.fromkeys(TASKS, 3) | {"video": 4, "generation": 1}  # of one input


def arguments_are_keywords(entry):
    """All have defaults; only a generator has no classes."""
    for parameter in parameters(entry).values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
    assert {"input_shape", "name"} <= set(parameters(entry))
    assert ("classes" in parameters(entry)) == (entry.task != "generation")


def help_is_complete(entry):
    """Each argument is explained; shapes are those of the network."""
    text = inspect.getdoc(entry.build)
    for section in ("Args:", "Raises:", "Example:", "Reference: "):
        assert text.count(f"\n\n{section}") == 1, section
    assert "\n>>> " in text
    explained = text.partition("Args:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^    (\w+):", explained, re.M) == list(parameters(entry))
    for line in text.splitlines():
        assert len(line) <= 88
    found = re.findall(r"``\(batch, ([\d, ]+)\)``", text.partition("Shapes:")[2])
    promised = [tuple(map(int, numbers.split(","))) for numbers in found]
    model = full(entry)
    own = [tensor.shape[1:] for tensor in (*model.inputs, model.outputs[0])]
    if entry.task != "generation":
        own.append(last_map(entry).shape[1:])
    assert promised[: len(own)] == own


def counts_are_the_published_ones(entry):
    model = full(entry)
    assert count_params(model) == entry.params
    assert count_macs(model) == entry.macs


def field_is_the_published_one(entry):
    if entry.receptive_field is not None:
        sides = shapes(entry)[0][:-1]
        field = receptive_field(any_size(entry), input_size=sides)
        assert field.size == entry.receptive_field


def last_map(entry):
    """The tensor of the whole network at which `classes=None` stops."""
    return full(entry).get_layer(any_size(entry).layers[-1].name).output


def outputs_fit_the_task(entry):
    assert default(entry) in (None, per_input(entry, lambda shape: shape))
    assert {len(shape) for shape in shapes(entry)} == {AXES[entry.task]}
    found = [tensor.shape[1:] for tensor in full(entry).outputs]
    if entry.task == "generation":
        assert [len(shape) for shape in found] == [3]
        return
    classes = default(entry, "classes")
    if entry.task in ("classification", "video"):
        assert found == [(classes,)]
    if entry.task == "segmentation":
        assert found == [(*shapes(entry)[0][:-1], classes)]
    assert len(last_map(entry).shape) == 1 + AXES[entry.task]
    if entry.feature_map is not None:
        assert last_map(entry).shape[1:] == entry.feature_map


def arguments_reach_the_network(entry):
    """Other classes, sides and channels, as NumPy counts them; logits; a name.

    A network that flattens its map must know the sides; all others take any.
    """

    def other(shape):
        *sides, channels = map(np.int64, shape)
        if flattens(entry):
            return (sides[0] + 1, *sides[1:], channels + 1)
        return (*[None] * len(sides), channels + 1)

    arguments = {"input_shape": per_input(entry, other), "name": "mine"}
    if "classes" in parameters(entry):
        arguments["classes"] = np.int64(7)
    if "classifier_activation" in parameters(entry):
        arguments["classifier_activation"] = None
    model = shapes_only(entry.build, **arguments)
    assert model.name == "mine"
    expected = [other(shape) for shape in shapes(entry)]
    assert [tensor.shape[1:] for tensor in model.inputs] == expected
    json.dumps(model.layers[-1].get_config())  # no NumPy integer is left
    if entry.task == "detection":
        pairs = zip(model.outputs, full(entry).outputs, strict=True)
        assert any(mine.shape[-1] != other.shape[-1] for mine, other in pairs)
    elif "classes" in parameters(entry):
        assert [tensor.shape[-1] for tensor in model.outputs] == [7]
    if "classifier_activation" in parameters(entry):
        for network, activation in ((model, "linear"), (full(entry), "softmax")):
            last = network.outputs[-1]._keras_history.operation.activation
            assert last is keras.activations.get(activation)


def wrong_arguments(entry):
    """Arguments that no model of the task takes, and words of the refusal."""
    shape = shapes(entry)[0]
    *sides, channels = shape
    axes = "height, width, channels" if sides else "input_shape"
    wrongs = [(wrong, axes) for wrong in (shape[:-1], (1, *shape), 9, "image")]
    for wrong in (None, 0, -1, True, float(channels), str(channels)):
        wrongs.append(((*sides, wrong), "annels" if sides else "input_shape="))
    for wrong in (0, -1, True, 224.0, "224") if sides else ():
        wrongs.append(((wrong, *shape[1:]), "or more"))
        wrongs.append(((*sides[:-1], wrong, channels), "or more"))
    for wrong, words in wrongs:
        yield {"input_shape": per_input(entry, lambda shape, wrong=wrong: wrong)}, words
    if "classes" in parameters(entry):
        for wrong in (0, -1, True, 2.0, np.float32(2), "1000", [10]):
            yield {"classes": wrong}, f"classes={wrong!r}"
    if "classes" in parameters(entry) and flattens(entry):
        yield {"input_shape": unknown(entry)}, "classes=None"


def wrong_arguments_are_refused(entry):
    for arguments, words in wrong_arguments(entry):
        with pytest.raises(ValueError, match="Received: ") as error:
            entry.build(**arguments)
        assert words in str(error.value), arguments


def channels_first_is_refused(entry):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="image_data_format='channels_first'"):
            entry.build()
    finally:
        keras.config.set_image_data_format("channels_last")


def smallest_side_leaves_one_unit(entry):
    """The side that the refusal names, and no smaller one."""
    if entry.task == "generation":
        return
    zero = per_input(entry, lambda shape: (*[0] * (len(shape) - 1), shape[-1]))
    with pytest.raises(ValueError, match=r"must be \d+ or more") as error:
        entry.build(input_shape=zero, classes=None)
    least = int(re.search(r"must be (\d+) or more", str(error.value))[1])

    def map_of(side):
        changed = [(1, *[side] * (len(s) - 1), s[-1]) for s in shapes(entry)]
        changed = changed if len(changed) > 1 else changed[0]
        return min(any_size(entry).compute_output_shape(changed)[1:-1])

    assert map_of(least) == 1
    if least > 1:
        with contextlib.suppress(ValueError):  # Keras refuses it too
            assert map_of(least - 1) < 1


CONTRACT = (
    arguments_are_keywords,
    help_is_complete,
    counts_are_the_published_ones,
    field_is_the_published_one,
    outputs_fit_the_task,
    arguments_reach_the_network,
    wrong_arguments_are_refused,
    channels_first_is_refused,
    smallest_side_leaves_one_unit,
)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
def test_registered(model, rule):
    rule(MODELS[model])


def test_the_stub_lists_what_is_registered():
    assert set(MODELS) <= set(models.__all__)


# --- small networks with values -------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Small:
    """A network with one block of a kind, and the image it is tried on.

    Args:
        build: function with the keywords `input_shape` and `classes`.
        image: shape of one image.
        tables: replaced in the file of the family while the network is tried.
        without: checks of conformance that stand in the paper's own test file.
    """

    build: functools.partial
    image: tuple
    tables: dict = dataclasses.field(default_factory=dict)
    without: tuple = ()


def small(build, *rows, image=(32, 32, 3), tables=(), without=(), **arguments):
    return Small(
        functools.partial(build, *rows, **arguments), image, dict(tables), without
    )


def rows_of(table, *endings):
    rows = [row for row in table if row[0].endswith(endings)]
    assert len(rows) == len(endings)
    return rows


def once(table, column):
    """The rows of a table, with each block once."""
    return [(*row[:column], 1, *row[column + 1 :]) for row in table]


def thin(convolution):
    """An eighth of the filters, which are not what conformance depends on."""
    return lambda x, filters, *rest, **named: convolution(
        x, -(-filters // 8), *rest, **named
    )


file = functools.partial(importlib.import_module, package="companion.models")
NAMED = {"classifier_activation": None, "name": "small"}
COUNTS = (2, 1)  # blocks in two stages: an identity shortcut, and two projections
DENSENET, RESIDUAL = file(".densenet"), file(".inception_resnet")

SMALL = {  # file and kind: the network
    **{
        name: small(
            build,
            image=(67, 67, 3),
            tables={
                "convolution": thin(file(".alexnet").convolution),
                "HIDDEN_UNITS": 16,
            },
        )
        for name, build in (
            ("alexnet", models.AlexNet),
            ("alexnet caffe", models.CaffeNet),
            ("alexnet two cards", models.AlexNetTwoCards),
        )
    },
    "alexnet_one_tower": small(
        models.AlexNetOneTower,
        image=(223, 223, 3),
        tables={
            "HIDDEN_UNITS": 16,
            "TABLE": [
                (row[0], 8, *row[2:]) for row in file(".alexnet_one_tower").TABLE
            ],
        },
    ),
    "densenet": small(
        models.DenseNet,
        *(DENSENET.imagenet_stem, 8, DENSENET.bottleneck, (2, 1), 4, 0.5),
        image=(64, 32, 3),
        **NAMED,
    ),
    "densenet cifar": small(
        models.DenseNet,
        *(DENSENET.cifar_stem, 6, DENSENET.basic, (1, 1), 4, 1.0),
        image=(64, 32, 3),
        **NAMED,
    ),
    "efficientnet": small(
        models.EfficientNet,
        *(0.25, 1.0, 0.2),
        tables={"TABLE": ((1, 3, 1, 16, 1), (6, 5, 2, 24, 2))},
        image=(64, 32, 3),
        **NAMED,
    ),
    "gcnet": small(
        models.GCResNet50,
        image=(40, 24, 3),
        tables={"TABLE": (("conv2", 1, None), ("conv3", 2, 16))},
        without=("training_step",),
    ),
    "googlenet": small(
        models.GoogLeNet,
        image=(48, 32, 3),
        tables={
            "convolution": thin(file(".googlenet").convolution),
            "TABLE": rows_of(file(".googlenet").TABLE, "3a", "pool3"),
        },
    ),
    "inception_resnet": small(
        models.InceptionResNet,
        *(RESIDUAL.stem_v2, once(RESIDUAL.TABLE_V2, 2)),
        tables={"conv_bn": thin(RESIDUAL.conv_bn)},
        image=(76, 75, 3),
        **NAMED,
    ),
    "inception_v2": small(
        models.InceptionV2,
        image=(48, 32, 3),
        tables={
            "conv_bn": thin(file(".inception_v2").conv_bn),
            "TABLE": rows_of(file(".inception_v2").TABLE, "3a", "3c", "5b"),
        },
        without=("training_step",),
    ),
    "inception_v3": small(
        models.InceptionV3,
        image=(76, 75, 3),
        tables={
            "conv_bn": thin(file(".inception_v3").conv_bn),
            "TABLE": rows_of(file(".inception_v3").TABLE, "5b", "6a", "6b", "7a", "7b"),
        },
    ),
    "inception_v4": small(
        models.InceptionV4,
        image=(76, 75, 3),
        tables={
            "conv_bn": thin(file(".inception_v4").conv_bn),
            "TABLE": once(file(".inception_v4").TABLE, 2),
        },
    ),
    "lenet": small(
        models.LeNet5,
        image=(32, 32, 1),
        without=("frozen",),  # the codes are fixed
    ),
    "lenet modern": small(models.LeNet5Modern, image=(32, 32, 1)),
    "mobilenet_v1": small(
        models.MobileNetV1,
        image=(24, 16, 3),
        width=0.125,
        rows=((1, 64), (2, 128), (1, 128)),
    ),
    "mobilenet_v2": small(
        models.MobileNetV2,
        image=(24, 16, 3),
        width=0.5,
        rows=((1, 16, 1, 1), (3, 24, 2, 2)),
    ),
    "mobilenet_v3": small(
        models.MobileNetV3,
        (
            (3, 16, 16, True, "relu", 2),
            (5, 48, 24, False, "hard_silu", 1),
            (3, 48, 24, True, "hard_silu", 1),
        ),
        *(48, 64, "hard_silu"),
        image=(24, 16, 3),
        **NAMED,
    ),
    "nin": small(models.NiN, image=(47, 47, 3)),
    "nin cifar": small(models.NiNCIFAR, image=(16, 16, 3)),
    "resnet": small(
        models.ResNet18, tables={"TABLE": {18: (file(".resnet").basic, COUNTS)}}
    ),
    "resnet bottleneck": small(
        models.ResNet50, tables={"TABLE": {50: (file(".resnet").bottleneck, COUNTS)}}
    ),
    **{
        f"resnet_cifar {block}": small(
            models.CifarResNet,
            *(getattr(file(".resnet_cifar"), block), 8),
            image=(16, 16, 3),
            **NAMED,
        )
        for block in ("plain", "residual", "projected")
    },
    "resnet_v1_5": small(models.ResNetV1_5, COUNTS, **NAMED),
    "resnet_v2": small(models.ResNetV2, file(".resnet_v2").basic, COUNTS, **NAMED),
    "resnet_v2 bottleneck": small(
        models.ResNetV2, file(".resnet_v2").bottleneck, COUNTS, **NAMED
    ),
    "resnext": small(models.ResNeXt, COUNTS, **NAMED),
    "senet": small(
        models.SENet,
        *(file(".senet").stem, file(".senet").aggregated_64, (1, 1), 0.2),
        image=(24, 16, 3),
        **NAMED,
    ),
    "senet inception": small(
        models.SEInception,
        image=(40, 24, 3),
        tables={"MODULES": file(".senet").MODULES[2:3]},
    ),
    "shufflenet_v1": small(
        models.ShuffleNetV1,
        image=(64, 32, 3),
        groups=8,
        width=0.25,
        tables={"UNITS": (2, 1, 1)},
    ),
    "shufflenet_v2": small(
        models.ShuffleNetV2, image=(64, 32, 3), width=0.5, tables={"UNITS": (2, 1, 1)}
    ),
    "sknet": small(models.SKNet, (1, 1), image=(40, 24, 3), **NAMED),
    "squeezenet": small(
        models.SqueezeNet,
        file(".squeezenet").TABLE_1_0[:3] + file(".squeezenet").TABLE_1_0[5:6],
        image=(64, 32, 3),
        name="small",
    ),
    "vgg": small(
        models.VGG11,
        tables={
            "convolution": thin(file(".vgg").convolution),
            "HIDDEN_UNITS": 16,
        },
    ),
    "wide_resnet": small(
        models.WideResNet50_2,
        tables={
            "convolution": thin(file(".wide_resnet").convolution),
            "IMAGENET_TABLE": once(file(".wide_resnet").IMAGENET_TABLE, 2),
        },
    ),
    "wide_resnet cifar": small(
        models.CifarWideResNet, *(10, 2), dropout=0.3, image=(16, 16, 3), **NAMED
    ),
    "xception": small(
        models.Xception,
        image=(41, 32, 3),
        tables={
            "conv_bn": thin(file(".xception").conv_bn),
            "TABLE": rows_of(file(".xception").TABLE, "block2", "block4", "block5"),
        },
    ),
}


@pytest.fixture
def tabled(monkeypatch):
    """Function `(name)`: the row of `SMALL`, its tables in place."""

    def place(name):
        for table, rows in SMALL[name].tables.items():
            monkeypatch.setattr(file(f".{name.partition(' ')[0]}"), table, rows)
        return SMALL[name]

    return place


def test_every_file_has_small_networks():
    files = {entry.build.__module__.rpartition(".")[2] for entry in MODELS.values()}
    assert {name.partition(" ")[0] for name in SMALL} == files


@pytest.mark.parametrize("model", SMALL)
def test_conformance(model, tabled):
    """The counts are checked above, on the whole networks."""
    network = tabled(model)
    without = ("params", "macs", *network.without)
    check_model(network.build, network.image, without=without)


@pytest.mark.parametrize(
    "model",
    [name for name in SMALL if not name.startswith(("alexnet", "lenet", "vgg"))],
)
def test_images_of_any_size_are_classified(model, tabled):
    build, channels = tabled(model).build, SMALL[model].image[-1]
    with pytest.raises(ValueError, match=r"must be \d+ or more") as error:
        build(input_shape=(0, 0, channels))
    least = int(re.search(r"must be (\d+) or more", str(error.value))[1])
    keras.utils.set_random_seed(0)
    network = build(input_shape=(None, None, channels), classes=7)
    for height, width in ((least, least), (least + 9, least + 32)):
        images = np.ones((2, height, width, channels), "float32")
        assert network(images).shape == (2, 7)


# --- other tasks ----------------------------------------------------------------------


FRAMES = ("frames", "height", "width", "channels")
SIDES = FRAMES[1:]


def check_shape(input_shape, axes):
    """What `check_arguments` does, for inputs of other axes."""
    channels_last()
    received = f"Received: input_shape={input_shape!r}"
    if not isinstance(input_shape, tuple) or len(input_shape) != len(axes):
        raise ValueError(f"`input_shape` must be ({', '.join(axes)}). {received}")
    try:
        return tuple(
            size if size is None and axis in FRAMES[:-1] else integer(axis, size)
            for axis, size in zip(axes, input_shape, strict=True)
        )
    except ValueError as error:
        raise ValueError(f"A size must be 1 or more: {error} {received}") from None


def pixels(
    *, input_shape=(16, 12, 3), classes=5, classifier_activation="softmax", name="n"
):
    """Fully convolutional: a class for every pixel."""
    input_shape, classes = check_arguments(input_shape, classes)
    image = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    if classes is not None:
        x = layers.Conv2D(classes, 1, activation=classifier_activation)(x)
    return keras.Model(image, x, name=name)


def clips(
    *, input_shape=(4, 8, 6, 1), classes=5, classifier_activation="softmax", name="n"
):
    """Three-dimensional convolution."""
    input_shape = check_shape(input_shape, FRAMES)
    classes = classes if classes is None else integer("classes", classes)
    clip = keras.Input(input_shape)
    x = layers.Conv3D(2, 3, padding="same", name="conv")(clip)
    if classes is not None:
        x = layers.GlobalAveragePooling3D()(x)
        x = layers.Dense(classes, activation=classifier_activation)(x)
    return keras.Model(clip, x, name=name)


def generator(*, input_shape=(5,), name="n"):
    """From a code to an image."""
    code = keras.Input(check_shape(input_shape, ("numbers",)))
    x = layers.Reshape((4, 4, 2))(layers.Dense(32)(code))
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same")(x)
    return keras.Model(code, x, name=name)


def eyes(
    *,
    input_shape=((16, 12, 3), (16, 12, 3)),
    classes=5,
    classifier_activation="softmax",
    name="n",
):
    """Two images, one convolution for both; boxes and scores."""
    if not isinstance(input_shape, tuple) or len(input_shape) != 2:
        raise ValueError(
            f"Two shapes are needed. Received: input_shape={input_shape!r}"
        )
    images = [keras.Input(check_shape(shape, SIDES)) for shape in input_shape]
    classes = classes if classes is None else integer("classes", classes)
    conv = layers.Conv2D(4, 3, padding="same")
    x = layers.Concatenate(name="both")([conv(image) for image in images])
    if classes is not None:
        boxes = layers.Conv2D(4, 1)(x)
        x = [boxes, layers.Conv2D(classes, 1, activation=classifier_activation)(x)]
    return keras.Model(images, x, name=name)


# By hand: 3x3 windows of 3 channels to 4, one 1x1 to 5; 192 pixels
# 3x3x3 windows of 1 channel to 2, a dense layer from 2 to 5; 4 * 8 * 6 voxels
# a dense layer from 5 to 32, 4x4 windows of 2 channels to 3 from 4x4 positions
# the 3x3 windows twice, 1x1 from 8 channels to 4 and to 5
OTHERS = {  # task: network, parameters, multiply-adds, "Shapes" of its help
    "segmentation": (
        pixels,
        (27 * 4 + 4) + (4 * 5 + 5),
        192 * (27 * 4 + 4 * 5),
        "(batch, 16, 12, 3) (batch, 16, 12, 5) (batch, 16, 12, 4)",
    ),
    "video": (
        clips,
        (27 * 2 + 2) + (2 * 5 + 5),
        192 * 27 * 2 + 2 * 5,
        "(batch, 4, 8, 6, 1) (batch, 5) (batch, 4, 8, 6, 2)",
    ),
    "generation": (
        generator,
        (5 * 32 + 32) + (16 * 2 * 3 + 3),
        5 * 32 + 16 * 16 * 2 * 3,
        "(batch, 5) (batch, 8, 8, 3)",
    ),
    "detection": (
        eyes,
        (27 * 4 + 4) + (8 * 4 + 4) + (8 * 5 + 5),
        192 * (2 * 27 * 4 + 8 * 4 + 8 * 5),
        "(batch, 16, 12, 3) (batch, 16, 12, 3) (batch, 16, 12, 4) (batch, 16, 12, 8)",
    ),
}


@pytest.fixture
def entered(monkeypatch):
    """Function `(task, **changes)`: an entry of `MODELS` for one test."""
    monkeypatch.setattr(MODELS, "entries", dict(MODELS.entries))

    def enter(task, /, **changes):
        build, params, macs, shown = OTHERS[task]
        arguments = "".join(
            f"    {name}: .\n" for name in inspect.signature(build).parameters
        )
        shown = "``" + shown.replace(") (", ")``\n    ``(") + "``"
        monkeypatch.setattr(
            build,
            "__doc__",
            f"Words.\n\nArgs:\n{arguments}\nShapes:\n    {shown}\n\nRaises:\n    .\n\n"
            "Example:\n\n>>> 1\n1\n\nReference: none.",
        )
        published = {"params": params, "macs": macs, "task": task, "source": "by hand"}
        register(**published | changes)(build)
        return MODELS[build.__name__]

    return enter


@pytest.mark.parametrize("task", OTHERS)
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
def test_other_tasks(task, rule, entered):
    rule(entered(task))


def test_each_task_has_an_example():
    assert {*OTHERS, "classification"} == set(TASKS)


BROKEN = [  # network, what is said of it, the rule that finds out
    ("segmentation", {"params": 138}, counts_are_the_published_ones),
    ("video", {"macs": 10_379}, counts_are_the_published_ones),
    ("segmentation", {"receptive_field": 5}, field_is_the_published_one),
    ("segmentation", {"task": "classification"}, outputs_fit_the_task),
    ("segmentation", {"task": "video"}, outputs_fit_the_task),
    ("segmentation", {"feature_map": (16, 12, 5)}, outputs_fit_the_task),
    ("video", {"task": "segmentation"}, outputs_fit_the_task),
    ("video", {"task": "classification"}, outputs_fit_the_task),
    ("generation", {"task": "classification"}, arguments_are_keywords),
    ("detection", {"task": "generation"}, arguments_are_keywords),
    ("detection", {"task": "segmentation"}, outputs_fit_the_task),
    ("detection", {"task": "video"}, outputs_fit_the_task),
]


@pytest.mark.parametrize("task, said, rule", BROKEN)
def test_the_contract_finds_what_is_wrong(task, said, rule, entered):
    with pytest.raises(AssertionError):
        rule(entered(task, **said))


def careless(
    *, input_shape=(16, 12, 3), classes=5, classifier_activation=None, name="n"
):
    """It looks at none of its arguments."""
    image = keras.Input((16, 12, 3))
    x = layers.Flatten()(layers.Conv2D(4, 3, padding="same", name="conv")(image))
    return keras.Model(image, layers.Dense(5)(x), name="careless")


@pytest.mark.parametrize(
    "rule",
    [
        help_is_complete,
        arguments_reach_the_network,
        wrong_arguments_are_refused,
        channels_first_is_refused,
        smallest_side_leaves_one_unit,
    ],
)
def test_the_contract_finds_carelessness(rule, entered):
    entry = dataclasses.replace(entered("segmentation"), build=careless)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        rule(entry)


# --- the table of all models ----------------------------------------------------------

ROWS = {  # task: side of the image, depth, field
    "segmentation": (16, 2, 3),
    "video": (8, 2, None),
    "generation": (None, 2, None),
    "detection": (16, 2, None),
}


@pytest.mark.parametrize("task", ROWS)
def test_row_of_the_zoo(task, entered, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    zoo = importlib.import_module("zoo")
    entry = entered(task)
    monkeypatch.setitem(zoo.PUBLISHED, entry.name, (2026, None, None))
    row = zoo.measure(entry.name)
    assert (row["params"], row["macs"]) == (entry.params, entry.macs)
    assert (row["side"], row["depth"], row["receptive_field"]) == ROWS[task]
