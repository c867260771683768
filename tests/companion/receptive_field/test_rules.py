"""Rules that layers bring along, and what is said where there is none."""

import subprocess
import sys

import keras
import pytest
from keras import layers, ops

from companion import receptive_field as rf
from companion.layers import (
    ChannelShuffle,
    DropPath,
    GlobalContext,
    GroupedConv2D,
    NonLocal,
    SelectiveKernel,
    SqueezeExcite,
)

from .nets import assert_probe_agrees, conv, image_input, numbers


def seen(layer, side=12):
    """Fields of a layer behind a 3x3 convolution: of all paths, and of the local one;
    and the probe's answer for the unit in the middle."""
    image = image_input(side, channels=4)
    x = layer(layers.Conv2D(4, 3, padding="same")(image))
    model = keras.Model(image, x)
    middle = x.shape[1] // 2
    field = rf.receptive_field(model)
    local = rf.receptive_field(model, ignore_global=True)
    return field, local, rf.probe_receptive_field(model).region(middle, middle)


CONTEXTS = {  # the layer, its local field behind a 3x3, and how to cut its context off
    "squeeze_excite": (
        lambda: SqueezeExcite(2, name="context"),
        (3, 1, -1),
        {"expand": lambda z: ops.ones((1, 4))},
    ),
    "global_context": (
        lambda: GlobalContext(2, name="context"),
        (3, 1, -1),
        {"expand": lambda z: ops.zeros((1, 4))},
    ),
    "non_local": (
        lambda: NonLocal(name="context"),
        (3, 1, -1),
        {"expand": lambda y: ops.zeros((1, 12, 12, 4)), "norm": lambda y, **_: y},
    ),
    "selective_kernel": (
        lambda: SelectiveKernel(4, groups=2, name="context"),
        (7, 1, -3),
        {"_select": lambda *_: ops.full((1, 2, 4), 0.5)},
    ),
    "selective_kernel of stride 2": (
        lambda: SelectiveKernel(4, groups=2, strides=2, name="context"),
        (7, 2, -3),
        {"_select": lambda *_: ops.full((1, 2, 4), 0.5)},
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_context_inside_a_layer(name):
    make, expected, cut = CONTEXTS[name]
    layer = make()
    field, local, probed = seen(layer)
    assert (field.size, field.stride) == (12, 0)
    assert probed == field.region(0, 0) == rf.Region(0, 0, 12, 12)
    assert numbers(local) == expected
    (note,) = local.notes
    assert "'context'" in note or "context:" in note
    assert "left out" in note
    for attribute, without_context in cut.items():
        object.__setattr__(layer, attribute, without_context)
    _, local, probed = seen(layer)
    middle = local.units[0] // 2
    assert probed == local.region(middle, middle)


@pytest.mark.parametrize(
    "layer",
    [
        layers.GroupNormalization(2),
        layers.LayerNormalization(axis=(1, 2, 3)),
        layers.Softmax(axis=(1, 2)),
        layers.Softmax(axis=1),
        layers.MultiHeadAttention(1, 2),
        layers.MultiHeadAttention(1, 2, attention_axes=(2,)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_context_inside_a_layer_of_keras(layer):
    twice = isinstance(layer, layers.MultiHeadAttention)
    field, local, probed = seen(lambda x: layer(x, x) if twice else layer(x))
    assert probed == field.region(6, 6) != rf.Region(5, 5, 8, 8)
    assert numbers(local) == (3, 1, -1) and len(local.notes) == 1


@pytest.mark.parametrize(
    "layer",
    [ChannelShuffle(2), DropPath(0.5), layers.LayerNormalization()],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_without_context_have_no_note(layer):
    field, local, probed = seen(layer)
    assert numbers(field) == numbers(local) == (3, 1, -1)
    assert local.notes == () and probed == field.region(6, 6)


class Blur(layers.Layer):
    def call(self, x):
        return ops.average_pool(x, 3, 1, "same")

    def compute_output_shape(self, shape):
        return shape


class Halved(layers.Conv2D):
    """A convolution that skips every second unit of its output."""

    def call(self, x):
        return super().call(x)[:, ::2, ::2]

    def compute_output_shape(self, shape):
        batch, height, width, channels = super().compute_output_shape(shape)
        return batch, -(-height // 2), -(-width // 2), channels


class Named(layers.Conv2D):
    """Computes what its parent computes."""


class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(1, 3)

    def call(self, x):
        return self.conv(x)


@pytest.mark.parametrize("kind", [Blur, lambda **o: Halved(1, 3, **o), Subclassed])
def test_unknown_layer(kind):
    image = image_input(12)
    layer = kind(name="mine")
    model = keras.Model(image, layer(conv(image, 3)))
    with pytest.raises(TypeError) as error:
        rf.receptive_field(model)
    for part in ("'mine'", type(layer).__name__, "kernel_geometry.register("):
        assert part in str(error.value)


def test_unknown_layer_behind_global_pooling_is_harmless():
    image = image_input(12)
    x = layers.Lambda(lambda x: x + 1)(layers.GlobalMaxPooling2D()(image))
    assert rf.receptive_field(keras.Model(image, x)).size == 12


def test_subclassed_model_itself():
    model = Subclassed(name="mine")
    model(image_input(9))
    with pytest.raises(TypeError, match=r"'mine' \(Subclassed\).*subclassed model"):
        rf.receptive_field(model)


def test_registered_layers():
    class Registered(Halved):
        pass

    class RegisteredModel(Subclassed):
        pass

    class Pointwise(Blur):
        def call(self, x):
            return x + 1.0

    @rf.kernel_geometry.register(Registered)
    def _(layer, size):
        return [rf.Window.sliding(units, kernel=3, stride=2) for units in size]

    rf.kernel_geometry.register(Pointwise, rf.element_wise)
    rf.kernel_geometry.register(
        RegisteredModel, lambda layer, size: [rf.Window.sliding(n, 3) for n in size]
    )
    image = image_input(12)
    x = RegisteredModel()(Pointwise()(Registered(1, 3)(image)))
    assert numbers(rf.receptive_field(keras.Model(image, x))) == (7, 2, 0)


def test_subclasses_with_a_call_of_their_own_do_not_inherit_the_local_rule():
    class Wide(SqueezeExcite):
        def call(self, x):
            return super().call(ops.average_pool(x, 3, 1, "same"))

    image = image_input(12, channels=4)
    model = keras.Model(image, Wide(2, name="wide")(image))
    with pytest.raises(TypeError, match=r"'wide' \(Wide\)"):
        rf.receptive_field(model, ignore_global=True)
    rf.kernel_geometry.register(
        Wide, lambda layer, size: [rf.Window.everything(n, n) for n in size]
    )
    assert rf.receptive_field(model, ignore_global=True).size == 12
    rf.local_geometry.register(
        Wide, lambda layer, size: [rf.Window.sliding(n, 3, 1, "same") for n in size]
    )
    assert numbers(rf.receptive_field(model, ignore_global=True)) == (3, 1, -1)


def test_subclass_with_the_same_call_needs_no_registration():
    image = image_input(12)
    assert rf.receptive_field(keras.Model(image, Named(1, 5)(image))).size == 5


def test_grouped_convolution_of_the_companion():
    image = image_input(9, channels=4)
    model = keras.Model(image, GroupedConv2D(4, 3, strides=2, groups=2)(image))
    assert_probe_agrees(model)


def with_rule(rule, call=lambda x: x + 1.0):
    """A model whose layer "mine" has this geometry."""

    class Mine(layers.Layer):
        def call(self, x):
            return call(x)

    rf.kernel_geometry.register(Mine, rule)
    image = image_input((8, 9))
    return keras.Model(image, Mine(name="mine")(image))


@pytest.mark.parametrize(
    "windows",
    [
        None,
        "3x3",
        3,
        [],
        [rf.Window.sliding(8, 1)],
        [rf.Window.sliding(8, 1)] * 3,
        [(3, 1), (3, 1)],
    ],
)
def test_a_rule_that_returns_no_windows(windows):
    model = with_rule(lambda layer, size: windows)
    with pytest.raises(ValueError, match=r"'mine'.*Mine must return.*Received: "):
        rf.receptive_field(model)


@pytest.mark.parametrize(
    ("window", "units"),
    [
        (lambda n: rf.Window.sliding(n, 3), (6, 7)),
        (lambda n: rf.Window.sliding(n, 2, 2), (4, 4)),
        (rf.Window.everything, (1, 1)),
    ],
)
def test_a_geometry_that_does_not_match_the_layer(window, units):
    model = with_rule(lambda layer, size: [window(n) for n in size])
    with pytest.raises(ValueError, match="geometry registered for Mine") as error:
        rf.receptive_field(model)
    assert str(units) in str(error.value) and "8, 9, 1)" in str(error.value)


def test_a_geometry_that_matches_some_sizes_only():
    """The layer rounds up, its rule down: equal at even sizes."""
    model = with_rule(
        lambda layer, size: [rf.Window.sliding(n, 2, 2) for n in size],
        lambda x: ops.average_pool(x, 2, 2, padding="same"),
    )
    with pytest.raises(ValueError, match=r"\(4, 4\) units.*4, 5"):
        rf.receptive_field(model)
    assert rf.receptive_field(model, input_size=8).units == (4, 4)


def test_advice_is_safe_to_obey():
    """A rule for Lambda would hold for every Lambda, one for Functional for every
    nested model."""
    image = image_input(9)
    blur = layers.Lambda(lambda x: ops.average_pool(x, 3, 1), output_shape=(7, 7, 1))
    with pytest.raises(TypeError) as error:
        rf.receptive_field(keras.Model(image, blur(image)))
    assert "layer class of your own" in str(error.value)
    assert "register(Lambda" not in str(error.value)
    inner = keras.Sequential([keras.Input((9, 1)), layers.Conv1D(1, 3)])
    x = layers.TimeDistributed(inner)(image)
    assert rf.receptive_field(keras.Model(image, x)).size == (1, 3)


def test_functional_models_with_a_call_of_their_own():
    class Doubled(keras.Model):
        def call(self, x):
            return super().call(x) * 2

    image = image_input(9)
    model = Doubled(image, conv(image, 3), name="doubled")
    with pytest.raises(TypeError, match=r"'doubled' \(Doubled\).*subclassed"):
        rf.receptive_field(model)
    with pytest.raises(TypeError, match=r"'doubled' \(Doubled\).*subclassed"):
        rf.receptive_field(keras.Model(image, model(image)))


def test_rules_of_keras_are_there_before_the_tool():
    """Asked of `rules` alone; a rule that a user registers first stays."""
    code = """
import keras
from companion.receptive_field.rules import kernel_geometry
from companion.receptive_field.windows import Window
assert not any(name.startswith("companion.layers.") for name in sys.modules)
mine = lambda layer, size: [Window.sliding(n, 5) for n in size]
kernel_geometry.register(keras.layers.MaxPooling2D, mine)
conv, pool = keras.layers.Conv2D(1, 3), keras.layers.MaxPooling2D()
assert [w.units for w in kernel_geometry(conv, (8, 9))] == [6, 7]
assert [w.units for w in kernel_geometry(pool, (8, 9))] == [4, 5]
"""
    subprocess.run([sys.executable, "-c", "import sys" + code], check=True)
