"""Pickles of whole objects, read without making the objects.

Some packages hold not a state dict but a module of torch, a TorchScript archive, or
arrays of NumPy in a plain pickle. Such a pickle names classes of many modules. Here
each of them becomes a class without behaviour, which keeps what it is given: nothing is
imported, nothing is called, and the weights are then looked up in what was kept.
"""

import io
import zipfile

import numpy as np

from companion.pretrained.formats import (
    Refused,
    StateDictUnpickler,
    Tensor,
    arrays_of_zip,
)

__all__ = ["read_flax", "read_module"]

HOLDERS = ("_parameters", "_buffers", "_modules")  # of a module of torch


class Kept:
    """What stands in a pickle for an object: its arguments and its state."""

    def __init__(self, *arguments):
        self.arguments, self.state = arguments, {}

    def __setstate__(self, state):
        self.state = state


class InertUnpickler(StateDictUnpickler):
    """The names of a state dict as there; all others give a new class of `Kept`."""

    def find_class(self, module, name):
        if (module, name) in self.known:
            return self.known[module, name]
        return type(name, (Kept,), {"origin": f"{module}.{name}"})


# A module of torch, saved whole, or as TorchScript ------------------------------------


def read_module(path):
    """The tensors of a module under the names that its state dict would have."""
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (x for x in archive.namelist() if x.endswith("/data.pkl"))
        module = InertUnpickler(io.BytesIO(archive.read(pickled))).load()
        if not isinstance(module, Kept) or not isinstance(module.state, dict):
            raise Refused(f"its content is a {type(module).__name__}, not a module")
        folder = pickled.removesuffix("data.pkl")
        return arrays_of_zip(archive, folder, dict(tensors_in(module.state)))


def tensors_in(state, prefix=""):
    for name, value in state.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict) and name in HOLDERS:
            yield from tensors_in(value, prefix)
        elif isinstance(value, Kept) and isinstance(value.state, dict):
            yield from tensors_in(value.state, f"{prefix}{name}.")


# Weights of flax, pickled as nested dictionaries of arrays ----------------------------


def read_flax(path):
    """The arrays by the names of their dictionaries, joined with dots."""
    with open(path, "rb") as file:
        content = InertUnpickler(file).load()
    if not isinstance(content, dict):
        raise Refused(f"its content is a {type(content).__name__}, not a dictionary")
    return dict(arrays_in(content))


def arrays_in(content, prefix=""):
    for name, value in content.items():
        if isinstance(value, dict):
            yield from arrays_in(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", array_of(value, f"{prefix}{name}")


def array_of(kept, name):
    """The array of NumPy: its state is (1, shape, dtype, whether turned, bytes)."""
    origin = getattr(kept, "origin", type(kept).__name__)
    if origin.rpartition(".")[2] != "_reconstruct":
        raise Refused(f"{name} is a {origin}, not an array")
    _, shape, dtype, turned, data = kept.state
    if dtype.arguments[0] != "f4" or dtype.state[1] != "<" or turned:
        raise Refused(f"{name} is not stored as float32, row by row")
    return np.frombuffer(data, "<f4").reshape(shape)
