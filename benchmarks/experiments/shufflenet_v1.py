"""What does the shuffle of ShuffleNet bring, and for which numbers of groups?

Table 3 of Zhang et al., arXiv 1707.01083, in miniature: a small ShuffleNet in 2 and in
8 groups, each with and without its shuffles, learns 4000 pictures of Fashion-MNIST from
the same weights, with four seeds.

    python benchmarks/experiments/shufflenet_v1.py      four minutes of one core

writes `companion/results/shufflenet_v1.json`.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from companion import blocks, data
from companion.layers import ChannelShuffle
from companion.results import FOLDER

FILE = FOLDER / "shufflenet_v1.json"


def small_shufflenet(groups, seed):
    """Two stages of three units; 96 and 192 channels."""
    keras.utils.set_random_seed(seed)
    start = keras.Input((28, 28, 1))
    x = layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False)(start)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for stage, filters in enumerate((96, 192), 1):
        for unit in range(3):
            stride = 2 if unit == 0 else 1
            name = f"stage{stage}_{unit + 1}"
            x = blocks.shuffle_unit(x, filters, groups, stride, name)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(10)(x))


def without_shuffle(network):
    """The same layers and weights; where it shuffled, nothing happens."""

    def clone(layer):
        if isinstance(layer, ChannelShuffle):
            return layers.Identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    other = keras.models.clone_model(network, clone_function=clone)
    other.set_weights(network.get_weights())
    return other


def train(network, images, labels, epochs):
    steps = epochs * len(images) // 100
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    network.fit(images, labels, 100, epochs, verbose=0)


def accuracy(network, images, labels):
    guesses = network.predict(images, batch_size=500, verbose=0).argmax(1)
    return round(float(np.mean(guesses == labels)), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--groups", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=4000, test=1000)
    mean, std = clothes.x_train.mean(), clothes.x_train.std()
    x_train = ((clothes.x_train - mean) / std).astype("float32")
    x_test = ((clothes.x_test - mean) / std).astype("float32")
    runs = []
    for groups in chosen.groups:
        for seed in range(chosen.seeds):
            shuffled = small_shufflenet(groups, seed)
            pair = {True: shuffled, False: without_shuffle(shuffled)}
            for shuffle, network in pair.items():
                keras.utils.set_random_seed(seed)  # the order of the pictures
                train(network, x_train, clothes.y_train, chosen.epochs)
                runs.append(
                    {
                        "groups": groups,
                        "shuffle": shuffle,
                        "seed": seed,
                        "training": accuracy(network, x_train, clothes.y_train),
                        "test": accuracy(network, x_test, clothes.y_test),
                    }
                )
                print(runs[-1], flush=True)
    log = {
        "command": "python benchmarks/experiments/shufflenet_v1.py "
        f"--epochs {chosen.epochs} --seeds {chosen.seeds} "
        f"--groups {' '.join(map(str, chosen.groups))}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, 4000 for training and 1000 for testing",
        "epochs": chosen.epochs,
        "runs": runs,
    }
    chosen.write.parent.mkdir(parents=True, exist_ok=True)
    chosen.write.write_text(json.dumps(log, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
