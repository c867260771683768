"""What every layer and every model of the course must do: our tests, and your grader.

`check_layer` and `check_model` run the small `check_*` functions below, in the order
of `LAYER_CHECKS` and `MODEL_CHECKS`. The first one that fails raises a
`ConformanceError`, an `AssertionError` that names the check, what was observed and the
mistake usually behind it, but not the answer.

All of them draw their numbers from one seed, so that a check that passed passes again.
"""

import functools
import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

__all__ = [
    "LAYER_CHECKS",
    "MODEL_CHECKS",
    "ConformanceError",
    "check_layer",
    "check_model",
]

SEED = 2012
TOLERANCE = 1e-4  # of the largest number compared, unless float16 is involved

LAYER_CHECKS = {}
MODEL_CHECKS = {}


class ConformanceError(AssertionError):
    """A check failed; `check` is its name, a key of one of the two registries."""

    def __init__(self, check, observed, hint):
        super().__init__(f"[{check}] {observed} {hint}")
        self.check = check


def check_layer(make, input_shape, reference=None, without=()):
    """Check one layer in every way that the course asks of a layer.

    Args:
        make: Function without arguments that returns a new layer. Give the layer's
            arguments values other than their defaults, or a forgotten one stays hidden.
        input_shape: Shape of one sample, channels last and without the batch:
            `(height, width, channels)`. All sizes must differ; the checks try equal
            ones too.
        reference: Function `(x, *weights) -> y` of NumPy arrays: the same layer at
            inference, `weights` as `layer.get_weights()` orders them. Without it the
            numbers are not checked.
        without: Names of checks that do not apply to this layer.

    Raises:
        ConformanceError: When a check fails.
        ValueError: If sizes are equal, or a name in `without` is no check.

    Example:

    >>> import keras
    >>> check_layer(lambda: keras.layers.ReLU(max_value=6.0), (5, 4, 3),
    ...             reference=lambda x: np.clip(x, 0, 6))
    >>> sorted(LAYER_CHECKS)[:4]
    ['build', 'config', 'equal_sizes', 'inference']
    """
    if len(set(input_shape)) < len(input_shape) or None in input_shape:
        raise ValueError(
            "All sizes must be known and differ from one another, or a confusion of "
            f"axes stays hidden. Received: input_shape={input_shape}"
        )
    for check in _chosen(LAYER_CHECKS, without):
        check(make, tuple(input_shape), reference)


def check_model(model, input_shape=None, params=None, macs=None, without=()):
    """Check one model function in every way that the course asks of a model.

    Args:
        model: An entry of `companion.models.MODELS`, which brings its published
            numbers, or a function with the keywords `input_shape` and `classes`.
        input_shape: `(height, width, channels)` of the images to train on, save and
            so on. A small one saves time. By default the model's own.
        params: Published number of trainable parameters at the default arguments.
        macs: Published number of multiply-adds for one image, likewise.
        without: Names of checks that do not apply to this model.

    Raises:
        ConformanceError: When a check fails.
        ValueError: If a name in `without` is no check, or there is no published
            number to check against.

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
    build = getattr(model, "build", model)
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
    if input_shape is None:
        input_shape = build().input_shape[1:]
    for check in _chosen(MODEL_CHECKS, without):
        check(build, tuple(input_shape), published)


def _chosen(checks, without):
    unknown = set(without) - set(checks)
    if unknown:
        raise ValueError(
            f"`without` takes names of checks, {sorted(checks)}. "
            f"Received: without={sorted(unknown)}"
        )
    return [check for name, check in checks.items() if name not in without]


def _register(checks, hint):
    """File a `check_*` function in a registry and give its failures name and hint."""

    def decorate(function):
        name = function.__name__.removeprefix("check_").removeprefix("model_")

        @functools.wraps(function)
        def check(*args):
            keras.utils.set_random_seed(SEED)
            try:
                function(*args)
            except Unexpected as observed:
                raise ConformanceError(name, observed, hint) from None
            except Exception as error:
                observed = f"{type(error).__name__}: {error}."
                raise ConformanceError(name, observed, hint) from error

        checks[name] = check
        return check

    return decorate


class Unexpected(Exception):
    """What a check observed; the check's name and hint are added on the way out."""


