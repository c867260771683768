"""Does noise after batch normalization undo it? How smooth is the loss with it?

Five versions of one network of eight convolutions: plain, disturbed, normalized,
normalized and then disturbed, strongly or weakly. Gradient descent without momentum,
every rate of a grid, three seeds. At its best rate each version is trained once more
for each seed, and measured on the way:

- how far the inputs of the middle layer move from step to step, for the same pictures:
  the change of a channel's mean, over its deviation;
- how far along the gradient the loss does what the gradient promises: the decrease
  found over the decrease predicted, for predicted decreases of a part of the loss;
  of the versions without noise, which would change the loss itself.

    python benchmarks/experiments/noisy_normalization.py       ten minutes
"""

import keras
import miniature
import numpy as np
import tensorflow as tf

from companion.layers import BatchNormalization, NoisyBatchNormalization

L = keras.layers
DEPTH, MIDDLE = 8, 4
NOISE = {"shift": 1.0, "factor": 2.0, "jitter": 0.1}
WEAK = {"shift": 0.5, "factor": 1.25, "jitter": 0.1}
MOMENTUM = 0.9
LOOKS, STEPS = (0, 10, 30, 100), 100  # when the loss is looked at; of the measured run
PARTS = (0.05, 0.1, 0.2, 0.4, 0.8)  # of the loss


class Disturbed(NoisyBatchNormalization):
    """The noise alone."""

    def call(self, inputs, training=None, mask=None):
        return self.disturb(inputs) if training else inputs


KINDS = {
    "plain": None,
    "plain + noise": lambda: Disturbed(center=False, scale=False, **NOISE),
    "BN": lambda: BatchNormalization(momentum=MOMENTUM),
    "BN + noise": lambda: NoisyBatchNormalization(momentum=MOMENTUM, **NOISE),
    "BN + weak noise": lambda: NoisyBatchNormalization(momentum=MOMENTUM, **WEAK),
}


def build(kind, filters):
    image = x = keras.Input((14, 14, 1))
    for i in range(DEPTH):
        x = L.Conv2D(
            filters, 3, 2 if i in (3, 6) else 1, padding="same",
            kernel_initializer="he_normal", name=f"conv{i}",
        )(x)  # fmt: skip
        x = KINDS[kind]()(x) if KINDS[kind] else x
        x = L.ReLU(name=f"relu{i}")(x)
    model = keras.Model(image, L.Dense(10)(L.GlobalAveragePooling2D()(x)))
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
        steps_per_execution=20,
    )
    return model


