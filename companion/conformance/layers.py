"""What every layer of the course must do."""

import inspect
import itertools
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from companion import graph
from companion.conformance.probes import (
    Traced,
    agrees,
    alike,
    built,
    compare,
    equal_sizes,
    evaluated,
    gradients,
    input_sizes,
    run,
    sample,
    scatter_weights,
)
from companion.conformance.report import (
    NotJudged,
    Report,
    Unexpected,
    expect,
    judge,
    raise_first,
    register,
)
from companion.conformance.world import SEED, registered

LAYER_CHECKS = {}

RUNS = ("runs", "symbolic")
SCALES = (1, 40)  # of the input: a ReLU6 is a ReLU around 1
OVERFLOW = 128  # at this scale the squares of inputs exceed float16, outputs seldom do
LARGEST_IN_FLOAT16 = 30_000
DROPS = 64  # samples from which a training reference can read a rate


def check_layer(
    make,
    input_shape,
    reference=None,
    without=(),
    *,
    training_reference=None,
    params=None,
):
    """Check one layer in every way that the course asks of a layer.

    Args:
        make: Function without arguments that returns a new layer. Give the layer's
            arguments values other than their defaults, or a forgotten one stays hidden.
        input_shape: Shape of one sample, channels last and without the batch:
            `(height, width, channels)`. All sizes must differ; the checks try equal
            ones too.
        reference: Function `(x, *weights) -> y` of NumPy arrays: the same layer at
            inference, `weights` as `layer.get_weights()` orders them. A layer that
            makes them in another order, or as 1x1 kernels, is understood as well.
            Values are compared, and gradients with finite differences of the
            reference. Without it the numbers are not checked.
        without: Names of checks that do not apply to this layer.
        training_reference: Function `(x, y, *weights) -> y`: what the layer must return
            in training, given what it did return, so that one can see what was
            dropped. It may `assert` how much; 64 samples or more are given.
        params: Number of trainable parameters, worked out by hand.

    Raises:
        ConformanceError: When a check fails.
        NotJudged: If the reference itself raises.
        ValueError: If sizes are equal, `make` is no function, or a name in `without` is
            no check.

    Example:

    >>> import keras, numpy as np
    >>> check_layer(lambda: keras.layers.ReLU(max_value=6.0), (5, 4, 3),
    ...             reference=lambda x: np.clip(x, 0, 6))
    >>> list(LAYER_CHECKS)[:4]
    ['runs', 'symbolic', 'config', 'json']
    """
    raise_first(
        _results(make, input_shape, reference, without, training_reference, params)
    )


def report_layer(
    make,
    input_shape,
    reference=None,
    without=(),
    *,
    training_reference=None,
    params=None,
):
    """Run all checks of `check_layer` and report them at once.

    Args, Raises: as for `check_layer`, but neither a failure nor a broken reference
    raises.

    Returns:
        A `Report`. Checks that say nothing once another failed are marked "not run".

    Example: a layer that is tied to pictures of one size.

    >>> import keras
    >>> report = report_layer(lambda: keras.layers.Reshape((60,)), (5, 4, 3))
    >>> [result.check for result in report.failures]
    ['symbolic_shape']
    """
    return Report(
        tuple(
            _results(make, input_shape, reference, without, training_reference, params)
        )
    )


def _results(make, input_shape, reference, without, training_reference, params):
    if not callable(make) or isinstance(make, keras.layers.Layer):
        raise ValueError(
            "`make` must be a function without arguments that returns a new layer: "
            f"`lambda: MyLayer(...)`. Received: make={make!r}"
        )
    given = {
        "reference": reference,
        "training_reference": training_reference,
        "params": params,
    }
    return judge(LAYER_CHECKS, (make, input_sizes(input_shape)), given, without)


