"""Do gates help a small residual network, and must they see the image?

Section 6 of Hu et al., arXiv 1709.01507, in miniature: a residual network with and
without squeeze-and-excitation learns 4000 pictures of Fashion-MNIST, with five seeds.
Afterwards the gates are held at their mean over the training pictures ("constant") or
at one ("open"). The second part trains a small network with a non-local block and
gives all positions of an image the same attention map, as Cao et al., arXiv 1904.11492,
found that they have.

    python benchmarks/experiments/senet.py          about four minutes of one core

writes `companion/results/senet.json`.
"""

import keras
import numpy as np
from keras import layers, ops
from miniature import accuracy, clothes, finish, options, record, train_to_zero

from companion.layers import NonLocal, SqueezeExcite


def conv_bn(x, filters, stride=1, size=3):
    x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def residual_network(gates, seed, blocks=((16, 1), (32, 2), (64, 2))):
    keras.utils.set_random_seed(seed)
    start = keras.Input((28, 28, 1))
    x = layers.ReLU()(conv_bn(start, 16, 2))
    for filters, stride in blocks:
        y = layers.ReLU()(conv_bn(x, filters, stride))
        y = conv_bn(y, filters)
        if gates:
            y = SqueezeExcite(ratio=4)(y)
        if stride > 1:
            x = conv_bn(x, filters, stride, 1)
        x = layers.ReLU()(layers.Add()([y, x]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(10)(x))


def non_local_network(seed):
    keras.utils.set_random_seed(seed)
    start = keras.Input((28, 28, 1))
    x = layers.ReLU()(conv_bn(start, 16, 2))
    x = layers.ReLU()(conv_bn(x, 32, 2))
    x = NonLocal(16, name="non_local")(x)
    x = layers.ReLU()(conv_bn(x, 64, 2))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, layers.Dense(10)(x))


def gates_of(network, images):
    found = [each for each in network.layers if isinstance(each, SqueezeExcite)]
    ends = keras.Model(network.input, [each.input for each in found])
    outputs = ends(images)
    return found, [
        ops.convert_to_numpy(each.gates(x))
        for each, x in zip(found, outputs, strict=True)
    ]


def class_share(gates, labels):
    """Share of the gates' variance that lies between the means of the classes."""
    means = np.array([gates[labels == k].mean(0) for k in range(10)])
    return round(float(means.var(0).sum() / gates.var(0).sum()), 3)


def hold(found, values):
    """Make every gate a constant."""
    for each, value in zip(found, values, strict=True):
        kernel, _ = each.expand.get_weights()
        each.expand.set_weights([0 * kernel, np.log(value / (1 - value))])


def run_gates(gates, seed, epochs, sets):
    (x_train, y_train), (x_test, y_test) = sets
    network = residual_network(gates, seed)
    train_to_zero(network, x_train, y_train, epochs, rate=0.01, compiled=True)
    run = {
        "network": "gated" if gates else "plain",
        "seed": seed,
        "training": accuracy(network, x_train, y_train),
        "test": accuracy(network, x_test, y_test),
    }
    if gates:
        found, values = gates_of(network, x_test)
        run["class share"] = [class_share(each, y_test) for each in values]
        run["spread"] = [round(float(each.std(0).mean()), 3) for each in values]
        _, values = gates_of(network, x_train)
        hold(found, [each.mean(0) for each in values])
        run["constant"] = accuracy(network, x_test, y_test)
        hold(found, [np.full(each.shape[1], 1 - 1e-7) for each in values])
        run["open"] = accuracy(network, x_test, y_test)
    return run


def distance(vectors):
    """Mean cosine distance of two positions of an image."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return round(float(np.mean(1 - unit @ unit.transpose(0, 2, 1))), 4)


def run_non_local(seed, epochs, sets):
    (x_train, y_train), (x_test, y_test) = sets
    network = non_local_network(seed)
    train_to_zero(network, x_train, y_train, epochs, rate=0.01, compiled=True)
    block = network.get_layer("non_local")
    maps = ops.convert_to_numpy(keras.Model(network.input, block.input)(x_test))
    attention = ops.convert_to_numpy(block.attention(maps))
    tail = keras.Model(block.output, network.output)
    images, positions, _ = attention.shape

    def with_attention(a):
        g = ops.convert_to_numpy(block.g(maps)).reshape(images, positions, -1)
        y = (a @ g).reshape(*maps.shape[:3], -1)
        y = maps + ops.convert_to_numpy(block.norm(block.expand(y)))
        return accuracy(tail, y, y_test)

    mean = np.repeat(attention.mean(1, keepdims=True), positions, axis=1)
    return {
        "seed": seed,
        "test": accuracy(network, x_test, y_test),
        "own maps": with_attention(attention),
        "one map": with_attention(mean),
        "uniform": with_attention(np.full_like(attention, 1 / positions)),
        "off": accuracy(tail, maps, y_test),
        "distance of maps": distance(attention),
        "distance of inputs": distance(maps.reshape(images, positions, -1)),
    }


def main():
    chosen = options(__doc__, epochs=8, seeds=5)
    sets = clothes(train=4000, test=1000)

    def train(part, seed):
        if part == "non-local":
            return run_non_local(seed, chosen.epochs, sets)
        return run_gates(part == "gated", seed, chosen.epochs, sets)

    seeds = range(chosen.seeds)
    gates = [(part, seed) for seed in seeds for part in ("plain", "gated")]
    non_local = [("non-local", seed) for seed in seeds]
    runs = finish(chosen, gates + non_local, train)
    record(
        chosen,
        images="Fashion-MNIST, 4000 for training and 1000 for testing",
        epochs=chosen.epochs,
        gates={"runs": runs[: len(gates)]},
        **{"non-local": {"runs": runs[len(gates) :]}},
    )


if __name__ == "__main__":
    main()