def expect(condition, observed):
    if not condition:
        raise Unexpected(observed)


def sample(input_shape, batch=2):
    """Seeded normal numbers; the batch has a size that no other axis has."""
    while batch in input_shape:
        batch += 1
    generator = np.random.default_rng(SEED)
    return generator.standard_normal((batch, *input_shape)).astype("float32")


def equal_sizes(input_shape):
    """Height and width as large as the number of channels."""
    return (input_shape[-1],) * len(input_shape)


def scatter_weights(layer):
    """Move every float weight off its initial value: zeros and ones hide mistakes.

    Weights only grow, so that a variance stays positive.
    """
    generator = np.random.default_rng(SEED)
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            weight.assign(weight + generator.uniform(0.1, 0.9, weight.shape))


def built(make, input_shape):
    """A layer with scattered weights in a functional model: `(layer, model)`."""
    layer = make()
    inputs = keras.Input(input_shape)
    model = keras.Model(inputs, layer(inputs))
    scatter_weights(layer)
    return layer, model


def run(layer, x, training=False):
    """Eager call, NumPy in and out."""
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


class Traced(keras.Operation):
    """Traces `call` itself, where a layer would ask `compute_output_shape`."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


def alike(a, b, tolerance=TOLERANCE):
    if a.shape != b.shape:
        return False
    a, b = a.astype("float64"), b.astype("float64")
    return bool(np.all(np.abs(a - b) <= tolerance * max(1.0, np.abs(b).max())))


def agrees(promised, shape):
    """Whether a symbolic shape, `None` for any size, allows a real one."""
    return len(promised) == len(shape) and all(
        p is None or p == s for p, s in zip(promised, shape, strict=True)
    )


# --- layers ---------------------------------------------------------------------------


@_register(
    LAYER_CHECKS,
    "`get_config` must return every argument of `__init__` under its own name, as it "
    "was given, on top of `super().get_config()`.",
)
def check_config(make, input_shape, reference=None):
    """`from_config(get_config())` is the same layer, and no argument is missing."""
    layer = make()
    config = layer.get_config()
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        named = parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        )
        if named and name != "self" and name not in config:
            untouched = getattr(layer, name, parameter) == parameter.default
            expect(untouched, f"The config lacks the argument `{name}`.")
    copy = type(layer).from_config(config)
    expect(copy.get_config() == config, "The copy made from the config has another.")


@_register(
    LAYER_CHECKS,
    "A config holds plain numbers, strings, lists and what `keras.saving` or "
    "`keras.activations.serialize` makes of functions; and the class must be "
    "registered by `@keras.saving.register_keras_serializable`.",
)
def check_json(make, input_shape, reference=None):
    """A model with the layer survives as JSON text, and runs."""
    _, model = built(make, input_shape)
    text = model.to_json()
    copy = keras.models.model_from_json(text)
    same = json.loads(copy.to_json())["config"] == json.loads(text)["config"]
    expect(same, "The model read back from JSON has another config.")
    run(copy, sample(input_shape))


@_register(
    LAYER_CHECKS,
    "All weights, those of sublayers too, must exist once `build` has run: create the "
    "sublayers and call their `build` there, with the shape that each will receive.",
)
def check_build(make, input_shape, reference=None):
    """Building creates every weight; the first call creates none."""
    layer, _ = built(make, input_shape)
    for sublayer in layer._flatten_layers():
        expect(sublayer.built, f"The sublayer `{sublayer.name}` was not built.")
    before = len(layer.weights)
    run(layer, sample(input_shape))
    expect(len(layer.weights) == before, "The first call made new weights.")


@_register(
    LAYER_CHECKS,
    "At inference a layer draws no random numbers. Has `call` a `training` argument, "
    "False unless said otherwise, and do the sublayers receive it?",
)
def check_inference(make, input_shape, reference=None):
    """Called twice without `training=True`, the layer gives the same output."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    first, second = run(layer, x), run(layer, x)
    expect(np.array_equal(first, second), "Two calls on one input differ.")
    unsaid = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    expect(np.array_equal(first, unsaid), "Without `training` it is not inference.")


