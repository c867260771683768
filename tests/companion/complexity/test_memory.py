"""What a forward pass and a training step hold: by hand, and by other code."""

import keras
import numpy as np
import pytest
from keras import layers

from companion import layers as ours
from companion import models, results
from companion.complexity import inference_memory, live_maps, training_memory

MAP = 4 * 8 * 8 * 4  # bytes of a map of 8x8 in 4 channels
IMAGE = 4 * 8 * 8 * 3


def conv(x, **options):
    return layers.Conv2D(4, 3, padding="same", **options)(x)


def network(function):
    image = keras.Input((8, 8, 3))
    return keras.Model(image, function(image))


def two_plain(x):
    return conv(conv(x))


def two_with_relu(x):
    return conv(conv(x, activation="relu"), activation="relu")


def two_with_relu_layers(x):
    return layers.ReLU()(conv(layers.ReLU()(conv(x))))


def two_with_swish(x):
    return conv(conv(x, activation="silu"))


def normalized(x):
    x = layers.BatchNormalization()(conv(x))
    return conv(layers.ReLU()(x))


def ours_normalized(x):
    x = ours.BatchNormalization()(conv(x))
    return conv(layers.ReLU()(x))


def max_pooled(x):
    return layers.MaxPooling2D(2)(conv(x, activation="relu"))


def mean_pooled(x):
    return layers.AveragePooling2D(2)(conv(x, activation="relu"))


def mean_pooled_without_relu(x):
    return layers.AveragePooling2D(2)(conv(x))


def dropped(x):
    return layers.Dropout(0.5)(conv(x))


def shortcut(x):
    x = conv(x, activation="relu")
    return layers.Add()([x, conv(x)])


def flattened(x):
    return layers.Dense(2)(layers.Flatten()(conv(x)))


