"""How many steps does a network of ReLU units save, and does the scale decide?

Figure 1 of Krizhevsky, Sutskever, Hinton, NIPS 2012, in miniature: a network of four
layers learns 2000 pictures of Fashion-MNIST without regularisation, with ReLU or tanh
units. Pixels are raw (0 to 255, centred) or of standard deviation 1, and kernels start
from N(0, 0.01), as in the paper, or from He's distribution: each alone, and both. Every
unit tries every rate of the grid; the best one is repeated from two more seeds.

    python benchmarks/experiments/relu_or_tanh.py     five minutes of one core

writes `companion/results/relu_or_tanh.json`: one row for each training, with its
training error after each epoch of 16 steps and the steps until 15 %. A rate is given
up once it is an epoch behind a smaller one.
"""

import itertools

import keras
from miniature import finish, options, record

from companion import data

layers = keras.layers

TARGET = 0.15
STARTS = {
    "normal": lambda seed: keras.initializers.RandomNormal(stddev=0.01, seed=seed),
    "He": lambda seed: keras.initializers.HeNormal(seed=seed),
}
SMALLER = 1024  # ReLU units pass large pixels through large weights, so rates are small
NETWORKS = {}


def network(unit):
    """Three convolutions and a softmax layer; one for each kind of unit, reused."""
    if unit not in NETWORKS:
        options = dict(activation=unit, padding="same")
        NETWORKS[unit] = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(16, 5, 2, **options),
                layers.MaxPooling2D(3, 2),
                layers.Conv2D(32, 5, **options),
                layers.MaxPooling2D(3, 2),
                layers.Conv2D(32, 3, **options),
                layers.Flatten(),
                layers.Dense(10, "softmax"),
            ]
        )
        NETWORKS[unit].compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
    return NETWORKS[unit]


def begin(net, start, rate, seed):
    """First values for the weights, and an optimizer without memory."""
    keras.utils.set_random_seed(seed)
    for number, layer in enumerate(each for each in net.layers if each.weights):
        dense = isinstance(layer, layers.Dense)
        draw = keras.initializers.GlorotUniform(seed) if dense else STARTS[start](seed)
        if not dense:
            draw.seed = 100 * seed + number
        layer.kernel.assign(draw(layer.kernel.shape))
        layer.bias.assign(keras.ops.zeros_like(layer.bias))
    for variable in net.optimizer.variables:
        if variable is not net.optimizer._learning_rate:
            variable.assign(keras.ops.zeros_like(variable))
    net.optimizer.learning_rate = rate


class Stop(keras.callbacks.Callback):
    """Stop at the target, where the loss is lost, and an epoch behind the best run."""

    def __init__(self, best):
        super().__init__()
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        reached = 1 - logs["accuracy"] <= TARGET
        lost = not logs["loss"] < 10_000
        self.model.stop_training = reached or lost or epoch > self.best


def steps_to_target(curve, steps):
    """Where the straight line between two epochs passes the target; None if nowhere."""
    before = 0.9
    for epoch, error in enumerate(curve):
        if error <= TARGET:
            return round(steps * (epoch + (before - TARGET) / (before - error)))
        before = error
    return None


def main():
    chosen = options(
        __doc__,
        epochs=15,
        seeds=3,
        rates=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128),
    )
    images = data.load("fashion_mnist", train=2000, test=1)
    x, y = images.x_train.astype("float32"), images.y_train
    x -= x.mean(0)
    pixels = {"raw": x, "unit": x / x.std()}
    fewest = {}  # epochs of the best run of a setting so far

    def train(unit, scale, start, rate, seed):
        net = network(unit)
        begin(net, start, rate, seed)
        best = fewest.get((unit, scale, start), chosen.epochs) if seed == 0 else 10**6
        history = net.fit(
            pixels[scale], y, 128, chosen.epochs, verbose=0, callbacks=[Stop(best)]
        )
        curve = [round(1 - a, 4) for a in history.history["accuracy"]]
        if curve[-1] <= TARGET:
            fewest[unit, scale, start] = min(best, len(curve))
        return {
            "unit": unit,
            "pixels": scale,
            "start": start,
            "rate": rate,
            "seed": seed,
            "steps": steps_to_target(curve, -(-len(x) // 128)),
            "error": curve,
        }

    settings = list(itertools.product(("relu", "tanh"), pixels, STARTS))
    grid = [
        (*each, rate / SMALLER if each == ("relu", "raw", "He") else rate, 0)
        for each in settings
        for rate in chosen.rates
    ]
    rows = finish(chosen, grid, train)

    def best(setting):
        tried = [row for row in rows if setting == tuple(row.values())[:3]]
        return min(tried, key=lambda row: (row["steps"] or 10**6, row["rate"]))["rate"]

    again = [
        (*each, best(each), seed)
        for each in settings
        for seed in range(1, chosen.seeds)
    ]
    record(
        chosen,
        indent=None,
        question="Steps until a training error of 15 %, with ReLU and with tanh units",
        images="Fashion-MNIST, the first 2000 training pictures",
        rows=rows + finish(chosen, grid + again, train)[len(grid) :],
    )


if __name__ == "__main__":
    main()