def start(model, seed):
    """New weights; moving averages at their beginning."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, (L.Conv2D, L.Dense)):
            kernel, bias = layer.get_weights()
            deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
            layer.set_weights([generator.normal(0, deviation, kernel.shape), 0 * bias])
        elif isinstance(layer, L.BatchNormalization) and layer.scale:
            ones, zeros = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            layer.set_weights([ones, zeros, zeros, ones])


def main():
    chosen = miniature.options(
        __doc__,
        pictures=2000,
        batch=50,
        epochs=5,
        filters=12,
        rates=(0.03, 0.1, 0.3, 1.0, 3.0),
        seeds=3,
    )
    (x, y), (x_test, y_test) = miniature.clothes(chosen.pictures, 1000)
    x, x_test = miniature.halved(x), miniature.halved(x_test)
    models = {}

    def ready(kind, rate, seed):
        if kind not in models:
            models[kind] = build(kind, chosen.filters)
        model = models[kind]
        keras.utils.set_random_seed(seed)
        start(model, seed)
        model.optimizer.learning_rate.assign(rate)
        return model

    def train(kind, rate, seed):
        model = ready(kind, rate, seed)
        history = model.fit(x, y, chosen.batch, chosen.epochs, verbose=0).history
        score = model.evaluate(x_test, y_test, 500, verbose=0)
        losses = [round(v, 4) if np.isfinite(v) else None for v in history["loss"]]
        return {
            "kind": kind, "rate": rate, "seed": seed, "loss": losses,
            "test accuracy": round(score[1], 4),
        }  # fmt: skip

    tasks = [
        (kind, rate, seed)
        for kind in KINDS
        for rate in chosen.rates
        for seed in range(chosen.seeds)
    ]
    runs = miniature.finish(chosen, tasks, train)

    def last(kind, rate):
        ends = [r["loss"][-1] for r in runs if (r["kind"], r["rate"]) == (kind, rate)]
        return np.mean([np.inf if end is None else end for end in ends])

    best = {k: min(chosen.rates, key=lambda r, k=k: last(k, r)) for k in KINDS}

    def measure(_, kind, rate, seed):
        model = ready(kind, rate, seed)
        middle = keras.Model(model.inputs, model.get_layer(f"relu{MIDDLE}").output)
        looks = () if "noise" in kind else LOOKS
        return measured(model, middle, x, y, chosen.batch, rate, seed, looks)

    measured_tasks = [
        ("measure", k, best[k], seed) for k in KINDS for seed in range(chosen.seeds)
    ]
    measures = miniature.finish(chosen, measured_tasks, measure)
    found = [
        {"kind": kind, "rate": rate, "seed": seed, **result}
        for (_, kind, rate, seed), result in zip(measured_tasks, measures, strict=True)
    ]
    miniature.record(
        chosen, indent=None, steps=chosen.epochs * chosen.pictures // chosen.batch,
        noise=NOISE, weak=WEAK, best=best, runs=runs, parts=PARTS, measures=found,
    )  # fmt: skip


def measured(model, middle, x, y, batch, rate, seed, looks):
    """Train by hand for some steps, and look at the network on the way."""
    generator = np.random.default_rng(1000 + seed)
    probe, probe_y = tf.constant(x[:200]), tf.constant(y[:200].astype("int32"))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    tensors = [w.value for w in weights]

    @tf.function
    def gradient(pictures, labels):
        with tf.GradientTape() as tape:
            loss = cross_entropy(labels, model(pictures, training=True))
        return loss, tape.gradient(loss, tensors)

    @tf.function
    def seen(pictures):
        map_ = middle(pictures, training=True)
        return tf.reduce_mean(map_, (0, 1, 2)), tf.math.reduce_std(map_, (0, 1, 2))

    def move(by, along):
        for weight, g in zip(weights, along, strict=True):
            weight.assign_sub(by * g)

    moves, smooth, before = [], {}, None
    for step in range(STEPS + 1):
        if step in looks:
            smooth[step] = smoothness(gradient, move, probe, probe_y, model)
        if step >= STEPS - 20:
            kept = model.get_weights()
            mean, deviation = (each.numpy() for each in seen(probe))
            model.set_weights(kept)
            if before is not None:
                live = deviation > 1e-3
                moves.append(np.mean(np.abs(mean - before)[live] / deviation[live]))
            before = mean
        rows = generator.choice(len(x), batch, replace=False)
        _, g = gradient(tf.constant(x[rows]), tf.constant(y[rows].astype("int32")))
        move(rate, g)
    return {"moves": float(np.mean(moves)), "smooth": smooth}


def smoothness(gradient, move, x, y, model):
    """Decrease found over decrease predicted, and the cosine of both gradients."""
    kept = model.get_weights()
    loss, g = gradient(x, y)
    squares = sum(float(tf.reduce_sum(each**2)) for each in g)
    ratios, cosines = [], []
    for part in PARTS:
        by = part * float(loss) / squares
        move(by, g)
        after, other = gradient(x, y)
        move(-by, g)
        ratios.append(float(loss - after) / (part * float(loss)))
        product = sum(
            float(tf.reduce_sum(a * b)) for a, b in zip(g, other, strict=True)
        )
        size = sum(float(tf.reduce_sum(each**2)) for each in other)
        cosines.append(product / np.sqrt(squares * size + 1e-30))
    model.set_weights(kept)
    keep = {"loss": float(loss), "ratios": ratios, "cosines": cosines}
    return {k: np.round(v, 4).tolist() for k, v in keep.items()}


if __name__ == "__main__":
    main()
