"""`GroupedConv2D` equals `keras.layers.Conv2D(groups=g)` on each of its roads."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.layers import GroupedConv2D, grouped_conv2d

BACKEND = keras.backend.backend()

ROADS = {"xla": "_convolution_per_group"}  # where: which method does the work there
if BACKEND == "tensorflow":
    native = grouped_conv2d._gradient_exists("float32")  # not on Apple's processors
    ROADS["eager"] = ROADS["graph"] = (
        "_tensorflow_convolution" if native else "_convolution_per_group"
    )
    ROADS["without_onednn"] = "_convolution_per_group"

CONVOLUTIONS = {
    "same": {"kernel_size": 3, "groups": 2, "padding": "same"},
    "valid": {"kernel_size": 3, "groups": 4, "activation": "relu"},
    "oblong": {"kernel_size": (3, 2), "groups": 2, "padding": "same"},
    "strides": {"kernel_size": 3, "groups": 2, "strides": 2, "padding": "same"},
    "oblong strides": {"kernel_size": 3, "groups": 4, "strides": (2, 1)},
    "dilated": {
        "kernel_size": 3,
        "groups": 2,
        "dilation_rate": 2,
        "padding": "same",
    },
    "dilated valid": {"kernel_size": 3, "groups": 2, "dilation_rate": (2, 1)},
    "1x1": {"kernel_size": 1, "groups": 4, "activation": "tanh"},
    "1x1 strides": {"kernel_size": 1, "groups": 2, "strides": (2, 3)},
    "1x1 same": {"kernel_size": 1, "groups": 2, "strides": 2, "padding": "same"},
    "no bias": {"kernel_size": 3, "groups": 8, "use_bias": False},
    "one group": {"kernel_size": 3, "groups": 1},
}


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((2, 9, 7, 8)).astype("float32")


def pair(x, **arguments):
    """Both layers, with the same random weights."""
    ours = GroupedConv2D(16, **arguments)
    keras_layer = keras.layers.Conv2D(16, **arguments)
    generator = np.random.default_rng(1)
    for layer in ours, keras_layer:
        layer.build(x.shape)
    weights = [generator.standard_normal(w.shape) for w in ours.weights]
    for layer in ours, keras_layer:
        layer.set_weights(weights)
    return ours, keras_layer


def compiled(function, where):
    if BACKEND == "tensorflow" and where in ("graph", "xla"):
        import tensorflow as tf

        return tf.function(function, jit_compile=where == "xla")
    if where == "xla":
        import jax

        return jax.jit(function)
    return function


@pytest.fixture(params=ROADS)
def where(request, monkeypatch):
    if request.param == "without_onednn":
        monkeypatch.setattr(grouped_conv2d, "_gradient_exists", lambda dtype: False)
    return request.param


def loss(layer):
    """A number that every output value has a different share in."""

    def of(x, *weights):
        y, _ = layer.stateless_call(list(weights), [], x)
        return ops.sum(y * np.linspace(-1, 1, np.prod(y.shape)).reshape(y.shape))

    return of


@pytest.fixture(scope="module")
def expected():
    """Output and gradients of Keras' layer: its slow gradient is computed once."""
    return {}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_output_and_gradients_equal_those_of_keras(x, gradient, where, name, expected):
    ours, keras_layer = pair(x, **CONVOLUTIONS[name])
    arrays = x, *ours.get_weights()
    if name not in expected:
        y = ops.convert_to_numpy(keras_layer(x))
        expected[name] = [y, *gradient(loss(keras_layer), *arrays)]
    found = ops.convert_to_numpy(compiled(ours, where)(x))
    found = [found, *gradient(compiled(loss(ours), where), *arrays)]
    for a, b in zip(found, expected[name], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.fixture
def taken(monkeypatch):
    """The names of the methods that did the work, in order."""
    names = []

    def watch(name):
        method = getattr(GroupedConv2D, name)

        def watched(self, inputs, kernel):
            names.append(name)
            return method(self, inputs, kernel)

        monkeypatch.setattr(GroupedConv2D, name, watched)

    watch("_tensorflow_convolution")
    watch("_matrix_product_per_group")
    watch("_convolution_per_group")
    return names


@pytest.mark.parametrize("size", [3, 1])
def test_the_fast_road_is_taken(x, where, taken, size):
    compiled(pair(x, kernel_size=size, groups=2)[0], where)(x)
    road = ROADS[where]
    if size == 1 and road == "_convolution_per_group":
        road = "_matrix_product_per_group"
    assert set(taken) == {road}


def test_the_fast_road_is_taken_inside_fit(x, taken):
    """Keras compiles the step itself; "xla" must not get TensorFlow's operator."""
    for jit, where in ((False, "graph"), (True, "xla")):
        model = keras.Sequential([pair(x, kernel_size=3, groups=2)[0]])
        model.compile("sgd", "mse", jit_compile=jit)
        target = np.zeros((2, 7, 5, 16))
        taken.clear()
        model.fit(x, target, verbose=0)
        assert set(taken) == {ROADS.get(where, ROADS["xla"])}


@pytest.mark.parametrize("elsewhere", ["torch", "accelerator"])
def test_elsewhere_keras_does_the_work(x, taken, monkeypatch, elsewhere):
    ours, keras_layer = pair(x, kernel_size=3, groups=2)
    if elsewhere == "torch":
        monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    else:
        monkeypatch.setattr(
            keras.distribution, "list_devices", lambda: ["cpu:0", "gpu:0"]
        )
    found = ops.convert_to_numpy(ours(x))
    assert taken == []
    np.testing.assert_array_equal(found, ops.convert_to_numpy(keras_layer(x)))


@pytest.mark.parametrize("size", [3, 1])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_reduced_precision(x, policy, size):
    """One training step runs, and the output is Keras' within the precision."""
    ours, keras_layer = pair(x, kernel_size=size, groups=2, dtype=policy)
    a, b = (np.asarray(ops.cast(f(x), "float32")) for f in (ours, keras_layer))
    tolerance = 0.05 if "bfloat16" in policy else 0.01
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * abs(b).max())
    before = ours.get_weights()
    model = keras.Sequential([ours])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(a.shape), verbose=0)
    for old, new in zip(before, ours.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new)


