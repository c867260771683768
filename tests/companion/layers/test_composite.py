"""Layers that are made of others: quantized, saved, converted."""

import keras
import numpy as np
import pytest

from companion.layers import (
    GlobalContext,
    InterleavedGroupConv2D,
    NonLocal,
    SelectiveKernel,
    SqueezeExcite,
)

MAKERS = {
    "GlobalContext": lambda: GlobalContext(2),
    "InterleavedGroupConv2D": lambda: InterleavedGroupConv2D(4, 3),
    "NonLocal": NonLocal,
    "SelectiveKernel": lambda: SelectiveKernel(12, groups=3),
    "SqueezeExcite": lambda: SqueezeExcite(4),
}


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 5, 4, 12)).astype("float32")


def network(make):
    """In a Sequential, where the layer is built under the name of the model."""
    return keras.Sequential([keras.Input((5, 4, 12)), make()])


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.filterwarnings("ignore:Layer .* does not have a")  # what stays as it is
def test_a_quantized_network_is_saved_cloned_and_loaded(name, x, tmp_path):
    model = network(MAKERS[name])
    model.quantize("int8")
    quantized = [w.path for w in model.weights if w.dtype == "int8"]
    assert bool(quantized) == (name != "InterleavedGroupConv2D")  # convolutions stay
    model.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (loaded, clone):
        assert [w.dtype for w in other.weights] == [w.dtype for w in model.weights]
        np.testing.assert_array_equal(other(x), model(x))


@pytest.mark.parametrize("name", MAKERS)
def test_the_config_names_parts_only_if_they_differ(name, x):
    layer = MAKERS[name]()
    layer(x)
    assert "parts" not in layer.get_config()


if keras.backend.backend() == "tensorflow":

    @pytest.mark.parametrize("name", MAKERS)
    def test_conversion_to_tensorflow_lite(name, x, tmp_path):
        """For any number of images, by way of a SavedModel."""
        import tensorflow as tf

        model = network(MAKERS[name])
        model.export(tmp_path / "saved", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
        content = converter.convert()
        lite = tf.lite.Interpreter(model_content=content)
        lite.resize_tensor_input(lite.get_input_details()[0]["index"], x.shape)
        lite.allocate_tensors()
        lite.set_tensor(lite.get_input_details()[0]["index"], x)
        lite.invoke()
        found = lite.get_tensor(lite.get_output_details()[0]["index"])
        np.testing.assert_allclose(found, model(x), rtol=1e-4, atol=1e-5)
