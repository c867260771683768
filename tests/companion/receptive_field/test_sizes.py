"""Images of known and of unknown size."""

import math
import tracemalloc

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion import receptive_field as rf

from .nets import conv, image_input, numbers


def test_alignment_that_depends_on_the_image_size():
    image = image_input()
    left = conv(image, 1, 4, "valid")
    right = conv(conv(image, 3, 2, "same"), 1, 2, "valid")
    model = keras.Model(image, layers.Add()([left, right]))
    unknown = rf.receptive_field(model)
    assert numbers(unknown) == (3, 4, None)
    assert numbers(rf.receptive_field(model, input_size=9)) == (3, 4, -1)
    assert rf.receptive_field(model, input_size=9).aligned
    assert not rf.receptive_field(model, input_size=8).aligned
    assert not unknown.aligned and "pixels" in unknown.notes[0]
    with pytest.raises(ValueError, match="depends on the image size"):
        unknown.region(0, 0)


def test_global_field_of_an_unknown_image_is_infinite():
    image = image_input()
    model = keras.Model(image, layers.GlobalMaxPooling2D()(conv(image, 3, 2)))
    field = rf.receptive_field(model)
    assert numbers(field) == (math.inf, 0, 0)
    assert field.region(0, 0).clip(40, 50) == rf.Region(0, 0, 40, 50)


def test_one_unknown_side():
    image = image_input((31, None))
    model = keras.Model(image, conv(conv(image, 3, 2), 3, 2))
    # 31 rows become 16 with a zero on each side, and 8 with one zero at the end
    assert numbers(rf.receptive_field(model)) == (7, 4, (-1, None))
    assert rf.receptive_field(model).units == (8, None)


@pytest.mark.parametrize("input_size", [0, -3, 2.5, (3,), (8, 0), "same"])
def test_input_size_is_checked(input_size):
    model = keras.Sequential([image_input(8), layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match=r"input_size.*Received: input_size="):
        rf.receptive_field(model, input_size=input_size)


def test_measuring_needs_an_image_size():
    model = keras.Sequential([image_input(), layers.Conv2D(1, 3)])
    for measure in (rf.probe_receptive_field, rf.effective_receptive_field):
        with pytest.raises(ValueError, match="no fixed image size"):
            measure(model)
    assert rf.probe_receptive_field(model, input_size=5).region(2, 2).top == 2
    assert rf.effective_receptive_field(model, input_size=5).shape == (5, 5)


def test_a_huge_image_is_answered_at_once():
    """No list of 10**14 pixels: what is seen whole is kept as a range."""
    image = image_input(channels=4)
    x = conv(image, 3, 2)
    for pooled in (
        layers.GlobalAveragePooling2D()(x),
        layers.GlobalMaxPooling2D(keepdims=True)(layers.UpSampling2D(3)(x)),
        ops.mean(x, axis=(1, 2)),
        layers.GroupNormalization(1)(x),
    ):
        model = keras.Model(image, pooled)
        tracemalloc.start()
        field = rf.receptive_field(model, input_size=10**7)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10**7
        # an even side: a "same" 3 of stride 2 pads behind the last pixel only
        assert field.size == 10**7 and field.stride == 0


@pytest.mark.parametrize("input_size", [True, np.float64(8), (8, True), "8", (8, 8, 8)])
def test_sizes_are_whole_numbers(input_size):
    model = keras.Sequential([image_input(8), layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match="Received: input_size="):
        rf.receptive_field(model, input_size=input_size)
    assert rf.receptive_field(model, input_size=np.int64(9)).units == (7, 7)
