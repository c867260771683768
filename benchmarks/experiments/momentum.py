"""Does momentum train a deep autoencoder faster than plain gradient descent?

Table 1 of Sutskever et al. (2013) in miniature: an autoencoder with a bottleneck of 16
units learns the first 2000 pictures of Fashion-MNIST, by gradient descent on batches of
100, without momentum, with it, and with Nesterov's, each at several learning rates.

    python benchmarks/experiments/momentum.py             about four minutes of one core

writes `companion/results/momentum.json`: the mean squared error after every epoch.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.results import FOLDER

METHODS = {  # momentum, Nesterov's or not, learning rates
    "none": (0.0, False, (12.0, 24.0, 48.0, 96.0)),
    "momentum 0.9": (0.9, False, (2.0, 3.0, 5.0, 8.0)),
    "Nesterov 0.9": (0.9, True, (3.0, 5.0, 8.0, 12.0)),
    "momentum 0.99": (0.99, False, (0.1, 0.3, 0.6, 1.0)),
    "Nesterov 0.99": (0.99, True, (0.3, 0.6, 1.0, 2.0)),
}
UNITS = (128, 64, 16, 64, 128)
FILE = FOLDER / "momentum.json"


def autoencoder(momentum, nesterov, seed):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input((784,)),
            *[keras.layers.Dense(units, "tanh") for units in UNITS],
            keras.layers.Dense(784, "sigmoid"),
        ]
    )
    optimizer = keras.optimizers.SGD(momentum=momentum, nesterov=nesterov)
    network.compile(optimizer, "mse", jit_compile=False)
    return network


def train(network, start, rate, pixels, epochs, seed):
    """The error after each epoch, from the given weights and a ball at rest."""
    keras.utils.set_random_seed(seed)
    network.set_weights(start)
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    network.optimizer.learning_rate = rate
    losses = network.fit(pixels, pixels, 100, epochs, verbose=0).history["loss"]
    return [float(f"{loss:.4g}") for loss in losses]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=2000, test=1)
    pixels = clothes.x_train.reshape(-1, 784).astype("float32") / 255
    runs = []
    for seed in chosen.seeds:
        for method, (momentum, nesterov, rates) in METHODS.items():
            network = autoencoder(momentum, nesterov, seed)
            start = network.get_weights()
            for rate in rates:
                losses = train(network, start, rate, pixels, chosen.epochs, seed)
                run = {"method": method, "rate": rate, "seed": seed, "loss": losses}
                runs.append(run)
                print(seed, method, rate, losses[-1])
    log = {
        "command": "python benchmarks/experiments/momentum.py "
        f"--epochs {chosen.epochs} --seeds {' '.join(map(str, chosen.seeds))}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, the first 2000 for training",
        "batch": 100,
        "runs": runs,
    }
    chosen.write.parent.mkdir(exist_ok=True)
    chosen.write.write_text(json.dumps(log) + "\n", "utf8")


if __name__ == "__main__":
    main()
