"""Does a ReLU between the halves of a separable layer harm? Do shortcuts matter?

Sections 4.6 and 4.7 of Chollet, arXiv 1610.02357, in miniature: an Xception of twelve
separable layers learns the first 3000 pictures of Fashion-MNIST, with nothing, a ReLU
or an ELU between depthwise and pointwise half, and without shortcuts, from several
seeds.

    python benchmarks/experiments/xception_ablation.py    about four minutes of one core

writes `companion/results/xception_ablation.json`: errors after every epoch.
"""

import keras
from keras import layers
from miniature import clothes, errors, finish, options, record, train_to_zero

VARIANTS = {
    "nothing between": {},
    "ReLU between": {"between": "relu"},
    "ELU between": {"between": "elu"},
    "no shortcuts": {"shortcuts": False},
}


def normalized(x):
    return layers.BatchNormalization(momentum=0.9)(x)


def separable(x, filters, between):
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    if between:
        x = layers.Activation(between)(x)
    return normalized(layers.Conv2D(filters, 1, use_bias=False)(x))


def small_xception(between=None, shortcuts=True, middle=3):
    """A stem, a module that halves its map, `middle` modules, an exit."""
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(normalized(x))
    for number in range(1 + middle):
        y = x
        for _ in range(3 if number else 2):
            y = separable(layers.ReLU()(y), 32, between)
        if number == 0:
            y = layers.MaxPooling2D(3, 2, "same")(y)
            if shortcuts:
                x = normalized(layers.Conv2D(32, 1, 2, use_bias=False)(x))
        x = layers.Add()([x, y]) if shortcuts else y
    x = layers.ReLU()(separable(x, 64, between))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


def main():
    chosen = options(__doc__, epochs=8, seeds=(0, 1, 2))
    (x, y), test = clothes(train=3000, test=1000)

    def train(name, seed):
        keras.utils.set_random_seed(seed)
        network = small_xception(**VARIANTS[name])
        return errors(
            train_to_zero(network, x, y, chosen.epochs, 0.01, compiled=True, test=test)
        )

    tasks = [(name, seed) for seed in chosen.seeds for name in VARIANTS]
    runs = finish(chosen, tasks, train)
    names = [f"{name}, seed {seed}" for name, seed in tasks]
    record(
        chosen,
        images="Fashion-MNIST, 3000 for training and 1000 for testing, 28 x 28",
        batch=100,
        runs=dict(zip(names, runs, strict=True)),
    )


if __name__ == "__main__":
    main()
