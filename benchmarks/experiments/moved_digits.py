"""Does LeNet-5 as in 1998 read real digits as its paper says, and what if they move?

Three networks learn the first 55,000 training digits of MNIST at 32x32, pixels from
-0.1 to 1.175 as in the paper: LeNet-5 of 1998, what is called LeNet-5 today, and the
paper's fully connected network of 300 and 100 units (Figure 9), which has none of the
four ideas. LeNet-5 of 1998 learns by the distance to the drawing of the digit (Equation
8), the others by the cross-entropy. Adam, batches of 100, four epochs, a rate that
falls to zero. Every network tries every rate from one seed; the rate with the lowest
error on the last 5,000 training digits gets two more seeds. Then the 10,000 test digits
are read; and those of them that have four white columns at the right are read again,
moved there by none to four pixels. No network was trained on moved digits.

    python -m companion.data mnist
    python benchmarks/experiments/moved_digits.py        about 25 minutes of one core

writes `companion/results/moved_digits.json`: a row for each training.
"""

import functools
import itertools

import keras
import numpy as np
from keras import layers
from miniature import accuracy, finish, options, record, train_to_zero

from companion import data
from companion.complexity import count_params
from companion.models import LeNet5, LeNet5Modern

HELD_OUT = 5000
MOVES = (0, 1, 2, 3, 4)


def fully_connected():
    """The paper's network 28x28-300-100-10, here on 32x32 pixels."""
    image = keras.Input((32, 32, 1))
    x = layers.Flatten()(image)
    for units in (300, 100):
        x = layers.Dense(units, activation="tanh")(x)
    return keras.Model(image, layers.Dense(10)(x))


NETWORKS = {
    "fully connected": fully_connected,
    "LeNet-5 of 1998": functools.partial(LeNet5, classifier_activation=None),
    "LeNet-5 of today": functools.partial(LeNet5Modern, classifier_activation=None),
}


def to_its_drawing(digit, minus_distances):
    """Equation 8: the squared distance to the drawing of the digit."""
    right = keras.ops.one_hot(keras.ops.reshape(digit, (-1,)), 10)
    return -keras.ops.sum(right * minus_distances, axis=-1)


def prepared(images, move=0):
    """Digits in the middle of 32x32 pixels, moved to the right."""
    wide = np.pad(images / 255, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return (1.275 * np.roll(wide, move, axis=2) - 0.1).astype("float32")


def main():
    chosen = options(__doc__, epochs=4, batch=100, seeds=3, rates=(0.001, 0.003, 0.01))
    sets = data.load("mnist")
    x, y = prepared(sets.x_train), sets.y_train
    test = prepared(sets.x_test)
    room = (test[:, :, -max(MOVES) :] == test.min()).all((1, 2, 3))
    moved = [prepared(sets.x_test[room], move) for move in MOVES]

    def train(name, rate, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        network = NETWORKS[name]()
        train_to_zero(
            network,
            x[:-HELD_OUT],
            y[:-HELD_OUT],
            chosen.epochs,
            rate,
            batch=chosen.batch,
            loss=to_its_drawing if name == "LeNet-5 of 1998" else None,
        )
        held_out = accuracy(network, x[-HELD_OUT:], y[-HELD_OUT:])
        right = [accuracy(network, digits, sets.y_test[room]) for digits in moved]
        return {
            "network": name,
            "parameters": count_params(network),
            "rate": rate,
            "seed": seed,
            "held-out error": round(1 - held_out, 4),
            "test error": round(1 - accuracy(network, test, sets.y_test), 4),
            "error when moved": [round(1 - share, 4) for share in right],
        }

    grid = list(itertools.product(NETWORKS, chosen.rates, [0]))
    rows = finish(chosen, grid, train)
    best = {
        name: min(
            (row for row in rows if row["network"] == name),
            key=lambda row: row["held-out error"],
        )["rate"]
        for name in NETWORKS
    }
    again = [
        (name, best[name], seed) for name in NETWORKS for seed in range(1, chosen.seeds)
    ]
    record(
        chosen,
        indent=None,
        question="Does LeNet-5 read real digits as its paper says, also moved ones?",
        images="MNIST: 55,000 digits for training, 5,000 held out, 10,000 for testing",
        moves=MOVES,
        moved=int(room.sum()),
        best=best,
        rows=[*rows, *finish(chosen, [*grid, *again], train)[len(grid) :]],
    )


if __name__ == "__main__":
    main()
