"""Which activation learns, and does a network of thirty layers need He's variance?

Dense networks of 64 units a layer learn 1000 pictures of Fashion-MNIST at 14x14 by
gradient descent on batches of 50, in NumPy.

Part one: four layers, eight activations, each with weights whose variance keeps the
size of its own signal, 1 / (fan_in * mean of y^2). Part two, after Figures 2 and 3 of
He et al. (2015): ReLU, four and thirty layers, weights of Glorot's and of He's
variance, by gradient descent and by Adam. Every setting tries every rate from one seed,
and the rate with the lowest training loss from two more.

    python benchmarks/experiments/activations.py          three minutes of one core

writes `companion/results/activations.json`: a row for each training. A loss of null was
infinite.
"""

import itertools

import numpy as np
from miniature import clothes, finish, halved, options, record

from companion import optimizers, scratch

ACTIVATIONS = {
    "sigmoid": scratch.sigmoid,
    "tanh": scratch.tanh,
    "ReLU": scratch.relu,
    "leaky ReLU": scratch.leaky_relu,
    "ELU": scratch.elu,
    "SELU": scratch.selu,
    "swish": scratch.swish,
    "GELU": scratch.gelu,
}
WIDTH, BATCH = 64, 50
RATES = {
    "SGD": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "Adam": (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01),
}


def first_weights(start, unit, depth, rng):
    """Matrices and biases of `depth` layers and a classifier of ten classes."""
    widths = 196, *[WIDTH] * depth, 10
    gain = scratch.normal_moments(ACTIVATIONS[unit])[1] ** -0.5
    draw = {
        "own": lambda shape, rng: gain * scratch.lecun_normal(shape, rng),
        "Glorot": scratch.glorot_normal,
        "He": scratch.he_normal,
    }[start]
    weights = [draw(shape, rng) for shape in itertools.pairwise(widths)]
    return weights + [np.zeros(width) for width in widths[1:]]


def forward(theta, x, activation):
    """Inputs of every layer, slopes of every activation, and the scores."""
    layers = len(theta) // 2
    inputs, slopes = [x], []
    for weights, bias in zip(theta[: layers - 1], theta[layers:], strict=False):
        y, slope = activation(inputs[-1] @ weights + bias)
        inputs.append(y)
        slopes.append(slope)
    return inputs, slopes, inputs[-1] @ theta[layers - 1] + theta[-1]


def gradients(theta, x, labels, activation):
    layers = len(theta) // 2
    inputs, slopes, scores = forward(theta, x, activation)
    _, grad = scratch.softmax_cross_entropy(scores, labels)
    found = [None] * len(theta)
    for layer in range(layers - 1, -1, -1):
        found[layer], found[layers + layer] = inputs[layer].T @ grad, grad.sum(0)
        if layer:
            grad = (grad @ theta[layer].T) * slopes[layer - 1]
    return found


def score(theta, sets, activation):
    """Loss and error of both sets; null where the network has run away."""
    result = {}
    for name, (x, labels) in sets.items():
        scores = forward(theta, x, activation)[2]
        if not np.isfinite(scores).all():
            return {"loss": None, "training error": 0.9, "test error": 0.9}
        error = float(np.mean(scores.argmax(1) != labels))
        result[f"{name} error"] = round(error, 4)
        if name == "training":
            loss = float(scratch.softmax_cross_entropy(scores, labels)[0])
            result["loss"] = round(loss, 4)
    return result


def main():
    chosen = options(__doc__, steps=300, seeds=3)
    sets = {
        name: (halved(x).reshape(len(x), -1).astype(float), labels.astype(int))
        for name, (x, labels) in zip(
            ("training", "test"), clothes(1000, 1000), strict=True
        )
    }
    x, labels = sets["training"]

    def train(unit, depth, start, method, rate, seed):
        rng = np.random.default_rng(seed)
        activation = ACTIVATIONS[unit]
        theta = first_weights(start, unit, depth, rng)
        make = {"SGD": optimizers.SGD, "Adam": optimizers.Adam}[method]
        rules = [make(rate) for _ in theta]
        with np.errstate(all="ignore"):
            for _ in range(chosen.steps):
                some = rng.integers(len(x), size=BATCH)
                found = gradients(theta, x[some], labels[some], activation)
                if not all(np.isfinite(each).all() for each in found):
                    break
                theta = [
                    rule.step(old, grad)
                    for rule, old, grad in zip(rules, theta, found, strict=True)
                ]
            else:
                some = None
            ended = score(theta, sets, activation)
        if some is not None:
            ended = {"loss": None, "training error": 0.9, "test error": 0.9}
        keys = "unit", "depth", "start", "method", "rate", "seed"
        given = unit, depth, start, method, rate, seed
        return dict(zip(keys, given, strict=True)) | ended

    settings = [(unit, 4, "own", "SGD") for unit in ACTIVATIONS]
    settings += [
        ("ReLU", depth, start, method)
        for depth in (4, 30)
        for start in ("Glorot", "He")
        for method in RATES
    ]
    grid = [(*each, rate, 0) for each in settings for rate in RATES[each[3]]]
    rows = finish(chosen, grid, train)

    def best(setting):
        tried = [row for row in rows if setting == tuple(row.values())[:4]]
        return min(tried, key=lambda row: row["loss"] or np.inf)["rate"]

    again = [
        (*each, best(each), seed)
        for each in settings
        for seed in range(1, chosen.seeds)
    ]
    record(
        chosen,
        indent=None,
        question="Which activation learns, and do thirty layers need He's variance?",
        images="Fashion-MNIST, the first 1000 training pictures, at 14x14",
        rows=rows + finish(chosen, grid + again, train)[len(grid) :],
    )


if __name__ == "__main__":
    main()
