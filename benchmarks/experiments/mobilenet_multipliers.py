"""What do the width and the resolution multiplier cost in accuracy?

Section 4 of Howard et al., arXiv 1704.04861, in miniature: a MobileNet of seven blocks
learns 4000 pictures of Fashion-MNIST at three widths and three resolutions, from three
seeds. The same network with three blocks fewer stands against a thinner one.

    python benchmarks/experiments/mobilenet_multipliers.py     five minutes of one core

writes `companion/results/mobilenet_multipliers.json`: one row for each training.
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
from companion.models import MobileNetV1
from companion.results import FOLDER

DEEP = ((1, 32), (2, 64), (1, 64), (1, 64), (1, 64), (2, 128), (1, 128))
SHALLOW = DEEP[:2] + DEEP[5:]
FILE = FOLDER / "mobilenet_multipliers.json"


def resized(images, side, mean, scale):
    """Centred and scaled pixels, smoothed and sampled at another resolution."""
    pixels = (images.astype("float32") - mean) / scale
    small = keras.ops.image.resize(pixels, (side, side), antialias=True)
    return keras.ops.convert_to_numpy(small)


def network(rows, width, side, seed):
    """A MobileNet whose moving averages keep up with a short training."""
    keras.utils.set_random_seed(seed)
    net = MobileNetV1(
        rows=rows,
        width=width,
        input_shape=(side, side, 1),
        classes=10,
        classifier_activation=None,
    )
    for layer in net.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9
    return net


def train(net, x, y, epochs, batch=100):
    steps = epochs * len(x) // batch
    net.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    net.fit(x, y, batch, epochs, verbose=0)


def accuracy(net, x, y):
    guesses = net.predict(x, batch_size=500, verbose=0).argmax(1)
    return float(np.mean(guesses == y))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=4000)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=chosen.train, test=1000)
    mean, scale = clothes.x_train.mean(), clothes.x_train.std()
    grid = [("deep", w, side) for w in (1.0, 0.5, 0.25) for side in (28, 20, 14)]
    grid += [("deep", 0.75, 28), ("shallow", 1.0, 28)]
    rows = []
    for depth, width, side in grid:
        table = {"deep": DEEP, "shallow": SHALLOW}[depth]
        x_train = resized(clothes.x_train, side, mean, scale)
        x_test = resized(clothes.x_test, side, mean, scale)
        for seed in range(chosen.seeds):
            net = network(table, width, side, seed)
            train(net, x_train, clothes.y_train, chosen.epochs)
            row = {"depth": depth, "width": width, "side": side, "seed": seed}
            row |= {"params": count_params(net), "macs": count_macs(net)}
            row["training"] = round(accuracy(net, x_train, clothes.y_train), 4)
            row["test"] = round(accuracy(net, x_test, clothes.y_test), 4)
            rows.append(row)
            print(row, flush=True)
            keras.utils.clear_session()
    record = {
        "question": "Accuracy of small MobileNets at three widths and resolutions",
        "command": "python benchmarks/experiments/mobilenet_multipliers.py "
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
