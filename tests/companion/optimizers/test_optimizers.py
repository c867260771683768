"""Every rule against PyTorch, Keras and the authors of AdaBound.

The numbers of `reference/optimizers.json` were made by those three, in float64; here
they are held to rounding. Keras itself is held in float32, with gradients around the
size of epsilon, where the place of epsilon decides.
"""

import inspect
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import optimizers
from companion.optimizers import (
    SGD,
    AdaBound,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
    minimize,
)

OTHERS = {  # that steps no parameters: the loop, schedules, measures; or Keras' own
    *("minimize", "KerasAdaBound", "Plateau", "cosine_decay", "cyclic"),
    *("exponential_decay", "step_decay", "largest_curvature"),
    *("noise_scale", "noise_scale_of_batches"),
}
RULES = [name for name in optimizers.__all__ if name not in OTHERS]
REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "optimizers.json").read_text()
)
STEPS = REFERENCE["steps"]


def rosenbrock_gradient(theta):
    x, y = theta
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


BOUND = {"alpha": 0.02, "alpha_star": 0.002}
CORRECTED = {"alpha": 0.02, "bias_correction": True}
DECAY = {"alpha": 0.02, "lambda_": 0.02 * 0.1}  # learning rate * weight_decay

TRAJECTORIES = [  # (key, who made it, the rule that must reproduce it)
    ("sgd", "torch", SGD(0.001)),
    ("sgd", "keras", SGD(0.001)),
    ("momentum", "torch", Momentum(0.001, alpha_outside=True)),
    ("momentum", "keras", Momentum(0.001)),
    ("nesterov", "torch", Nesterov(0.001, alpha_outside=True)),
    ("nesterov", "keras", Nesterov(0.001)),
    ("adagrad", "torch", AdaGrad(0.02, 1e-10)),
    (
        "adagrad",
        "keras",
        AdaGrad(0.02, 1e-7, initial_accumulator=0.1, epsilon_inside=True),
    ),
    ("adagrad_aligned", "torch", AdaGrad(0.02)),
    ("adagrad_aligned", "keras", AdaGrad(0.02, epsilon_inside=True)),
    ("adadelta", "torch", AdaDelta(rho=0.9)),
    ("adadelta", "keras", AdaDelta(rho=0.9)),
    ("rmsprop", "torch", RMSProp(0.02)),
    ("rmsprop", "keras", RMSProp(0.02, epsilon_inside=True)),
    ("rmsprop_momentum", "torch", RMSProp(0.02, momentum=0.9)),
    ("rmsprop_momentum", "keras", RMSProp(0.02, momentum=0.9, epsilon_inside=True)),
    ("rmsprop_centered", "torch", RMSProp(0.02, centered=True)),
    ("rmsprop_centered", "keras", RMSProp(0.02, centered=True, epsilon_inside=True)),
    ("adam", "torch", Adam(0.02)),
    ("adam", "keras", Adam(0.02, epsilon_hat=True)),
    ("adamax", "torch", AdaMax(0.02, epsilon_inside=True)),
    ("adamax", "keras", AdaMax(0.02)),
    ("nadam_defaults", "torch", Nadam(0.02)),
    ("nadam_defaults", "keras", Nadam(0.02, psi=1.0)),
    ("nadam_aligned", "torch", Nadam(0.02, psi=1.0)),
    ("nadam_aligned", "keras", Nadam(0.02, psi=1.0)),
    ("amsgrad", "torch", AMSGrad(**CORRECTED)),
    ("amsgrad", "keras", AMSGrad(**CORRECTED, epsilon_hat=True)),
    ("adamw", "torch", AdamW(**DECAY)),
    ("adamw", "keras", AdamW(**DECAY, epsilon_hat=True)),
    ("adabound", "adabound", AdaBound(**BOUND)),
    ("adabound_gamma0.5", "adabound", AdaBound(**BOUND, gamma=0.5)),
    ("amsbound", "adabound", AdaBound(**BOUND, amsbound=True)),
    ("amsbound_gamma0.5", "adabound", AdaBound(**BOUND, gamma=0.5, amsbound=True)),
]


@pytest.mark.parametrize(
    "key, made_by, rule",
    TRAJECTORIES,
    ids=[f"{key} by {made_by}" for key, made_by, _ in TRAJECTORIES],
)
def test_trajectory_equals_the_one_of_independent_code(key, made_by, rule):
    """To rounding: the smallest difference of conventions, AdaMax's, is 7e-14."""
    found = minimize(rule, rosenbrock_gradient, [-1.2, 1.0], max(STEPS))[STEPS]
    expected = REFERENCE["trajectories"][key][made_by]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-14)


