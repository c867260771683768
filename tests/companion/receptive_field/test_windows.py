"""Windows along one axis, against impulses and the probe."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import OLD, assert_probe_agrees, conv, image_input


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_transposed_convolution(kernel, stride, padding):
    image = image_input((9, 8))
    x = layers.Conv2DTranspose(1, kernel, stride, padding)(image)
    if kernel < stride:  # some units get no product at all
        x = conv(x, stride, padding="valid")
    assert_probe_agrees(keras.Model(image, x))


def test_transposed_convolution_with_holes():
    field = rf.receptive_field(
        keras.Sequential([image_input(4), layers.Conv2DTranspose(1, 1, 2)])
    )
    assert field.region(2, 4) == rf.Region(1, 2, 2, 3)
    with pytest.raises(ValueError, match=r"no pixel.*\(1, 4\)"):
        field.region(1, 4)


def test_transposed_convolution_with_output_padding():
    for padding in (1,) if OLD else (0, 1):  # Keras 3.10 refuses 0
        image = image_input(7)
        layer = layers.Conv2DTranspose(1, 3, 2, "same", output_padding=padding)
        assert_probe_agrees(keras.Model(image, layer(image)))


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resampling_against_impulses(factor, interpolation):
    """What a bright pixel reaches; NaN would leak through JAX' matrix product."""
    layer = layers.UpSampling2D(factor, interpolation=interpolation)
    field = rf.receptive_field(keras.Sequential([image_input((12, 11)), layer]))
    impulses = np.eye(12, dtype="float32").reshape(12, 12, 1, 1).repeat(11, axis=2)
    reached = np.abs(ops.convert_to_numpy(layer(impulses)))[:, :, 0, 0] > 1e-6
    for row in range(3 * factor, 9 * factor):
        pixels = np.flatnonzero(reached[:, row])
        box = field.region(row, 0)
        assert (box.top, box.bottom) == (pixels[0], pixels[-1] + 1)


def test_max_pooling_against_impulses():
    """The probe replaces max pooling, so here it is asked directly."""
    for size, kernel, stride, padding in [
        (11, 3, 2, "same"),
        (12, 4, 3, "same"),
        (11, 3, 2, "valid"),
        (12, 2, 2, "same"),
    ]:
        layer = layers.MaxPooling2D(kernel, stride, padding)
        field = rf.receptive_field(keras.Sequential([image_input(size), layer]))
        impulses = np.eye(size, dtype="float32").reshape(size, size, 1, 1)
        impulses = impulses.repeat(size, axis=2)
        reached = ops.convert_to_numpy(layer(impulses))[:, :, 0, 0] > 0
        assert reached.shape[1] == field.units[0]
        for row in range(field.units[0]):
            pixels = np.flatnonzero(reached[:, row])
            box = field.region(row, 0).clip(size, size)
            assert (box.top, box.bottom) == (pixels[0], pixels[-1] + 1)


@pytest.mark.parametrize(
    "build",
    [
        lambda: rf.Window(((0.5,),), 1, 3),
        lambda: rf.Window([(0,)], 1, 3),
        lambda: rf.Window((), 1, 3),
        lambda: rf.Window(((0,),), -1, 3),
        lambda: rf.Window(((0,),), 1, 0),
        lambda: rf.Window(((0,),), 1, True),
        lambda: rf.Window.sliding(8, 3.0),
        lambda: rf.Window.sliding(8, True),
        lambda: rf.Window.sliding(8, 3, 0),
        lambda: rf.Window.sliding(8, 3, padding="full"),
        lambda: rf.Window.sliding(8, 3, padding=0.5),
        lambda: rf.Window.sliding(8, 3, padding=(1, 1, 1)),
        lambda: rf.Window.sliding("8", 3),
        lambda: rf.Window.transposed(8, 3, padding="causal"),
        lambda: rf.Window.transposed(8, 0),
        lambda: rf.Window.resampled(8, 0),
        lambda: rf.Window.resampled(8, 16, "cubic"),
        lambda: rf.Window.adaptive(8, None),
        lambda: rf.Window.everything(-8),
        lambda: rf.Window.past(2.0),
    ],
)
def test_windows_are_checked(build):
    with pytest.raises(ValueError, match="Received: "):
        build()


def test_numbers_of_numpy_are_numbers():
    kernel, stride = np.int64(3), np.int32(2)
    assert rf.Window.sliding(np.int64(8), kernel, stride) == rf.Window.sliding(8, 3, 2)


def test_causal_padding_is_all_before():
    window = rf.Window.sliding(8, 3, padding="causal", dilation=2)
    assert window == rf.Window(((-4, -2, 0),), 1, 8)
