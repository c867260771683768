"""What the miniature trainings share: options, pictures, one way to train, a log.

An experiment is a set of tasks and a function that trains one of them. `finish` keeps
each result as soon as it is there, so a run that was stopped goes on where it was.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.results import FOLDER

SCRIPT = Path(sys.argv[0])


def options(doc, **defaults):
    """Read the command line: one option for each default; a tuple takes several values.

    `command` is the line that repeats the run, `write` the file of its record.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in defaults.items():
        several = isinstance(default, tuple)
        kind = type(default[0] if several else default)
        parser.add_argument(
            f"--{name}", type=kind, default=default, nargs="+" if several else None
        )
    file = FOLDER / f"{SCRIPT.stem}.json"
    parser.add_argument("--write", type=Path, default=file, help=f"default: {file}")
    chosen = parser.parse_args()
    words = ["python", f"benchmarks/experiments/{SCRIPT.name}"]
    for name in defaults:
        value = getattr(chosen, name)
        values = value if isinstance(value, (tuple, list)) else [value]
        words += [f"--{name}", *map(str, values)]
    chosen.command = " ".join(words)
    return chosen


def finish(chosen, tasks, train):
    """Train every task that an earlier run of the same command did not train.

    Args:
        chosen: what `options` returned.
        tasks: list of tuples of JSON values.
        train: function of one task's values; returns its result.

    Returns:
        The list of results, in the order of the tasks.
    """
    part = chosen.write.with_suffix(".part")
    done = read_part(part, chosen.command)
    if done:
        print(f"{len(done)} of {len(tasks)} tasks were done already", flush=True)
    start = time.monotonic()
    for number, task in enumerate(tasks, start=1):
        name = json.dumps(task)
        if name in done:
            continue
        done[name] = train(*task)
        with part.open("a", encoding="utf8") as file:
            file.write(json.dumps([chosen.command, name, done[name]]) + "\n")
        seconds = time.monotonic() - start
        print(f"[{number}/{len(tasks)}, {seconds:.0f} s] {task}", flush=True)
    return [done[json.dumps(task)] for task in tasks]


def read_part(part, command):
    """Results that a run of this command left; a line that was cut off is dropped."""
    done = {}
    for line in part.read_text("utf8").splitlines() if part.exists() else []:
        try:
            made_by, name, result = json.loads(line)
        except json.JSONDecodeError:
            continue
        if made_by == command:
            done[name] = result
    return done


def record(chosen, indent=1, **facts):
    """Write the record of a finished experiment, and forget its parts."""
    versions = {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }
    log = {"command": chosen.command, "versions": versions, **facts}
    text = json.dumps(log, indent=indent) + "\n"
    chosen.write.parent.mkdir(parents=True, exist_ok=True)
    chosen.write.write_text(text, "utf8")
    chosen.write.with_suffix(".part").unlink(missing_ok=True)


def clothes(train, test):
    """The first pictures of Fashion-MNIST, centred and scaled, and their labels.

    Returns:
        (x_train, y_train), (x_test, y_test); pixels (n, 28, 28, 1), float32.
    """
    sets = data.load("fashion_mnist", train=train, test=test)
    mean, scale = sets.x_train.mean(), sets.x_train.std()

    def scaled(images):
        return ((images - mean) / scale).astype("float32")

    return (scaled(sets.x_train), sets.y_train), (scaled(sets.x_test), sets.y_test)


def halved(images):
    """Means of 2x2 pixels."""
    n, height, width, channels = images.shape
    # (n, h, w, c) -> (n, h/2, 2, w/2, 2, c)
    blocks = images.reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.mean((2, 4))


def train_to_zero(
    network,
    x,
    y,
    epochs,
    rate,
    batch=100,
    optimizer=None,
    test=None,
    compiled=False,
    loss=None,
):
    """Train a network of logits; the rate falls to zero along a cosine.

    With a pair `test` the history holds its accuracy after each epoch. The loss is the
    cross-entropy, if no other is given.
    `compiled` lets Keras use XLA: worth its time for few and long trainings only.
    """
    steps = epochs * -(-len(x) // batch)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    network.compile(
        (optimizer or keras.optimizers.Adam)(schedule),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile="auto" if compiled else False,
    )
    return network.fit(
        x,
        y,
        batch,
        epochs,
        validation_data=test,
        validation_batch_size=500,
        verbose=0,
    )


def train_in_two_stages(network, start, sets, seed, rate, epochs, batch=100):
    """Errors after each epoch; the rate falls tenfold for the last fifth.

    The network begins with the weights `start` and an optimizer without memory.
    """
    keras.utils.set_random_seed(seed)
    network.set_weights(start)
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    drop = keras.callbacks.LearningRateScheduler(
        lambda epoch: rate if epoch < 0.8 * epochs else rate / 10
    )
    (x, y), test = sets
    history = network.fit(
        x, y, batch, epochs, validation_data=test, callbacks=[drop], verbose=0
    )
    return errors(history)


def errors(history):
    """Shares of wrong answers after each epoch."""
    return {
        "training error": [round(1 - a, 4) for a in history.history["accuracy"]],
        "test error": [round(1 - a, 4) for a in history.history["val_accuracy"]],
    }


def accuracy(network, images, labels):
    """Share of right answers."""
    guesses = network.predict(images, batch_size=500, verbose=0).argmax(1)
    return round(float(np.mean(guesses == labels)), 4)


def quick_averages(network):
    """Let the moving averages of batch normalization keep up with a short training."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    return network