@register(
    LAYER_CHECKS,
    "Make the layer and call it on a batch of random numbers yourself.",
)
def check_runs(make, input_shape, given=None):
    """The layer can be made and called, at inference and in training."""
    layer = make()
    kind = type(layer).__name__
    expect(
        isinstance(layer, keras.layers.Layer),
        f"What should return a layer returned an object of the type {kind}.",
        "A layer is an instance of a subclass of `keras.layers.Layer`.",
    )
    expect(
        make() is not layer,
        "The same layer was returned twice.",
        "Every check needs a layer of its own: make it inside the function.",
    )
    x = ops.convert_to_tensor(sample(input_shape))
    for training in (False, True):
        _is_tensor(layer(x, training=training))


def _is_tensor(y):
    expect(y is not None, "`call` returned None.", "Is a `return` missing?")
    kind = type(y).__name__
    expect(
        not isinstance(y, (list, tuple, dict)),
        f"`call` returned a {kind}.",
        "One tensor is expected, not a collection of them.",
    )
    expect(
        ops.is_tensor(y),
        f"`call` returned an object of the type {kind}.",
        "It must return a tensor made by `keras.ops`, not by NumPy.",
    )
    y = ops.convert_to_numpy(y)
    expect(
        np.isfinite(y).all(),
        f"The output has {'NaN' if np.isnan(y).any() else 'infinite values'}.",
        "Is there a division by zero, the root or logarithm of a negative number, or "
        "the exponential of a large one?",
    )


@register(
    LAYER_CHECKS,
    "In a functional model a layer is called with symbols instead of numbers: use "
    "`keras.ops` throughout, no NumPy, no Python `if` on the values of a tensor.",
    needs=("runs",),
)
def check_symbolic(make, input_shape, given=None):
    """The layer has a place in a functional model."""
    built(make, input_shape)


@register(
    LAYER_CHECKS,
    "`get_config` must return every argument of `__init__` under its own name, as it "
    "was given, on top of `super().get_config()`.",
    needs=("runs",),
)
def check_config(make, input_shape, given=None):
    """`from_config(get_config())` is the same layer, and no argument is missing."""
    layer = make()
    parameters = inspect.signature(type(layer).__init__).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    missing = [name for name in ("name", "dtype") if name not in parameters]
    expect(
        not missing or inspect.Parameter.VAR_KEYWORD in kinds,
        f"`__init__` does not take {' and '.join(f'`{name}`' for name in missing)}.",
        "Every layer has these arguments: accept `**kwargs` and pass them on to "
        "`super().__init__(**kwargs)`.",
    )
    config = layer.get_config()
    for name, parameter in parameters.items():
        named = parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        )
        if named and name != "self" and name not in config:
            untouched = getattr(layer, name, parameter) == parameter.default
            expect(untouched, f"The config lacks the argument `{name}`.")
    copy = type(layer).from_config(config)
    expect(copy.get_config() == config, "The copy made from the config has another.")


@register(
    LAYER_CHECKS,
    "A config holds plain numbers, strings, lists and what `keras.saving` or "
    "`keras.activations.serialize` makes of functions; and the class must be "
    "registered by `@keras.saving.register_keras_serializable`.",
    needs=RUNS,
)
def check_json(make, input_shape, given=None):
    """A model with the layer survives as JSON text, and runs."""
    layer, model = built(make, input_shape)
    text = model.to_json()
    with registered(layer._flatten_layers()):
        copy = keras.models.model_from_json(text)
    same = json.loads(copy.to_json())["config"] == json.loads(text)["config"]
    expect(same, "The model read back from JSON has another config.")
    run(copy, sample(input_shape))


@register(
    LAYER_CHECKS,
    "All weights, those of sublayers too, must exist once `build` has run: create the "
    "sublayers and call their `build` there, with the shape that each will receive.",
    needs=RUNS,
)
def check_build(make, input_shape, given=None):
    """Building creates every weight; the first call creates none."""
    layer, _ = built(make, input_shape)
    for sublayer in layer._flatten_layers():
        expect(sublayer.built, f"The sublayer `{sublayer.name}` was not built.")
    before = len(layer.weights)
    run(layer, sample(input_shape))
    expect(len(layer.weights) == before, "The first call made new weights.")


