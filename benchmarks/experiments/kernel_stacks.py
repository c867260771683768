"""What becomes of accuracy if a large kernel is replaced by several small ones?

Section 2.3 of Simonyan and Zisserman, arXiv 1409.1556, and Section 3 of Szegedy et al.,
arXiv 1512.00567, in miniature. A small network holds two groups of convolutions. Every
group sees 7x7 units: as one kernel, as three of 3x3, or as 1x7 and 7x1, the last two
with and without a ReLU between them; and one kernel in a network so narrow that it has
no more weights than three of 3x3. All learn the same pictures, from three seeds.

    python benchmarks/experiments/kernel_stacks.py     five minutes of one core

writes `companion/results/kernel_stacks.json`: one row for each training.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.complexity import count_macs, count_params
from companion.results import FOLDER

layers = keras.layers
FILE = FOLDER / "kernel_stacks.json"

GROUPS = {  # kernels of a group, ReLU between them, channels
    "7x7": ([7], True, 16),
    "7x7, narrow": ([7], True, 12),
    "3x3 three times": ([3, 3, 3], True, 16),
    "3x3 three times, linear": ([3, 3, 3], False, 16),
    "1x7 and 7x1": ([(1, 7), (7, 1)], True, 16),
    "1x7 and 7x1, linear": ([(1, 7), (7, 1)], False, 16),
}


def conv_bn(x, filters, size, relu=True):
    x = layers.Conv2D(
        filters, size, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x) if relu else x


def network(kernels, relu, filters):
    """3x3, pooling, a group, pooling, a group, average, ten classes."""
    image = keras.Input((28, 28, 1))
    x = conv_bn(image, filters, 3)
    for _ in range(2):
        x = layers.MaxPooling2D(2)(x)
        for size in kernels[:-1]:
            x = conv_bn(x, filters, size, relu)
        x = conv_bn(x, filters, kernels[-1])
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def train(net, x, y, epochs, batch=64):
    rate = keras.optimizers.schedules.CosineDecay(0.1, epochs * -(-len(x) // batch))
    net.compile(
        keras.optimizers.SGD(rate, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    net.fit(x, y, batch, epochs, verbose=0)


def accuracy(net, x, y):
    guesses = net.predict(x, batch_size=500, verbose=0).argmax(1)
    return float(np.mean(guesses == y))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=4000)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=chosen.train, test=1000)
    mean, scale = clothes.x_train.mean(), clothes.x_train.std()
    x_train, x_test = (
        (images - mean) / scale for images in (clothes.x_train, clothes.x_test)
    )
    rows = []
    for group, settings in GROUPS.items():
        for seed in range(chosen.seeds):
            keras.utils.set_random_seed(seed)
            net = network(*settings)
            train(net, x_train, clothes.y_train, chosen.epochs)
            row = {"group": group, "seed": seed}
            row |= {"params": count_params(net), "macs": count_macs(net)}
            row["training"] = round(accuracy(net, x_train, clothes.y_train), 4)
            row["test"] = round(accuracy(net, x_test, clothes.y_test), 4)
            rows.append(row)
            print(row, flush=True)
            keras.utils.clear_session()
    record = {
        "question": "Accuracy of one large kernel against several small ones",
        "command": "python benchmarks/experiments/kernel_stacks.py "
        f"--epochs {chosen.epochs} --seeds {chosen.seeds} --train {chosen.train}",
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "images": f"Fashion-MNIST, {chosen.train} for training and 1000 for testing",
        "rows": rows,
    }
    chosen.write.write_text(json.dumps(record, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
