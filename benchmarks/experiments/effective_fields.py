"""What training does to the effective receptive field, where the task asks for it.

Strips of 31 pixels carry two dots; two networks, which differ in their dilations alone,
say whether the dots are alike. And seven 3x3 layers name a garment of Fashion-MNIST:
from *one* unit in the middle, or from the votes of *all* units. Each row has the
effective field before and after training.

    python benchmarks/experiments/effective_fields.py         three minutes of one core

writes `companion/results/effective_fields.json`.
"""

import keras
import numpy as np
from keras import layers
from miniature import finish, options, record

from companion import data
from companion.receptive_field import effective_receptive_field, gaussian_fit

DOTS = (3, 27)


def strips(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=0.1, size=(count, 1, 31, 1)).astype("float32")
    dots = rng.choice([-1, 1], size=(count, 2))
    x[:, 0, DOTS, 0] = dots
    return x, (dots[:, 0] == dots[:, 1]).astype("float32")


def strip_net(dilations):
    model = keras.Sequential([keras.Input((1, 31, 1))])
    for n, d in enumerate(dilations, start=1):
        conv = layers.Conv2D(
            16, (1, 3), dilation_rate=d, activation="relu", name=f"conv{n}"
        )
        model.add(conv)
    beside = model.output_shape[2] // 2
    model.add(layers.Cropping2D((0, beside)))
    model.add(layers.Flatten())
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", jit_compile=False)
    return model


def garment_net(deciding):
    conv = {"activation": "relu", "kernel_initializer": "he_normal"}
    heads = {
        "one": [layers.Cropping2D(((7, 6), (7, 6))), layers.Flatten()],
        "all": [layers.GlobalAveragePooling2D()],
    }
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.ZeroPadding2D(1),
            layers.Conv2D(16, 3, 2, **conv, name="conv1"),
            *(
                layers.Conv2D(16, 3, padding="same", **conv, name=f"conv{n}")
                for n in range(2, 8)
            ),
            *heads[deciding],
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.003),
        "sparse_categorical_crossentropy",
        jit_compile=False,
    )
    return model


def main():
    chosen = options(__doc__, epochs=4, seeds=3)
    garments = data.load("fashion_mnist", train=1500, test=500)

    def train_strips(dilations, seed):
        (x, y), (x_new, y_new) = strips(1500, seed), strips(500, seed + 100)
        model = strip_net(dilations)

        def share():
            """The dots' share of the gradient, where the unit can see them."""
            if dilations[-1] == 1:
                return 0.0
            weights = effective_receptive_field(model, "conv4", images=x_new)
            return round(float(weights[0, DOTS].sum()), 4)

        before = share()
        model.fit(x, y, epochs=2, batch_size=50, verbose=0)
        answers = np.ravel(model.predict(x_new, verbose=0)) > 0.5
        return {
            "dilations": dilations,
            "seed": seed,
            "right": round(float((answers == y_new).mean()), 4),
            "dots before": before,
            "dots after": share(),
        }

    def train_garments(deciding, seed):
        model = garment_net(deciding)
        images = garments.x_test[:64].astype("float32")

        def width():
            weights = effective_receptive_field(model, "conv7", images=images)
            return round(float(np.mean(gaussian_fit(weights).sigma)), 3)

        before = width()
        model.fit(
            garments.x_train,
            garments.y_train,
            epochs=chosen.epochs,
            batch_size=50,
            verbose=0,
        )
        named = model.predict(garments.x_test, verbose=0).argmax(1)
        return {
            "deciding": deciding,
            "seed": seed,
            "right": round(float((named == garments.y_test).mean()), 4),
            "sigma before": before,
            "sigma after": width(),
        }

    def train(task, option, seed):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        return {"strips": train_strips, "garments": train_garments}[task](option, seed)

    seeds = range(chosen.seeds)
    kinds = {"strips": [[1, 1, 1, 1], [1, 2, 4, 8]], "garments": ["one", "all"]}
    tasks = [
        (t, o, s) for t, options_ in kinds.items() for o in options_ for s in seeds
    ]
    rows = finish(chosen, tasks, train)
    record(
        chosen,
        question="Does training move the effective field to where the answer is?",
        images="strips of noise; Fashion-MNIST, 1500 for training and 500 for testing",
        strips=[row for row in rows if "dilations" in row],
        garments=[row for row in rows if "deciding" in row],
    )


if __name__ == "__main__":
    main()