def test_the_gradient_is_tried_for_each_precision():
    """What oneDNN brings depends on the machine: held against a real attempt."""
    import tensorflow as tf

    for dtype in ("float32", "float16", "float64"):
        x = tf.zeros((2, 5, 5, 4), dtype)
        kernel = tf.zeros((3, 3, 2, 6), dtype)
        try:
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                y = tf.nn.conv2d(x, kernel, 1, "VALID")
            tape.gradient(y, kernel)
            trains = True
        except tf.errors.InvalidArgumentError:
            trains = False
        assert grouped_conv2d._gradient_exists(dtype) == trains


@pytest.mark.parametrize("ours_first", [True, False])
def test_converts_to_and_from_keras(x, ours_first):
    """The docstring's three lines, in both directions."""
    arguments = CONVOLUTIONS["oblong"] | {"activation": "relu", "name": "conv2"}
    layer, other = pair(x, **arguments)
    if not ours_first:
        layer, other = other, layer
    copy = type(other).from_config(layer.get_config())
    copy.build(x.shape)
    copy.set_weights(layer.get_weights())
    assert copy.get_config() == layer.get_config()
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
    np.testing.assert_allclose(
        ops.convert_to_numpy(copy(x)), ops.convert_to_numpy(layer(x)), atol=1e-4
    )


def test_converts_a_whole_model(x):
    ours, _ = pair(x, kernel_size=3, groups=2)
    model = keras.Sequential([keras.Input(x.shape[1:]), ours, keras.layers.Flatten()])

    def convert(layer):
        if isinstance(layer, GroupedConv2D):
            return keras.layers.Conv2D.from_config(layer.get_config())
        return layer.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=convert)
    copy.set_weights(model.get_weights())
    assert type(copy.layers[0]) is keras.layers.Conv2D
    np.testing.assert_allclose(
        ops.convert_to_numpy(copy(x)), ops.convert_to_numpy(model(x)), atol=1e-4
    )


def test_saved_and_loaded(x, tmp_path):
    ours, _ = pair(x, **CONVOLUTIONS["1x1 strides"])
    model = keras.Sequential([keras.Input(x.shape[1:]), ours])
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert type(loaded.layers[0]) is GroupedConv2D
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def test_parameters_of_alexnet():
    """Kernels of 5x5x48 and 3x3x192 (section 3.5), 256, 384 and 256 of them."""
    for filters, size, channels, count in (
        (256, 5, 96, 5 * 5 * 48 * 256 + 256),
        (384, 3, 384, 3 * 3 * 192 * 384 + 384),
        (256, 3, 384, 3 * 3 * 192 * 256 + 256),
    ):
        layer = GroupedConv2D(filters, size, groups=2)
        layer.build((None, 27, 27, channels))
        assert layer.count_params() == count


def test_groups_do_not_see_each_other(x):
    ours, _ = pair(x, kernel_size=3, groups=2)
    before = ops.convert_to_numpy(ours(x))
    x[..., :4] += 1
    after = ops.convert_to_numpy(ours(x))
    assert np.all(before[..., :8] != after[..., :8])
    np.testing.assert_array_equal(before[..., 8:], after[..., 8:])


@pytest.mark.parametrize(
    ("arguments", "channels", "received"),
    [
        ({"groups": 3}, 6, "Received: groups=3"),
        ({"groups": 0}, 6, "Received: groups=0"),
        ({"groups": 4}, 6, "Received groups=4"),
        ({"groups": 2, "data_format": "channels_first"}, 8, "data_format"),
    ],
)
def test_refuses_wrong_arguments(arguments, channels, received):
    with pytest.raises(ValueError, match=received):
        GroupedConv2D(16, 3, **arguments).build((None, 9, 9, channels))
