"""Broken models, each caught by name; and what is asked for each task."""

import dataclasses
import sys

import keras
import pytest
from keras import layers, ops

from companion.conformance import (
    MODEL_CHECKS,
    ConformanceError,
    NotJudged,
    check_model,
    report_model,
)


@keras.saving.register_keras_serializable(package="broken")
def double(x):
    return 2 * x


def net(
    input_shape=(12, 10, 3),
    classes=5,
    stem=lambda: layers.Conv2D(4, 3, padding="same", name="stem"),
    stride=2,
    after=lambda x: x,
    head_bias=True,
    ignore_classes=False,
    flatten=False,
):
    x = image = keras.Input(input_shape)
    x = stem()(x)
    x = layers.Conv2D(6, 3, strides=stride, padding="same", name="conv")(x)
    x = after(x)
    if classes is not None or ignore_classes:
        pool = layers.Flatten() if flatten else layers.GlobalAveragePooling2D()
        x = pool(x)
        x = layers.Dense(5 if ignore_classes else classes, use_bias=head_bias)(x)
    return keras.Model(image, x)


def dead_branch(x):
    return x + ops.stop_gradient(layers.Conv2D(6, 1, name="branch")(x))


PARAMS = 4 * (27 + 1) + 6 * (36 + 1) + 5 * (6 + 1)  # counted by hand
MACS = 120 * 4 * 27 + 30 * 6 * 36 + 30


def grey_only(input_shape=(12, 10, 3), classes=5):
    return net((*input_shape[:-1], 3), classes)


