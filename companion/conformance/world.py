"""The state that all code of a program shares: watched, and put back."""

import contextlib
import os
import random
import sys

import keras
import numpy as np
from keras.src.backend.common import global_state  # no public way to unset a seed

SEED = 2012
KERAS_GENERATOR = "global_seed_generator"
UNSET_IN_TENSORFLOW = 87654321  # what TensorFlow says where no seed was set


def settings():
    """Name in words: function that reads the setting, function that writes it."""
    rows = {
        "the dtype policy of Keras": (
            lambda: keras.config.dtype_policy().name,
            keras.config.set_dtype_policy,
        ),
        "Keras' floatx": (keras.config.floatx, keras.config.set_floatx),
        "Keras' epsilon": (keras.config.epsilon, keras.config.set_epsilon),
        "Keras' image_data_format": (
            keras.config.image_data_format,
            keras.config.set_image_data_format,
        ),
        "the random seed of Keras": (
            lambda: global_state.get_global_attribute("global_random_seed"),
            lambda seed: global_state.set_global_attribute("global_random_seed", seed),
        ),
        "NumPy's treatment of errors": (np.geterr, lambda old: np.seterr(**old)),
        "the working directory": (os.getcwd, os.chdir),
    }
    if tf := sys.modules.get("tensorflow"):
        rows["TensorFlow's random seed"] = (
            lambda: tf.compat.v1.get_seed(0)[0],
            lambda seed: tf.random.set_seed(
                None if seed == UNSET_IN_TENSORFLOW else seed
            ),
        )
        rows["TensorFlow's eager mode"] = (
            tf.config.functions_run_eagerly,
            tf.config.run_functions_eagerly,
        )
    return rows


@contextlib.contextmanager
def guarded():
    """Seed all generators, run the block, and put back what the caller had.

    Yields a list which, after the block, names what the code changed. Keras draws the
    seeds of its layers from Python's `random`: to draw is allowed there, to seed not.
    """
    changes = []
    rows = settings()
    before = {name: read() for name, (read, _) in rows.items()}
    python, numpy = random.getstate(), np.random.get_state()
    generator = global_state.get_global_attribute(KERAS_GENERATOR)
    random.seed(SEED)
    np.random.seed(SEED)
    global_state.set_global_attribute(KERAS_GENERATOR, None)
    start, numpy_start = random.getstate(), np.random.get_state()
    try:
        yield changes
    finally:
        for name, (read, write) in rows.items():
            if read() != before[name]:
                changes.append(name)
                write(before[name])
        if not _same(np.random.get_state(), numpy_start):
            changes.append("NumPy's global random state")
        if not _drawn(start, random.getstate()):
            changes.append("the seed of Python's `random`")
        random.setstate(python)
        np.random.set_state(numpy)
        global_state.set_global_attribute(KERAS_GENERATOR, generator)


def _same(a, b):
    return np.array_equal(a[1], b[1]) and a[2:] == b[2:]


def _drawn(start, end):
    """Whether drawing leads from one state of the Mersenne Twister to the other.

    It makes 624 words at a time; a seed leaves the row of these blocks.
    """
    stream = random.Random()
    stream.setstate(start)
    for _ in range(100):
        if stream.getstate()[1][:-1] == end[1][:-1]:
            return True
        stream.getrandbits(32 * 624)
    return False


@contextlib.contextmanager
def registered(layers):
    """A scope in which a saved layer is read back as its own class.

    Two submissions may register different classes under one name; the registry then
    knows the last one only. (`keras.saving.custom_object_scope` would not do: loading
    opens an empty scope of its own inside.)
    """
    found = {}
    for layer in layers:
        for value in (layer, *vars(layer).values()):
            for thing in (value, type(value)):
                if callable(thing) and (name := _registered_name(thing)):
                    found[name] = thing
    registry = keras.saving.get_custom_objects()
    before = registry.copy()
    registry.update(found)
    try:
        yield
    finally:
        registry.clear()
        registry.update(before)


def _registered_name(thing):
    """The name under which a class or function was registered, or nothing."""
    try:
        name = keras.saving.get_registered_name(thing)
    except (AttributeError, TypeError):  # a callable object without a name or a hash
        return None
    return name if ">" in name else None
