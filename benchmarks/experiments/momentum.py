"""Does momentum train a deep autoencoder faster than plain gradient descent?

Table 1 of Sutskever et al. (2013) in miniature: an autoencoder with a bottleneck of 16
units learns the first 2000 pictures of Fashion-MNIST, by gradient descent on batches of
100, without momentum, with it, and with Nesterov's, each at several learning rates.

    python benchmarks/experiments/momentum.py             about six minutes of one core

writes `companion/results/momentum.json`: the mean squared error after every epoch.
"""

import functools

import keras
from miniature import finish, options, record

from companion import data

METHODS = {  # momentum, Nesterov's or not, learning rates
    "none": (0.0, False, (6.0, 12.0, 24.0, 48.0, 96.0)),
    "momentum 0.9": (0.9, False, (2.0, 3.0, 5.0, 8.0)),
    "Nesterov 0.9": (0.9, True, (2.0, 3.0, 5.0, 8.0, 12.0)),
    "momentum 0.99": (0.99, False, (0.03, 0.1, 0.3, 0.6, 1.0)),
    "Nesterov 0.99": (0.99, True, (0.3, 0.6, 1.0, 2.0)),
}
UNITS = (128, 64, 16, 64, 128)


@functools.cache
def autoencoder(momentum, nesterov, seed):
    """A network, and the weights that all of its trainings start from."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input((784,)),
            *[keras.layers.Dense(units, "tanh") for units in UNITS],
            keras.layers.Dense(784, "sigmoid"),
        ]
    )
    optimizer = keras.optimizers.SGD(momentum=momentum, nesterov=nesterov)
    network.compile(optimizer, "mse", jit_compile=False)
    return network, network.get_weights()


def train(network, start, rate, pixels, epochs, seed):
    """The error after each epoch, from the given weights and a ball at rest."""
    keras.utils.set_random_seed(seed)
    network.set_weights(start)
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    network.optimizer.learning_rate = rate
    losses = network.fit(pixels, pixels, 100, epochs, verbose=0).history["loss"]
    return [float(f"{loss:.4g}") for loss in losses]


def main():
    chosen = options(__doc__, epochs=40, seeds=(0, 1, 2))
    clothes = data.load("fashion_mnist", train=2000, test=1)
    pixels = clothes.x_train.reshape(-1, 784).astype("float32") / 255

    def run(method, rate, seed):
        momentum, nesterov, _ = METHODS[method]
        network, start = autoencoder(momentum, nesterov, seed)
        losses = train(network, start, rate, pixels, chosen.epochs, seed)
        return {"method": method, "rate": rate, "seed": seed, "loss": losses}

    tasks = [
        (method, rate, seed)
        for seed in chosen.seeds
        for method, (_, _, rates) in METHODS.items()
        for rate in rates
    ]
    record(
        chosen,
        indent=None,
        images="Fashion-MNIST, the first 2000 for training",
        batch=100,
        runs=finish(chosen, tasks, run),
    )


if __name__ == "__main__":
    main()