def size_read(input_shape=(12, 10, 3), classes=5):
    pool = layers.AveragePooling2D(input_shape[0] // 12)
    return net(input_shape, classes, after=pool)


def changed(**mistake):
    return lambda input_shape=(12, 10, 3), classes=5: net(
        input_shape, classes, **mistake
    )


MODEL_MISTAKES = {
    "a bias too few": (changed(head_bias=False), "params", "fewer than"),
    "the stride forgotten": (changed(stride=1), "macs", "more than published"),
    "classes ignored": (changed(ignore_classes=True), "classes", "classes=7"),
    "three channels in the code": (grey_only, "channels", "no 3 in the code"),
    "a size read while building": (size_read, "unknown_size", "read while"),
    "a lambda layer": (
        changed(after=layers.Lambda(lambda x: 2 * x, output_shape=(6, 5, 6))),
        "saving",
        "Lambda",
    ),
    "a branch without a gradient": (
        changed(after=dead_branch),
        "training_step",
        "branch",
    ),
    "a dtype in the code": (
        changed(stem=lambda: layers.Conv2D(4, 3, padding="same", dtype="float32")),
        "mixed_precision",
        "has the policy float32",
    ),
}


def only(*checks):
    """All other checks, which a mistake far down the list need not wait for."""
    return tuple(set(MODEL_CHECKS) - {"runs", *checks})


def normalized(stuck):
    return changed(after=lambda x: layers.BatchNormalization()(x, training=stuck))


def over_samples(x):
    return x - ops.mean(x, axis=0, keepdims=True)


def frozen(input_shape=(12, 10, 3), classes=5):
    model = net(input_shape, classes)
    model.get_layer("stem").trainable = False
    return model


def activated(activation, flat=True):
    def build(input_shape=(12, 10, 3), classes=5):
        x = image = keras.Input(input_shape)
        y = layers.Conv2D(4, 3, padding="same")(x)
        y = layers.BatchNormalization()(y)
        y = layers.ReLU()(y) if flat else y
        x = layers.Concatenate()([x, y])
        if classes is not None:
            x = layers.GlobalAveragePooling2D()(x)
            x = layers.Dense(classes, activation)(x)
        return keras.Model(image, x)

    return build


def no_return(input_shape=(12, 10, 3), classes=5):
    net(input_shape, classes)


REST = {  # name: model function, check, words of its message, reference
    "no return": (no_return, "runs", "Is a `return` missing", None),
    "batches mixed": (changed(after=over_samples), "inference", "in a batch", None),
    "stuck in training": (normalized(True), "training_flag", "training=True", None),
    "never in training": (normalized(False), "training_flag", "training=False", None),
    "a frozen layer": (frozen, "frozen", "stem/kernel", None),
    "sigmoid for softmax": (activated("sigmoid"), "classes", "one distribution", None),
    "no activation": (
        activated("softmax", flat=False),
        "values",
        "With the same weights",
        activated("softmax"),
    ),
    "sigmoid where the reference has softmax": (
        activated("sigmoid"),
        "values",
        "the outputs are not",
        activated("softmax"),
    ),
}


@pytest.mark.parametrize("name", REST)
def test_a_mistake_that_counts_do_not_show_is_caught(name):
    build, check, said, reference = REST[name]
    with pytest.raises(ConformanceError, match=rf"^\[{check}\]") as caught:
        check_model(build, without=only(check), reference=reference)
    assert said in str(caught.value)


def bottleneck_first(input_shape=(12, 10, 3), classes=5):
    """`activated("softmax")` with its layers made and joined in another order."""
    image = keras.Input(input_shape)
    head = layers.Dense(classes, "softmax") if classes is not None else None
    norm = layers.BatchNormalization(epsilon=1e-5)
    y = layers.Conv2D(4, 3, padding="same", activation=None)(image)
    y = layers.Activation("relu")(norm(y))
    x = ops.concatenate([image, y], axis=-1)
    return keras.Model(image, x if head is None else head(ops.mean(x, (1, 2))))


def small_logits(input_shape=(12, 10, 3), classes=5):
    """Of ordinary images all logits lie near 0.3, as probabilities might."""
    body = net(input_shape, None)
    if classes is None:
        return body
    head = layers.Dense(classes, bias_initializer=keras.initializers.Constant(0.3))
    pooled = layers.GlobalAveragePooling2D()(body.output)
    return keras.Model(body.input, head(pooled / 10))


def test_small_logits_are_no_probabilities():
    check_model(small_logits, without=only("classes"))


def test_a_right_model_written_differently_has_the_values():
    check_model(
        bottleneck_first, without=only("values"), reference=activated("softmax")
    )


def test_published_counts_are_not_enough():
    """MobileNetV2's block without its shortcut has all the weights of the right one."""
    from companion import blocks

    def network(shortcut):
        def build(input_shape=(12, 10, 8), classes=5):
            x = image = keras.Input(input_shape)
            y = blocks.inverted_residual(x, 8, 2, 1, "block")
            if not shortcut:
                y = ops.subtract(y, x)
            if classes is not None:
                y = layers.Dense(classes)(layers.GlobalAveragePooling2D()(y))
            return keras.Model(image, y)

        return build

    check_model(network(True), without=only("values"), reference=network(True))
    with pytest.raises(ConformanceError, match=r"^\[values\]"):
        check_model(network(False), without=only("values"), reference=network(True))


# --- tasks ----------------------------------------------------------------------------


def segmentation(input_shape=(12, 10, 3), classes=5, stride=1):
    image = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, stride, "same", activation="relu")(image)
    return keras.Model(image, layers.Conv2D(classes, 1)(x))


def detection(input_shape=(12, 10, 3), classes=5, told=True):
    image = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    scores = layers.Conv2D((classes or 1) if told else 5, 1)(x)
    return keras.Model(image, {"boxes": layers.Conv2D(4, 1)(x), "scores": scores})


def video(input_shape=(4, 12, 10, 3), classes=5):
    x = frames = keras.Input(input_shape)
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(x)
    if classes is not None:
        x = layers.GlobalAveragePooling3D()(x)
        x = layers.Dense(classes, "softmax")(x)
    return keras.Model(frames, x)


