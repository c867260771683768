"""One run: epochs, a log, a checkpoint after each, and a way to go on."""

import csv
import dataclasses
import json
import os
import time
from pathlib import Path

import keras
import numpy as np

from companion.training.pictures import epoch_of, standardised
from companion.training.recipe import Recipe

__all__ = ["train"]

COLUMNS = "epoch", "loss", "training error", "test error", "seconds", "cpu seconds"


def train(build, dataset, recipe=None, *, seed=0, folder=None, verbose=1):
    """Train a network, or go on with a training that was stopped.

    Args:
        build: function without arguments that returns a network of logits, or of
            probabilities if its last activation is softmax.
        dataset: a `companion.data.Dataset`.
        recipe: a `Recipe`; None is the default one.
        seed: decides the first weights and what each epoch shows.
        folder: where log and checkpoint live; None keeps nothing.
        verbose: 1 prints a progress bar and a line for each epoch, 0 nothing.

    Returns:
        (network, rows): the trained network, and one dictionary for each epoch with
        the loss, the errors (shares of wrong answers) on training and test pictures,
        and the seconds, of the clock and of the processor.

    Raises:
        ValueError: if the folder belongs to a run with another recipe, seed or data.

    Example:

    >>> from companion import data, models
    >>> clothes = data.load("fashion_mnist", train=200, test=50)
    >>> build = lambda: models.LeNet5Modern(input_shape=(28, 28, 1))
    >>> recipe = Recipe(epochs=2, batch=50, rate=0.05, warmup=0)
    >>> _, rows = train(build, clothes, recipe, verbose=0)
    >>> [row["epoch"] for row in rows]
    [1, 2]
    """
    recipe = recipe or Recipe()
    folder = None if folder is None else Path(folder)
    x_train = standardised(dataset.x_train, dataset.x_train)
    x_test = standardised(dataset.x_test, dataset.x_train)
    network, rows = begin(build, dataset, recipe, seed, folder)
    for epoch in range(len(rows), recipe.epochs):
        start, cpu_start = time.perf_counter(), time.process_time()
        x, y = epoch_of(x_train, dataset.y_train, seed, epoch, recipe)
        x, y, batch = part_of_each_batch(x, y, recipe.batch)
        history = network.fit(x, y, batch, shuffle=False, verbose=verbose).history
        x, y, batch = part_of_each_batch(x_test, dataset.y_test, recipe.batch)
        accuracy = network.evaluate(x, y, batch, verbose=0, return_dict=True)[
            "accuracy"
        ]
        values = (
            epoch + 1,
            round(history["loss"][0], 4),
            round(1 - history["accuracy"][0], 4),
            round(1 - accuracy, 4),
            round(time.perf_counter() - start, 2),
            round(time.process_time() - cpu_start, 2),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        if verbose:
            print(f"epoch {epoch + 1} of {recipe.epochs}: {rows[-1]}", flush=True)
        if folder is not None:
            keep(network, rows, folder)
    return network, rows


def begin(build, dataset, recipe, seed, folder):
    """A fresh network, or the one that the folder holds, and the rows of its log."""
    facts = {
        "data": dataset.name,
        "train": len(dataset.x_train),
        "test": len(dataset.x_test),
        "seed": seed,
        **dataclasses.asdict(recipe),
    }
    if folder is not None and (folder / "run.json").exists():
        known = json.loads((folder / "run.json").read_text("utf8"))
        if known != facts:
            raise ValueError(
                f"{folder} belongs to another run: name another folder, or empty this "
                f"one. Received: {facts}, there: {known}"
            )
        if (folder / "last.keras").exists():
            network = keras.models.load_model(folder / "last.keras")
            steps = recipe.steps_per_epoch(len(dataset.x_train))
            done = int(network.optimizer.iterations) // steps
            return network, read_log(folder / "log.csv")[:done]
    keras.utils.set_random_seed(seed)
    network = build()
    softmax = (
        getattr(network.layers[-1], "activation", None) is keras.activations.softmax
    )
    network.compile(
        recipe.optimizer(len(dataset.x_train)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax),
        metrics=["accuracy"],
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(facts, indent=1), "utf8")
    return network, []


def part_of_each_batch(x, y, batch):
    """What this process shows of every batch: all, unless several processes train.

    Returns:
        (x, y, batch), where `batch` counts this process' pictures in a step.
    """
    if keras.distribution.distribution() is None:
        return x, y, batch
    import jax

    parts, part = jax.process_count(), jax.process_index()
    if batch % jax.device_count() or len(x) % parts:
        raise ValueError(
            "A batch must fall into equal parts for all devices, and the pictures for "
            f"all processes. Received: batch={batch}, devices={jax.device_count()}, "
            f"pictures={len(x)}, processes={parts}"
        )
    share = batch // parts
    own = np.arange(len(x)) // share % parts == part  # runs of `share` take turns
    return x[own], y[own], share


def keep(network, rows, folder):
    """Write checkpoint and log so that a cut in between loses one epoch at most."""
    with (folder / "next.csv").open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    network.save(folder / "next.keras")
    os.replace(folder / "next.csv", folder / "log.csv")
    os.replace(folder / "next.keras", folder / "last.keras")


def read_log(file):
    """The rows of a log; numbers as they were."""
    with file.open(encoding="utf8", newline="") as lines:
        return [
            {
                name: int(value) if name == "epoch" else float(value)
                for name, value in row.items()
            }
            for row in csv.DictReader(lines)
        ]
