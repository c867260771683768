"""Five orders of the residual block, and how deep the best of them should be.

Figure 4 and Table 2 of He et al., arXiv 1603.05027, in miniature: networks of 38 layers
with 8, 16 and 32 channels learn the first 2000 pictures of Fashion-MNIST at half their
size. They differ in where normalization and ReLU stand. Then full pre-activation at
four depths. Every network runs at two learning rates.

    python benchmarks/experiments/five_orders.py          about five minutes of one core

writes `companion/results/five_orders.json`: errors after every epoch.
"""

import functools

import keras
from keras import layers
from miniature import clothes, finish, halved, options, record, train_in_two_stages

from companion.models.resnet_cifar import every_second_pixel_and_zeros

ORDERS = {  # F, and what follows the sum
    "original": ("conv bn relu conv bn", "relu"),
    "BN after sum": ("conv bn relu conv", "bn relu"),
    "ReLU before sum": ("conv bn relu conv bn relu", ""),
    "ReLU first": ("relu conv bn relu conv bn", ""),
    "BN, ReLU first": ("bn relu conv bn relu conv", ""),
}


def apply(steps, x, filters, stride=1):
    """The layers that a line of the table names; the first convolution strides."""
    for step in steps.split():
        if step == "bn":
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        elif step == "relu":
            x = layers.ReLU()(x)
        else:
            if stride > 1:
                x = layers.ZeroPadding2D(1)(x)
            x = layers.Conv2D(
                filters,
                3,
                strides=stride,
                padding="same" if stride == 1 else "valid",
                use_bias=False,
                kernel_initializer="he_normal",
            )(x)
            stride = 1
    return x


def network(order, depth, widths=(8, 16, 32)):
    """6n + 2 layers; a last normalization and ReLU where the block ends without."""
    inside, after = ORDERS[order]
    image = keras.Input((14, 14, 1))
    x = apply("conv bn relu", image, widths[0])
    for stage, filters in enumerate(widths):
        for number in range((depth - 2) // 6):
            stride = 2 if number == 0 and stage > 0 else 1
            y = apply(inside, x, filters, stride)
            if stride > 1:
                x = every_second_pixel_and_zeros(x, f"stage{stage}")
            x = apply(after, layers.Add()([y, x]), filters)
    if inside.startswith(("relu", "bn")):
        x = apply("bn relu", x, filters)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


@functools.cache
def compiled(order, depth, seed):
    """A network, and the weights that all of its trainings start from."""
    keras.utils.set_random_seed(seed)
    net = network(order, depth)
    net.compile(
        keras.optimizers.SGD(momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return net, net.get_weights()


def main():
    chosen = options(__doc__, epochs=12, rates=(0.1, 0.02), seed=0)
    sets = [(halved(x), y) for x, y in clothes(train=2000, test=500)]

    def train(order, depth, rate):
        net, start = compiled(order, depth, chosen.seed)
        return train_in_two_stages(net, start, sets, chosen.seed, rate, chosen.epochs)

    wanted = [(order, 38) for order in ORDERS]
    wanted += [("BN, ReLU first", depth) for depth in (8, 20, 74)]
    tasks = [(*network, rate) for network in wanted for rate in chosen.rates]
    runs = finish(chosen, tasks, train)
    names = [f"{order}, {depth} layers, rate {rate}" for order, depth, rate in tasks]
    record(
        chosen,
        images="Fashion-MNIST, 2000 for training and 500 for testing, 14 x 14",
        batch=100,
        runs=dict(zip(names, runs, strict=True)),
    )


if __name__ == "__main__":
    main()
