"""Images of known and of unknown size."""

import math

import keras
import pytest
from keras import layers

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
