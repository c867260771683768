"""How much time does folding batch normalization save at inference on a CPU?

The networks of keras.applications answer as they are, folded, and with every
normalization left out, which changes the answer but shows what the normalizations cost.
The three take turns, in a new order in each round, each through a compiled function:
one image (latency) and a batch of 8 (throughput). Milliseconds are those of the fastest
round; a ratio is the median over the rounds, beside the range of its middle half.

    python benchmarks/fold_batch_norm.py            three minutes
    python benchmarks/fold_batch_norm.py --quick    one minute, two networks
"""

import argparse
import random
import time

import keras
import numpy as np
import tensorflow as tf
from measure import report, seconds

from companion.folding import fold_batch_norm, folding_plan

NETWORKS = "MobileNet", "MobileNetV2", "MobileNetV3Large", "ResNet50", "DenseNet121"
SIDE = 224
KINDS = "as it is", "folded", "left out"
BATCHES = {
    1: (25, 12),
    8: (9, 20),
}  # images: rounds, and seconds after which none starts


def scattered(model):
    """Statistics as if the model had been trained, so that folding has work to do."""
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight, least in (
                (layer.gamma, 0.5), (layer.beta, -0.5),
                (layer.moving_mean, -0.5), (layer.moving_variance, 0.5),
            ):  # fmt: skip
                if weight is not None:
                    weight.assign(generator.uniform(least, least + 1, weight.shape))
    return model


class LeftOut(keras.layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return inputs


def left_out(model):
    def clone(layer):
        normalizes = isinstance(layer, keras.layers.BatchNormalization)
        kind = LeftOut if normalizes else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone)


def answer(model):
    """A call without the overhead of `predict`."""
    images = tf.TensorSpec((None, SIDE, SIDE, 3))
    return tf.function(lambda x: model(x, training=False), input_signature=[images])


def in_turns(functions, images, rounds, patience):
    """Seconds of each function in each round, (rounds, functions)."""
    calls = [lambda f=f: f(images).numpy() for f in functions]
    for call in calls:
        call()
    order, shuffle = list(range(len(calls))), random.Random(0).shuffle
    found, end = [], time.perf_counter() + patience
    while len(found) < rounds and (len(found) < 3 or time.perf_counter() < end):
        shuffle(order)
        taken = [0] * len(calls)
        for turn in order:
            taken[turn] = seconds(calls[turn])
        found.append(taken)
    return np.array(found)


def compared(times, a, b):
    """Time of one kind over that of another: median, and the middle half in words."""
    ratios = times[:, KINDS.index(a)] / times[:, KINDS.index(b)]
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return float(middle), f"{low:.2f} to {high:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two networks")
    quick = parser.parse_args().quick
    rows = []
    for name in NETWORKS[: 2 if quick else None]:
        keras.utils.clear_session()
        make = getattr(keras.applications, name)
        model = scattered(
            make(
                weights=None,
                input_shape=(SIDE, SIDE, 3),
                classifier_activation=None,
            )
        )
        plan = folding_plan(model)
        gone = sum(reason.startswith("folded") for reason in plan.values())
        models = model, fold_batch_norm(model), left_out(model)
        functions = [answer(each) for each in models]
        for batch, (rounds, patience) in BATCHES.items():
            shape = (batch, SIDE, SIDE, 3)
            images = tf.constant(np.random.default_rng(0).random(shape, "float32"))
            expected, found, _ = (f(images).numpy() for f in functions)
            most = np.abs(found - expected).max() / np.abs(expected).max()
            if not most < 1e-5:
                raise SystemExit(f"{name}: folded logits differ by {most:.1e}")
            times = in_turns(functions, images, rounds, patience)
            ratio, spread = compared(times, "folded", "as it is")
            rest, _ = compared(times, "left out", "as it is")
            best = dict(zip(KINDS, times.min(0).tolist(), strict=True))
            rows.append(
                {
                    "network": name,
                    "images": batch,
                    "folded": f"{gone} of {len(plan)}",
                    "as it is, ms": 1000 * best["as it is"],
                    "folded, ms": 1000 * best["folded"],
                    "ratio": ratio,
                    "middle half": spread,
                    "share": 1 - rest,
                    "rounds": len(times),
                }
            )
            print(
                f"{name}, {batch}: {ratio:.2f} ({spread}), rest {rest:.2f}", flush=True
            )
    report(
        "fold_batch_norm",
        f"Inference of keras.applications at {SIDE} x {SIDE}, as it is and folded",
        rows,
        "python benchmarks/fold_batch_norm.py" + " --quick" * quick,
    )


if __name__ == "__main__":
    main()
