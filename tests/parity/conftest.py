"""Weights of a second Keras network, copied into a companion model by layer name.

A test names the layer of the reference, mostly one of keras.applications, that each
layer of the companion model corresponds to. Copying fails if a layer has none, or if
one with weights is left over. Nothing is downloaded: every network starts at random.
"""

import functools

import keras
import numpy as np
import pytest

SEED = 1704


def draw_images(model, count=2):
    """Different images, channels last; values of both signs."""
    shape = [count, *(size or 64 for size in model.input_shape[1:-1])]
    shape.append(model.input_shape[-1])
    return np.random.default_rng(SEED).normal(size=shape).astype("float32")


def scatter(model):
    """Random biases, and random batch-norm statistics of a plausible size.

    Each normalization takes the statistics of what reaches it, moved at random, before
    it passes on anything. So activations neither vanish nor explode in a deep network,
    and the gates of squeeze and excitation stay between 0 and 1.
    """
    random = np.random.default_rng(SEED)

    def draw(weight, low, high):
        if weight is not None:
            weight.assign(random.uniform(low, high, weight.shape))

    def settle(norm, inputs, training=None, mask=None):
        mean, variance = keras.ops.moments(inputs, axes=(0, 1, 2))
        variance += 0.1 * keras.ops.mean(variance)  # tiny divisors magnify rounding
        shift = keras.ops.sqrt(variance) * random.uniform(-0.3, 0.3, mean.shape)
        norm.moving_mean.assign(mean + shift)
        norm.moving_variance.assign(variance * random.uniform(0.8, 1.2, mean.shape))
        return type(norm).call(norm, inputs, training=False)

    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in model.layers:
        draw(getattr(layer, "bias", None), -0.3, 0.3)
    for norm in norms:
        draw(norm.gamma, 0.5, 1.5)
        draw(norm.beta, -0.3, 0.3)
        norm.call = functools.partial(settle, norm)
    model(draw_images(model, count=8), training=True)
    for norm in norms:
        del norm.call


def as_list(names):
    return [names] if isinstance(names, str) else names


def weights_of(reference, name):
    """All weights of a layer, or one: `"layer.kernel"`. A missing gamma counts as 1."""
    name, _, attribute = name.partition(".")
    layer = reference.get_layer(name)
    if attribute:
        return [keras.ops.convert_to_numpy(getattr(layer, attribute))]
    weights = layer.get_weights()
    if isinstance(layer, keras.layers.BatchNormalization) and layer.gamma is None:
        weights = [np.ones_like(weights[0]), *weights]
    return weights


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(SEED)


@pytest.fixture
def adopt():
    """Function `(model, reference, path)`: the reference's weights into the model.

    `path(layer_name)` is the name of the reference's layer, or a tuple of names where
    one layer does the work of several, or `"name.attribute"` for one weight of a layer
    that does the work of several. The kernel of a 1x1 convolution becomes that of a
    dense layer.
    """

    def copy(model, reference, path):
        scatter(reference)
        left = {layer.name for layer in reference.layers if layer.weights}
        for layer in model.layers:
            if layer.weights:
                names = as_list(path(layer.name))
                left -= {name.partition(".")[0] for name in names}
                weights = [
                    weight for name in names for weight in weights_of(reference, name)
                ]
                for target, weight in zip(layer.weights, weights, strict=True):
                    if tuple(target.shape) != weight.shape[-len(target.shape) :]:
                        raise ValueError(f"{layer.name}: {names} has another shape")
                    target.assign(weight.reshape(target.shape))
        assert not left, f"not copied: {sorted(left)}"

    return copy


@pytest.fixture
def scattered():
    """Function `(model)`: random biases and batch-norm statistics, see `scatter`."""
    return scatter


@pytest.fixture
def distance():
    """Function `(model, reference)`: largest difference over the largest logit."""

    def compare(model, reference):
        images = draw_images(model)
        found, expected = (
            keras.ops.convert_to_numpy(network(images, training=False))
            for network in (model, reference)
        )
        assert expected.std() > 0.01, "the logits say nothing"
        assert np.abs(expected[0] - expected[1]).max() > 0.01, "images look alike"
        return np.abs(found - expected).max() / np.abs(expected).max()

    return compare
