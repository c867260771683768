"""Fields of single units, and regions of pixels."""

import math

import keras
import numpy as np
import pytest
from keras import layers

from companion import receptive_field as rf

from .nets import image_input


def test_center_of_the_published_example():
    """README: the unit [0, 2] of Inception-ResNet-v2 is centred at [37, 101]."""
    published = rf.AxisFields(((-1482, -1482 + 3039 - 1),), 32)
    assert rf.ReceptiveField(published, published).center(0, 2) == (37, 101)


def test_units_and_boxes_are_checked():
    field = rf.receptive_field(
        keras.Sequential([image_input(8), layers.Conv2D(1, 3, padding="same")])
    )
    assert field.center(7, 0) == (7.0, 0.0)
    for unit in ((8, 0), (0, -1)):
        with pytest.raises(ValueError, match=r"\(8, 8\) units"):
            field.region(*unit)
    box = field.region(0, 7)
    with pytest.raises(ValueError, match="clip it"):
        _ = box.slices
    image = np.arange(64).reshape(8, 8)
    assert image[box.clip(8, 8).slices].tolist() == [[6, 7], [14, 15]]


def test_units_are_whole_numbers():
    field = rf.compose([(3, 1, 1, 1)])
    assert field.region(np.int64(2), 0) == field.region(2, 0)
    for unit in ((0.5, 0), (True, 0), ("0", 0), (None, 0)):
        with pytest.raises(ValueError, match=r"whole number.*Received: unit="):
            field.region(*unit)
    with pytest.raises(ValueError, match="2 axes"):
        field.center(1)


def test_regions_are_checked():
    with pytest.raises(ValueError, match=r"Received: height=2\.5"):
        rf.Region(0, 0, 2, 2).clip(2.5, 3)
    with pytest.raises(ValueError, match=r"Received: left=0\.5"):
        rf.Region(0, 0.5, 2, 2).clip(2, 3)
    with pytest.raises(ValueError, match="Received: top=None"):
        _ = rf.Region(None, 0, 2, 2).slices
    with pytest.raises(ValueError, match="Received: bottom=inf"):
        _ = rf.Region(0, 0, math.inf, 2).slices


def test_fields_are_made_of_axes():
    with pytest.raises(ValueError, match="Received: axes="):
        rf.ReceptiveField(3, 3)
    one = rf.ReceptiveField(rf.AxisFields(((0, 2),), 1))
    assert one.size == 3 and one.region(1) == ((1, 4),)
    with pytest.raises(ValueError, match="no rows and columns"):
        _ = one.rows