def test_every_reference_trajectory_is_reproduced_and_every_rule_has_one():
    made = {
        (key, made_by)
        for key, by in REFERENCE["trajectories"].items()
        for made_by in by
    }
    assert made == {(key, made_by) for key, made_by, _ in TRAJECTORIES}
    assert {type(rule).__name__ for *_, rule in TRAJECTORIES} == set(RULES)


# Keras, on the backend of the tests

EPSILON = 1e-3
AVERAGES = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": EPSILON}
KERAS = {  # rule in Keras' form, the same in the paper's, Keras' own
    "SGD": (
        lambda: SGD(0.1),
        None,
        lambda: keras.optimizers.SGD(0.1),
    ),
    "Momentum": (
        lambda: Momentum(0.1, 0.8),
        lambda: Momentum(0.1, 0.8, alpha_outside=True),  # PyTorch's
        lambda: keras.optimizers.SGD(0.1, momentum=0.8),
    ),
    "Nesterov": (
        lambda: Nesterov(0.1, 0.8),
        lambda: Nesterov(0.1, 0.8, alpha_outside=True),  # PyTorch's
        lambda: keras.optimizers.SGD(0.1, momentum=0.8, nesterov=True),
    ),
    "AdaGrad": (
        lambda: AdaGrad(0.1, EPSILON, initial_accumulator=1e-6, epsilon_inside=True),
        lambda: AdaGrad(0.1, EPSILON),
        lambda: keras.optimizers.Adagrad(
            0.1, initial_accumulator_value=1e-6, epsilon=EPSILON
        ),
    ),
    "AdaDelta": (
        lambda: AdaDelta(0.1, 0.8, EPSILON),
        None,
        lambda: keras.optimizers.Adadelta(0.1, rho=0.8, epsilon=EPSILON),
    ),
    "RMSProp": (
        lambda: RMSProp(0.1, 0.8, EPSILON, epsilon_inside=True),
        lambda: RMSProp(0.1, 0.8, EPSILON),
        lambda: keras.optimizers.RMSprop(0.1, rho=0.8, epsilon=EPSILON),
    ),
    "RMSProp, centered with momentum": (
        lambda: RMSProp(
            0.1, 0.8, EPSILON, momentum=0.7, centered=True, epsilon_inside=True
        ),
        lambda: RMSProp(0.1, 0.8, EPSILON, momentum=0.7, centered=True),
        lambda: keras.optimizers.RMSprop(
            0.1, rho=0.8, epsilon=EPSILON, momentum=0.7, centered=True
        ),
    ),
    "Adam": (
        lambda: Adam(0.1, **AVERAGES, epsilon_hat=True),
        lambda: Adam(0.1, **AVERAGES),
        lambda: keras.optimizers.Adam(0.1, **AVERAGES),
    ),
    "AdaMax": (
        lambda: AdaMax(0.1, **AVERAGES),
        lambda: AdaMax(0.1, **AVERAGES, epsilon_inside=True),  # PyTorch's
        lambda: keras.optimizers.Adamax(0.1, **AVERAGES),
    ),
    "Nadam": (
        lambda: Nadam(0.1, **AVERAGES, psi=1.0),
        lambda: Nadam(0.1, **AVERAGES),
        lambda: keras.optimizers.Nadam(0.1, **AVERAGES),
    ),
    "AMSGrad": (
        lambda: AMSGrad(0.1, **AVERAGES, bias_correction=True, epsilon_hat=True),
        lambda: AMSGrad(0.1, **AVERAGES),
        lambda: keras.optimizers.Adam(0.1, **AVERAGES, amsgrad=True),
    ),
    "AdamW": (
        lambda: AdamW(0.1, **AVERAGES, lambda_=0.1 * 0.3, epsilon_hat=True),
        lambda: AdamW(0.1, **AVERAGES, lambda_=0.3, epsilon_hat=True),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, **AVERAGES),
    ),
    "AdaBound": (
        lambda: AdaBound(0.1, **AVERAGES, alpha_star=0.5, gamma=0.02),
        lambda: AdaBound(0.1, **AVERAGES, alpha_star=0.5, gamma=0.02, as_printed=True),
        lambda: optimizers.KerasAdaBound(0.1, **AVERAGES, final_ratio=5.0, gamma=0.02),
    ),
    "AMSBound": (
        lambda: AdaBound(0.1, **AVERAGES, alpha_star=0.5, gamma=0.02, amsbound=True),
        lambda: AdaBound(0.1, **AVERAGES, alpha_star=0.5, gamma=0.02),
        lambda: optimizers.KerasAdaBound(
            0.1, **AVERAGES, final_ratio=5.0, gamma=0.02, amsbound=True
        ),
    ),
}
START = np.random.default_rng(0).normal(size=(3, 4))
GRADIENTS = np.random.default_rng(1).normal(size=(30, 3, 4)) * np.logspace(-5, 0, 4)
SLOWER_AFTER = 15  # here the step size falls to a fifth


