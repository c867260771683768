"""Train a model of the package: ``python -m companion.training resnet20``.

Run again, the same command goes on with a training that was stopped.
"""

import argparse
import os
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

from companion.training import Recipe

EXAMPLES = """examples:
  python -m companion.training resnet20 --data cifar10 --epochs 182
  python -m companion.training lenet5modern --data fashion_mnist --train 4000 --epochs 3
two machines; the first of them has the address 10.0.0.1:
  python -m companion.training resnet20 --distribute 10.0.0.1:1234 --processes 2 \\
      --process 0   (on the second: --process 1)
"""


def read_arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="python -m companion.training",
        description=__doc__.splitlines()[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        help="a model of the package, or of the shared benchmark: family:resnet",
    )
    parser.add_argument("--data", default="cifar10", help="default: cifar10")
    parser.add_argument("--train", type=int, help="training pictures, default: all")
    parser.add_argument("--test", type=int, help="test pictures, default: all")
    parser.add_argument("--seed", type=int, default=0)
    for field in fields(Recipe):
        kind = {bool: argparse.BooleanOptionalAction}.get(field.type)
        options = {"action": kind} if kind else {"type": field.type}
        parser.add_argument(
            f"--{field.name}",
            default=field.default,
            help="default: %(default)s",
            **options,
        )
    parser.add_argument(
        "--mixed", choices=["float16", "bfloat16"], help="mixed precision"
    )
    parser.add_argument("--folder", type=Path, help="default: runs/MODEL-DATA-SEED")
    parser.add_argument(
        "--distribute",
        metavar="HOST:PORT",
        nargs="?",
        const="",
        help="all devices of this machine; with the address of process 0, of several",
    )
    parser.add_argument("--processes", type=int, default=1, help="how many in all")
    parser.add_argument("--process", type=int, default=0, help="which one this is")
    return parser.parse_args(words)


def distribute(address, processes, process):
    """Every device takes its part of each batch; gradients are summed over all."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    if keras.backend.backend() != "jax":
        raise ValueError(
            "--distribute needs Keras on JAX: KERAS_BACKEND=jax. "
            f"Received: {keras.backend.backend()!r}"
        )
    if processes > 1:
        keras.distribution.initialize(address, processes, process)
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)
    )


def find(name):
    """The registered model, or family of the shared benchmark, of that name.

    Case and signs do not count: "resnet20" and "family:mobilenet-v2".

    Raises:
        ValueError: if there is none; it lists those with a similar name.
    """
    from difflib import get_close_matches

    from companion.models import MODELS
    from companion.training import FAMILIES, family_network

    def plain(text):
        return "".join(c for c in text.lower() if c.isalnum())

    known = {plain(each): each for each in MODELS}
    known |= {plain(f"family{each}"): f"family:{each}" for each in FAMILIES}
    if plain(name) not in known:
        near = get_close_matches(plain(name), known, 5, 0.4) or known
        raise ValueError(
            f"There is no such model; similar are {', '.join(known[n] for n in near)}. "
            f"Received: {name!r}"
        )
    found = known[plain(name)]
    if found in MODELS:
        return MODELS[found].build
    return partial(family_network, found.removeprefix("family:"))


def main(words=None):
    chosen = read_arguments(words)
    recipe = Recipe(**{f.name: getattr(chosen, f.name) for f in fields(Recipe)})
    if chosen.distribute is not None:
        distribute(chosen.distribute, chosen.processes, chosen.process)
    import keras

    from companion import data
    from companion.training import train

    if chosen.mixed:
        keras.mixed_precision.set_global_policy(f"mixed_{chosen.mixed}")
    model = find(chosen.model)
    dataset = data.load(chosen.data, train=chosen.train, test=chosen.test)
    print(dataset, recipe, sep="\n", flush=True)
    run = f"{chosen.model.replace(':', '-')}-{chosen.data}-{chosen.seed}"
    folder = chosen.folder or Path("runs") / run
    if chosen.processes > 1:
        folder = folder / f"process{chosen.process}"

    def build():
        return model(
            input_shape=dataset.x_train.shape[1:],
            classes=len(dataset.classes),
            classifier_activation=None,
        )

    _, rows = train(build, dataset, recipe, seed=chosen.seed, folder=folder)
    print(f"log: {folder / 'log.csv'}, network: {folder / 'last.keras'}")
    return rows


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"{error}")
