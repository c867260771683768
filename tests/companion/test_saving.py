"""A saved model is loaded after `import companion` alone, in a process of its own."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from companion import layers
from companion.models import LeNet5
from companion.optimizers import KerasAdaBound


def run(code, *arguments):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LOAD = """
import sys, numpy as np
for file in sys.argv[1:]:
    model = keras.models.load_model(file)
    model.save(file + "again.keras")
    again = keras.models.load_model(file + "again.keras")
    y = again(np.load(file + ".x.npy"))
    np.testing.assert_allclose(y, np.load(file + ".y.npy"), rtol=1e-5, atol=1e-5)
print("same")
"""


def blocks():
    """A network with every layer of the package that maps images to images."""
    image = keras.Input((8, 8, 6))
    x = layers.GroupedConv2D(12, 3, groups=2, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.ChannelShuffle(3)(x)
    x = layers.ChannelWiseConv(3)(x)
    x = layers.DropPath(0.5)(x)
    x = layers.GlobalContext(4)(x)
    x = layers.InterleavedGroupConv2D(4, 3)(x)
    x = layers.LocalResponseNormalization()(x)
    x = layers.NonLocal()(x)
    x = layers.SelectiveKernel(12, groups=3)(x)
    x = layers.SqueezeExcite(4)(x)
    x = layers.Subsampling2D()(x)
    x = layers.TableConv2D([(0, 1), (2, 11)], 4)(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(image, layers.RadialBasis([[1, -1], [-1, 1]])(x))
    model.compile(KerasAdaBound(), keras.losses.MeanSquaredError())
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Paths of saved models, each with an input and its output beside it."""
    folder = tmp_path_factory.mktemp("saved")
    whole, lenet = blocks(), LeNet5()
    paths = {}
    for name, model in (("a.keras", whole), ("a.h5", whole), ("l.keras", lenet)):
        paths[name] = str(folder / name)
        x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:]))
        x = x.astype("float32")
        model.save(paths[name])
        np.save(paths[name] + ".x.npy", x)
        np.save(paths[name] + ".y.npy", model(x))
    return paths


@pytest.mark.parametrize(
    "imports, names",
    [
        ("import companion, keras", ["a.keras", "a.h5", "l.keras"]),
        ("import keras, companion", ["l.keras"]),
        ("import companion.layers, keras", ["l.keras"]),
    ],
)
def test_models_are_loaded_and_saved_again(imports, names, saved):
    assert run(f"{imports}\n{LOAD}", *(saved[name] for name in names)) == "same"


def test_import_companion_imports_no_keras():
    code = "import sys, companion, companion.layers; print('keras' in sys.modules)"
    assert run(code) == "False"


EVERYTHING = """
import companion, importlib, keras, pkgutil
before = {n for n in keras.saving.get_custom_objects() if n.startswith("companion>")}
for file in pkgutil.walk_packages(companion.__path__, "companion."):
    if not file.name.endswith("__main__"):
        importlib.import_module(file.name)
after = keras.saving.get_custom_objects()
assert not [n for n, each in after.items() if "saving" in type(each).__module__]
print(sorted({n for n in after if n.startswith("companion>")} ^ before))
"""


def test_everything_that_registers_has_a_stand_in():
    """Here a new registered class is missed that `companion.saving` does not name."""
    assert run(EVERYTHING) == "[]"
