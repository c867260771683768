"""Concatenate or add: a DenseNet against ResNets of equal parameters and equal work.

The comparison of Huang et al., arXiv 1608.06993, in miniature: networks of 14 and 15
layers learn the first 2000 pictures of Fashion-MNIST at half their size, with two
learning rates and three seeds each.

    python benchmarks/experiments/dense_or_residual.py  about three minutes, one core

writes `companion/results/dense_or_residual.json`: errors after every epoch.
"""

import functools

import keras
from keras import layers
from miniature import clothes, finish, halved, options, record, train_in_two_stages

from companion import blocks
from companion.complexity import count_macs, count_params
from companion.models.densenet import bn_relu, cifar_stem
from companion.models.resnet_cifar import conv_bn_relu, residual


def classify(image, x):
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def dense(growth=8, count=4):
    """Three blocks of basic layers, transitions that keep half of the maps."""
    image = keras.Input((14, 14, 1))
    x = cifar_stem(image, 2 * growth)
    for block in (1, 2, 3):
        if block > 1:
            x = blocks.transition(x, 0.5, f"transition{block - 1}")
        x = blocks.dense_block(x, blocks.dense_basic, count, growth, f"block{block}")
    return classify(image, bn_relu(x, "last"))


def residual_net(width, count=2):
    """Three stages of residual blocks, each twice as wide as the one before."""
    image = keras.Input((14, 14, 1))
    x = conv_bn_relu(image, width, 3, 1, "conv1")
    for stage in (0, 1, 2):
        for number in range(count):
            stride = 2 if number == 0 and stage > 0 else 1
            x = residual(x, width * 2**stage, stride, f"conv{stage + 2}_{number + 1}")
    return classify(image, x)


NETWORKS = {
    "DenseNet": dense,
    "ResNet, equal parameters": lambda: residual_net(7),
    "ResNet, equal multiply-adds": lambda: residual_net(11),
}


@functools.cache
def compiled(name):
    net = NETWORKS[name]()
    net.compile(
        keras.optimizers.SGD(momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return net


@functools.cache
def starting_weights(name, seed):
    keras.utils.set_random_seed(seed)
    return NETWORKS[name]().get_weights()


def main():
    chosen = options(__doc__, epochs=15, rates=(0.1, 0.02), seeds=(0, 1, 2))
    sets = [(halved(x), y) for x, y in clothes(train=2000, test=1000)]

    def train(name, rate, seed):
        start = starting_weights(name, seed)
        return train_in_two_stages(
            compiled(name), start, sets, seed, rate, chosen.epochs
        )

    tasks = [
        (name, rate, seed)
        for name in NETWORKS
        for seed in chosen.seeds
        for rate in chosen.rates
    ]
    runs = finish(chosen, tasks, train)
    names = [f"{name}, rate {rate}, seed {seed}" for name, rate, seed in tasks]
    nets = {name: build() for name, build in NETWORKS.items()}
    record(
        chosen,
        images="Fashion-MNIST, 2000 for training and 1000 for testing, 14 x 14",
        batch=100,
        costs={
            name: {"params": count_params(net), "macs": count_macs(net)}
            for name, net in nets.items()
        },
        runs=dict(zip(names, runs, strict=True)),
    )


if __name__ == "__main__":
    main()