@_register(
    LAYER_CHECKS,
    "`training` must be passed on to every sublayer that behaves differently in "
    "training: dropout, noise, batch normalization.",
)
def check_training_flag(make, input_shape, reference=None):
    """Dropout and batch norm inside the layer work in training, and only there."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    before = layer.get_weights()
    inference = run(layer, x)
    same = all(map(np.array_equal, before, layer.get_weights()))
    expect(same, "A call at inference changed the layer's weights.")
    affected = any(
        hasattr(each, "seed_generator")
        or isinstance(each, keras.layers.BatchNormalization)
        for each in layer._flatten_layers()
    )
    if affected:
        changed = not np.array_equal(run(layer, x, training=True), inference)
        expect(changed, "The output in training is the output at inference.")


@_register(
    LAYER_CHECKS,
    "At inference each image is on its own. Is an average, a reshape or a matrix "
    "product taken over axis 0, which counts the samples?",
)
def check_samples(make, input_shape, reference=None):
    """A sample's output does not depend on the others in the batch."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    alone = [run(layer, x[i : i + 1]) for i in range(len(x))]
    same = alike(np.concatenate(alone), run(layer, x))
    expect(same, "A sample gives another output alone than in a batch.")


@_register(
    LAYER_CHECKS,
    "`compute_output_shape` must give the shape that `call` returns. Are height and "
    "width in that order, and does padding or stride change them?",
)
def check_symbolic_shape(make, input_shape, reference=None):
    """The shape promised is the shape delivered."""
    for shape in (input_shape, equal_sizes(input_shape)):
        layer, model = built(make, shape)
        x = sample(shape)
        real = run(layer, x).shape
        for promised in (model.output_shape, layer.compute_output_shape(x.shape)):
            same = agrees(promised, real)
            expect(same, f"Promised {tuple(promised)}, but `call` returned {real}.")


@_register(
    LAYER_CHECKS,
    "Images come in many sizes: read sizes in `call`, by `keras.ops.shape(x)`, not in "
    "`build`; and let `compute_output_shape` pass None on.",
)
def check_unknown_sizes(make, input_shape, reference=None):
    """The layer is built for any height and width, and is the same layer."""
    open_shape = (None,) * (len(input_shape) - 1) + input_shape[-1:]
    known, _ = built(make, input_shape)
    layer, unknown = built(make, open_shape)
    layer.set_weights(known.get_weights())
    y = run(layer, sample(input_shape))
    expect(alike(y, run(known, sample(input_shape))), "Known sizes give other numbers.")
    traced = Traced(layer).symbolic_call(keras.KerasTensor((None, *open_shape)))
    for promised in (unknown.output_shape, traced.shape):
        same = agrees(promised, y.shape)
        expect(same, f"Promised {tuple(promised)}, but `call` returned {y.shape}.")


@_register(
    LAYER_CHECKS,
    "A compiled function is traced once, with symbols instead of numbers: use "
    "`keras.ops` throughout, no NumPy, no Python `if` on the values of a tensor.",
)
def check_jit(make, input_shape, reference=None):
    """`predict` compiled by XLA gives what an eager call gives."""
    layer, model = built(make, input_shape)
    x = sample(input_shape)
    eager = run(layer, x)
    model.compile(jit_compile=True)
    same = alike(model.predict(x, verbose=0), eager)
    expect(same, "The compiled layer gives another output than the eager one.")


@_register(
    LAYER_CHECKS,
    "Everything that a layer remembers must be a weight made by `add_weight` or follow "
    "from its config; and sublayers must be attributes of the layer.",
)
def check_saving(make, input_shape, reference=None):
    """A model saved in a .keras file and loaded gives the same output."""
    _, model = built(make, input_shape)
    _same_after_saving(model, sample(input_shape))


