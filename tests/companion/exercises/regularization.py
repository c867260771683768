"""Solutions of the chapter on regularisation."""

import numpy as np

from companion.exercises import check_dropout, check_mixup, check_proximal_step
from companion.exercises.regularization import blended, proximal
from companion.scratch import dropout_forward, soft_threshold

# --- dropout --------------------------------------------------------------------------


def with_the_package(x, rate, training, spatial, rng):
    return dropout_forward(x, rate, rng, spatial)[0] if training else x


def with_where(x, rate, training, spatial, rng):
    if not training:
        return x.copy()
    batch, _, _, channels = x.shape
    shape = (batch, 1, 1, channels) if spatial else x.shape
    return np.where(rng.uniform(size=shape) < rate, 0, x / (1 - rate))


def by_binomial(x, rate, training, spatial, rng):
    if not training:
        return x
    shape = (len(x), x.shape[-1]) if spatial else x.shape
    kept = rng.binomial(1, 1 - rate, shape)
    if spatial:
        kept = kept[:, None, None]
    return x * kept / (1 - rate)


def sample_by_sample(x, rate, training, spatial, rng):
    if not training:
        return x
    y = np.zeros_like(x)
    for image, out in zip(x, y, strict=True):
        shape = image.shape[-1:] if spatial else image.shape
        out[:] = image * rng.choice([0, 1 / (1 - rate)], shape, p=[rate, 1 - rate])
    return y


def made(
    *,
    shape="own",
    spatial_shape="channels",
    only_spatial=False,
    fixed=None,
    keep=False,
    scale="inverted",
    test="identity",
    seed=None,
):
    """Dropout with one thing or another done differently."""

    def dropout(x, rate, training, spatial, rng):
        if not training and test != "dropped":
            return x * (1 - rate) if test == "scaled" else x
        if training and test == "reversed":
            return x
        if only_spatial and not spatial:
            return with_where(x, rate, training, spatial, rng)
        rng = np.random.default_rng(None if seed == "none" else 0) if seed else rng
        b, h, w, c = x.shape
        shapes = {
            "own": (b, h, w, c),
            "channels": (b, 1, 1, c),
            "positions": (b, h, w, 1),
            "one for all": (1, h, w, c),
            "one for samples": (1, 1, 1, c),
            "whole samples": (b, 1, 1, 1),
        }
        draw = rng.random(shapes[spatial_shape if spatial else shape])
        limit = fixed or rate
        kept = draw < limit if keep else draw >= limit
        kept_share = rate if keep else 1 - rate
        factor = {
            "inverted": 1 / kept_share,
            "none": 1,
            "rate": 1 / rate,
            "down": 1 - rate,
            "of the draw": 1 / np.maximum(draw, 0.1),
        }[scale]
        return x * kept * factor

    return dropout


def in_single_precision(x, rate, training, spatial, rng):
    return by_binomial(x, rate, training, spatial, rng).astype("float32")


def in_place(x, rate, training, spatial, rng):
    y = with_where(x, rate, training, spatial, rng)
    x[:] = y
    return x


def reversed_modes(x, rate, training, spatial, rng):
    return with_where(x, rate, not training, spatial, rng)


def never(x, rate, training, spatial, rng):
    return x


def gaussian_at_test(x, rate, training, spatial, rng):
    if training:
        return with_where(x, rate, training, spatial, rng)
    return x * 1.5


def flat(x, rate, training, spatial, rng):
    return with_where(x, rate, training, spatial, rng).reshape(len(x), -1)


def words(x, rate, training, spatial, rng):
    return "dropped"


def nothing(x, rate, training, spatial, rng):
    with_where(x, rate, training, spatial, rng)


def four_arguments(x, rate, training, rng):
    return x


# --- the proximal step ----------------------------------------------------------------


def with_the_threshold(w, gradient, rate, strength):
    return soft_threshold(w - rate * gradient, rate * strength)


def by_cases(w, gradient, rate, strength):
    v, t = w - rate * gradient, rate * strength
    return np.where(v > t, v - t, np.where(v < -t, v + t, 0.0))


