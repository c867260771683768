"""Fields of single units, and regions of pixels."""

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
