"""Every layer of Keras, against the probe."""

import keras
import pytest
from keras import layers, ops

from companion import receptive_field as rf
from companion.layers import LocalResponseNormalization
from companion.receptive_field import keras_rules

from .nets import OLD, assert_probe_agrees, conv, image_input

ADAPTIVE = [] if OLD else [layers.AdaptiveAveragePooling2D, layers.AdaptiveMaxPooling2D]


@pytest.mark.parametrize("size", [(12, 18), (9, 7), (8, 20), (5, 5)])
@pytest.mark.parametrize("target", [(8, 12), (13, 7), (1, 3)])
def test_resizing_and_adaptive_pooling(size, target):
    image = image_input(size)
    spread = conv(image, 3)
    for x in (
        layers.Resizing(*target, "nearest")(spread),
        layers.Resizing(*target, "bilinear")(spread),
        ops.image.resize(spread, target),
        *(kind(target)(spread) for kind in ADAPTIVE),
    ):
        assert_probe_agrees(keras.Model(image, conv(x, 2)), least=0)


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_adaptive_pooling_to_one_unit_is_global(kind):
    image = image_input(9)
    gate = kind(1)(image)
    field = rf.receptive_field(keras.Model(image, gate * image))
    assert (field.size, field.stride) == (9, 0)


def test_resizing_must_do_nothing_else():
    image = image_input(9)
    x = layers.Resizing(5, 6, crop_to_aspect_ratio=True, name="fit")(image)
    with pytest.raises(ValueError, match=r"'fit'.*crop_to_aspect_ratio=True"):
        rf.receptive_field(keras.Model(image, x))
    x = layers.CenterCrop(5, 10, name="cut")(image)
    with pytest.raises(ValueError, match=r"'cut'.*size=\(9, 9\).*\(5, 10\)"):
        rf.receptive_field(keras.Model(image, x))
    with pytest.raises(ValueError, match="pass the image size"):
        rf.receptive_field(keras.Sequential([image_input(), layers.Resizing(64, 64)]))


def test_center_crop():
    image = image_input((11, 12))
    assert_probe_agrees(keras.Model(image, layers.CenterCrop(6, 6)(conv(image, 3))))


ARGUMENTS = {  # strong ones, so that an augmentation at inference would be seen
    "Activation": ("relu",),
    "AlphaDropout": (0.5,),
    "Dense": (2,),
    "Dropout": (0.5,),
    "GaussianDropout": (0.5,),
    "GaussianNoise": (1.0,),
    "Normalization": (-1, 0.5, 2.0),
    "RandomBrightness": (0.5,),
    "RandomColorDegeneration": (0.5,),
    "RandomContrast": (0.5,),
    "RandomErasing": (1.0,),
    "RandomHue": (0.5,),
    "RandomPosterization": (3,),
    "RandomRotation": (0.5,),
    "RandomSaturation": (0.5,),
    "RandomSharpness": (1.0,),
    "RandomTranslation": (0.5, 0.5),
    "RandomZoom": (0.5, 0.5),
    "Rescaling": (2.0,),
    "SpatialDropout2D": (0.5,),
}


MERGES = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]


KINDS = (keras_rules.ELEMENT_WISE_LAYERS + keras_rules.AUGMENTATION_LAYERS).split()
KINDS = [kind for kind in KINDS if hasattr(layers, kind)]
if OLD:
    KINDS.remove("RandomGrayscale")  # lets go of the graph in Keras 3.10


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_work_position_by_position(kind):
    image = image_input((8, 9), channels=3)
    layer = getattr(layers, kind)(*ARGUMENTS.get(kind, ()))
    x = layer([image, image]) if kind in MERGES else layer(image)
    assert assert_probe_agrees(keras.Model(image, x)) == 8 * 9


def test_normalisation_over_positions_sees_everything():
    for layer, size in [
        (layers.GroupNormalization(1), 8),
        (layers.LayerNormalization(axis=(1, 2, 3)), 8),
        (layers.LayerNormalization(), 3),
        (layers.BatchNormalization(), 3),
        (layers.Softmax(axis=(1, 2)), 8),
        (LocalResponseNormalization(), 3),
    ]:
        image = image_input(8)
        model = keras.Model(image, layer(conv(image, 3)))
        assert rf.receptive_field(model).size == size, layer
        probe = rf.probe_receptive_field(model).region(4, 4)
        assert probe.bottom - probe.top == size, layer


def test_normalisation_along_one_axis():
    image = image_input(8)
    model = keras.Model(image, layers.Softmax(axis=1)(conv(image, 3)))
    field = rf.receptive_field(model)
    assert (field.size, field.stride) == ((8, 3), (0, 1))
    assert rf.probe_receptive_field(model).region(4, 4) == field.region(4, 4)


def test_resizing_and_spectral_normalisation():
    image = image_input((12, 18))
    x = layers.Resizing(8, 12, interpolation="nearest")(image)
    x = layers.SpectralNormalization(layers.Conv2D(1, 3, 2))(x)
    assert_probe_agrees(keras.Model(image, x))
