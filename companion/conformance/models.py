"""What every model of the course must do, by its task."""

import inspect
import itertools

import keras
import numpy as np

from companion.conformance.layers import (
    every_weight_moves,
    expect_no_frozen_weight,
    expect_open_training,
    run_all,
    same_after_saving,
    training_parts,
    values,
)
from companion.conformance.layers import same_values as equal
from companion.conformance.probes import alike
from companion.conformance.report import (
    NotJudged,
    Report,
    described,
    expect,
    judge,
    raise_first,
    register,
)
from companion.conformance.transplant import transplant
from companion.conformance.world import SEED

MODEL_CHECKS = {}

TOLERANCE = 0.01  # wide enough for another epsilon in batch normalization
CLASSES = 7
LARGER = {3: (32, 64), 4: (1, 32, 64)}  # added to the sides of an image, of a video
CLASSIFIERS = ("classification", "video")
IMAGES = (*CLASSIFIERS, "segmentation", "detection")


def check_model(
    model,
    input_shape=None,
    params=None,
    macs=None,
    without=(),
    *,
    reference=None,
    task=None,
):
    """Check one model function in every way that the course asks of a model.

    What is asked depends on the task: a classifier of images or videos gives one number
    per class, and with `classes=None` a feature map; a segmentation network a map of
    classes as large as the image; a detector any number of outputs, some of which
    depend on `classes`; a generator an image of any kind. Several inputs and outputs
    are taken as the model has them.

    Args:
        model: An entry of `companion.models.MODELS`, which brings its published
            numbers and its task, or a function with the keywords `input_shape` and
            `classes`; the latter may be missing in a generator.
        input_shape: `(height, width, channels)` of the images to train on, save and
            so on; `(frames, height, width, channels)` of videos. A small one saves
            time. By default the model's own.
        params: Published number of trainable parameters at the default arguments.
        macs: Published number of multiply-adds for one image, likewise.
        without: Names of checks that do not apply to this model.
        reference: A right model function. Its outputs must be those of the model when
            it has the model's weights.
        task: One of `companion.models.registry.TASKS`; by default that of the entry, or
            "classification".

    Raises:
        ConformanceError: When a check fails.
        NotJudged: If the reference raises, or multiply-adds cannot be counted because a
            package is missing or no rule counts those of a layer.
        ValueError: If a name in `without` is no check, `task` is none, or there is no
            published number to check against.

    Example:

    >>> import keras
    >>> def Tiny(input_shape=(8, 8, 3), classes=10):
    ...     x = image = keras.Input(input_shape)
    ...     x = keras.layers.Conv2D(4, 3)(x)
    ...     if classes is not None:
    ...         x = keras.layers.GlobalAveragePooling2D()(x)
    ...         x = keras.layers.Dense(classes, activation="softmax")(x)
    ...     return keras.Model(image, x)
    >>> check_model(Tiny, params=4 * 28 + 50, macs=36 * 4 * 27 + 40)
    """
    raise_first(_results(model, input_shape, params, macs, without, reference, task))


def report_model(
    model,
    input_shape=None,
    params=None,
    macs=None,
    without=(),
    *,
    reference=None,
    task=None,
):
    """Run all checks of `check_model` and report them at once.

    Args, Raises: as for `check_model`, but neither a failure nor what cannot be judged
    raises.

    Returns:
        A `Report`.

    Example:

    >>> import keras
    >>> def flat(input_shape=(8, 7, 3), classes=10):
    ...     image = keras.Input(input_shape)
    ...     x = keras.layers.Flatten()(image)
    ...     return keras.Model(image, keras.layers.Dense(classes or 5)(x))
    >>> report = report_model(flat, without=("params", "macs"))
    >>> [result.check for result in report.failures]
    ['classes', 'unknown_size']
    """
    return Report(
        tuple(_results(model, input_shape, params, macs, without, reference, task))
    )


def _results(model, input_shape, params, macs, without, reference, task):
    from companion.models.registry import TASKS

    build = getattr(model, "build", model)
    if isinstance(model, keras.Model) or not callable(build):
        raise ValueError(
            "`model` must be an entry of MODELS or a function that returns a new "
            f"model. Received: model={model!r}"
        )
    published = {
        "params": getattr(model, "params", params),
        "macs": getattr(model, "macs", macs),
    }
    for name, number in published.items():
        if number is None and name not in without:
            raise ValueError(
                "A published number is needed for each of params and macs, or its name "
                f"in `without`. Received: {name}=None"
            )
    task = task or getattr(model, "task", "classification")
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {TASKS}. Received: task={task!r}")
    given = {**published, "task": task, "reference": reference}
    networks = Networks(build, input_shape)
    return judge(MODEL_CHECKS, (networks,), given, without)


