"""Flatten, the largest, or the mean: which head bears a moved picture?

Each picture of Fashion-MNIST, halved to 14x14, stands in the middle of a black 24x24
canvas, so that a move by up to four pixels cuts nothing off. Pixels are scaled but not
centred: black is zero, as the padding of the layers is. Three networks that differ in
their head alone learn side by side, as outputs of one model; they share no weight, and
Adam treats each weight by itself.

    python benchmarks/experiments/pooling_heads.py            three minutes of one core

writes `companion/results/pooling_heads.json`: a row for each network, rate and seed.
"""

import keras
import numpy as np
from keras import layers
from miniature import finish, halved, options, record

from companion import data

EDGE = 5  # black pixels on each side
MOVES = (0, 1, 2, 3, 4)
HEADS = {
    "flatten": layers.Flatten,
    "global max": layers.GlobalMaxPooling2D,
    "global mean": layers.GlobalAveragePooling2D,
}


def network(head):
    conv = {"padding": "same", "activation": "relu"}
    image = keras.Input((14 + 2 * EDGE, 14 + 2 * EDGE, 1))
    x = layers.MaxPooling2D()(layers.Conv2D(8, 3, **conv)(image))
    x = layers.MaxPooling2D()(layers.Conv2D(16, 3, **conv)(x))
    x = HEADS[head]()(layers.Conv2D(32, 3, **conv)(x))
    return keras.Model(image, layers.Dense(10)(x))


def canvas(images, move=0):
    """Halved pictures on the canvas, moved down and to the right, about 0 to 3."""
    edges = (EDGE + move, EDGE - move)
    x = halved(images) / 85  # their standard deviation
    return np.pad(x, ((0, 0), edges, edges, (0, 0))).astype("float32")


def main():
    chosen = options(__doc__, epochs=6, seeds=3, rates=(0.002, 0.008, 0.032))
    sets = data.load("fashion_mnist", train=1500, test=1000)
    x, y = canvas(sets.x_train), sets.y_train
    moved = [canvas(sets.x_test, move) for move in MOVES]

    def right(model):
        """Shares of right answers: one list for each network, over the moves."""
        logits = [model.predict(images, batch_size=500, verbose=0) for images in moved]
        return [
            [round(float((y.argmax(1) == sets.y_test).mean()), 4) for y in each]
            for each in zip(*logits, strict=True)
        ]

    def train(rate, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        nets = [network(head) for head in HEADS]
        image = keras.Input(x.shape[1:])
        model = keras.Model(image, [net(image) for net in nets])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(
            keras.optimizers.Adam(rate), [loss] * len(nets), jit_compile=False
        )
        model.fit(x, [y] * len(nets), 50, chosen.epochs, verbose=0)
        trained = [y.argmax(1) for y in model.predict(x, batch_size=500, verbose=0)]
        return [
            {
                "head": head,
                "params": net.count_params(),
                "rate": rate,
                "seed": seed,
                "training": round(float((guess == y).mean()), 4),
                "test": shares,
            }
            for head, net, guess, shares in zip(
                HEADS, nets, trained, right(model), strict=True
            )
        ]

    tasks = [(rate, seed) for rate in chosen.rates for seed in range(chosen.seeds)]
    record(
        chosen,
        question="Which head bears a moved picture?",
        images="Fashion-MNIST at 14x14, 1500 for training and 1000 for testing",
        moves=MOVES,
        rows=[row for rows in finish(chosen, tasks, train) for row in rows],
    )


if __name__ == "__main__":
    main()