def by_clipping(w, gradient, rate, strength):
    """What is taken away is the value itself, clipped."""
    v, t = w - rate * gradient, rate * strength
    return v - np.clip(v, -t, t)


def weight_by_weight(w, gradient, rate, strength):
    result = np.zeros(w.shape)
    for place in np.ndindex(w.shape):
        v = w[place] - rate * gradient[place]
        result[place] = max(v - rate * strength, 0) + min(v + rate * strength, 0)
    return result


def step_in_place(w, gradient, rate, strength):
    w -= rate * gradient
    return soft_threshold(w, rate * strength)


def no_return(w, gradient, rate, strength):
    by_cases(w, gradient, rate, strength)


def summed(w, gradient, rate, strength):
    return by_cases(w, gradient, rate, strength).sum()


def three_arguments(w, gradient, rate):
    return w


# --- mixup ----------------------------------------------------------------------------


def loops(images, labels, classes, share, order):
    mixed, targets = np.zeros(images.shape), np.zeros((len(images), classes))
    for i, j in enumerate(order):
        mixed[i] = share * images[i] + (1 - share) * images[j]
        targets[i, labels[i]] += share
        targets[i, labels[j]] += 1 - share
    return mixed, targets


def by_a_matrix(images, labels, classes, share, order):
    blend = share * np.eye(len(order)) + (1 - share) * np.eye(len(order))[order]
    one_hot = (labels[:, None] == np.arange(classes)).astype(float)
    return [np.tensordot(blend, images, 1), blend @ one_hot]


def from_the_partner(images, labels, classes, share, order):
    one_hot = np.eye(classes)[labels]
    rest = 1 - share
    return (
        images + rest * (images[order] - images),
        one_hot + rest * (one_hot[order] - one_hot),
    )


def blend_in_place(images, labels, classes, share, order):
    results = loops(images, labels, classes, share, order)
    images[:] = results[0]
    return results


def only_images(*arguments):
    return loops(*arguments)[0]


def labels_blended(images, labels, classes, share, order):
    mixed, _ = loops(images, labels, classes, share, order)
    return mixed, share * labels + (1 - share) * labels[order]


def mixup_nothing(*arguments):
    loops(*arguments)