@_register(
    LAYER_CHECKS,
    "Is each weight used in `call`, and does the gradient find a way back: no argmax, "
    "no rounding, no `stop_gradient`, no NumPy?",
)
def check_training_step(make, input_shape, reference=None):
    """One step of training moves every trainable weight, and those before the layer."""
    layer = make()
    before = keras.layers.Dense(input_shape[-1], name="the_layer_before")
    inputs = keras.Input(input_shape)
    model = keras.Model(inputs, layer(before(inputs)))
    scatter_weights(layer)
    _every_weight_moves(model, sample(input_shape), steps=1)


@_register(
    LAYER_CHECKS,
    "Sublayers take `dtype=self.dtype_policy`, and what `call` creates takes "
    "`self.compute_dtype`. Large sums and squares overflow in float16: cast first.",
)
def check_mixed_precision(make, input_shape, reference=None):
    """Under "mixed_float16" everything inside computes in float16, weights are float32.

    Only the layer gets the policy, by its config: a sublayer must get it from there.
    """
    config = {**make().get_config(), "dtype": "mixed_float16"}
    layer, _ = built(lambda: type(make()).from_config(config), input_shape)
    for each in layer._flatten_layers():
        policy = each.dtype_policy.name
        expect(policy == "mixed_float16", f"`{each.name}` has the policy {policy}.")
    for weight in layer.trainable_weights:
        dtype = keras.backend.standardize_dtype(weight.dtype)
        expect(dtype == "float32", f"The weight `{weight.path}` is {dtype}.")
    full, _ = built(make, input_shape)
    full.set_weights(layer.get_weights())
    x = sample(input_shape)
    y = run(layer, x)
    expect(y.dtype == "float16", f"The output is {y.dtype}.")
    expect(alike(y, run(full, x), 0.02), "The output is far from the one in float32.")


@_register(
    LAYER_CHECKS,
    "Work through one output value by hand and compare it with yours.",
)
def check_reference(make, input_shape, reference=None):
    """The layer equals its NumPy reference where all sizes differ."""
    if reference is not None:
        _equals_reference(make, input_shape, reference)


@_register(
    LAYER_CHECKS,
    "An axis is found by its size, or `keras.ops.add(x, b)` took `b` for a bias of the "
    "channels: write axes as numbers, and add tensors with `+`.",
)
def check_equal_sizes(make, input_shape, reference=None):
    """The layer equals its NumPy reference where height = width = channels."""
    if reference is not None:
        _equals_reference(make, equal_sizes(input_shape), reference)


