"""How many weights does an L1 penalty make zero, and is it needed for zeros?

Two convolutions and two dense layers learn 2000 pictures of Fashion-MNIST by stochastic
gradient descent without momentum, whose rate falls to zero along a cosine. The penalty
of the kernels is put into the loss, so that its (sub)gradient is followed, or applied
as a soft threshold after each step (a proximal step), or it is an L2 penalty, or there
is none. Zeros are counted exactly. Then the smallest kernels' weights of every network
are set to zero, several shares of them, and the errors are measured again, also on
validation pictures, by which a strength can be chosen.

    python benchmarks/experiments/sparsity.py     about ten seconds of one core a run

writes `companion/results/sparsity.json`: one row for each training.
"""

import keras
import numpy as np
from miniature import accuracy, clothes, finish, options, record

layers = keras.layers
CUT = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)  # shares of the weights set to zero afterwards
STRONGER = (
    30  # L2's strengths: a usual weight is about 1/30, and L2's pull is less by it
)
BINS = np.linspace(-9, 1, 41)  # of the logarithm of a weight's size
CHOSEN = options(
    __doc__,
    train=2000,
    validation=1000,
    test=1000,
    epochs=40,
    rate=0.1,
    strengths=(1e-4, 3e-4, 1e-3, 3e-3),
    seeds=(0, 1, 2),
)


class SoftThreshold(keras.callbacks.Callback):
    """After each step, every kernel goes towards zero by rate * strength."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def on_train_batch_end(self, batch, logs=None):
        amount = float(self.rate) * self.strength
        for kernel in kernels(self.model):
            size = keras.ops.abs(kernel) - amount
            kernel.assign(keras.ops.sign(kernel) * keras.ops.maximum(size, 0.0))

    def on_train_batch_begin(self, batch, logs=None):
        self.rate = self.model.optimizer.learning_rate  # of the step to come


def network(regularizer=None):
    ways = dict(
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=regularizer,
    )
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", **ways),
            layers.Conv2D(32, 3, strides=2, padding="same", **ways),
            layers.Flatten(),
            layers.Dense(64, **ways),
            layers.Dense(10, kernel_regularizer=regularizer),
        ]
    )


def kernels(net):
    return [layer.kernel for layer in net.layers if hasattr(layer, "kernel")]


def sizes(net):
    """Sizes of all kernels' weights, in one row."""
    values = [keras.ops.convert_to_numpy(kernel).ravel() for kernel in kernels(net)]
    return np.abs(np.concatenate(values))


def pruned_errors(net, *sets):
    """Errors on each set after the smallest weights, over all layers, became zero."""
    found, limits = [], np.quantile(sizes(net), CUT)
    for limit in limits:
        for kernel in kernels(net):
            values = keras.ops.convert_to_numpy(kernel)
            kernel.assign(np.where(np.abs(values) <= limit, 0, values))
        found.append([round(1 - accuracy(net, *each), 4) for each in sets])
    return [list(column) for column in zip(*found, strict=True)]


def trained(seed, rule, strength):
    keras.utils.set_random_seed(seed)
    count = CHOSEN.train
    (x, y), test = clothes(count + CHOSEN.validation, CHOSEN.test)
    (x, y), validation = (x[:count], y[:count]), (x[count:], y[count:])
    penalty = {
        "subgradient": keras.regularizers.L1(strength),
        "L2": keras.regularizers.L2(strength / 2),  # Keras leaves out the half
    }
    net = network(penalty.get(rule))
    steps = CHOSEN.epochs * CHOSEN.train // 100
    net.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(CHOSEN.rate, steps)
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    after = [SoftThreshold(strength)] if rule == "proximal" else []
    net.fit(x, y, 100, CHOSEN.epochs, callbacks=after, verbose=0)
    size = sizes(net)
    error = {
        name: round(1 - accuracy(net, *each), 4)
        for name, each in (
            ("training error", (x, y)),
            ("validation error", validation),
            ("test error", test),
        )
    }
    pruned = pruned_errors(net, validation, test)
    logs = np.log10(np.maximum(size[size > 0], 1e-9))
    return {
        "rule": rule,
        "strength": strength,
        "seed": seed,
        "weights": int(size.size),
        "zeros": int((size == 0).sum()),
        "below 1e-4": int((size < 1e-4).sum()),
        "below 1e-3": int((size < 1e-3).sum()),
        "histogram": np.histogram(logs, BINS)[0].tolist(),
        **error,
        "pruned, validation": pruned[0],
        "pruned": pruned[1],
    }


def main():
    cells = [("none", 0.0)]
    for strength in CHOSEN.strengths:
        cells += [("subgradient", strength), ("proximal", strength)]
        cells += [("L2", round(STRONGER * strength, 9))]
    tasks = [(seed, *cell) for seed in CHOSEN.seeds for cell in cells]
    record(
        CHOSEN,
        question="Exact zeros by L1 in the loss, by proximal steps, and by pruning",
        images=f"Fashion-MNIST, {CHOSEN.train} for training, {CHOSEN.validation} for "
        f"validation, {CHOSEN.test} for testing",
        cut=CUT,
        bins=BINS.tolist(),
        rows=finish(CHOSEN, tasks, trained),
    )


if __name__ == "__main__":
    main()