def follow(rule, theta=START, gradients=GRADIENTS):
    """Theta after every step."""
    path = []
    for number, gradient in enumerate(gradients):
        if number == SLOWER_AFTER:
            for name in ("alpha", "alpha_star", "lambda_"):
                if hasattr(rule, name):
                    setattr(rule, name, getattr(rule, name) / 5)
        theta = rule.step(theta, gradient)
        path.append(theta)
    return np.array(path)


def follow_in_keras(optimizer):
    variable, path = keras.Variable(START, dtype="float32"), []
    for number, gradient in enumerate(GRADIENTS.astype("float32")):
        if number == SLOWER_AFTER:
            optimizer.learning_rate = 0.02
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        path.append(keras.ops.convert_to_numpy(variable.value))
    return np.array(path, "float64")


@pytest.mark.parametrize("name", KERAS)
def test_keras_form_equals_keras(name):
    """Within float32; TensorFlow rounds decay rates to it in any case."""
    rule, _, optimizer = KERAS[name]
    np.testing.assert_allclose(
        follow(rule()), follow_in_keras(optimizer()), rtol=2e-5, atol=2e-6
    )


@pytest.mark.parametrize("name", [name for name in KERAS if KERAS[name][1]])
def test_the_other_form_takes_other_steps(name):
    rule, other, _ = KERAS[name]
    assert np.abs(follow(rule()) - follow(other())).max() > 1e-3


def test_every_rule_is_held_against_keras():
    assert {type(rule()).__name__ for rule, *_ in KERAS.values()} == set(RULES)


# What all rules have in common


def make(name, **arguments):
    return getattr(optimizers, name)(**arguments)


@pytest.mark.parametrize("name", RULES)
def test_moves_against_the_gradient_and_changes_no_argument(name):
    theta, gradient = np.array([1.0, -2.0]), np.array([0.5, -3.0])
    before = theta.copy(), gradient.copy()
    rule = make(name)
    moved = rule.step(theta, gradient)
    assert np.all((moved - theta) * gradient < 0)
    rule.step(moved, gradient)
    np.testing.assert_array_equal((theta, gradient), before)


