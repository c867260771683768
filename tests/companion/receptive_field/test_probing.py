"""The probe: NaN shows what a model really reads."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import assert_probe_agrees, conv, image_input


class Draw:
    """Random small networks: every window, every padding, branches, upsampling."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.cropped = False  # padding would then stand for pixels that exist

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def kernel(self, x, low=1):
        most = min(5, *x.shape[1:3])
        return tuple(int(k) for k in self.random.integers(low, max(most, low) + 1, 2))

    def padding(self):
        return "valid" if self.cropped else self.choose("same", "valid")

    def window(self, x):
        """Without padding, the last rows may be left over: that is a crop as well."""
        y = self.any_window(x)
        layer = y._keras_history.operation
        kernel = getattr(layer, "pool_size", None) or layer.kernel_size
        for size, k, stride in zip(x.shape[1:3], kernel, layer.strides, strict=True):
            self.cropped |= layer.padding == "valid" and (size - k) % stride > 0
        return y

    def any_window(self, x):
        kind = self.choose("conv", "dilated", "depthwise", "separable", "max", "mean")
        kernel, stride = self.kernel(x), self.choose(1, 1, 2, 3)
        if kind == "conv":
            stride = self.choose(stride, (stride, 1), (2, 3))
            return layers.Conv2D(2, kernel, stride, self.padding(), groups=2)(x)
        if kind == "dilated":
            rate = self.choose(2, 3, (1, 2))
            size = min(x.shape[1:3])
            padding = "same" if size < 13 and not self.cropped else self.padding()
            kernel = kernel if size >= 13 or padding == "same" else 1
            return layers.Conv2D(2, kernel, 1, padding, dilation_rate=rate)(x)
        if kind == "depthwise":
            return layers.DepthwiseConv2D(kernel, stride, self.padding())(x)
        if kind == "separable":
            return layers.SeparableConv2D(2, kernel, stride, self.padding())(x)
        pooling = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
        return pooling(kernel, stride, self.padding())(x)

    def branches(self, x):
        stride, merge = self.choose(1, 2), self.choose("add", "join", "times")
        padding = "valid" if self.cropped else "same"
        kernel = min(3, *x.shape[1:3])
        kernels = (kernel, kernel) if self.cropped else self.choose((1, 3), (5, 2))
        left = layers.Conv2D(2, kernels[0], stride, padding)(x)
        right = layers.Conv2D(2, kernels[1], stride, padding, activation="relu")(x)
        third = layers.MaxPooling2D(kernels[0], stride, padding)(x)
        if merge == "add":
            return layers.Add()([left, right, third])
        if merge == "join":
            joined = layers.Concatenate()([left, right, third])
            return layers.Conv2D(2, 1)(joined)
        return left * ops.sigmoid(right) + third

    def upsampling(self, x):
        if self.cropped or self.choose(True, False):
            return layers.UpSampling2D(self.choose(2, 3, (2, 1)))(x)
        kernel, stride = self.kernel(x, low=2), self.choose(1, 2)
        return layers.Conv2DTranspose(2, kernel, stride, self.padding())(x)

    def edges(self, x):
        if self.choose(True, False) and not self.cropped:
            return layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
        if min(x.shape[1:3]) < 6:
            return layers.BatchNormalization()(x)
        self.cropped = True
        return self.choose(
            layers.Cropping2D(((1, 0), (0, 2))), lambda x: x[:, 1:, ::2]
        )(x)

    def model(self):
        image = image_input((int(self.random.integers(22, 31)), 26), channels=2)
        x = image
        for _ in range(self.random.integers(3, 6)):
            step = self.choose(
                self.window, self.window, self.branches, self.upsampling, self.edges
            )
            x = layers.ReLU()(step(x)) if max(x.shape[1:3]) < 60 else self.window(x)
        return keras.Model(image, x)


@pytest.mark.parametrize("first", range(0, 30, 5))
def test_random_networks_against_the_probe(first):
    inside = [
        assert_probe_agrees(Draw(seed).model(), least=0)
        for seed in range(first, first + 5)
    ]
    assert np.count_nonzero(inside) >= 3 and sum(inside) > 100


def test_probe_leaves_the_model_as_it_was():
    image = image_input(8)
    model = keras.Model(image, layers.MaxPooling2D(2, name="pool")(conv(image, 3)))
    before = model.predict(np.ones((1, 8, 8, 1), "f"), verbose=0)
    rf.probe_receptive_field(model, "pool")
    assert np.array_equal(before, model.predict(np.ones((1, 8, 8, 1), "f"), verbose=0))
    assert model.get_layer("pool").output is model.output


def test_a_recurrent_layer_on_every_row():
    image = image_input((6, 7))
    x = layers.TimeDistributed(layers.GRU(2, return_sequences=True))(image)
    model = keras.Model(image, x)
    probe = rf.probe_receptive_field(model)
    assert probe.region(3, 4) == rf.Region(3, 0, 4, 5)


def test_max_pooling_inside_time_distributed():
    frames = keras.Input((3, 6, 6, 1))
    x = layers.TimeDistributed(layers.MaxPooling2D(2))(frames)
    probe = rf.probe_receptive_field(keras.Model(frames, x))
    assert probe.region(1, 2, 0) == ((1, 2), (4, 6), (0, 2))


def test_units_of_a_probe_are_checked():
    probe = rf.probe_receptive_field(keras.Sequential([image_input(5), layers.ReLU()]))
    for unit in ((5, 0), (0, 1.5), (-1, 0), (1,)):
        with pytest.raises(ValueError, match="Received: "):
            probe.region(*unit)