class Networks:
    """Builds a model function's networks, each once.

    Attributes:
        build: the model function.
        asked: the shape asked for, or None for that of the model at its defaults.
        input_shape: the one or the other.
    """

    def __init__(self, build, input_shape):
        self.build = build
        self.asked = input_shape
        self._built = {}

    @property
    def input_shape(self):
        if self.asked is None:
            image = self.default().input
            shapes = keras.tree.map_structure(lambda each: each.shape[1:], image)
            self.asked = shapes if isinstance(shapes, (tuple, list)) else None
        return self.asked

    def default(self):
        """The network at the default arguments."""
        if "default" not in self._built:
            self._built["default"] = self.build()
        return self._built["default"]

    def small(self):
        """The network for seven classes, for the input shape asked for."""
        if "small" not in self._built:
            self._built["small"] = self.made(self.asked, CLASSES)
        return self._built["small"]

    def made(self, input_shape, classes):
        """A new network; what is None by default stays away."""
        return made(self.build, input_shape, classes)


def made(build, input_shape, classes):
    """A new network; `classes` only if the function takes it."""
    given = {} if input_shape is None else {"input_shape": input_shape}
    if takes_classes(build):
        given["classes"] = classes
    return build(**given)


def takes_classes(build):
    """Whether a model function has the keyword `classes`."""
    parameters = inspect.signature(build).parameters
    return "classes" in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def batch_for(model, sides=None, size=2):
    """Seeded numbers in the structure of a model's inputs.

    `sides` stands in for sizes that the model leaves open.
    """
    draw = np.random.default_rng(SEED).standard_normal

    def numbers(tensor):
        shape = sides if sides is not None else tensor.shape[1:]
        return draw((size, *shape)).astype("float32")

    return keras.tree.map_structure(numbers, model.input)


def shape_of(networks):
    """The shape of the one input of the small network."""
    return tuple(networks.small().inputs[0].shape[1:])


def same_outputs(a, b, tolerance):
    """Whether two lists of arrays agree."""
    return len(a) == len(b) and all(
        alike(x, y, tolerance) for x, y in zip(a, b, strict=True)
    )


def _expect_published(what, found, published):
    if found != published:
        difference = "more" if found > published else "fewer"
        expect(False, f"The model has {found:,} {what}, {difference} than published.")


@register(MODEL_CHECKS, "Build it and call it on random images yourself.")
def check_model_runs(networks, given):
    """The function returns a new Keras model, whose outputs are finite."""
    model = networks.small()
    kind = type(model).__name__
    expect(
        isinstance(model, keras.Model),
        f"The function returned an object of the type {kind}.",
        "It returns a `keras.Model`. Is a `return` missing?",
    )
    finite = all(np.isfinite(y).all() for y in run_all(model, batch_for(model)))
    expect(
        finite,
        "The output is not finite.",
        "Is there a division by zero, or the root or logarithm of a negative number?",
    )


@register(
    MODEL_CHECKS,
    "Compare layer by layer with the paper's table: kernel sizes, widths, groups, "
    "biases, and which layers have batch normalization.",
    needs=("runs",),
    asks="params",
)
def check_model_params(networks, given):
    """The trainable parameters at the default arguments are the published ones."""
    model = networks.default()
    found = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    _expect_published("trainable parameters", found, given["params"])


@register(
    MODEL_CHECKS,
    "With the right parameters, look at where the strides and the pooling are, at the "
    "padding, and at the input size.",
    needs=("runs",),
    asks="macs",
)
def check_model_macs(networks, given):
    """The multiply-adds at the default arguments are the published ones."""
    _expect_published("multiply-adds", macs_of(networks.default()), given["macs"])


def macs_of(model):
    """Multiply-adds; `NotJudged` if they cannot be counted."""
    try:
        from companion.complexity import count_macs
    except ImportError as error:
        raise NotJudged(
            f"Multiply-adds were not counted, a package is missing: {error}."
        ) from error
    try:
        return count_macs(model)
    except (TypeError, ValueError) as error:
        raise NotJudged(f"Multiply-adds cannot be counted. {error}") from error


