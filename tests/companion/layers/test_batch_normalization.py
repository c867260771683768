"""`BatchNormalization` equals `keras.layers.BatchNormalization`, fused or not."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import BatchNormalization, batch_normalization

BACKEND = keras.backend.backend()
FUSES = BACKEND == "tensorflow"

OPTIONS = {
    "default": {},
    "no scale": {"scale": False},
    "no center": {"center": False},
    "neither": {"scale": False, "center": False},
    "epsilon": {"epsilon": 1e-7, "momentum": 0.9},
}
WHERE = ["eager", "graph", "xla"] if FUSES else ["eager", "xla"]


@pytest.fixture
def x():
    """Channels of different means and deviations."""
    generator = np.random.default_rng(0)
    deviations, means = (1, 30, 2, 0.1, 5), (0, -50, 6, 0.3, 7)
    x = generator.standard_normal((4, 9, 7, 5)) * deviations + means
    return x.astype("float32")


def pair(shape, **options):
    """Both layers, with the same random weights."""
    layers = BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    for layer in layers:
        layer.build(shape)
    generator = np.random.default_rng(1)
    weights = [generator.uniform(0.5, 1.5, w.shape) for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def compiled(function, where):
    if where == "graph" or (where == "xla" and FUSES):
        import tensorflow as tf

        return tf.function(function, jit_compile=where == "xla")
    if where == "xla":
        import jax

        return jax.jit(function)
    return function


def step(layer, where, gradient, x):
    """Output, new moving averages, and gradients of x, gamma and beta."""
    share = np.random.default_rng(2).uniform(-1, 1, x.shape).astype("float32")
    averages = [ops.convert_to_tensor(v) for v in layer.non_trainable_variables]

    def forward(x, *weights):
        return layer.stateless_call(list(weights), averages, x, training=True)

    def loss(x, *weights):
        y, _ = forward(x, *weights)
        return ops.sum(ops.cast(y, "float32") * share)

    arrays = [x, *(ops.convert_to_numpy(v) for v in layer.trainable_variables)]
    y, new = compiled(forward, where)(*map(ops.convert_to_tensor, arrays))
    found = [y, *new, *gradient(compiled(loss, where), *arrays)]
    return [ops.convert_to_numpy(ops.cast(value, "float32")) for value in found]


def assert_equal(found, expected, tolerance=1e-5):
    """Within the tolerance of the largest value of the channel, or of the last axis."""
    assert len(found) == len(expected) >= 3
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        scale = np.abs(b).max(axis=tuple(range(b.ndim - 1)))
        assert np.all(np.abs(a - b) <= tolerance * scale.max(initial=1e-3))


@pytest.fixture
def fused(monkeypatch):
    """One entry for each call of the fused kernel."""
    calls = []
    method = BatchNormalization._fused

    def watched(self, inputs):
        calls.append(inputs.dtype)
        return method(self, inputs)

    monkeypatch.setattr(BatchNormalization, "_fused", watched)
    return calls


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("name", OPTIONS)
def test_training_step_equals_that_of_keras(x, gradient, fused, where, name):
    ours, keras_layer = pair(x.shape, **OPTIONS[name])
    found = step(ours, where, gradient, x)
    assert bool(fused) == (FUSES and where != "xla")
    assert_equal(found, step(keras_layer, where, gradient, x))


def test_a_mean_far_from_zero(fused):
    """1000 +- 1: the variance must not be the difference of two squares of 1000."""
    x = 1000 + np.random.default_rng(0).standard_normal((4, 9, 7, 3))
    x = x.astype("float32")
    exact = x.astype("float64")
    mean, variance = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    exact = (exact - mean) / np.sqrt(variance + 1e-3)
    y = ops.convert_to_numpy(BatchNormalization()(x, training=True))
    assert bool(fused) == FUSES
    np.testing.assert_allclose(y, exact, atol=1e-3)


@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2), ("float16", 2e-3)],
)
def test_training_step_in_reduced_precision(x, gradient, fused, policy, tolerance):
    x = x[..., :2]
    ours, keras_layer = pair(x.shape, dtype=policy)
    found = step(ours, "eager", gradient, x)
    assert bool(fused) == FUSES
    assert_equal(found, step(keras_layer, "eager", gradient, x), tolerance)


def test_moving_averages_of_two_values():
    """By hand, where the biased variance is half of the unbiased: 1 and 3."""
    layer = BatchNormalization(momentum=0.75)
    x = np.array([1, 3], "float32").reshape(2, 1, 1, 1)
    layer(x, training=True)
    mean, variance = layer.get_weights()[2:]
    np.testing.assert_allclose(mean, 0.75 * 0 + 0.25 * 2, rtol=1e-6)
    np.testing.assert_allclose(variance, 0.75 * 1 + 0.25 * 1, rtol=1e-6)


def test_one_value_in_each_channel():
    ours, keras_layer = pair((1, 1, 1, 3))
    x = np.array([1, -2, 5], "float32").reshape(1, 1, 1, 3)
    for layer in ours, keras_layer:
        layer(x, training=True)
    for a, b in zip(ours.get_weights(), keras_layer.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_gradient_of_the_gradient(x, gradient):
    """As a gradient penalty needs it."""
    x = x[:2, :3, :3, :2]

    def penalty(layer):
        def of(x):
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(x)
                y = ops.sum(ops.power(layer(x, training=True), 3))
            return ops.sum(ops.square(tape.gradient(y, x)))

        return of

    if FUSES:
        found, expected = (gradient(penalty(layer), x)[0] for layer in pair(x.shape))
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_training_by_fit(x, fused):
    """Three steps through `fit`: the same losses and the same weights."""
    histories, weights = [], []
    for layer in pair(x.shape, momentum=0.9):
        model = keras.Sequential([keras.Input(x.shape[1:]), layer])
        model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
        target = np.zeros_like(x)
        fit = model.fit(x, target, epochs=3, verbose=0, shuffle=False, batch_size=4)
        histories.append(fit.history["loss"])
        weights.append(model.get_weights())
    assert bool(fused) == FUSES
    np.testing.assert_allclose(*histories, rtol=1e-5)
    assert_equal(*weights)


def mask_of(x):
    return ops.ones(x.shape[:-1], "bool")


NOT_FUSED = {  # options of the layer, and of the call
    "inference": ({}, {"training": False}),
    "unsaid": ({}, {}),
    "frozen": ({"trainable": False}, {"training": True}),
    "mask": ({}, {"training": True, "mask": "mask"}),
    "float64": ({"dtype": "float64"}, {"training": True}),
    "channels first": ({"axis": 1}, {"training": True}),
}
if hasattr(keras.layers.BatchNormalization(), "renorm"):  # since Keras 3.14
    NOT_FUSED["renorm"] = ({"renorm": True}, {"training": True})


@pytest.mark.parametrize("case", NOT_FUSED)
def test_elsewhere_keras_does_the_work(x, fused, case):
    options, arguments = NOT_FUSED[case]
    if case == "float64" and BACKEND == "jax":
        x = x.astype("float64")
    if "mask" in arguments:
        arguments = {**arguments, "mask": mask_of(x)}
    ours, keras_layer = pair(x.shape, **options)
    y, expected = (ops.convert_to_numpy(f(x, **arguments)) for f in (ours, keras_layer))
    assert fused == []
    np.testing.assert_array_equal(y, expected)
    for a, b in zip(ours.get_weights(), keras_layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 5), (2, 3, 4, 3, 5)])
def test_other_ranks_are_left_to_keras(shape, fused):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    ours, keras_layer = pair(shape)
    y, expected = (
        ops.convert_to_numpy(f(x, training=True)) for f in (ours, keras_layer)
    )
    assert fused == []
    np.testing.assert_array_equal(y, expected)


def test_synchronized_and_accelerators_are_left_to_keras(x, fused, monkeypatch):
    if FUSES:
        pair(x.shape, synchronized=True)[0](x, training=True)
    monkeypatch.setattr(batch_normalization, "accelerator", lambda: True)
    pair(x.shape)[0](x, training=True)
    assert fused == []


ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "tanh", "sigmoid", "silu", "mish")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_between_a_convolution_and_an_activation(x, name):
    """TensorFlow merges the three into one operation, not always into one that exists:
    a fused kernel at inference would fail before tanh."""
    outputs = []
    for kind in BatchNormalization, keras.layers.BatchNormalization:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input(x.shape[1:]),
                keras.layers.Conv2D(4, 3, use_bias=False),
                kind(),
                keras.layers.Activation(name),
            ]
        )
        model.compile("sgd", "mse")
        x = x / np.abs(x).max()
        model.train_on_batch(x, np.ones((4, 7, 5, 4)))
        forward = compiled(lambda x, m=model: m(x, training=True), WHERE[1])
        outputs.append([model.predict(x, verbose=0), np.asarray(forward(x))])
    for found, expected in zip(*outputs, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("ours_first", [True, False])
def test_converts_to_and_from_keras(x, ours_first):
    """The docstring's three lines, in both directions."""
    layer, other = pair(x.shape, epsilon=1e-5, name="bn", gamma_regularizer="l2")
    if not ours_first:
        layer, other = other, layer
    copy = type(other).from_config(layer.get_config())
    copy.build(x.shape)
    copy.set_weights(layer.get_weights())
    assert copy.get_config() == layer.get_config()
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
    np.testing.assert_array_equal(copy(x), layer(x))


