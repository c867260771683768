"""What do dropout and crops with mirror images do to a network with AlexNet's head?

Section 4 of Krizhevsky, Sutskever, Hinton, NIPS 2012, in miniature: two convolutions
and AlexNet's three dense layers learn 1000 pictures of Fashion-MNIST, with and without
dropout after the two hidden dense layers, with and without random shifts by up to two
pixels and mirror images. All four are trained alike: equal steps, one rate, which
falls tenfold for the last fifth, from three seeds.

    python benchmarks/experiments/dropout_and_crops.py     two minutes of one core

writes `companion/results/dropout_and_crops.json`: one row for each training.
"""

import itertools

import keras
import numpy as np
from miniature import accuracy, clothes, finish, options, record

layers = keras.layers
CURVE = 5  # points of the curve of test errors


def network(dropout):
    """Two convolutions and pooling, two hidden dense layers of 256, ten classes."""
    ways = dict(activation="relu", kernel_initializer="he_normal")
    rate = 0.5 if dropout else 0.0
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, padding="same", **ways),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(32, 3, padding="same", **ways),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(256, **ways),
            layers.Dropout(rate),
            layers.Dense(256, **ways),
            layers.Dropout(rate),
            layers.Dense(10),
        ]
    )


def shifted(images, random):
    """Each picture moved by up to two pixels, and mirrored in half of the cases."""
    side = images.shape[1]
    wide = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    moved = np.empty_like(images)
    rows, columns = random.integers(0, 5, (2, len(images)))
    mirrored = random.random(len(images)) < 0.5
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        crop = wide[i, row : row + side, column : column + side]
        moved[i] = crop[:, ::-1] if mirrored[i] else crop
    return moved


def passes(x, y, count, crops, random):
    """The pictures `count` times, each time in another order and, if asked, altered."""
    for _ in range(count):
        order = random.permutation(len(x))
        yield (shifted(x[order], random) if crops else x[order]), y[order]


def main():
    chosen = options(__doc__, epochs=50, seeds=3, train=1000, rate=0.02)
    (x, y), test = clothes(chosen.train, test=1000)
    nets = {}  # with and without dropout, compiled once

    def net_for(dropout):
        if dropout not in nets:
            nets[dropout] = network(dropout)
            nets[dropout].compile(
                keras.optimizers.SGD(chosen.rate, momentum=0.9),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=False,
            )
            nets[dropout].optimizer.build(nets[dropout].trainable_variables)
        return nets[dropout]

    def train(dropout, crops, seed):
        keras.utils.set_random_seed(seed)
        random = np.random.default_rng(seed)
        net = net_for(dropout)
        net.set_weights(network(dropout).get_weights())
        for variable in net.optimizer.variables:
            if variable is not net.optimizer._learning_rate:
                variable.assign(keras.ops.zeros_like(variable))
        curve = []
        for part in range(1, CURVE + 1):
            last = part == CURVE
            net.optimizer.learning_rate = chosen.rate / (10 if last else 1)
            parts = passes(x, y, chosen.epochs // CURVE, crops, random)
            pictures, labels = map(np.concatenate, zip(*parts, strict=True))
            net.fit(pictures, labels, 100, shuffle=False, verbose=0)
            curve.append(round(1 - accuracy(net, *test), 4))
        return {
            "dropout": dropout,
            "crops": crops,
            "seed": seed,
            "training": round(1 - accuracy(net, x, y), 4),
            "test": curve[-1],
            "curve": curve,
        }

    cells = itertools.product((False, True), (False, True))
    tasks = [(*cell, seed) for cell in cells for seed in range(chosen.seeds)]
    record(
        chosen,
        question="Error with and without dropout and random crops",
        images=f"Fashion-MNIST, {chosen.train} for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