@register(
    MODEL_CHECKS,
    "`classes` is the length of the last axis; `classes=None` stops at the last "
    "feature map, before pooling and flattening.",
    needs=("runs",),
    tasks=IMAGES,
)
def check_model_classes(networks, given):
    """The output has the form that the task asks for, and follows `classes`."""
    model = networks.small()
    x = batch_for(model)
    outputs = run_all(model, x)
    shapes = [y.shape for y in outputs]
    if given["task"] == "detection":
        more = networks.made(networks.input_shape, CLASSES + 2)
        follows = [y.shape for y in run_all(more, batch_for(more))] != shapes
        expect(follows, "The outputs are the same for any `classes`.")
        return
    shape = shapes[0]
    rank = len(shape_of(networks)) + 1
    wanted = 2 if given["task"] in CLASSIFIERS else rank
    right = len(shape) == wanted
    expect(right, f"classes={CLASSES} gives an output of rank {len(shape)}.")
    expect(shape[-1] == CLASSES, f"classes={CLASSES} gives {shape[-1]} numbers.")
    if given["task"] == "segmentation":
        sides = shape_of(networks)[:-1]
        expect(
            shape[1:-1] == sides,
            f"The map of an image of {sides} is {shape[1:-1]}.",
            "Every pixel gets its class: the map is as large as the image.",
        )
    elif takes_classes(networks.build):
        features = networks.made(networks.input_shape, None)
        found = run_all(features, batch_for(features))[0].ndim
        expect(found == rank, f"classes=None gives an output of rank {found}.")
    loud = run_all(model, keras.tree.map_structure(lambda y: 100 * y, x))
    scores = np.concatenate([outputs[0], loud[0]])  # logits may be small by chance
    probabilities = scores.min() >= 0 and scores.max() <= 1
    sums = scores.sum(-1)
    expect(
        not probabilities or np.allclose(sums, 1, atol=1e-3) or not scores.any(),
        "All outputs lie between 0 and 1, and do not add up to 1.",
        "Classes that exclude one another compete: which activation makes one "
        "distribution of all scores?",
    )


@register(
    MODEL_CHECKS,
    "The number of input channels is a part of `input_shape`: no 3 in the code.",
    needs=("runs",),
    tasks=IMAGES,
)
def check_model_channels(networks, given):
    """The model takes grey images and images of four channels."""
    expected = len(run_all(networks.small(), batch_for(networks.small())))
    for channels in (1, 4):
        shape = (*shape_of(networks)[:-1], channels)
        model = networks.made(shape, CLASSES)
        found = len(run_all(model, batch_for(model, sides=shape)))
        expect(found == expected, f"{channels} channels give {found} outputs.")


@register(
    MODEL_CHECKS,
    "Convolutions and pooling work at any size: is a height or width read while the "
    "model is built, or flattened?",
    needs=("runs",),
    tasks=IMAGES,
)
def check_model_unknown_size(networks, given):
    """The feature map of an image does not need its size in advance."""
    classes = CLASSES if given["task"] == "segmentation" else None
    shape = shape_of(networks)
    known = networks.made(shape, classes)
    unknown = networks.made((*(None,) * (len(shape) - 1), shape[-1]), classes)
    unknown.set_weights(known.get_weights())
    x = batch_for(unknown, sides=shape)
    expected = run_all(known, x)
    same = same_outputs(run_all(unknown, x), expected, 1e-4)
    expect(same, "The known size gives another feature map.")
    sides = [a + b for a, b in zip(shape[:-1], LARGER[len(shape)], strict=True)]
    larger = run_all(unknown, batch_for(unknown, sides=(*sides, shape[-1])))
    for y, before in zip(larger, expected, strict=True):
        right = y.ndim == before.ndim
        expect(right, f"A larger image gives the shape {y.shape}.")