@register(
    LAYER_CHECKS,
    "At inference a layer draws no random numbers. Has `call` a `training` argument, "
    "False unless said otherwise, and do the sublayers receive it?",
    needs=RUNS,
)
def check_inference(make, input_shape, given=None):
    """Called twice without `training=True`, the layer gives the same output."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    first, second = run(layer, x), run(layer, x)
    expect(np.array_equal(first, second), "Two calls on one input differ.")
    unsaid = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    expect(np.array_equal(first, unsaid), "Without `training` it is not inference.")


@register(
    LAYER_CHECKS,
    "`training` must be passed on to every sublayer that behaves differently in "
    "training: dropout, noise, batch normalization.",
    needs=RUNS,
)
def check_training_flag(make, input_shape, given=None):
    """Dropout and batch norm inside the layer work in training, and only there."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    before = layer.get_weights()
    inference = run(layer, x)
    same = all(map(np.array_equal, before, layer.get_weights()))
    expect(same, "A call at inference changed the layer's weights.")
    parts = training_parts(layer)
    start = values(variable for _, variables in parts for variable in variables)
    output = run(layer, x, training=True)
    for part, variables in parts:
        moved = not same_values([start.pop(0) for _ in variables], values(variables))
        expect(moved, f"A call in training does not reach the part `{part}`.")
    if parts:
        changed = not np.array_equal(output, inference)
        expect(changed, "The output in training is the output at inference.")


def training_parts(layer):
    """What a call in training uses: moving averages and random generators, by name."""
    parts = []
    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.BatchNormalization) and each.trainable:
            parts.append((each.name, [each.moving_mean, each.moving_variance]))
        if getattr(each, "rate", 1) != 0:
            generators = [
                value.state
                for value in vars(each).values()
                if isinstance(value, keras.random.SeedGenerator)
            ]
            parts += [(each.name, [state]) for state in generators]
    return parts


def expect_open_training(model):
    """No call in a functional model says `training=`: the caller of the model does."""
    if not graph.has_graph(model):
        return
    for call in graph.calls_of(graph.symbolic(model)):
        parameter = inspect.signature(call.operation.call).parameters.get("training")
        usual = parameter.default if parameter else None
        said = call.kwargs.get("training")
        expect(
            said is None or said == usual,
            f"`training={said}` is written into the call of `{call.name}`.",
        )


def values(variables):
    """Copies of variables as NumPy arrays."""
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def same_values(a, b):
    """Whether two lists of arrays are equal."""
    return all(map(np.array_equal, a, b))


@register(
    LAYER_CHECKS,
    "Random numbers come from `keras.random` with a `keras.random.SeedGenerator` that "
    "the layer keeps as an attribute: only so can a training be repeated.",
    needs=RUNS,
)
def check_seeds(make, input_shape, given=None):
    """Two calls in training from one state of the layer's variables are equal."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    start = values(layer.variables)
    first = run(layer, x, training=True)
    for variable, value in zip(layer.variables, start, strict=True):
        variable.assign(value)
    same = alike(run(layer, x, training=True), first)
    expect(same, "Random numbers come from outside the layer's own generator.")


@register(
    LAYER_CHECKS,
    "A weight either learns or is updated by calls in training, as averages are. "
    "Is `trainable=False` written somewhere, or is it no weight but a constant?",
    needs=(*RUNS, "training_flag"),
)
def check_frozen(make, input_shape, given=None):
    """Weights that do not learn are updated by a call in training."""
    layer, _ = built(make, input_shape)
    expect_no_frozen_weight(layer, sample(input_shape))


def expect_no_frozen_weight(layer, *x):
    """A call in training changes every weight that does not learn."""
    fixed = [
        weight
        for weight in layer.non_trainable_weights
        if keras.backend.is_float_dtype(weight.dtype)
    ]
    start = values(fixed)
    layer(*x, training=True)
    for weight, before in zip(fixed, start, strict=True):
        moved = not np.array_equal(ops.convert_to_numpy(weight), before)
        expect(moved, f"The weight `{weight.path}` neither learns nor is updated.")


@register(
    LAYER_CHECKS,
    "At inference each image is on its own. Is an average, a reshape or a matrix "
    "product taken over axis 0, which counts the samples?",
    needs=RUNS,
)
def check_samples(make, input_shape, given=None):
    """A sample's output does not depend on the others in the batch."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape)
    alone = [run(layer, x[i : i + 1]) for i in range(len(x))]
    same = alike(np.concatenate(alone), run(layer, x))
    expect(same, "A sample gives another output alone than in a batch.")


