"""Five orders of the residual block, and how deep the best of them should be.

Figure 4 and Table 2 of He et al., arXiv 1603.05027, in miniature: networks of 38 layers
with 8, 16 and 32 channels learn the first 2000 pictures of Fashion-MNIST at half their
size. They differ in where normalization and ReLU stand. Then full pre-activation at
four depths. Every network runs at two learning rates.

    python benchmarks/experiments/five_orders.py          about five minutes of one core

writes `companion/results/five_orders.json`: errors after every epoch.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from companion import data
from companion.models.resnet_cifar import every_second_pixel_and_zeros
from companion.results import FOLDER

FILE = FOLDER / "five_orders.json"
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


def halved(images, mean, scale):
    """Means of 2x2 pixels, centred and scaled."""
    quarters = images.reshape(len(images), 14, 2, 14, 2, 1).astype("float32")
    return (quarters.mean((2, 4)) - mean) / scale


def train(net, start, seed, rate, epochs, clothes):
    """Errors after each epoch; the rate falls tenfold for the last fifth."""
    keras.utils.set_random_seed(seed)
    net.set_weights(start)
    for variable in net.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    pixels = clothes.x_train.astype("float32")
    mean, scale = pixels.mean(), pixels.std()
    drop = keras.callbacks.LearningRateScheduler(
        lambda epoch: rate if epoch < 0.8 * epochs else rate / 10
    )
    history = net.fit(
        halved(clothes.x_train, mean, scale),
        clothes.y_train,
        100,
        epochs,
        validation_data=(halved(clothes.x_test, mean, scale), clothes.y_test),
        callbacks=[drop],
        verbose=0,
    ).history
    return {
        "training error": [round(1 - a, 4) for a in history["accuracy"]],
        "test error": [round(1 - a, 4) for a in history["val_accuracy"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.02])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=2000, test=500)
    wanted = [(order, 38) for order in ORDERS]
    wanted += [("BN, ReLU first", depth) for depth in (8, 20, 74)]
    runs = {}
    for order, depth in wanted:
        keras.utils.set_random_seed(chosen.seed)
        net = network(order, depth)
        net.compile(
            keras.optimizers.SGD(momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        start = net.get_weights()
        for rate in chosen.rates:
            run = train(net, start, chosen.seed, rate, chosen.epochs, clothes)
            runs[f"{order}, {depth} layers, rate {rate}"] = run
            last = {metric: errors[-1] for metric, errors in run.items()}
            print(order, depth, rate, last, flush=True)
    log = {
        "command": "python benchmarks/experiments/five_orders.py "
        f"--epochs {chosen.epochs} --rates {' '.join(map(str, chosen.rates))} "
        f"--seed {chosen.seed}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, 2000 for training and 500 for testing, 14 x 14",
        "batch": 100,
        "runs": runs,
    }
    chosen.write.parent.mkdir(exist_ok=True)
    chosen.write.write_text(json.dumps(log, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
