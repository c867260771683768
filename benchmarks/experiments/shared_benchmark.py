"""The shared benchmark: a network of each family, one recipe, CIFAR-10, several seeds.

Every network is that of `companion.training.family_network`: one skeleton, about 80,000
parameters, the blocks of one family. What differs is the block; what is the same for
all is the recipe, so a family that would like another learning rate is at a
disadvantage. Run again, the command goes on with the family and seed that it had come
to.
"""

import functools

from miniature import finish, options, record

from companion import data
from companion.complexity import count_macs, count_params
from companion.training import FAMILIES, Recipe, family_network, train

CHOSEN = options(
    __doc__, train=16000, test=10000, epochs=3, batch=128, rate=0.05, seeds=(0, 1, 2)
)


@functools.cache
def pictures():
    return data.load("cifar10", train=CHOSEN.train, test=CHOSEN.test)


def trained(seed, family):
    """The log of one run."""
    recipe = Recipe(epochs=CHOSEN.epochs, batch=CHOSEN.batch, rate=CHOSEN.rate)
    build = functools.partial(family_network, family, classifier_activation=None)
    _, rows = train(build, pictures(), recipe, seed=seed, verbose=0)
    return rows


def facts(family, runs):
    network = family_network(family)
    return {
        "chapter": FAMILIES[family].chapter,
        "parameters": count_params(network),
        "multiply-adds": count_macs(network),
        "runs": runs,
    }


def main():
    tasks = [(seed, family) for seed in CHOSEN.seeds for family in FAMILIES]
    logs = dict(zip(tasks, finish(CHOSEN, tasks, trained), strict=True))
    families = {
        family: facts(family, {seed: logs[seed, family] for seed in CHOSEN.seeds})
        for family in FAMILIES
    }
    record(CHOSEN, families=families)


if __name__ == "__main__":
    main()
