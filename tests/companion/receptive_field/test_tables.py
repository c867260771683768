"""The table of all layers, and how layers are named."""

import keras
import pytest
from keras import layers

from companion import receptive_field as rf

from .nets import conv, gated, image_input


def test_table_at_another_image_size():
    image = image_input(32)
    x = conv(gated(conv(image, 3, 2, name="conv"), "scale"), 3, 2, name="last")
    pooled = layers.GlobalAveragePooling2D(name="pooled")(x)
    model = keras.Model(image, pooled)
    for size, half, quarter in ((None, 16, 8), (20, 10, 5)):
        table = rf.receptive_field_table(model, size).set_index("layer")
        shapes = table["output shape"]
        assert shapes["conv"] == shapes["scale"] == (half, half, 1)
        assert shapes["last"] == (quarter, quarter, 1)
        assert shapes["scale_gate"] == (1, 1, 1) and shapes["pooled"] == (1,)


def test_layer_must_exist():
    image = image_input(8)
    x = conv(image, 3, name="a")
    model = keras.Model(image, [x, conv(x, 3, name="b")])
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*layer='c'"):
        rf.receptive_field(model, "c")
    with pytest.raises(ValueError, match="2 outputs"):
        rf.receptive_field(model)
    with pytest.raises(ValueError, match="layer='c'"):
        rf.probe_receptive_field(model, "c")