def generation(input_shape=(6,)):
    x = code = keras.Input(input_shape)
    x = layers.Reshape((3, 3, 4))(layers.Dense(36, "relu")(x))
    return keras.Model(code, layers.Conv2DTranspose(3, 4, 2, "same")(x))


def two_images(classes=5):
    left, right = keras.Input((8, 7, 3)), keras.Input((8, 7, 1))
    x = layers.Concatenate()([left, right])
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    return keras.Model([left, right], [layers.Dense(classes)(y), layers.Dense(2)(y)])


NUMBERS_ASIDE = ("params", "macs")
ABOUT_ONE_IMAGE = ("classes", "channels", "unknown_size")


@pytest.mark.parametrize("build", [segmentation, detection, video, generation])
def test_each_task_has_its_contract(build):
    check_model(build, without=NUMBERS_ASIDE, task=build.__name__, reference=build)


def test_several_inputs_and_outputs():
    check_model(two_images, without=NUMBERS_ASIDE + ABOUT_ONE_IMAGE)


@pytest.mark.parametrize(
    ("build", "task", "said"),
    [
        (changed(), "segmentation", "rank 2"),
        (segmentation, "classification", "rank 4"),
        (lambda **given: segmentation(stride=2, **given), "segmentation", "as large"),
        (lambda **given: detection(told=False, **given), "detection", "any `classes`"),
    ],
)
def test_another_task_s_output_is_refused(build, task, said):
    with pytest.raises(ConformanceError, match=r"^\[classes\]") as caught:
        check_model(build, without=only("classes"), task=task)
    assert said in str(caught.value)


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="Received: task='cooking'"):
        check_model(net, without=NUMBERS_ASIDE, task="cooking")


def test_a_missing_package_is_not_the_model_s_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, "companion.complexity", None)
    with pytest.raises(NotJudged, match=r"^\[macs\] Multiply-adds were not counted"):
        check_model(net, params=PARAMS, macs=MACS, without=only("macs"))


def test_all_failures_at_once():
    report = report_model(grey_only, params=PARAMS + 1, macs=MACS)
    assert [result.check for result in report.failures] == ["params", "channels"]
    assert report["saving"].passed


def numbers_of(name):
    """The dead branch adds a convolution that the paper's numbers must then count."""
    if name == "a branch without a gradient":
        return {"params": PARAMS + 42, "macs": MACS + 30 * 36}
    return {"params": PARAMS, "macs": MACS}


def test_a_right_model_passes():
    check_model(net, params=PARAMS, macs=MACS)


def test_an_entry_of_the_registry_brings_its_numbers():
    @dataclasses.dataclass
    class Entry:
        build: object = net
        params: int = PARAMS
        macs: int = MACS

    check_model(Entry(), input_shape=(7, 6, 3))
    with pytest.raises(ConformanceError, match=r"^\[macs\]"):
        check_model(Entry(macs=MACS + 1))


@pytest.mark.parametrize("name", MODEL_MISTAKES)
def test_a_broken_model_is_caught_by_name(name):
    build, check, said = MODEL_MISTAKES[name]
    with pytest.raises(ConformanceError) as caught:
        check_model(build, **numbers_of(name))
    assert caught.value.check == check, str(caught.value)
    assert said in str(caught.value)
    for number in numbers_of(name).values():
        assert f"{number:,}" not in str(caught.value)


def test_every_model_check_catches_a_mistake():
    caught = {row[1] for row in (*MODEL_MISTAKES.values(), *REST.values())}
    assert caught == {*MODEL_CHECKS}


def test_check_model_asks_for_published_numbers():
    with pytest.raises(ValueError, match="Received: macs=None"):
        check_model(net, params=PARAMS)


def test_the_policy_is_put_back():
    check_model(net, without=set(MODEL_CHECKS) - {"mixed_precision"})
    assert keras.config.dtype_policy().name == "float32"
