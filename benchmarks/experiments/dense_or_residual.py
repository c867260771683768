"""Concatenate or add: a DenseNet against ResNets of equal parameters and equal work.

The comparison of Huang et al., arXiv 1608.06993, in miniature: networks of 14 and 15
layers learn the first 2000 pictures of Fashion-MNIST at half their size, with two
learning rates and three seeds each.

    python benchmarks/experiments/dense_or_residual.py  about three minutes, one core

writes `companion/results/dense_or_residual.json`: errors after every epoch.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from companion import blocks, data
from companion.complexity import count_macs, count_params
from companion.models.densenet import bn_relu, cifar_stem
from companion.models.resnet_cifar import conv_bn_relu, residual
from companion.results import FOLDER

FILE = FOLDER / "dense_or_residual.json"


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
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.02])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--write", type=Path, default=FILE)
    chosen = parser.parse_args()
    clothes = data.load("fashion_mnist", train=2000, test=1000)
    costs, runs = {}, {}
    for name, build in NETWORKS.items():
        net = build()
        costs[name] = {"params": count_params(net), "macs": count_macs(net)}
        net.compile(
            keras.optimizers.SGD(momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        for seed in chosen.seeds:
            keras.utils.set_random_seed(seed)
            start = build().get_weights()
            for rate in chosen.rates:
                run = train(net, start, seed, rate, chosen.epochs, clothes)
                runs[f"{name}, rate {rate}, seed {seed}"] = run
                last = {metric: errors[-1] for metric, errors in run.items()}
                print(name, costs[name], rate, seed, last, flush=True)
    log = {
        "command": "python benchmarks/experiments/dense_or_residual.py "
        f"--epochs {chosen.epochs} --rates {' '.join(map(str, chosen.rates))} "
        f"--seeds {' '.join(map(str, chosen.seeds))}",
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
        "images": "Fashion-MNIST, 2000 for training and 1000 for testing, 14 x 14",
        "batch": 100,
        "costs": costs,
        "runs": runs,
    }
    chosen.write.parent.mkdir(exist_ok=True)
    chosen.write.write_text(json.dumps(log, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
