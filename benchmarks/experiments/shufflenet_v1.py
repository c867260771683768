"""What does the shuffle of ShuffleNet bring, and for which numbers of groups?

Table 3 of Zhang et al., arXiv 1707.01083, in miniature: a small ShuffleNet in 2 and in
8 groups, each with and without its shuffles, learns 4000 pictures of Fashion-MNIST from
the same weights, with four seeds.

    python benchmarks/experiments/shufflenet_v1.py      four minutes of one core

writes `companion/results/shufflenet_v1.json`.
"""

import keras
from keras import layers
from miniature import accuracy, clothes, finish, options, record, train_to_zero

from companion import blocks
from companion.layers import ChannelShuffle


def small_shufflenet(groups, seed):
    """Two stages of three units; 96 and 192 channels."""
    keras.utils.set_random_seed(seed)
    start = keras.Input((28, 28, 1))
    x = layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False)(start)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for stage, filters in enumerate((96, 192), 1):
        for unit in range(3):
            stride = 2 if unit == 0 else 1
            name = f"stage{stage}_{unit + 1}"
            x = blocks.shuffle_unit(x, filters, groups, stride, name)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(10)(x))


def without_shuffle(network):
    """The same layers and weights; where it shuffled, nothing happens."""

    def clone(layer):
        if isinstance(layer, ChannelShuffle):
            return layers.Identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    other = keras.models.clone_model(network, clone_function=clone)
    other.set_weights(network.get_weights())
    return other


def main():
    chosen = options(__doc__, epochs=5, seeds=4, groups=(2, 8))
    (x, y), test = clothes(train=4000, test=1000)

    def train(groups, seed, shuffle):
        network = small_shufflenet(groups, seed)
        if not shuffle:
            network = without_shuffle(network)
        keras.utils.set_random_seed(seed)  # the order of the pictures
        train_to_zero(network, x, y, chosen.epochs, rate=0.01)
        return {
            "groups": groups,
            "shuffle": shuffle,
            "seed": seed,
            "training": accuracy(network, x, y),
            "test": accuracy(network, *test),
        }

    tasks = [
        (groups, seed, shuffle)
        for groups in chosen.groups
        for seed in range(chosen.seeds)
        for shuffle in (True, False)
    ]
    record(
        chosen,
        images="Fashion-MNIST, 4000 for training and 1000 for testing",
        epochs=chosen.epochs,
        runs=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
