"""Is h-swish better than ReLU6, and are gates worth their parameters?

Sections 5.2 and 5.3 of Howard et al., arXiv 1905.02244, in miniature: a MobileNetV3 of
six blocks learns 4000 pictures of Fashion-MNIST with four activations, with and without
squeeze and excitation, from four seeds.

    python benchmarks/experiments/h_swish.py                 five minutes of one core

writes `companion/results/h_swish.json`: one row for each training.
"""

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
from companion.models import MobileNetV3

SIZES = (  # kernel, expanded to, out, stride
    (3, 16, 16, 1),
    (3, 48, 16, 2),
    (3, 64, 16, 1),
    (5, 64, 24, 2),
    (5, 96, 24, 1),
    (5, 96, 24, 1),
)


def network(activation, excite):
    blocks = tuple(
        (size, wide, narrow, excite, activation, stride)
        for size, wide, narrow, stride in SIZES
    )
    net = MobileNetV3(
        *(blocks, 96, 64, activation),
        input_shape=(28, 28, 1),
        classes=10,
        classifier_activation=None,
    )
    return quick_averages(net)


def main():
    chosen = options(__doc__, epochs=5, seeds=4)
    (x, y), test = clothes(train=4000, test=1000)

    def train(excite, activation, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        net = network(activation, excite)
        train_to_zero(net, x, y, chosen.epochs, rate=0.01)
        return {
            "activation": activation,
            "excite": excite,
            "seed": seed,
            "params": count_params(net),
            "macs": count_macs(net),
            "training": accuracy(net, x, y),
            "test": accuracy(net, *test),
        }

    tasks = [
        (excite, activation, seed)
        for excite in (False, True)
        for activation in ("relu", "relu6", "hard_silu", "silu")
        for seed in range(chosen.seeds)
    ]
    record(
        chosen,
        question="Four activations in a small MobileNetV3, with and without gates",
        images="Fashion-MNIST, 4000 for training and 1000 for testing",
        rows=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
