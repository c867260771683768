"""Does a ReLU between the halves of a separable layer harm? Do shortcuts matter?

Sections 4.6 and 4.7 of Chollet, arXiv 1610.02357, in miniature: an Xception of twelve
separable layers learns the first 3000 pictures of Fashion-MNIST, with nothing, a ReLU
or an ELU between depthwise and pointwise half, and without shortcuts, from several
seeds.

    python benchmarks/experiments/xception_ablation.py    about four minutes of one core

writes `companion/results/xception_ablation.json`: errors after every epoch.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from companion import data
from companion.results import FOLDER

VARIANTS = {
    "nothing between": {},
    "ReLU between": {"between": "relu"},
    "ELU between": {"between": "elu"},
    "no shortcuts": {"shortcuts": False},
}
FILE = FOLDER / "xception_ablation.json"


def normalized(x):
    return layers.BatchNormalization(momentum=0.9)(x)


def separable(x, filters, between):
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    if between:
        x = layers.Activation(between)(x)
    return normalized(layers.Conv2D(filters, 1, use_bias=False)(x))


def small_xception(between=None, shortcuts=True, middle=3):
    """A stem, a module that halves its map, `middle` modules, an exit."""
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(normalized(x))
    for number in range(1 + middle):
        y = x
        for _ in range(3 if number else 2):
            y = separable(layers.ReLU()(y), 32, between)
        if number == 0:
            y = layers.MaxPooling2D(3, 2, "same")(y)
            if shortcuts:
                x = normalized(layers.Conv2D(32, 1, 2, use_bias=False)(x))
        x = layers.Add()([x, y]) if shortcuts else y
    x = layers.ReLU()(separable(x, 64, between))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


def train(network, clothes, epochs):
    """Errors after each epoch."""
    mean, scale = clothes.x_train.mean(), clothes.x_train.std()
    pixels = [
        ((x - mean) / scale).astype("float32")
        for x in (clothes.x_train, clothes.x_test)
    ]
    steps = epochs * len(clothes.x_train) // 100
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = network.fit(
        pixels[0],
        clothes.y_train,
        100,
        epochs,
        validation_data=(pixels[1], clothes.y_test),
        validation_batch_size=500,
        verbose=0,
    ).history
    return {
        "training error": [round(1 - a, 4) for a in history["accuracy"]],
        "test error": [round(1 - a, 4) for a in history["val_accuracy"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=3000, test=1000)
    runs = {}
    for seed in chosen.seeds:
        for name, options in VARIANTS.items():
            keras.utils.set_random_seed(seed)
            run = train(small_xception(**options), clothes, chosen.epochs)
            runs[f"{name}, seed {seed}"] = run
            print(name, seed, {metric: errors[-1] for metric, errors in run.items()})
    log = {
        "command": "python benchmarks/experiments/xception_ablation.py "
        f"--epochs {chosen.epochs} --seeds {' '.join(map(str, chosen.seeds))}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, 3000 for training and 1000 for testing, 28 x 28",
        "batch": 100,
        "runs": runs,
    }
    chosen.write.write_text(json.dumps(log, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
