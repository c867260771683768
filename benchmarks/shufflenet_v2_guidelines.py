"""Do the four guidelines of ShuffleNetV2 hold on a CPU, at equal multiply-adds?

Section 2 of Ma et al., arXiv 1807.11164. Every guideline is a set of small networks of
ten blocks with (nearly) equal multiply-adds; one image, in turn, in every round,
and the fastest round of each counts. `slowdown` is the time over that of the first row
of the set, which the guideline recommends. Last, networks of about 140 million
multiply-adds.

    python benchmarks/shufflenet_v2_guidelines.py            two minutes
    python benchmarks/shufflenet_v2_guidelines.py --quick    half a minute
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from measure import fastest, report

from companion.complexity import count_macs, memory_access_cost
from companion.layers import GroupedConv2D
from companion.models import MobileNetV1, ShuffleNetV1, ShuffleNetV2

SIDE, BLOCKS = 56, 10


def pointwise(x, filters, groups=1):
    options = {"groups": groups} if groups > 1 else {}
    kind = GroupedConv2D if groups > 1 else layers.Conv2D
    return kind(filters, 1, use_bias=False, **options)(x)


def network(channels, block):
    """Ten blocks on a map of 56 x 56."""
    x = start = keras.Input((SIDE, SIDE, channels))
    for _ in range(BLOCKS):
        x = block(x)
    return keras.Model(start, x)


def g1(first, second):
    """Table 1: 1x1 convolutions from c1 to c2 channels and back."""
    return network(first, lambda x: pointwise(pointwise(x, second), first))


def g2(channels, groups):
    """Table 2: a grouped 1x1 convolution."""
    return network(channels, lambda x: pointwise(x, channels, groups))


def g3(channels, series, parallel):
    """Table 3: 1x1 convolutions in series, in parallel branches that are added."""

    def branch(x):
        for _ in range(series):
            x = pointwise(x, channels)
        return x

    def block(x):
        branches = [branch(x) for _ in range(parallel)]
        return branches[0] if parallel == 1 else layers.Add()(branches)

    return network(channels, block)


def g4(relu, shortcut):
    """Table 4: a bottleneck, with ReLU and shortcut or without."""

    def block(x):
        y = x
        for filters, size in ((32, 1), (32, 3), (128, 1)):
            y = layers.Conv2D(filters, size, padding="same", use_bias=False)(y)
            y = layers.ReLU()(y) if relu else y
        return layers.Add()([x, y]) if shortcut else y

    return network(128, block)


SETS = {
    "G1": {
        "128 : 128": lambda: g1(128, 128),
        "90 : 180": lambda: g1(90, 180),
        "52 : 312": lambda: g1(52, 312),
        "36 : 432": lambda: g1(36, 432),
    },
    "G2": {
        "1 group, 128": lambda: g2(128, 1),
        "2 groups, 180": lambda: g2(180, 2),
        "4 groups, 256": lambda: g2(256, 4),
        "8 groups, 360": lambda: g2(360, 8),
    },
    "G3": {
        "1 fragment, 128": lambda: g3(128, 1, 1),
        "2 in series, 90": lambda: g3(90, 2, 1),
        "4 in series, 64": lambda: g3(64, 4, 1),
        "2 in parallel, 90": lambda: g3(90, 1, 2),
        "4 in parallel, 64": lambda: g3(64, 1, 4),
    },
    "G4": {
        "neither": lambda: g4(False, False),
        "ReLU": lambda: g4(True, False),
        "shortcut": lambda: g4(False, True),
        "ReLU and shortcut": lambda: g4(True, True),
    },
    "networks": {
        "ShuffleNetV2 1x": lambda: ShuffleNetV2(classifier_activation=None),
        "ShuffleNetV1 1x, g = 3": lambda: ShuffleNetV1(classifier_activation=None),
        "ShuffleNetV1 1x, g = 8": lambda: ShuffleNetV1(
            groups=8, classifier_activation=None
        ),
        "MobileNetV1 0.5": lambda: MobileNetV1(width=0.5, classifier_activation=None),
    },
}


def inference(model):
    """One image through a compiled graph, waited for."""
    shape = (1, *model.input_shape[1:])
    x = tf.constant(np.random.default_rng(0).standard_normal(shape), "float32")
    graph = tf.function(lambda x: model(x, training=False))
    run = graph.get_concrete_function(x)
    return lambda: run(x).numpy()


def measure(name, rounds):
    models = {variant: make() for variant, make in SETS[name].items()}
    times = fastest([inference(model) for model in models.values()], rounds, 40)
    return [
        {
            "set": name,
            "variant": variant,
            "MACs": count_macs(model),
            "memory accesses": memory_access_cost(model),
            "accesses of all layers": memory_access_cost(model, of="fused"),
            "accesses, nothing fused": memory_access_cost(model, of="all"),
            "milliseconds": 1000 * time,
            "slowdown": time / times[0],
        }
        for (variant, model), time in zip(models.items(), times, strict=True)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ten rounds")
    arguments = parser.parse_args()
    rows = []
    for name in SETS:
        rows += measure(name, 10 if arguments.quick else 60)
        print(name, *[f"{row['slowdown']:.2f}" for row in rows if row["set"] == name])
    report(
        "shufflenet_v2_guidelines",
        "ShuffleNetV2's guidelines, one image forward, milliseconds",
        rows,
        "python benchmarks/shufflenet_v2_guidelines.py",
    )


if __name__ == "__main__":
    main()