@pytest.mark.parametrize("ours_first", [True, False])
def test_loads_the_weight_files_of_keras_and_back(x, ours_first, tmp_path):
    writer, reader = (
        keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Conv2D(5, 1), layer])
        for layer in (pair(x.shape) if ours_first else pair(x.shape)[::-1])
    )
    reader.layers[1].set_weights([np.ones(5)] * 4)
    writer.save_weights(tmp_path / "a.weights.h5")
    reader.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(reader.get_weights(), writer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_saved_and_loaded(x, tmp_path):
    model = keras.Sequential([keras.Input(x.shape[1:]), pair(x.shape)[0]])
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert type(loaded.layers[0]) is BatchNormalization
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


if FUSES:

    @pytest.mark.parametrize("where", ["eager", "graph"])
    def test_a_batch_of_no_samples(x, where, fused):
        """As on a replica that the last batch did not reach: nothing is learned."""
        import tensorflow as tf

        layer = pair(x.shape)[0]
        function = lambda x: layer(x, training=True)  # noqa: E731
        if where == "graph":
            open_batch = tf.TensorSpec((None, *x.shape[1:]))
            function = tf.function(function, input_signature=[open_batch])
        function(x)
        before = layer.get_weights()
        assert function(x[:0]).shape == (0, *x.shape[1:])
        assert fused
        for old, new in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-6)