EXERCISES = [
    {
        "label": "ex-reg-dropout",
        "checker": check_dropout,
        "right": {
            "with the package's function": with_the_package,
            "where": with_where,
            "binomial": by_binomial,
            "sample by sample": sample_by_sample,
            "single precision": in_single_precision,
            "made": made(),
        },
        "wrong": {
            "not scaled": (made(scale="none"), "Divide what is left by 1 - rate"),
            "scaled at test time": (
                made(scale="none", test="scaled"),
                "the output is x times 1 - rate",
            ),
            "divided by the rate": (made(scale="rate"), "divided by the rate, not"),
            "scaled down": (made(scale="down"), "what is left is x times 0.8."),
            "a rate to keep": (made(keep=True), "taken for the chance to be kept"),
            "the draw as mask": (made(scale="of the draw"), "made of zeros and ones"),
            "dropped at test time": (made(test="dropped"), "At test time numbers are"),
            "reversed": (reversed_modes, "At test time numbers are dropped"),
            "never": (never, "In training nothing is dropped"),
            "another factor at test time": (gaussian_at_test, "is not the input"),
            "one mask for the batch": (
                made(shape="one for all"),
                "all samples get the same mask",
            ),
            "always spatial": (made(shape="channels"), "all rows get the same mask"),
            "channels together": (made(shape="positions"), "all channels get the same"),
            "never spatial": (made(spatial_shape="own"), "channels have holes"),
            "positions": (
                made(spatial_shape="positions"),
                "positions are dropped in all channels",
            ),
            "spatial for all samples": (
                made(spatial_shape="one for samples"),
                "all samples lose the same channels",
            ),
            "whole samples": (
                made(spatial_shape="whole samples"),
                "samples lose all channels or none",
            ),
            "another generator": (made(seed="none"), "Equal generators drop different"),
            "a fixed seed": (made(seed="fixed"), "Different generators drop the same"),
            "a fixed rate": (made(fixed=0.2), "With a rate of 50%, 20%"),
            "a fixed rate if spatial": (
                made(fixed=0.2, only_spatial=True),
                "With a rate of 50%, and `spatial`, 2",
            ),
            "spatial not scaled": (
                made(scale="none", only_spatial=True),
                "With the rate 0.2 and `spatial`, what is left is x times 1.",
            ),
            "spatial divided by the rate": (
                made(scale="rate", only_spatial=True),
                "and `spatial`, what is left is x times 5.",
            ),
            "spatial from another generator": (
                made(seed="none", only_spatial=True),
                "With `spatial`, equal generators",
            ),
            "spatial with a fixed seed": (
                made(seed="fixed", only_spatial=True),
                "With `spatial`, different generators",
            ),
            "in place": (in_place, "The input was changed"),
            "flat": (flat, "gives an output of shape (40, 900)"),
            "words": (words, "returned no array of numbers"),
            "nothing": (nothing, "The function returned None"),
            "four arguments": (four_arguments, "takes 4 positional arguments"),
        },
    },
    {
        "label": "ex-reg-proximal",
        "checker": check_proximal_step,
        "right": {
            "with the package's threshold": with_the_threshold,
            "by cases": by_cases,
            "by clipping": by_clipping,
            "weight by weight": weight_by_weight,
            "proximal": proximal(),
        },
        "wrong": {
            "across zero": (proximal(jump=True), "Weights cross zero: a weight"),
            "subgradient": (
                proximal(jump=True, order="subgradient"),
                "That is the subgradient step",
            ),
            "no rate": (proximal(pull="alone"), "is the rate times the strength"),
            "penalty first": (
                proximal(order="penalty first"),
                "comes after the gradient step",
            ),
            "hard": (proximal(hard=True), "is shrunk as well"),
            "L2": (proximal(kind="l2"), "step of an L2 penalty"),
            "only positive": (proximal(kind="positive"), "Negative weights are lost"),
            "stopped at zero by both": (
                proximal(kind="truncated"),
                "weights may change sign",
            ),
            "stopped, zero left alone": (
                proximal(kind="stopped"),
                "a weight of zero is pulled",
            ),
            "no gradient": (proximal(order="no gradient"), "The gradient is missing"),
            "no penalty": (proximal(order="gradient only"), "The penalty is missing"),
            "uphill": (proximal(sign=1), "goes up the gradient"),
            "twice": (proximal(kind="doubled"), "twice as large"),
            "in place": (step_in_place, "The arguments of case 1 were changed"),
            "no return": (no_return, "Is a `return` missing"),
            "summed": (summed, "has results of the wrong shape"),
            "three arguments": (three_arguments, "takes 3 positional arguments"),
        },
    },
    {
        "label": "ex-reg-mixup",
        "checker": check_mixup,
        "right": {
            "loops": loops,
            "by a matrix": by_a_matrix,
            "from the partner": from_the_partner,
            "blended": blended(),
        },
        "wrong": {
            "old targets": (blended(targets="of the first"), "they are the old ones"),
            "the larger share": (
                blended(targets="of the larger"),
                "with the larger share",
            ),
            "old pictures": (
                blended(images="of the first"),
                "The pictures are not blended",
            ),
            "targets exchanged": (
                blended(targets="turned"),
                "The shares of the targets are exchanged",
            ),
            "shares exchanged": (blended(turned=True), "belongs to picture i itself"),
            "inverse order": (blended(partner="inverse"), "not the picture that i is"),
            "the next": (blended(partner="next"), "the partner is the next"),
            "backwards": (blended(partner="reversed"), "the pictures backwards"),
            "halves": (
                blended(images="halved", targets="halved"),
                "Both halves count the same",
            ),
            "overwritten": (blended(targets="overwritten"), "yours is overwritten"),
            "summed": (blended(targets="summed"), "add up to two"),
            "labels blended": (labels_blended, "has results of the wrong shape"),
            "in place": (blend_in_place, "The arguments of case 1 were changed"),
            "only pictures": (only_images, "of the wrong shape, (4, 2, 3, 3)"),
            "nothing": (mixup_nothing, "Is a `return` missing"),
        },
    },
]
