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


def test_layers_are_known_by_themselves_not_by_their_names():
    image = image_input(8)
    layer = layers.Conv2D(1, 3, name="a")
    model = keras.Model(image, layers.ReLU(name="b")(layer(image)))
    assert rf.receptive_field(model, layer).size == 3
    other = layers.Conv2D(1, 5, name="a")
    other(image)
    for wrong in (other, keras.models.clone_model(model).layers[1], 1, image):
        for ask in (rf.receptive_field, rf.probe_receptive_field):
            with pytest.raises(ValueError, match=r"this very model.*Received: layer="):
                ask(model, wrong)


def test_layers_of_nested_models_are_found():
    inner_image = image_input(8)
    layer = layers.Conv2D(1, 3, name="inside")
    inner = keras.Model(inner_image, layer(inner_image), name="inner")
    image = image_input(8)
    model = keras.Model(image, conv(inner(image), 3, name="last"))
    assert rf.receptive_field(model, layer) == rf.receptive_field(model, "inner/inside")
    assert rf.probe_receptive_field(model, layer).region(2, 3) == rf.Region(2, 3, 5, 6)
    assert rf.effective_receptive_field(model, "inner/inside").shape == (8, 8)