@register(
    MODEL_CHECKS,
    "At inference each image is on its own, and nothing is random.",
    needs=("runs",),
)
def check_model_inference(networks, given):
    """At inference an image's output depends on nothing else, and no weight changes."""
    model = networks.small()
    x = batch_for(model)
    before = model.get_weights()
    together = run_all(model, x)
    again = same_outputs(run_all(model, x), together, 0)
    expect(again, "Two calls on one input differ.")
    alone = [
        run_all(model, keras.tree.map_structure(lambda y, i=i: y[i : i + 1], x))
        for i in range(2)
    ]
    joined = [np.concatenate(each) for each in zip(*alone, strict=True)]
    same = same_outputs(joined, together, 1e-3)
    expect(same, "An image gives another output alone than in a batch.")
    kept = equal(before, model.get_weights())
    expect(kept, "A call at inference changed the weights.")


@register(
    MODEL_CHECKS,
    "Leave `training` to the caller of the model, and every layer trainable.",
    needs=("runs",),
)
def check_model_training_flag(networks, given):
    """A call in training updates averages and draws random numbers."""
    model = networks.small()
    expect_open_training(model)
    parts = training_parts(model)
    start = [values(variables) for _, variables in parts]
    run_all(model, batch_for(model), training=True)
    for (part, variables), before in zip(parts, start, strict=True):
        moved = not equal(values(variables), before)
        expect(moved, f"A call in training does not reach the layer `{part}`.")


@register(
    MODEL_CHECKS,
    "A weight either learns or is updated by calls in training, as averages are. "
    "Is a layer set to `trainable = False`?",
    needs=("runs", "training_flag"),
)
def check_model_frozen(networks, given):
    """Weights that do not learn are updated by a call in training."""
    model = networks.small()
    expect_no_frozen_weight(model, batch_for(model))


@register(
    MODEL_CHECKS,
    "Use registered layer classes, no `Lambda` and no Python function as a layer.",
    needs=("runs",),
)
def check_model_saving(networks, given):
    """A model saved in a .keras file and loaded gives the same output."""
    same_after_saving(networks.small(), batch_for(networks.small()))


@register(
    MODEL_CHECKS,
    "The weights are right, so look at what has none: activations, their place and "
    "kind, shortcuts, strides, pooling, and the order of the layers.",
    needs=("runs",),
    asks="reference",
)
def check_model_values(networks, given):
    """With the same weights, the outputs are those of the reference."""
    stages = [CLASSES]
    if given["task"] in CLASSIFIERS and takes_classes(networks.build):
        stages.append(None)
    for classes, scale in itertools.product(stages, (1, 40)):
        model = networks.made(networks.input_shape, classes)
        try:
            right = made(given["reference"], networks.input_shape, classes)
        except Exception as error:
            raise NotJudged(
                f"The reference itself raised {described(error)}"
            ) from error
        scatter_vectors(model)
        transplant(model, right)
        x = keras.tree.map_structure(lambda y, s=scale: s * y, batch_for(model))
        y, expected = run_all(model, x), run_all(right, x)
        what = "the outputs" if classes else "the feature map"
        same = same_outputs(y, expected, TOLERANCE)
        expect(same, f"With the same weights, {what} are not those of the reference.")


def scatter_vectors(model):
    """Move biases and normalization off zeros and ones, a little: networks are deep."""
    generator = np.random.default_rng(SEED)
    for weight in model.weights:
        if len(weight.shape) == 1 and keras.backend.is_float_dtype(weight.dtype):
            weight.assign(weight + generator.uniform(0.05, 0.2, weight.shape))


@register(
    MODEL_CHECKS,
    "Is each layer's output used, and does a gradient come back through it?",
    needs=("runs",),
)
def check_model_training_step(networks, given):
    """Training moves every weight; two steps, for branches that start at zero."""
    model = networks.small()
    every_weight_moves(model, batch_for(model), steps=2)


@register(
    MODEL_CHECKS,
    "Layers take the policy by themselves: is a dtype written into one of them?",
    needs=("runs",),
)
def check_model_mixed_precision(networks, given):
    """Under "mixed_float16" all layers but the last of each output compute in it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = networks.made(networks.asked, CLASSES)
    finally:
        keras.config.set_dtype_policy(before)
    weighted = [layer for layer in model.layers if layer.weights]
    for layer in weighted[: -len(model.outputs)]:
        policy = layer.dtype_policy.name
        expect(policy == "mixed_float16", f"`{layer.name}` has the policy {policy}.")
    outputs = run_all(model, batch_for(model))
    expect(all(np.isfinite(y).all() for y in outputs), "The output is not finite.")
