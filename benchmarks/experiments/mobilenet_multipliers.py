"""What do the width and the resolution multiplier cost in accuracy?

Section 4 of Howard et al., arXiv 1704.04861, in miniature: a MobileNet of seven blocks
learns 4000 pictures of Fashion-MNIST at three widths and three resolutions, from three
seeds. The same network with three blocks fewer stands against a thinner one.

    python benchmarks/experiments/mobilenet_multipliers.py     five minutes of one core

writes `companion/results/mobilenet_multipliers.json`: one row for each training.
"""

import functools

import keras
from miniature import (
    accuracy,
    clothes,
    finish,
    options,
    quick_averages,
    record,
    train_to_zero,
)

from companion.complexity import count_macs, count_params
from companion.models import MobileNetV1

GRID = [("deep", w, side) for w in (1.0, 0.5, 0.25) for side in (28, 20, 14)]
GRID += [("deep", 0.75, 28), ("shallow", 1.0, 28)]
DEEP = ((1, 32), (2, 64), (1, 64), (1, 64), (1, 64), (2, 128), (1, 128))
SHALLOW = DEEP[:2] + DEEP[5:]


def resized(images, side):
    """Pixels smoothed and sampled at another resolution."""
    small = keras.ops.image.resize(images, (side, side), antialias=True)
    return keras.ops.convert_to_numpy(small)


def network(rows, width, side, seed):
    """A MobileNet whose moving averages keep up with a short training."""
    keras.utils.set_random_seed(seed)
    net = MobileNetV1(
        rows=rows,
        width=width,
        input_shape=(side, side, 1),
        classes=10,
        classifier_activation=None,
    )
    return quick_averages(net)


def main():
    chosen = options(__doc__, epochs=5, seeds=3, train=4000)
    sets = clothes(chosen.train, test=1000)

    @functools.cache
    def sets_of(side):
        return [(resized(images, side), labels) for images, labels in sets]

    def train(depth, width, side, seed):
        keras.utils.clear_session()
        rows = {"deep": DEEP, "shallow": SHALLOW}[depth]
        net = network(rows, width, side, seed)
        (x, y), test = sets_of(side)
        train_to_zero(net, x, y, chosen.epochs, rate=0.01)
        return {
            "depth": depth,
            "width": width,
            "side": side,
            "seed": seed,
            "params": count_params(net),
            "macs": count_macs(net),
            "training": accuracy(net, x, y),
            "test": accuracy(net, *test),
        }

    tasks = [(*network, seed) for network in GRID for seed in range(chosen.seeds)]
    record(
        chosen,
        question="Accuracy of small MobileNets at three widths and resolutions",
        images=f"Fashion-MNIST, {chosen.train} for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