@register(
    LAYER_CHECKS,
    "`compute_output_shape` must give the shape that `call` returns. Are height and "
    "width in that order, and does padding or stride change them?",
    needs=RUNS,
)
def check_symbolic_shape(make, input_shape, given=None):
    """The shape promised is the shape delivered."""
    for shape in (input_shape, equal_sizes(input_shape)):
        layer, model = built(make, shape)
        x = sample(shape)
        real = run(layer, x).shape
        for promised in (model.output_shape, layer.compute_output_shape(x.shape)):
            same = agrees(promised, real)
            expect(same, f"Promised {tuple(promised)}, but `call` returned {real}.")


@register(
    LAYER_CHECKS,
    "Images come in many sizes: read sizes in `call`, by `keras.ops.shape(x)`, not in "
    "`build`; and let `compute_output_shape` pass None on.",
    needs=RUNS,
)
def check_unknown_sizes(make, input_shape, given=None):
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


@register(
    LAYER_CHECKS,
    "A compiled function is traced once, with symbols instead of numbers: use "
    "`keras.ops` throughout, no NumPy, no Python `if` on the values of a tensor.",
    needs=RUNS,
)
def check_jit(make, input_shape, given=None):
    """`predict` compiled by XLA gives what an eager call gives."""
    layer, model = built(make, input_shape)
    x = sample(input_shape)
    eager = run(layer, x)
    model.compile(jit_compile=True)
    same = alike(model.predict(x, verbose=0), eager)
    expect(same, "The compiled layer gives another output than the eager one.")


@register(
    LAYER_CHECKS,
    "Everything that a layer remembers must be a weight made by `add_weight` or follow "
    "from its config; and sublayers must be attributes of the layer.",
    needs=(*RUNS, "config", "json"),
)
def check_saving(make, input_shape, given=None):
    """A model saved in a .keras file and loaded gives the same output."""
    _, model = built(make, input_shape)
    same_after_saving(model, sample(input_shape))


def same_after_saving(model, x):
    """A model saved in a .keras file and loaded gives the same output."""
    before = run_all(model, x)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        with registered(model._flatten_layers()):
            after = run_all(keras.saving.load_model(file), x)
    same = len(before) == len(after) and all(map(alike, after, before))
    expect(same, "The loaded model gives another output.")


def run_all(model, x, training=False):
    """All outputs of a model in a list, whatever their structure."""
    y = model(keras.tree.map_structure(ops.convert_to_tensor, x), training=training)
    return [ops.convert_to_numpy(each) for each in keras.tree.flatten(y)]


@register(
    LAYER_CHECKS,
    "Is each weight used in `call`, and does the gradient find a way back: no argmax, "
    "no rounding, no `stop_gradient`, no NumPy? Do units start unequal?",
    needs=RUNS,
)
def check_training_step(make, input_shape, given=None):
    """Training moves every trainable weight, and those before the layer.

    Three steps from the layer's own initial weights, after which no kernel may still
    have only equal columns; then one from scattered weights.
    """
    before = keras.layers.Dense(input_shape[-1], name="the_layer_before")
    x = sample(input_shape)
    layer = make()
    inputs = keras.Input(input_shape)
    model = keras.Model(inputs, layer(before(inputs)))
    every_weight_moves(model, x, steps=3, said=" from its initial value")
    for weight in layer.trainable_weights:
        value = ops.convert_to_numpy(weight)
        unequal = value.ndim < 2 or value.shape[-1] == 1 or np.ptp(value, -1).any()
        expect(unequal, f"All units of `{weight.path}` learn the same.")
    scatter_weights(layer)
    every_weight_moves(model, x, steps=1)