@pytest.mark.parametrize(
    ("function", "kept"),
    [
        (two_plain, IMAGE + MAP),
        (two_with_relu, IMAGE + 2 * MAP),
        (two_with_relu_layers, IMAGE + 2 * MAP),
        (two_with_swish, IMAGE + 2 * MAP),  # before swish, and after it
        (normalized, IMAGE + 2 * MAP),
        (ours_normalized, IMAGE + 2 * MAP),
        (max_pooled, IMAGE + MAP + MAP // 4),
        (mean_pooled, IMAGE + MAP),
        (mean_pooled_without_relu, IMAGE),
        (dropped, IMAGE + MAP // 4),
        (shortcut, IMAGE + MAP),
        (flattened, IMAGE + MAP),
    ],
)
def test_what_waits_for_the_backward_pass(function, kept):
    assert training_memory(network(function)).kept == kept


@pytest.mark.parametrize(
    ("function", "maps"),
    [
        (two_plain, IMAGE + 2 * MAP),
        (two_with_relu_layers, IMAGE + 2 * MAP),
        (normalized, IMAGE + 2 * MAP),
        (max_pooled, IMAGE + MAP + MAP // 4),
        (dropped, IMAGE + MAP),
        (shortcut, IMAGE + 2 * MAP),  # the sum is written over one of its terms
        (flattened, IMAGE + MAP + 8),
    ],
)
def test_what_is_in_use_at_once_at_inference(function, maps):
    found = inference_memory(network(function))
    assert found.maps == maps
    assert (found.gradients, found.optimizer, found.kept) == (0, 0, 0)


def test_a_step_holds_what_is_kept_and_two_gradients():
    """Of the second of two convolutions: those of its output and of its input."""
    found = training_memory(network(two_plain))
    assert found.maps == IMAGE + MAP + 2 * MAP


def test_a_map_that_two_read_adds_up_two_gradients():
    """At the convolution: of the sum, kept for the shortcut, and of its input."""
    found = training_memory(network(shortcut))
    assert found.maps == IMAGE + MAP + 2 * MAP


def test_only_the_maps_grow_with_the_batch():
    model = network(normalized)
    one, many = (training_memory(model, batch_size=b, slots=2) for b in (1, 32))
    assert (many.kept, many.maps) == (32 * one.kept, 32 * one.maps)
    assert (many.weights, many.optimizer) == (one.weights, one.optimizer)
    assert many.total == many.weights + many.gradients + many.optimizer + many.maps


def test_deeper_networks_keep_more_and_use_no_more_at_once():
    def deep(depth):
        def function(x):
            for _ in range(depth):
                x = conv(x, activation="relu")
            return x

        return network(function)

    kept = [training_memory(deep(depth)).kept for depth in (4, 9)]
    used = [inference_memory(deep(depth)).maps for depth in (4, 9)]
    assert kept[1] - kept[0] == 5 * MAP
    assert used[1] == used[0]


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [
        (keras.optimizers.SGD(), 0),
        (keras.optimizers.SGD(momentum=0.9), 1),
        (keras.optimizers.Adam(), 2),
    ],
)
def test_the_slots_are_those_of_keras(optimizer, slots):
    model = network(normalized)
    optimizer.build(model.trainable_variables)
    two = {"iteration", "learning_rate"}  # numbers of the optimizer itself
    held = sum(np.prod(v.shape) for v in optimizer.variables if v.name not in two)
    found = training_memory(model, slots=slots)
    assert found.optimizer == 4 * held
    assert found.weights == 4 * model.count_params()
    assert found.gradients == sum(4 * np.prod(w.shape) for w in model.trainable_weights)


def test_frozen_weights_need_no_gradients():
    model = network(two_plain)
    model.layers[1].trainable = False
    assert training_memory(model).gradients == 4 * (3 * 3 * 4 * 4 + 4)


def test_the_list_goes_forward_and_back():
    model = network(max_pooled)
    names = [layer.name for layer in model.layers[1:]]
    there, back = names, names[::-1]
    rows = live_maps(model, training=True)
    assert [name for name, _ in rows] == there + back
    assert max(taken for _, taken in rows) == training_memory(model).maps
    assert max(t for _, t in live_maps(model)) == inference_memory(model).maps


def test_the_image_may_have_another_size():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, two_plain(image))
    small, large = (training_memory(model, (n, n, 3)).kept for n in (8, 16))
    assert (small, large) == (IMAGE + MAP, 4 * (IMAGE + MAP))


def test_networks_of_the_package_are_counted():
    """VGG-16 keeps one map for each convolution and pooling: by Table 1, by hand."""
    with keras.StatelessScope(initialize_variables=False):
        vgg, resnet = models.VGG16(), models.ResNet50()
    table = [(224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3), (14, 512, 3)]
    maps = sum(side**2 * width * (count + 1 / 4) for side, width, count in table)
    dense = 4 * 4096 + 2 * 4096 / 4 + 1000  # before and after dropout, and its masks
    by_hand = 224 * 224 * 3 + maps + dense
    assert training_memory(vgg).kept == 4 * by_hand
    assert training_memory(resnet).kept > inference_memory(resnet).maps


@pytest.mark.parametrize("count", [inference_memory, training_memory])
@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
def test_a_batch_is_a_positive_integer(count, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
        count(network(two_plain), batch_size=batch_size)


def test_slots_are_counted():
    with pytest.raises(ValueError, match="`slots` must be a non-negative integer"):
        training_memory(network(two_plain), slots=-1)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_product_is_written_over_the_map_and_not_over_the_gate(order):
    """Image and map have 48 numbers, the gate 3; the product takes the map's place."""
    image = keras.Input((4, 4, 3))
    x = layers.Conv2D(3, 3, padding="same")(image)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    model = keras.Model(image, layers.Multiply()([x, gate][order]))
    assert inference_memory(model).maps == 4 * (48 + 48 + 3)


def test_a_model_has_one_output():
    image = keras.Input((4, 4, 3))
    x = conv(image, name="x")
    model = keras.Model(image, [x, layers.Softmax()(x)])
    for count in (inference_memory, training_memory, live_maps):
        with pytest.raises(ValueError, match=r"one output. Received: .* with 2"):
            count(model)


def test_an_unknown_layer_is_named():
    def unknown(x):
        return layers.GaussianNoise(0.1, name="noise")(x)

    def odd_function(x):
        return conv(x, activation=keras.activations.mish, name="odd")

    for function, words in ((unknown, "GaussianNoise.*noise"), (odd_function, "mish")):
        with pytest.raises(TypeError, match=words):
            training_memory(network(function))


EXACT = "convolution, ReLU", "convolution, BN, ReLU"  # else TensorFlow keeps more


def test_the_count_is_what_was_measured():
    """Memory of TensorFlow on a CPU, benchmarks/training_memory.py.

    A compiled forward pass has a second copy of the image, of 128x128x3.
    """
    for row in results.load("training_memory")["rows"]:
        measured, counted = row["measured"], row["counted"]
        if row["quantity"] == "running":
            assert measured == pytest.approx(counted + 4 * 128 * 128 * 3, rel=1e-3)
        elif row["quantity"] == "kept" and row["block"] in EXACT:
            assert measured == pytest.approx(counted, rel=1e-3)
        elif row["quantity"] == "kept":
            assert measured > counted
