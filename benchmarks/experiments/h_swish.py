"""Is h-swish better than ReLU6, and are gates worth their parameters?

Sections 5.2 and 5.3 of Howard et al., arXiv 1905.02244, in miniature: a MobileNetV3 of
six blocks learns 4000 pictures of Fashion-MNIST with four activations, with and without
squeeze and excitation, from four seeds.

    python benchmarks/experiments/h_swish.py                 five minutes of one core

writes `companion/results/h_swish.json`: one row for each training.
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
from companion.models import MobileNetV3
from companion.results import FOLDER

FILE = FOLDER / "h_swish.json"
SIZES = (  # kernel, expanded to, out, stride
    (3, 16, 16, 1),
    (3, 48, 16, 2),
    (3, 64, 16, 1),
    (5, 64, 24, 2),
    (5, 96, 24, 1),
    (5, 96, 24, 1),
)


def network(activation, excite):
    blocks = tuple(
        (size, wide, narrow, excite, activation, stride)
        for size, wide, narrow, stride in SIZES
    )
    net = MobileNetV3(
        *(blocks, 96, 64, activation),
        input_shape=(28, 28, 1),
        classes=10,
        classifier_activation=None,
    )
    for layer in net.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9
    return net


def train(net, x, y, epochs):
    rate = keras.optimizers.schedules.CosineDecay(0.01, epochs * len(x) // 100)
    net.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    net.fit(x, y, 100, epochs, verbose=0)


def accuracy(net, x, y):
    guesses = net.predict(x, batch_size=500, verbose=0).argmax(1)
    return round(float(np.mean(guesses == y)), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=4000, test=1000)
    mean, scale = clothes.x_train.mean(), clothes.x_train.std()
    x_train, x_test = ((x - mean) / scale for x in (clothes.x_train, clothes.x_test))
    rows = []
    for excite in (False, True):
        for activation in ("relu", "relu6", "hard_silu", "silu"):
            for seed in range(chosen.seeds):
                keras.utils.set_random_seed(seed)
                net = network(activation, excite)
                row = {"activation": activation, "excite": excite, "seed": seed}
                row |= {"params": count_params(net), "macs": count_macs(net)}
                train(net, x_train, clothes.y_train, chosen.epochs)
                row["training"] = accuracy(net, x_train, clothes.y_train)
                row["test"] = accuracy(net, x_test, clothes.y_test)
                rows.append(row)
                print(row, flush=True)
                keras.utils.clear_session()
    record = {
        "question": "Four activations in a small MobileNetV3, with and without gates",
        "command": "python benchmarks/experiments/h_swish.py "
        f"--epochs {chosen.epochs} --seeds {chosen.seeds}",
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "images": "Fashion-MNIST, 4000 for training and 1000 for testing",
        "rows": rows,
    }
    chosen.write.write_text(json.dumps(record, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