def _equals_reference(make, input_shape, reference):
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    y, expected = run(layer, x), reference(x, *layer.get_weights())
    expect(y.shape == expected.shape, f"The output has the wrong shape, {y.shape}.")
    wrong = ~np.isclose(y, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    inner = wrong[:, 1:-1, 1:-1] if wrong.ndim == 4 else wrong
    if wrong.any() and inner.size and not inner.any():
        expect(False, "Values are wrong only at the border: think of the padding.")
    expect(not wrong.any(), f"{wrong.mean():.0%} of the output values are wrong.")


def _same_after_saving(model, x):
    before = run(model, x)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        after = run(keras.saving.load_model(file), x)
    expect(alike(after, before), "The loaded model gives another output.")


def _every_weight_moves(model, x, steps):
    shape = model.compute_output_shape(x.shape)
    target = np.random.default_rng(SEED).standard_normal(shape)
    start = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error")
    for _ in range(steps):
        loss = model.train_on_batch(x, target.astype("float32"))
    expect(np.isfinite(loss), f"The loss is {loss}.")
    for weight, value in zip(model.trainable_weights, start, strict=True):
        moved = not np.array_equal(ops.convert_to_numpy(weight), value)
        expect(moved, f"Training did not move the weight `{weight.path}`.")


# --- models ---------------------------------------------------------------------------


def _expect_published(what, found, published):
    if found != published:
        difference = "more" if found > published else "fewer"
        expect(False, f"The model has {found:,} {what}, {difference} than published.")


@_register(
    MODEL_CHECKS,
    "Compare layer by layer with the paper's table: kernel sizes, widths, groups, "
    "biases, and which layers have batch normalization.",
)
def check_model_params(build, input_shape, published):
    """The trainable parameters at the default arguments are the published ones."""
    found = sum(int(np.prod(weight.shape)) for weight in build().trainable_weights)
    _expect_published("trainable parameters", found, published["params"])


@_register(
    MODEL_CHECKS,
    "With the right parameters, look at where the strides and the pooling are, at the "
    "padding, and at the input size.",
)
def check_model_macs(build, input_shape, published):
    """The multiply-adds at the default arguments are the published ones."""
    from companion.complexity import count_macs

    _expect_published("multiply-adds", count_macs(build()), published["macs"])


@_register(
    MODEL_CHECKS,
    "`classes` is the length of the last dense layer; `classes=None` stops at the last "
    "feature map, before pooling and flattening.",
)
def check_model_classes(build, input_shape, published):
    """`classes=7` gives seven numbers, `classes=None` a feature map."""
    for classes, rank in ((7, 2), (None, 4)):
        y = build(input_shape=input_shape, classes=classes)(sample(input_shape))
        expect(y.ndim == rank, f"classes={classes} gives an output of rank {y.ndim}.")
        right = classes in (None, y.shape[-1])
        expect(right, f"classes={classes} gives {y.shape[-1]} numbers.")


@_register(
    MODEL_CHECKS,
    "The number of input channels is a part of `input_shape`: no 3 in the code.",
)
def check_model_channels(build, input_shape, published):
    """The model takes grey images and images of four channels."""
    for channels in (1, 4):
        shape = (*input_shape[:-1], channels)
        y = build(input_shape=shape, classes=7)(sample(shape))
        expect(y.shape[-1] == 7, f"The output has the shape {tuple(y.shape)}.")


@_register(
    MODEL_CHECKS,
    "Convolutions and pooling work at any size: is a height or width read while the "
    "model is built, or flattened?",
)
def check_model_unknown_size(build, input_shape, published):
    """The feature map of an image does not need its size in advance."""
    known = build(input_shape=input_shape, classes=None)
    unknown = build(input_shape=(None, None, input_shape[-1]), classes=None)
    unknown.set_weights(known.get_weights())
    x = sample(input_shape)
    same = alike(run(unknown, x), run(known, x))
    expect(same, "The known size gives another feature map.")
    height, width, channels = input_shape
    larger = run(unknown, sample((height + 32, width + 64, channels)))
    expect(larger.ndim == 4, f"A larger image gives the shape {larger.shape}.")


@_register(
    MODEL_CHECKS,
    "Use registered layer classes, no `Lambda` and no Python function as a layer.",
)
def check_model_saving(build, input_shape, published):
    """A model saved in a .keras file and loaded gives the same output."""
    model = build(input_shape=input_shape, classes=7)
    _same_after_saving(model, sample(input_shape))


@_register(
    MODEL_CHECKS,
    "Is each layer's output used, and does a gradient come back through it?",
)
def check_model_training_step(build, input_shape, published):
    """Training moves every weight; two steps, for branches that start at zero."""
    model = build(input_shape=input_shape, classes=7)
    _every_weight_moves(model, sample(input_shape), steps=2)


@_register(
    MODEL_CHECKS,
    "Layers take the policy by themselves: is a dtype written into one of them?",
)
def check_model_mixed_precision(build, input_shape, published):
    """Under "mixed_float16" all layers but the last compute in float16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(input_shape=input_shape, classes=7)
    finally:
        keras.config.set_dtype_policy(before)
    *inner, _ = [layer for layer in model.layers if layer.weights]
    for layer in inner:
        policy = layer.dtype_policy.name
        expect(policy == "mixed_float16", f"`{layer.name}` has the policy {policy}.")
    y = run(model, sample(input_shape))
    expect(np.isfinite(y).all(), "The output is not finite.")