def every_weight_moves(model, x, steps, said=""):
    """Train on random targets and look at the trainable weights.

    RMSprop with so small an epsilon moves a weight if and only if it has a gradient,
    however small. TensorFlow would take longer to compile two steps than to take them.
    """
    shapes = [y.shape for y in run_all(model, x)]
    draw = np.random.default_rng(SEED).standard_normal
    targets = [draw(shape).astype("float32") for shape in shapes]
    start = values(model.trainable_weights)
    if not model.compiled:
        model.compile(
            keras.optimizers.RMSprop(1e-3, epsilon=1e-20),
            "mean_squared_error",
            run_eagerly=keras.backend.backend() == "tensorflow",
        )
    for _ in range(steps):
        loss = model.train_on_batch(x, targets[0] if len(targets) == 1 else targets)
    loss = np.ravel(loss)[0]  # of several outputs the sum comes first
    expect(np.isfinite(loss), f"The loss is {loss}.")
    for weight, value in zip(model.trainable_weights, start, strict=True):
        moved = not np.array_equal(ops.convert_to_numpy(weight), value)
        expect(moved, f"Training did not move the weight `{weight.path}`{said}.")


@register(
    LAYER_CHECKS,
    "Sublayers take `dtype=self.dtype_policy`, and what `call` creates takes "
    "`self.compute_dtype`. Large sums and squares overflow in float16: cast first.",
    needs=(*RUNS, "config"),
)
def check_mixed_precision(make, input_shape, given=None):
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
    for scale, tolerance in ((1, 0.02), (OVERFLOW, 0.1)):
        x = scale * sample(input_shape)
        y, expected = run(layer, x), run(full, x)
        expect(y.dtype == "float16", f"The output is {y.dtype}.")
        small = np.abs(expected) < LARGEST_IN_FLOAT16
        same = alike(y[small], expected[small], tolerance)
        large = f" for inputs around {scale}" if scale > 1 else ""
        expect(same, f"The output is far from the one in float32{large}.")


@register(
    LAYER_CHECKS,
    "Count the parameters by hand. Is every array that should learn made by "
    "`add_weight`, trainable, and as large as the layer's arguments say?",
    needs=RUNS,
    asks="params",
)
def check_params(make, input_shape, given):
    """The layer has as many trainable parameters as were worked out."""
    layer, _ = built(make, input_shape)
    found = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    difference = "more" if found > given["params"] else "fewer"
    right = found == given["params"]
    expect(
        right, f"It has {found:,} trainable parameters, {difference} than it should."
    )


@register(
    LAYER_CHECKS,
    "Work through one output value by hand and compare it with yours.",
    needs=RUNS,
    asks="reference",
)
def check_reference(make, input_shape, given):
    """The layer equals its NumPy reference where all sizes differ."""
    _equals_reference(make, input_shape, given["reference"])


@register(
    LAYER_CHECKS,
    "An axis is found by its size, or `keras.ops.add(x, b)` took `b` for a bias of the "
    "channels: write axes as numbers, and add tensors with `+`.",
    needs=(*RUNS, "reference"),
    asks="reference",
)
def check_equal_sizes(make, input_shape, given):
    """The layer equals its NumPy reference where height = width = channels."""
    _equals_reference(make, equal_sizes(input_shape), given["reference"])


def _equals_reference(make, input_shape, reference):
    for signs, scale in itertools.product((False, True), SCALES):
        layer, _ = built(make, input_shape, signs)
        x = scale * sample(input_shape)
        y, weights = run(layer, x), layer.get_weights()
        arranged = arrangement(reference, x, weights, y)
        expected = evaluated(reference, x, *arranged(weights))
        if np.isfinite(expected).all():
            large = f" for inputs around {scale}" if scale > 1 else ""
            compare(y, expected, large)
        elif scale == 1:
            raise NotJudged("The reference gives numbers that are not finite.")


