"""AdaBound in Keras: against its NumPy twin, in training, saved and loaded."""

import keras
import numpy as np
import pytest

from companion.optimizers import AdaBound, KerasAdaBound

IMAGES = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
LABELS = np.random.default_rng(1).normal(size=(32, 2)).astype("float32")
OTHER = {
    "learning_rate": 0.25,
    "beta_1": 0.5,
    "beta_2": 0.75,
    "epsilon": 0.125,
    "final_ratio": 2.0,
    "gamma": 0.0625,
    "amsbound": True,
    "name": "bound",
    "weight_decay": 0.5,
    "clipnorm": 3.0,
}


def network(optimizer):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(8, activation="tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    model.compile(optimizer, "mse")
    return model


def train(model, epochs=1, **arguments):
    return model.fit(
        IMAGES, LABELS, 8, epochs, verbose=0, shuffle=False, **arguments
    ).history["loss"]


def weights_of(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def apply(optimizer, gradients, start=0.0):
    variable, path = keras.Variable([start], dtype="float32"), []
    for gradient in gradients:
        optimizer.apply([keras.ops.array([gradient], "float32")], [variable])
        path.append(float(keras.ops.convert_to_numpy(variable.value)[0]))
    return path


@pytest.mark.parametrize("amsbound", [False, True])
@pytest.mark.parametrize("beta_2, gamma", [(0.999, 1e-3), (0.9, 0.05)])
def test_equals_its_numpy_twin(beta_2, gamma, amsbound):
    """2e-4 of the largest step: in float32, 1 - 0.999**t is exact to 6e-5 at first."""
    gradients = np.random.default_rng(2).normal(size=50) * np.logspace(0, -3, 50)
    arguments = {"beta_2": beta_2, "gamma": gamma, "amsbound": amsbound}
    rule = AdaBound(0.01, alpha_star=0.1, **arguments)
    optimizer = KerasAdaBound(0.01, final_ratio=10.0, **arguments)
    theta, expected = 0.0, []
    for gradient in gradients:
        theta = rule.step(theta, gradient)
        expected.append(theta)
    steps = np.diff(apply(optimizer, gradients), prepend=0.0)
    expected = np.diff(expected, prepend=0.0)
    np.testing.assert_allclose(steps, expected, 0, 2e-4 * np.abs(expected).max())


def test_defaults_are_those_of_the_twin():
    """The authors' 0.001, 0.9, 0.999, 1e-8, 0.1 and 0.001."""
    optimizer, rule = KerasAdaBound(), AdaBound()
    for name in ("beta_1", "beta_2", "epsilon", "gamma", "amsbound"):
        assert getattr(optimizer, name) == getattr(rule, name)
    learning_rate = float(optimizer.learning_rate)
    assert learning_rate == pytest.approx(rule.alpha)
    assert learning_rate * optimizer.final_ratio == pytest.approx(rule.alpha_star)


def test_trains_in_compiled_fit():
    losses = train(network(KerasAdaBound(0.01)), epochs=20)
    assert losses[-1] < 0.8 * losses[0]


def test_config_holds_every_argument():
    optimizer = KerasAdaBound(**OTHER)
    config = optimizer.get_config()
    assert {name: config[name] for name in OTHER} == OTHER
    copy = KerasAdaBound.from_config(config)
    assert copy.get_config() == config


@pytest.mark.parametrize("amsbound", [False, True])
def test_a_saved_model_goes_on_as_if_never_saved(tmp_path, amsbound):
    model = network(KerasAdaBound(0.01, gamma=0.1, amsbound=amsbound))
    train(model, epochs=2)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(copy.optimizer, KerasAdaBound)
    assert int(copy.optimizer.iterations) == 8
    for one, other in zip(
        copy.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    train(model, epochs=2)
    train(copy, epochs=2)
    np.testing.assert_array_equal(weights_of(copy), weights_of(model))


def test_a_schedule_scales_both_bounds():
    """With narrow bounds the step is final_ratio * learning_rate(t) * m."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.1, 0.01])
    optimizer = KerasAdaBound(schedule, beta_1=0.0, final_ratio=3.0, gamma=1e6)
    steps = np.diff(apply(optimizer, np.ones(10)), prepend=0.0)
    np.testing.assert_allclose(steps, [-0.3] * 5 + [-0.03] * 5, rtol=1e-4)


def test_a_warm_up_may_start_at_zero():
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, 10, warmup_target=0.1, warmup_steps=5
    )
    steps = np.diff(apply(KerasAdaBound(schedule), np.ones(5)), prepend=0.0)
    np.testing.assert_allclose(steps, -0.02 * np.arange(5), atol=1e-5)


def test_a_schedule_survives_saving(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 4, 0.5)
    model = network(KerasAdaBound(schedule))
    train(model)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert float(copy.optimizer.learning_rate) == pytest.approx(0.005)
    assert copy.optimizer.get_config() == model.optimizer.get_config()


def test_a_learning_rate_set_by_a_callback_is_used():
    slow = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-12)
    model = network(KerasAdaBound(0.01))
    before = weights_of(model)
    train(model, callbacks=[slow])
    np.testing.assert_allclose(weights_of(model), before, atol=1e-7)


@pytest.fixture
def mixed_float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


def test_mixed_precision(mixed_float16):
    """float16 in the layers, float32 in the weights; Keras scales the loss."""
    model = network(KerasAdaBound(0.01))
    losses = train(model, epochs=20)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert losses[-1] < 0.8 * losses[0]


def test_gradients_of_an_embedding():
    """On TensorFlow they are sparse: rows that were not looked up have none."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Embedding(10, 3)])
    model.compile(KerasAdaBound(0.1), "mse")
    before = model.get_weights()[0]
    model.fit(np.array([[1], [4]]), np.ones((2, 1, 3)), verbose=0)
    moved = np.abs(model.get_weights()[0] - before).max(axis=1) > 0
    np.testing.assert_array_equal(np.flatnonzero(moved), [1, 4])


@pytest.mark.parametrize(
    "argument, value",
    [
        ("beta_1", 1.0),
        ("beta_2", -0.1),
        ("epsilon", 0.0),
        ("final_ratio", 0.0),
        ("gamma", -1.0),
    ],
)
def test_arguments_out_of_range_are_refused(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`.*Received: {argument}={value}"):
        KerasAdaBound(**{argument: value})


@pytest.mark.parametrize("rate", [-1.0, None, "0.1", True, float("nan")])
def test_learning_rates_are_no_negative_numbers(rate):
    with pytest.raises(ValueError, match=r"`learning_rate`.*Received: learning_rate="):
        KerasAdaBound(learning_rate=rate)


def test_learning_rates_of_every_kind():
    falling = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)
    for rate in (np.float32(0.5), falling, lambda: 0.5):
        assert float(KerasAdaBound(rate).learning_rate) == pytest.approx(0.5)
    assert float(KerasAdaBound(1).learning_rate) == 1.0
