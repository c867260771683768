"""Do deeper plain networks train worse, and do shortcuts repair it?

Section 4.2 of He et al., arXiv 1512.03385, in miniature: plain networks and ResNets of
20 and 56 layers, with the paper's widths, learn the first 2000 pictures of
Fashion-MNIST at half their size, each at two learning rates. Plain and residual network
of a depth start from the same weights.

    python benchmarks/experiments/degradation.py          about five minutes of one core

writes `companion/results/degradation.json`: errors after every epoch.
"""

import functools

import keras
from miniature import clothes, finish, halved, options, record, train_in_two_stages

from companion.models import PlainNet20, PlainNet56, ResNet20, ResNet56

NETWORKS = {
    "plain-20": PlainNet20,
    "plain-56": PlainNet56,
    "ResNet-20": ResNet20,
    "ResNet-56": ResNet56,
}


@functools.cache
def compiled(name, seed):
    """A network, and the weights that all of its trainings start from."""
    keras.utils.set_random_seed(seed)
    network = NETWORKS[name](input_shape=(14, 14, 1))
    network.compile(
        keras.optimizers.SGD(momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network, network.get_weights()


def main():
    chosen = options(__doc__, epochs=15, rates=(0.1, 0.02), seed=0)
    sets = [(halved(x), y) for x, y in clothes(train=2000, test=500)]

    def train(name, rate):
        network, start = compiled(name, chosen.seed)
        return train_in_two_stages(
            network, start, sets, chosen.seed, rate, chosen.epochs
        )

    tasks = [(name, rate) for name in NETWORKS for rate in chosen.rates]
    runs = finish(chosen, tasks, train)
    names = [f"{name}, rate {rate}" for name, rate in tasks]
    record(
        chosen,
        images="Fashion-MNIST, 2000 for training and 500 for testing, 14 x 14",
        batch=100,
        runs=dict(zip(names, runs, strict=True)),
    )


if __name__ == "__main__":
    main()
