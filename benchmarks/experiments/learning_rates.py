"""How much does the learning rate matter, how much the rule, and how much a schedule?

A network of three dense layers, in NumPy, learns the first 2000 pictures of
Fashion-MNIST at half their side: six rules of `companion.optimizers` at learning rates
from too small to too large, and four schedules of Nesterov's momentum, with five seeds.

    python benchmarks/experiments/learning_rates.py               one minute of a core

writes `companion/results/learning_rates.json`: the mean training loss of every epoch,
`null` where it is no number any more, and the test error at the end.
"""

import argparse
import itertools
import json
import math
import platform
from pathlib import Path

import numpy as np

from companion import data
from companion.optimizers import (
    SGD,
    AdaBound,
    AdaGrad,
    Adam,
    Momentum,
    Nesterov,
    RMSProp,
)
from companion.results import FOLDER

UNITS = (196, 64, 64, 10)
BATCH = 50
EPOCHS = 8
LARGE = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
MIDDLE = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
SMALL = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
RULES = {
    "SGD": (SGD, LARGE),
    "Momentum": (Momentum, MIDDLE),
    "Nesterov": (Nesterov, (*MIDDLE[:-1], 0.2, 0.3)),
    "AdaGrad": (AdaGrad, MIDDLE),
    "RMSProp": (RMSProp, SMALL),
    "Adam": (Adam, SMALL),
    "AdaBound": (lambda rate: AdaBound(rate, alpha_star=100 * rate), SMALL),
}
SCHEDULES = ("steps", "cosine", "warm-up", "warm-up and cosine")
SCHEDULED = "Nesterov", (0.01, 0.03, 0.1, 0.2, 0.3)
WARM_UP = 0.1  # of all steps


def factor(schedule, step, steps):
    """What a schedule multiplies the learning rate by in one of the steps."""
    part = step / steps
    if schedule == "steps":
        return 1.0 if part < 0.6 else 0.1 if part < 0.8 else 0.01
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * part))
    if schedule.startswith("warm-up") and part < WARM_UP:
        return (step + 1) / (WARM_UP * steps)
    if schedule == "warm-up and cosine":
        return 0.5 * (1 + math.cos(math.pi * (part - WARM_UP) / (1 - WARM_UP)))
    return 1.0


def first_weights(seed):
    """All weights in one vector: He's normal weights, biases of zero."""
    rng = np.random.default_rng(seed)
    parts = []
    for fan_in, fan_out in itertools.pairwise(UNITS):
        parts += [rng.normal(0, math.sqrt(2 / fan_in), fan_in * fan_out)]
        parts += [np.zeros(fan_out)]
    return np.concatenate(parts)


def layers(theta):
    """The vector as matrices and biases."""
    first = 0
    for fan_in, fan_out in itertools.pairwise(UNITS):
        last = first + fan_in * fan_out
        yield theta[first:last].reshape(fan_in, fan_out), theta[last : last + fan_out]
        first = last + fan_out


def loss_and_gradient(theta, x, labels):
    """Mean cross-entropy, and its gradient by the weights."""
    inputs, parts = [x], list(layers(theta))
    for number, (w, b) in enumerate(parts):
        out = inputs[-1] @ w + b
        inputs.append(np.maximum(out, 0) if number < len(parts) - 1 else out)
    scores = inputs.pop()
    scores = scores - scores.max(1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    rows = np.arange(len(x))
    error = np.exp(logs)
    error[rows, labels] -= 1
    error /= len(x)
    gradient = []
    for (w, _), before in zip(parts[::-1], inputs[::-1], strict=True):
        gradient = [(before.T @ error).ravel(), error.sum(0), *gradient]
        error = (error @ w.T) * (before > 0)
    return -logs[rows, labels].mean(), np.concatenate(gradient)


def train(rule, rate, schedule, seed, sets):
    """Mean loss of every epoch, and the test error at the end."""
    (x, y), (x_test, y_test) = sets
    optimizer, theta = RULES[rule][0](rate), first_weights(seed)
    rng, losses = np.random.default_rng(seed), []
    each = len(x) // BATCH
    for epoch in range(EPOCHS):
        found = []
        for number, rows in enumerate(rng.permutation(len(x)).reshape(each, BATCH)):
            now = factor(schedule, epoch * each + number, EPOCHS * each)
            optimizer.alpha = rate * now
            loss, gradient = loss_and_gradient(theta, x[rows], y[rows])
            theta = optimizer.step(theta, gradient)
            found.append(loss)
        mean = float(np.mean(found))
        losses.append(float(f"{mean:.4g}") if math.isfinite(mean) else None)
    *hidden, (w, b) = layers(theta)
    for each_w, each_b in hidden:
        x_test = np.maximum(x_test @ each_w + each_b, 0)
    wrong = float(np.mean((x_test @ w + b).argmax(1) != y_test))
    return {
        "rule": rule,
        "rate": rate,
        "schedule": schedule,
        "seed": seed,
        "loss": losses,
        "test error": round(wrong, 4),
    }


def halves(images, mean=0.0, scale=1.0):
    """Means of 2x2 pixels, as rows of 196 numbers."""
    n = len(images)
    small = images.reshape(n, 14, 2, 14, 2).mean((2, 4)).reshape(n, 196)
    return (small - mean) / scale


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--write", type=Path, default=FOLDER / "learning_rates.json")
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=2000, test=1000)
    small = halves(clothes.x_train)
    mean, scale = small.mean(), small.std()
    sets = (
        ((small - mean) / scale, clothes.y_train.astype(int)),
        (halves(clothes.x_test, mean, scale), clothes.y_test),
    )
    name, rates = SCHEDULED
    tasks = [(rule, r, "constant") for rule in RULES for r in RULES[rule][1]]
    tasks += [(name, rate, schedule) for schedule in SCHEDULES for rate in rates]
    with np.errstate(all="ignore"):
        runs = [train(*task, s, sets) for s in chosen.seeds for task in tasks]
    log = {
        "command": "python benchmarks/experiments/learning_rates.py --seeds "
        + " ".join(map(str, chosen.seeds)),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "images": "Fashion-MNIST at 14x14, the first 2000 for training, 1000 for tests",
        "batch": BATCH,
        "runs": runs,
    }
    chosen.write.write_text(json.dumps(log) + "\n", "utf8")


if __name__ == "__main__":
    main()
