"""What becomes of accuracy if a large kernel is replaced by several small ones?

Section 2.3 of Simonyan and Zisserman, arXiv 1409.1556, and Section 3 of Szegedy et al.,
arXiv 1512.00567, in miniature. A small network holds two groups of convolutions. Every
group sees 7x7 units: as one kernel, as three of 3x3, or as 1x7 and 7x1, the last two
with and without a ReLU between them; and one kernel in a network so narrow that it has
no more weights than three of 3x3. All learn the same pictures, from three seeds.

    python benchmarks/experiments/kernel_stacks.py     five minutes of one core

writes `companion/results/kernel_stacks.json`: one row for each training.
"""

import functools

import keras
from miniature import accuracy, clothes, finish, options, record, train_to_zero

from companion.complexity import count_macs, count_params

layers = keras.layers

GROUPS = {  # kernels of a group, ReLU between them, channels
    "7x7": ([7], True, 16),
    "7x7, narrow": ([7], True, 12),
    "3x3 three times": ([3, 3, 3], True, 16),
    "3x3 three times, linear": ([3, 3, 3], False, 16),
    "1x7 and 7x1": ([(1, 7), (7, 1)], True, 16),
    "1x7 and 7x1, linear": ([(1, 7), (7, 1)], False, 16),
}


def conv_bn(x, filters, size, relu=True):
    x = layers.Conv2D(
        filters, size, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x) if relu else x


def network(kernels, relu, filters):
    """3x3, pooling, a group, pooling, a group, average, ten classes."""
    image = keras.Input((28, 28, 1))
    x = conv_bn(image, filters, 3)
    for _ in range(2):
        x = layers.MaxPooling2D(2)(x)
        for size in kernels[:-1]:
            x = conv_bn(x, filters, size, relu)
        x = conv_bn(x, filters, kernels[-1])
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def main():
    chosen = options(__doc__, epochs=10, seeds=3, train=4000)
    (x, y), test = clothes(chosen.train, test=1000)
    optimizer = functools.partial(keras.optimizers.SGD, momentum=0.9)

    def train(group, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        net = network(*GROUPS[group])
        train_to_zero(net, x, y, chosen.epochs, 0.1, batch=64, optimizer=optimizer)
        return {
            "group": group,
            "seed": seed,
            "params": count_params(net),
            "macs": count_macs(net),
            "training": accuracy(net, x, y),
            "test": accuracy(net, *test),
        }

    tasks = [(group, seed) for group in GROUPS for seed in range(chosen.seeds)]
    record(
        chosen,
        question="Accuracy of one large kernel against several small ones",
        images=f"Fashion-MNIST, {chosen.train} for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
