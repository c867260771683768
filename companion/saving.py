"""Saved models find what they are made of after `import companion` alone.

`keras.saving.load_model` looks a class up by the name under which it is registered,
and a class registers itself when its file is imported. Here every such name gets a
stand-in that imports the file when a model needs it. Keras is imported by whoever
wants it: the stand-ins are entered then.
"""

import importlib
import importlib.abc
import sys

CLASSES = {"KerasAdaBound": "companion.optimizers"}  # beside all of companion.layers
FUNCTIONS = {"scaled_tanh": "companion.models.lenet"}


class StandIn:
    """Takes the place of a class until a saved model asks for one of its objects."""

    def __init__(self, room, name):
        self.room, self.name = room, name

    def from_config(self, config):
        return real(self.room, self.name).from_config(config)


def real(room, name):
    return getattr(importlib.import_module(room), name)


def stand_in_function(room, name):
    """A function, which Keras saves again under its registered name."""

    def stand_in(*arguments, **kwargs):
        return real(room, name)(*arguments, **kwargs)

    stand_in.__name__ = name
    return stand_in


def register(saving):
    """Enter a stand-in for all that is not imported yet, into `keras.saving`."""
    registry = saving.get_custom_objects()
    layers = importlib.import_module("companion.layers").__all__
    for name, room in {**dict.fromkeys(layers, "companion.layers"), **CLASSES}.items():
        registry.setdefault(f"companion>{name}", StandIn(room, name))
    for name, room in FUNCTIONS.items():
        if f"companion>{name}" not in registry:
            enter = saving.register_keras_serializable("companion", name)
            enter(stand_in_function(room, name))


class KerasFinder(importlib.abc.MetaPathFinder):
    """Waits for `import keras`, lets it happen, and registers."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module):
                load(module)
                register(module.saving)
                sys.meta_path.remove(self)

            spec.loader.exec_module = load_and_register
        return spec


def watch():
    """Register now if Keras is there, otherwise as soon as it is imported."""
    keras = sys.modules.get("keras")
    if keras is None:
        sys.meta_path.insert(0, KerasFinder())
    else:
        register(keras.saving)