def arrangement(reference, x, weights, y):
    """How the reference wants the weights: a function from a list to a list.

    As they are, if that gives `y` or nothing does; else in another order, those of one
    shape kept in theirs; or without the leading axes of 1x1 kernels.
    """
    _takes(reference, x, weights)
    for arranged in _arrangements(weights):
        try:
            with np.errstate(invalid="ignore"):
                compare(y, evaluated(reference, x, *arranged(weights)))
        except (NotJudged, Unexpected):
            continue
        return arranged
    return list


def _takes(reference, x, weights):
    """The layer has as many weights as the reference takes."""
    try:
        signature = inspect.signature(reference)
    except ValueError:  # a function written in C
        return
    try:
        signature.bind(x, *weights)
    except TypeError:
        raise Unexpected(
            f"The layer has {len(weights)} weights, which is not how many it needs.",
            "Is everything that should learn made by `add_weight`, and nothing else?",
        ) from None


def _arrangements(weights):
    count = len(weights)
    orders = [range(count)]
    if count <= 6:
        orders = itertools.permutations(range(count))
    shapes = [weight.shape for weight in weights]
    for order in orders:
        kept = all(
            a < b or shapes[a] != shapes[b] for a, b in itertools.combinations(order, 2)
        )
        if kept:
            yield lambda arrays, order=order: [arrays[i] for i in order]
            yield lambda arrays, order=order: [_squeezed(arrays[i]) for i in order]


def _squeezed(array):
    """A 1x1 kernel as the matrix that it is."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array


@register(
    LAYER_CHECKS,
    "The values are right, and what flows back is not: is there a `stop_gradient`, a "
    "rounding or a detour through NumPy on one of the ways?",
    needs=(*RUNS, "training_step", "reference"),
    asks="reference",
)
def check_gradient(make, input_shape, given):
    """Gradients equal the finite differences of the reference, in random directions."""
    reference = given["reference"]
    layer, _ = built(make, input_shape, signs=True)
    x = sample(input_shape)
    y, weights = run(layer, x), layer.get_weights()
    arranged = arrangement(reference, x, weights, y)
    draw = np.random.default_rng(SEED).standard_normal
    toward = draw(y.shape).astype("float32")
    found = gradients(layer, x, toward)
    arrays = [array.astype("float64") for array in (x, *weights)]
    names = ["the input", *(weight.path for weight in layer.weights)]
    learning = [weight.trainable for weight in layer.weights]
    places = [0, *(1 + i for i, learns in enumerate(learning) if learns)]
    for place, gradient in zip(places, found, strict=True):
        for _ in range(3):
            step = draw(gradient.shape)
            ends = []
            for sign in (1, -1):
                moved = list(arrays)
                moved[place] = arrays[place] + sign * 1e-5 * step
                end = evaluated(reference, moved[0], *arranged(moved[1:]))
                ends.append(np.sum(toward * end))
            expected = (ends[0] - ends[1]) / 2e-5
            room = 0.01 * np.linalg.norm(gradient) + 1e-3 * max(1, abs(expected))
            right = abs(np.sum(gradient * step) - expected) <= room
            expect(right, f"The gradient with respect to {names[place]} is wrong.")


@register(
    LAYER_CHECKS,
    "In training, what is dropped is dropped as a whole, and what stays is scaled so "
    "that the average stays; averages are those of the batch.",
    needs=RUNS,
    asks="training_reference",
)
def check_training_reference(make, input_shape, given):
    """In training the layer gives what its reference makes of the same drops."""
    layer, _ = built(make, input_shape)
    x = sample(input_shape, batch=DROPS)
    weights = layer.get_weights()
    y = run(layer, x, training=True)
    try:
        expected = given["training_reference"](x.copy(), y.copy(), *weights)
    except AssertionError as error:
        raise Unexpected(f"In training: {error}.") from None
    except Exception:
        expected = evaluated(given["training_reference"], x, y, *weights)
    compare(y, np.asarray(expected), " in training")
