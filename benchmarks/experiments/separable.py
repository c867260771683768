"""What do fewer connections cost, and are the kernels of a full layer separable?

Four networks of the same depth, with full, grouped and separable layers, learn 3000
pictures of Fashion-MNIST with five seeds. Then every kernel of the full one is replaced
by the nearest separable one of depth multiplier r, with the statistics of batch
normalization as they were and estimated again; and the correlations between the
channels before and after the last convolution are taken, before training and after.

    python benchmarks/experiments/separable.py      two minutes of one core

writes `companion/results/separable.json`.
"""

import keras
import numpy as np
from keras import layers
from miniature import accuracy, clothes, finish, options, record, train_to_zero

from companion.layers import GroupedConv2D

RANKS = 1, 2, 3, 5, 9
FORMS = {
    "full": ("full", 1),
    "grouped": ("grouped", 1),
    "separable": ("separable", 1),
    "separable, wide": ("separable", 2),
}


def one_layer(form, filters, stride):
    options = {"padding": "same", "use_bias": False}
    if form == "full":
        return [layers.Conv2D(filters, 3, stride, **options)]
    if form == "grouped":
        return [GroupedConv2D(filters, 3, groups=4, strides=stride, **options)]
    return [
        layers.DepthwiseConv2D(3, stride, **options),
        layers.Conv2D(filters, 1, **options),
    ]


def small_network(form, wide, seed):
    """A full layer, then three layers of one form."""
    keras.utils.set_random_seed(seed)
    stack = one_layer("full", 16, 2)
    for filters, stride in ((32, 2), (64, 1), (64, 1)):
        stack += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        stack += one_layer(form, wide * filters, stride)
    stack += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(10)]
    return keras.Sequential([keras.Input((28, 28, 1)), *stack])


def of_rank(kernel, r):
    """The nearest kernel that a separable layer of multiplier r can express."""
    k, _, m, n = kernel.shape
    u, s, v = np.linalg.svd(
        kernel.transpose(2, 0, 1, 3).reshape(m, k * k, n), full_matrices=False
    )
    nearest = (u[..., :r] * s[:, None, :r]) @ v[:, :r]
    return nearest.reshape(m, k, k, n).transpose(1, 2, 0, 3)


def is_full(weight):
    return weight.ndim == 4 and weight.shape[2] > 1


def missing(weights, r):
    """Mean share of a kernel's norm that rank r leaves out."""
    shares = [
        np.linalg.norm(w - of_rank(w, r)) / np.linalg.norm(w)
        for w in weights
        if is_full(w)
    ]
    return round(float(np.mean(shares)), 3)


def estimate_again(network, images):
    """Set the statistics of batch normalization to those of all these images."""
    norms = [x for x in network.layers if isinstance(x, layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)


def cut(network, trained, r, x, test):
    """Accuracies with kernels of rank r: statistics as they were, and new ones."""
    network.set_weights([of_rank(w, r) if is_full(w) else w for w in trained])
    stale = accuracy(network, *test)
    estimate_again(network, x)
    return {"stale": stale, "re-estimated": accuracy(network, *test)}


def correlations(network, images):
    """Mean |correlation| of the last convolution's inputs and outputs.

    Inside four blocks of 16 channels, and outside.
    """
    last = [x for x in network.layers if isinstance(x, layers.Conv2D)][-1]
    ends = keras.Model(network.inputs[0], [last.input, last.output])
    maps = [keras.ops.convert_to_numpy(y) for y in ends(images)]
    before, after = (y.reshape(-1, 64).T for y in maps)
    with np.errstate(invalid="ignore"):  # a channel that is never on
        pairs = np.abs(np.corrcoef(before, after)[64:, :64])
    own = np.kron(np.eye(4), np.ones((16, 16))) > 0
    return [round(float(np.nanmean(pairs[at])), 3) for at in (own, ~own)]


def main():
    chosen = options(__doc__, epochs=4, seeds=5)
    (x, y), test = clothes(train=3000, test=1000)

    def train(form, seed):
        network = small_network(*FORMS[form], seed)
        narrow = form in ("full", "grouped")
        start = network.get_weights()
        run = {"form": form, "seed": seed}
        if narrow:
            run["untrained correlations"] = correlations(network, test[0][:200])
        history = train_to_zero(network, x, y, chosen.epochs, rate=0.01)
        run["loss by epoch"] = [round(v, 3) for v in history.history["loss"]]
        run["training"] = accuracy(network, x, y)
        run["test"] = accuracy(network, *test)
        if narrow:
            run["correlations"] = correlations(network, test[0][:200])
        if form == "full":
            trained = network.get_weights()
            run["missing"] = {r: missing(trained, r) for r in RANKS}
            run["missing, untrained"] = {r: missing(start, r) for r in RANKS}
            run["rank"] = {r: cut(network, trained, r, x, test) for r in RANKS}
        return run

    tasks = [(form, seed) for form in FORMS for seed in range(chosen.seeds)]
    record(
        chosen,
        images="Fashion-MNIST, 3000 for training and 1000 for testing",
        epochs=chosen.epochs,
        runs=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
