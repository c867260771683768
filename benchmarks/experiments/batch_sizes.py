"""What does a larger batch buy, and until when?

The network of `learning_rates.py` learns the first 2000 pictures of Fashion-MNIST by
gradient descent without momentum, in batches from 2 to all 2000, at ten rates each.
The examples are dealt out in random order, each once before any comes again.

    python benchmarks/experiments/batch_sizes.py             fifteen minutes of one core

writes `companion/results/batch_sizes.json`. For each run: steps until the loss on all
training pictures is at the target (`null` if never), that loss and the test error after
equal epochs and after equal steps, and the noise scale and the squared length of the
gradient on the way to the target: at steps 1, 2, 4, ..., of the full batch at each.
"""

from itertools import islice

import numpy as np
from miniature import finish, options, record
from tuning_schedules import UNITS, dealt, rounded, small_clothes, wrong

from companion.optimizers import SGD
from companion.scratch import (
    perceptron_gradient_norms,
    perceptron_loss,
    perceptron_weights,
)

BATCHES = (2, 8, 32, 128, 512, 2000)
RATES = tuple(0.0025 * 2**power for power in range(10))
EPOCHS = 8
STEPS = 320


def marks(most):
    """Steps at which the loss is measured: each about 5 % after the one before."""
    found, step = [], 1
    while step <= most:
        found.append(step)
        step = max(step + 1, round(step * 1.05))
    return set(found)


def noise(theta, x, y):
    """(noise scale, squared length of the gradient) on all examples."""
    _, gradient = perceptron_loss(theta, x, y, UNITS)
    signal = float(gradient @ gradient)
    squares = perceptron_gradient_norms(theta, x, y, UNITS).mean()
    return [rounded((squares - signal) / signal), rounded(signal)]


def train(batch, rate, seed, target, sets):
    """One training; it ends when everything that it is asked for is known."""
    (x, y), test = sets
    rng = np.random.default_rng(seed)
    theta, optimizer = perceptron_weights(UNITS, rng), SGD(rate)
    ends = {"epochs": EPOCHS * len(x) // batch, "steps": STEPS}
    run = {"batch": batch, "rate": rate, "seed": seed, "target": None, "noise": {}}
    most = max(ends.values())
    measured = marks(most)
    for step, rows in enumerate(islice(dealt(len(x), batch, rng), most), start=1):
        power_of_two = step & (step - 1) == 0
        if run["target"] is None and (power_of_two or batch == len(x)):
            run["noise"][str(step)] = noise(theta, x, y)
        _, gradient = perceptron_loss(theta, x[rows], y[rows], UNITS)
        theta = optimizer.step(theta, gradient)
        if not np.isfinite(theta).all():
            break
        loss = np.inf
        if run["target"] is None and step in measured:
            loss = perceptron_loss(theta, x, y, UNITS)[0]
        if loss < target:
            run["target"] = step
        for name, end in ends.items():
            if step == end:
                loss = rounded(perceptron_loss(theta, x, y, UNITS)[0])
                run[name] = {"loss": loss, "test error": wrong(theta, *test)}
    for name in ends:
        run.setdefault(name, {"loss": None, "test error": None})
    return run


def main():
    chosen = options(__doc__, target=0.5, seeds=(0, 1, 2))
    sets = small_clothes()
    tasks = [
        (batch, rate, seed)
        for batch in BATCHES
        for rate in RATES
        for seed in chosen.seeds
    ]
    with np.errstate(all="ignore"):
        runs = finish(chosen, tasks, lambda *task: train(*task, chosen.target, sets))
    record(
        chosen,
        indent=None,
        images="Fashion-MNIST at 14x14, the first 2000 for training, 1000 for tests",
        target=chosen.target,
        epochs=EPOCHS,
        steps=STEPS,
        runs=runs,
    )


if __name__ == "__main__":
    main()
