"""How much does the shape of a schedule matter, if each gets its best rate?

The network of `learning_rates.py`, three dense layers in NumPy, learns the first 2000
pictures of Fashion-MNIST at half their side by Nesterov's momentum in batches of 50.
Each schedule of `companion.optimizers` is tried at seven rates, for two lengths of
training.

    python benchmarks/experiments/tuning_schedules.py          five minutes of one core

writes `companion/results/tuning_schedules.json`: the loss on all training pictures
after every epoch, `null` where it is no number any more, and the test error at the end.
"""

import math

import numpy as np
from learning_rates import halves
from miniature import finish, options, record

from companion import data
from companion.optimizers import (
    Nesterov,
    Plateau,
    cosine_decay,
    cyclic,
    exponential_decay,
    step_decay,
)
from companion.scratch import perceptron_loss, perceptron_scores, perceptron_weights

UNITS = (196, 64, 64, 10)
BATCH = 50
RATES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
SHAPES = {  # rate at a step, of so many in all
    "constant": lambda t, rate, steps: rate,
    "steps": lambda t, rate, steps: step_decay(
        t, rate, [round(0.5 * steps), round(0.75 * steps)]
    ),
    "exponential": lambda t, rate, steps: exponential_decay(t, rate, steps, 0.01),
    "exponential, to a tenth": lambda t, rate, steps: exponential_decay(t, rate, steps),
    "cosine": cosine_decay,
    "warm-up and cosine": lambda t, rate, steps: cosine_decay(
        t, rate, steps, round(0.1 * steps)
    ),
    "cyclic": lambda t, rate, steps: cyclic(t, rate / 10, rate, steps // 8),
    "plateau": None,  # looks at losses
}


def small_clothes():
    """(x, labels) for training and for tests: rows of 196 numbers, centred, scaled."""
    clothes = data.load("fashion_mnist", train=2000, test=1000)
    small = halves(clothes.x_train)
    mean, scale = small.mean(), small.std()
    return (
        ((small - mean) / scale, clothes.y_train.astype(int)),
        (halves(clothes.x_test, mean, scale), clothes.y_test.astype(int)),
    )


def dealt(count, batch, rng):
    """Rows of one batch after another, for ever: each once before any comes again."""
    order = np.array([], int)
    while True:
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(count)])
        yield order[:batch]
        order = order[batch:]


def rounded(value, digits=4):
    """A number as JSON can hold it, `None` where it is none."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def wrong(theta, x, labels):
    """Share of wrong answers."""
    guesses = perceptron_scores(theta, x, UNITS).argmax(1)
    return round(float(np.mean(guesses != labels)), 4)


def train(shape, rate, epochs, seed, sets):
    """Loss on all training pictures after every epoch, and the last test error."""
    (x, y), test = sets
    rng = np.random.default_rng(seed)
    theta, optimizer = perceptron_weights(UNITS, rng), Nesterov(rate)
    plateau = Plateau(rate, factor=0.3, patience=1, least_gain=0.0)
    each, losses = len(x) // BATCH, []
    for epoch in range(epochs):
        found = []
        for number, rows in enumerate(rng.permutation(len(x)).reshape(each, BATCH)):
            if SHAPES[shape] is not None:
                step = epoch * each + number
                now = SHAPES[shape](step, rate, epochs * each)
                optimizer.alpha = max(now, 1e-12)  # a rule takes no rate of zero
            loss, gradient = perceptron_loss(theta, x[rows], y[rows], UNITS)
            theta = optimizer.step(theta, gradient)
            found.append(loss)
        if SHAPES[shape] is None:
            optimizer.alpha = plateau.step(np.mean(found))
        losses.append(rounded(perceptron_loss(theta, x, y, UNITS)[0]))
    return {
        "schedule": shape,
        "rate": rate,
        "epochs": epochs,
        "seed": seed,
        "loss": losses,
        "test error": wrong(theta, *test),
    }


def main():
    chosen = options(__doc__, epochs=(8, 24), seeds=(0, 1, 2))
    sets = small_clothes()
    tasks = [
        (shape, rate, epochs, seed)
        for epochs in chosen.epochs
        for shape in SHAPES
        for rate in RATES
        for seed in chosen.seeds
    ]
    with np.errstate(all="ignore"):
        runs = finish(chosen, tasks, lambda *task: train(*task, sets))
    record(
        chosen,
        indent=None,
        images="Fashion-MNIST at 14x14, the first 2000 for training, 1000 for tests",
        batch=BATCH,
        runs=runs,
    )


if __name__ == "__main__":
    main()