@pytest.mark.parametrize("name", RULES)
def test_state_is_not_an_argument_that_the_caller_may_change(name):
    """The gradient array may be used again for the next gradient."""
    gradient, fresh = np.array([1.0, 2.0]), np.array([1.0, 2.0])
    reused, rule = make(name), make(name)
    theta = reused.step([0.0, 0.0], gradient), rule.step([0.0, 0.0], fresh)
    gradient[:] = 0.5
    fresh = np.array([0.5, 0.5])
    np.testing.assert_array_equal(
        reused.step(theta[0], gradient), rule.step(theta[1], fresh)
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keeps_the_dtype_of_theta(name, dtype):
    rule, theta = make(name), np.ones((2, 3), dtype)
    for _ in range(3):
        theta = rule.step(theta, np.full((2, 3), 0.5))
        assert theta.dtype == dtype and theta.shape == (2, 3)


@pytest.mark.parametrize("name", RULES)
def test_each_parameter_is_on_its_own(name):
    together = follow(make(name))[:, 1, 2]
    alone = follow(make(name), START[1, 2], GRADIENTS[:, 1, 2])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_reaches_the_minimum_of_a_quadratic(name):
    """A sanity check: 0.5 (x**2 + 10 y**2), with a step size that suits the rule."""
    alpha = {"AdaDelta": 1.0, "AdaGrad": 1.0}.get(name, 0.05)
    alpha_star = {"alpha_star": 0.05} if name == "AdaBound" else {}
    scale = np.array([1.0, 10.0])
    rule = make(name, alpha=alpha, **alpha_star)
    path = minimize(rule, lambda theta: scale * theta, [1.0, 1.0], 400)
    losses = 0.5 * (path**2 @ scale)
    assert losses[-1] < 1e-2 * losses[0]


@pytest.mark.parametrize("name", RULES)
def test_shapes_that_differ_are_refused(name):
    with pytest.raises(
        ValueError, match=r"gradient.shape=\(1, 2\), theta.shape=\(2,\)"
    ):
        make(name).step([1.0, 2.0], [[1.0, 2.0]])


@pytest.mark.parametrize("name", [name for name in RULES if name != "SGD"])
def test_another_array_is_refused(name):
    rule = make(name)
    rule.step([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"theta.shape=\(3, 2\) after \(2,\)"):
        rule.step(np.ones((3, 2)), np.ones((3, 2)))


BAD = {
    "alpha": (0.0, -0.1, float("nan")),
    "alpha_star": (0.0, -1.0),
    "beta": (1.0, -0.1),
    "beta_1": (1.0, -0.1),
    "beta_2": (1.0, -0.1, float("nan")),
    "epsilon": (-1e-8,),
    "eta": (0.0,),
    "gamma": (0.0,),
    "initial_accumulator": (-0.1,),
    "lambda_": (-0.1, 1.0),
    "momentum": (1.0, -0.1),
    "psi": (-1.0,),
    "rho": (1.0, -0.1),
}


NO_NUMBERS = (None, "0.1", True, float("nan"), float("inf"), 0.1j, [0.1])


def numbers_of(name):
    parameters = inspect.signature(getattr(optimizers, name)).parameters.values()
    return {p.name for p in parameters if not isinstance(p.default, bool)}


@pytest.mark.parametrize(
    "name, argument, value",
    [(n, a, v) for n in RULES for a in sorted(numbers_of(n)) for v in BAD[a]],
)
def test_arguments_out_of_range_are_refused(name, argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`.*Received: {argument}={value}"):
        make(name, **{argument: value})


@pytest.mark.parametrize("name", RULES)
def test_arguments_that_are_no_numbers_are_refused(name):
    for argument in numbers_of(name):
        for value in NO_NUMBERS:
            with pytest.raises(ValueError, match=f"`{argument}`.*Received: {argument}"):
                make(name, **{argument: value})


@pytest.mark.parametrize("name", RULES)
def test_numbers_of_numpy_and_fractions_are_taken(name):
    for alpha in (np.float32(0.5), Fraction(1, 2)):
        stepped = make(name, alpha=alpha).step([1.0], [2.0])
        np.testing.assert_array_equal(stepped, make(name, alpha=0.5).step([1.0], [2.0]))


NO_ARRAYS = {
    "None": None,
    "text": "12",
    "complex": np.array([1j, 2]),
    "truth values": [True, False],
    "with None": [1, None],
    "ragged": [[1.0, 2.0], [3.0]],
    "a generator": (x for x in (1.0, 2.0)),
}


@pytest.mark.parametrize("values", NO_ARRAYS.values(), ids=NO_ARRAYS.keys())
@pytest.mark.parametrize("name", RULES)
def test_gradients_and_parameters_are_arrays_of_real_numbers(name, values):
    with pytest.raises(ValueError, match="`gradient` must be an array of real numbers"):
        make(name).step([1.0, 2.0], values)
    with pytest.raises(ValueError, match="`theta` must be an array of real numbers"):
        make(name).step(values, [1.0, 2.0])


@pytest.mark.parametrize("name", RULES)
def test_float16_is_refused(name):
    """Epsilon would be zero, and a gradient of zero become 0 / 0."""
    with pytest.raises(ValueError, match=r"theta.dtype=float16"):
        make(name).step(np.ones(2, "float16"), np.zeros(2))


@pytest.mark.parametrize("name", RULES)
def test_arguments_are_attributes(name):
    """Under their own names, each its own value."""
    values = {a: 0.1 + 0.01 * i for i, a in enumerate(sorted(numbers_of(name)))}
    rule = make(name, **values)
    for argument, value in values.items():
        stored = "G" if argument == "initial_accumulator" else argument
        assert getattr(rule, stored) == value


@pytest.mark.parametrize("name", optimizers.__all__)
def test_docstring_says_what_it_takes_raises_and_shows(name):
    doc = inspect.getdoc(getattr(optimizers, name))
    for part in ("Args:", "Raises:", "Example", ">>>"):
        assert part in doc


def test_numpy_is_all_that_the_rules_need():
    code = (
        "import sys; from companion.optimizers import Adam, minimize; "
        "print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "set()", out.stderr


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="Adagrad"):
        optimizers.Adagrad  # noqa: B018
