"""Does a large batch end in a sharper place, or a small learning rate?

The network of `learning_rates.py` learns the first 2000 pictures of Fashion-MNIST by
gradient descent until the loss on all of them is 0.1, in batches of 10, 100 and 1000,
at four rates each. Batch and rate are varied one at a time; all runs end at one loss.

    python benchmarks/experiments/sharp_minima.py              ten minutes of one core

writes `companion/results/sharp_minima.json`: steps, the largest eigenvalue of the
Hessian of the training loss, and the test error. A run that does not get there has
`null`.
"""

import numpy as np
from miniature import finish, options, record
from tuning_schedules import UNITS, dealt, rounded, small_clothes, wrong

from companion.optimizers import SGD, largest_curvature
from companion.scratch import perceptron_loss, perceptron_weights

BATCHES = (10, 100, 1000)
RATES = (0.02, 0.04, 0.08, 0.16)
MOST = {10: 40_000, 100: 20_000, 1000: 10_000}


def train(batch, rate, seed, target, sets):
    """Steps, curvature and test error where the training loss reaches the target."""
    (x, y), test = sets
    rng = np.random.default_rng(seed)
    theta, optimizer = perceptron_weights(UNITS, rng), SGD(rate)

    def whole(theta):
        return perceptron_loss(theta, x, y, UNITS)

    first = largest_curvature(lambda at: whole(at)[1], theta)
    batches, step, loss = dealt(len(x), batch, rng), 0, np.inf
    check = max(5, 500 // batch)
    while step < MOST[batch] and not loss < target and np.isfinite(theta).all():
        rows = next(batches)
        _, gradient = perceptron_loss(theta, x[rows], y[rows], UNITS)
        theta = optimizer.step(theta, gradient)
        step += 1
        if step % check == 0:
            loss = whole(theta)[0]
    run = {"batch": batch, "rate": rate, "seed": seed, "curvature at first": first}
    if not loss < target:
        return {**run, "steps": None, "curvature": None, "test error": None}
    last = largest_curvature(lambda at: whole(at)[1], theta)
    return {
        **run,
        "steps": step,
        "curvature": rounded(last),
        "test error": wrong(theta, *test),
    }


def main():
    chosen = options(__doc__, target=0.1, seeds=(0, 1, 2))
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
        runs=runs,
    )


if __name__ == "__main__":
    main()
