"""Do deeper plain networks train worse, and do shortcuts repair it?

Section 4.2 of He et al., arXiv 1512.03385, in miniature: plain networks and ResNets of
20 and 56 layers, with the paper's widths, learn the first 2000 pictures of
Fashion-MNIST at half their size, each at two learning rates. Plain and residual network
of a depth start from the same weights.

    python benchmarks/experiments/degradation.py          about five minutes of one core

writes `companion/results/degradation.json`: errors after every epoch.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.models import PlainNet20, PlainNet56, ResNet20, ResNet56
from companion.results import FOLDER

NETWORKS = {
    "plain-20": PlainNet20,
    "plain-56": PlainNet56,
    "ResNet-20": ResNet20,
    "ResNet-56": ResNet56,
}
FILE = FOLDER / "degradation.json"


def halved(images, mean, scale):
    """Means of 2x2 pixels, centred and scaled."""
    quarters = images.reshape(len(images), 14, 2, 14, 2, 1).astype("float32")
    return (quarters.mean((2, 4)) - mean) / scale


def compiled(build, seed):
    keras.utils.set_random_seed(seed)
    network = build(input_shape=(14, 14, 1))
    network.compile(
        keras.optimizers.SGD(momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network


def train(network, start, seed, rate, epochs, clothes):
    """Errors after each epoch; the rate falls tenfold for the last fifth."""
    keras.utils.set_random_seed(seed)
    network.set_weights(start)
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    pixels = clothes.x_train.astype("float32")
    mean, scale = pixels.mean(), pixels.std()
    drop = keras.callbacks.LearningRateScheduler(
        lambda epoch: rate if epoch < 0.8 * epochs else rate / 10
    )
    history = network.fit(
        halved(clothes.x_train, mean, scale),
        clothes.y_train,
        100,
        epochs,
        validation_data=(halved(clothes.x_test, mean, scale), clothes.y_test),
        callbacks=[drop],
        verbose=0,
    ).history
    return {
        "training error": [round(1 - a, 4) for a in history["accuracy"]],
        "test error": [round(1 - a, 4) for a in history["val_accuracy"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.02])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=2000, test=500)
    runs = {}
    for name, build in NETWORKS.items():
        network = compiled(build, chosen.seed)
        start = network.get_weights()
        for rate in chosen.rates:
            run = train(network, start, chosen.seed, rate, chosen.epochs, clothes)
            runs[f"{name}, rate {rate}"] = run
            print(name, rate, {metric: errors[-1] for metric, errors in run.items()})
    log = {
        "command": "python benchmarks/experiments/degradation.py "
        f"--epochs {chosen.epochs} --rates {' '.join(map(str, chosen.rates))} "
        f"--seed {chosen.seed}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, 2000 for training and 500 for testing, 14 x 14",
        "batch": 100,
        "runs": runs,
    }
    chosen.write.parent.mkdir(exist_ok=True)
    chosen.write.write_text(json.dumps(log, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
