"""What do the 1x1 reductions of an Inception module cost in accuracy?

Figure 2 of Szegedy et al., arXiv 1409.4842, in miniature. A small network of three
Inception modules learns pictures of clothes: with naive modules, whose 3x3 and 5x5 read
the whole input and whose pooling is passed on, and with reductions to a half, a quarter
and an eighth of the input's channels. The output of every module is normalized, so that
a short training suffices. Three seeds each.

    python benchmarks/experiments/inception_reduction.py     five minutes of one core

writes `companion/results/inception_reduction.json`: one row for each training.
"""

import keras
from miniature import accuracy, clothes, finish, options, record, train_to_zero

from companion.complexity import count_macs, count_params
from companion.models.googlenet import convolution, inception

layers = keras.layers
FILTERS = 12, 24, 6, 6  # 1x1, 3x3, 5x5, projection after the pooling


def naive(x, name):
    """Module without reductions (Figure 2a)."""
    filters1, filters3, filters5, _ = FILTERS
    a = convolution(x, filters1, 1, f"{name}_1x1")
    b = convolution(x, filters3, 3, f"{name}_3x3")
    c = convolution(x, filters5, 5, f"{name}_5x5")
    d = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    return layers.Concatenate(name=name)([a, b, c, d])


def reduced(x, share, name):
    """Module that keeps a share of the channels for its large windows (Figure 2b)."""
    filters1, filters3, filters5, projection = FILTERS
    kept = round(share * x.shape[-1])
    return inception(x, (filters1, kept, filters3, kept, filters5, projection), name)


def network(share):
    """Two modules on 14x14 maps, one on 7x7; ``share`` None makes naive modules."""
    image = keras.Input((28, 28, 1))
    x = convolution(image, 16, 3, "conv1")
    x = layers.MaxPooling2D(2)(x)
    for name in ("module1", "module2", "module3"):
        x = naive(x, name) if share is None else reduced(x, share, name)
        x = layers.BatchNormalization(momentum=0.9)(x)
        if name == "module2":
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def main():
    chosen = options(__doc__, epochs=8, seeds=3, train=3000)
    (x, y), test = clothes(chosen.train, test=1000)

    def train(share, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        net = network(share)
        train_to_zero(net, x, y, chosen.epochs, rate=0.005, batch=64)
        return {
            "reduction": "none" if share is None else share,
            "seed": seed,
            "params": count_params(net),
            "macs": count_macs(net),
            "training": accuracy(net, x, y),
            "test": accuracy(net, *test),
        }

    tasks = [
        (share, seed)
        for share in (None, 0.5, 0.25, 0.125)
        for seed in range(chosen.seeds)
    ]
    record(
        chosen,
        question="Accuracy of Inception modules with and without 1x1 reductions",
        images=f"Fashion-MNIST, {chosen.train} for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
