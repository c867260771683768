"""What does each regulariser gain, where a network over-fits and where it does not?

The shared benchmark's ResNet (`companion.training.family_network`) and its recipe on
CIFAR-10, halved to 16x16 pixels, with its weight decay and one change at a time: no
decay; crops, mirror images, both, or colour shifts in AlexNet's manner, but larger;
cutout; mixup; smoothed labels; dropout before the dense layer. All runs see equally
many pictures in equally many steps, with one schedule of the learning rate, once few
pictures many times, once many pictures a few times. Errors and losses are measured with
the unchanged pictures, also those of training, at six times, the last time with all
test pictures; dropout is off then. The labels are not smoothed in the losses.

    python benchmarks/experiments/regularisers.py     15 s of one core a run

writes `companion/results/regularisers.json`: one row for each of 48 runs. Run again,
the command goes on with the run that it had come to.
"""

import functools
import itertools

import keras
import numpy as np
from miniature import finish, halved, options, record

from companion import data
from companion.training import (
    Recipe,
    colour_shifts,
    cutout,
    family_network,
    mixup,
    principal_colours,
    random_crops,
    random_mirrors,
    standardised,
)

PARTS = 6  # measurements during a run
MEASURED = 2000  # pictures of training, and of test before the end, that are looked at
METHODS = (
    "decay only",
    "no decay",
    "mirrors",
    "crops",
    "crops and mirrors",
    "colours",
    "cutout",
    "mixup",
    "label smoothing",
    "dropout",
)
FEW_ONLY = "no decay", "mirrors", "crops", "colours"  # not run with many pictures
CHOSEN = options(
    __doc__,
    pictures=(2048, 10240),
    shown=30720,
    test=10000,
    batch=128,
    rate=0.05,
    warmup=16,  # steps
    margin=2,  # of zeros around a picture, before it is cropped
    colour=0.5,  # deviation of the colour shifts; AlexNet's is 0.1
    hole=8,  # side of cutout's square
    alpha=1.0,  # of mixup
    smoothing=0.1,
    drop=0.5,
    seeds=(0, 1, 2),
)


@functools.cache
def sets():
    """Halved pictures and labels, of training and of test."""
    sets = data.load("cifar10", train=max(CHOSEN.pictures), test=CHOSEN.test)
    images = (halved(x.astype("float32")) for x in (sets.x_train, sets.x_test))
    return tuple(zip(images, (sets.y_train, sets.y_test), strict=True))


def network(method):
    """The shared benchmark's ResNet, and dropout of the means if asked for.

    The layer of dropout has a seed, so that all methods begin with the same weights.
    """
    features = family_network("ResNet", input_shape=(16, 16, 3), classes=None)
    x = keras.layers.GlobalAveragePooling2D()(features.output)
    x = keras.layers.Dropout(CHOSEN.drop if method == "dropout" else 0.0, seed=0)(x)
    return keras.Model(features.input, keras.layers.Dense(10)(x))


def cropped(images, random):
    """A random window of each picture in a frame of zeros."""
    m = CHOSEN.margin
    wide = np.pad(images, ((0, 0), (m, m), (m, m), (0, 0)))
    return random_crops(wide, images.shape[1], random)


def altered(method, images, targets, colours, random):
    """The pictures of some steps, standardised, as the network will see them.

    `colours` are the principal colours of the training pictures, pixels from 0 to 1, in
    the unit of the standardised pictures.
    """
    if "crops" in method:
        images = cropped(images, random)
    if "mirrors" in method:
        images = random_mirrors(images, random)
    if method == "colours":
        values, vectors, scale = colours
        still = np.zeros((len(images), 1, 1, 3))
        shifts = colour_shifts(still, values, vectors, random, CHOSEN.colour)
        images = images + shifts / scale
    if method == "cutout":
        images = cutout(images, CHOSEN.hole, random)
    if method == "mixup":
        steps = [
            mixup(
                images[i : i + CHOSEN.batch],
                targets[i : i + CHOSEN.batch],
                CHOSEN.alpha,
                random,
            )
            for i in range(0, len(images), CHOSEN.batch)
        ]
        images, targets = map(np.concatenate, zip(*steps, strict=True))
    return images.astype("float32"), targets.astype("float32")


def measured(net, x, labels):
    """Loss and share of wrong answers, without dropout, targets as they are."""
    logits = net.predict(x, batch_size=500, verbose=0).astype(float)
    logits -= logits.max(1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -log_p[np.arange(len(labels)), labels].mean()
    return round(float(loss), 4), round(float((log_p.argmax(1) != labels).mean()), 4)


def trained(seed, count, method):
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng([seed, count])
    (raw, labels), (raw_test, test_labels) = sets()
    raw, labels = raw[:count], labels[:count]
    x, x_test = standardised(raw, raw), standardised(raw_test, raw)
    scale = raw.std((0, 1, 2), dtype="float64") / 255
    colours = (*principal_colours(raw[:2000] / 255), scale)
    targets = np.eye(10)[labels]
    epochs = CHOSEN.shown // count
    recipe = Recipe(
        epochs=epochs,
        batch=CHOSEN.batch,
        rate=CHOSEN.rate,
        warmup=CHOSEN.warmup * CHOSEN.batch / count,  # the same steps for all
        decay=0.0 if method == "no decay" else Recipe().decay,
    )
    net = network(method)
    net.compile(
        recipe.optimizer(count),
        keras.losses.CategoricalCrossentropy(
            from_logits=True,
            label_smoothing=CHOSEN.smoothing if method == "label smoothing" else 0.0,
        ),
        jit_compile=False,
    )
    order = np.concatenate([random.permutation(count) for _ in range(epochs)])
    row = {"pictures": count, "method": method, "seed": seed}
    names = "training loss", "training error", "test loss", "test error"
    row |= {name: [] for name in names}
    for number, part in enumerate(np.split(order, PARTS), start=1):
        shown = altered(method, x[part], targets[part], colours, random)
        net.fit(*shown, CHOSEN.batch, shuffle=False, verbose=0)
        last = CHOSEN.test if number == PARTS else MEASURED
        values = (
            *measured(net, x[:MEASURED], labels[:MEASURED]),
            *measured(net, x_test[:last], test_labels[:last]),
        )
        for name, value in zip(names, values, strict=True):
            row[name].append(value)
    return row


def grey_levels():
    """Deviation of the colour shifts along each principal colour, of 255."""
    values, _ = principal_colours(sets()[0][0][:2000] / 255)
    return [round(float(value), 2) for value in 255 * CHOSEN.colour * values]


def main():
    for count in CHOSEN.pictures:
        if count % CHOSEN.batch or CHOSEN.shown % count or CHOSEN.shown % PARTS:
            raise SystemExit("batches, epochs and parts must come out even")
    tasks = [
        (seed, count, method)
        for seed, count, method in itertools.product(
            CHOSEN.seeds, CHOSEN.pictures, METHODS
        )
        if count == min(CHOSEN.pictures) or method not in FEW_ONLY
    ]
    record(
        CHOSEN,
        question="Errors with one regulariser at a time, equal steps",
        images=f"CIFAR-10, halved to 16x16; at the end {CHOSEN.test} test pictures, "
        f"before {MEASURED}",
        steps=CHOSEN.shown // CHOSEN.batch,
        batch=CHOSEN.batch,
        test=CHOSEN.test,
        colour={
            "deviation": CHOSEN.colour,
            "grey levels": grey_levels(),
        },
        methods=METHODS,
        rows=finish(CHOSEN, tasks, trained),
    )


if __name__ == "__main__":
    main()
