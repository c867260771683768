"""Checkers of the chapter on regularisation."""

import itertools

import numpy as np

from companion.conformance import check_function
from companion.conformance.report import expect, judge, raise_first, register

__all__ = ["check_dropout", "check_mixup", "check_proximal_step"]

# --- dropout --------------------------------------------------------------------------

CHECKS = {}
RATE = 0.2
AXES = ("samples", "rows", "columns", "channels")


def check_dropout(dropout):
    """Name the mistake in dropout for maps, in training and at test time.

    Args:
        dropout: function `(x, rate, training, spatial, rng) -> y` of a NumPy array x
            (batch, height, width, channels). In training a number is zero with the
            chance `rate`, else divided by 1 - rate; with `spatial` a channel of a
            sample is dropped at all of its positions. At test time y equals x. The
            random numbers come from the generator `rng`; x stays as it is.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> def dropout(x, rate, training, spatial, rng):
    ...     return x * (rng.random(x.shape) >= rate) if training else x
    >>> try:
    ...     check_dropout(dropout)
    ... except AssertionError as error:
    ...     print(str(error)[-48:])
    Divide what is left by 1 - rate, also in a test.

    Source: Srivastava et al., "Dropout" (JMLR 15, 2014), Section 4; Tompson et al.,
    "Efficient Object Localization" (arXiv 1411.4280), Section 3.2.
    """
    raise_first(judge(CHECKS, (dropout,), {}))


def maps():
    """Numbers of both signs, none of them zero."""
    draws = np.random.default_rng(7)
    signs = draws.choice([-1.0, 1.0], (40, 5, 6, 30))
    return signs * draws.uniform(0.5, 2, signs.shape)


def after(dropout, training=True, spatial=False, rate=RATE, seed=0):
    """Input and output of one call."""
    x = maps()
    given = x.copy()
    y = dropout(given, rate, training, spatial, np.random.default_rng(seed))
    expect(y is not None, "The function returned None.", "Is a `return` missing?")
    y = np.asarray(y)
    expect(y.dtype.kind in "iuf", "The function returned no array of numbers.")
    expect(np.array_equal(given, x), "The input was changed.", "Work on a copy of it.")
    observed = f"An input of shape {x.shape} gives an output of shape {y.shape}."
    expect(y.shape == x.shape, observed)
    return x, y


@register(CHECKS, "It takes x, rate, training, spatial and rng, and returns y.")
def check_runs(dropout, given):
    """The function takes its arguments and returns an array of the same shape."""
    for training in (True, False):
        after(dropout, training)


@register(CHECKS, "At test time there is nothing to do.", needs=("runs",))
def check_test_time(dropout, given):
    """At test time the output is the input."""
    for spatial in (False, True):
        x, y = after(dropout, training=False, spatial=spatial)
        zeros = (y == 0).any()
        expect(not zeros, "At test time numbers are dropped.", "See `training`.")
        if np.allclose(y, x * (1 - RATE)):
            hint = "Divide what is left in training instead: that is the inverted form."
            expect(False, "At test time the output is x times 1 - rate.", hint)
        expect(np.allclose(y, x), "At test time the output is not the input.")


@register(CHECKS, "The rate is the chance to be dropped.", needs=("runs",))
def check_share(dropout, given):
    """In training the share `rate` of the numbers is zero."""
    for (rate, margin), spatial in itertools.product(
        ((RATE, 0.06), (0.5, 0.25)), (False, True)
    ):
        _, y = after(dropout, spatial=spatial, rate=rate)
        found = (y == 0).mean()
        expect(found > 0, "In training nothing is dropped.", "See `training`.")
        if rate != 0.5 and abs(found - (1 - rate)) < margin:
            hint = "The rate is taken for the chance to be kept."
            expect(False, f"Of {rate:.0%}, {found:.0%} are zero.", hint)
        where = ", and `spatial`" if spatial else ""
        observed = f"With a rate of {rate:.0%}{where}, {found:.0%} of the numbers are"
        expect(abs(found - rate) < margin, f"{observed} zero.")


@register(
    CHECKS,
    "Divide what is left by 1 - rate, also in a test.",
    needs=("runs", "test_time", "share"),
)
def check_scale(dropout, given):
    """What is left is divided by 1 - rate."""
    for spatial, rate in itertools.product((False, True), (RATE, 0.5)):
        x, y = after(dropout, spatial=spatial, rate=rate)
        factors = np.unique((y / x)[y != 0].round(5))
        found = ", ".join(f"{each:g}" for each in factors[:3])
        where = " and `spatial`" if spatial else ""
        observed = f"With the rate {rate}{where}, what is left is x times {found}."
        if len(factors) > 1:
            hint = "Is the mask made of zeros and ones?"
            expect(False, f"{observed[:-1]} and other factors.", hint)
        if np.isclose(factors[0], 1 / rate, rtol=1e-4) and rate != 0.5:
            hint = "It is divided by the rate, not by the chance to be kept."
            expect(False, observed, hint)
        expect(np.isclose(factors[0], 1 / (1 - rate), rtol=1e-4), observed)


@register(
    CHECKS,
    "Without `spatial` each number has its own draw.",
    needs=("runs", "share", "scale"),
)
def check_own_draws(dropout, given):
    """Without `spatial` every number is drawn for itself."""
    _, y = after(dropout)
    for axis, name in enumerate(AXES):
        first, second = (
            part == 0 for part in (np.delete(y, 0, axis), np.delete(y, -1, axis))
        )
        same = np.array_equal(first, second)
        expect(not same, f"Without `spatial`, all {name} get the same mask.")


@register(
    CHECKS,
    "With `spatial` a sample draws once for each channel: (batch, 1, 1, channels).",
    needs=("runs", "share", "scale", "own_draws"),
)
def check_channels(dropout, given):
    """With `spatial` a channel of a sample is dropped as a whole."""
    _, y = after(dropout, spatial=True)
    gone = (y == 0).transpose(0, 3, 1, 2).reshape(40, 30, -1)
    whole = gone.all(-1) == gone.any(-1)
    if not whole.all():
        pixels = (y == 0).reshape(40, -1, 30)
        if (pixels.all(-1) == pixels.any(-1)).all():
            hint = "The mask has the shape (batch, height, width, 1)."
            expect(
                False, "With `spatial`, positions are dropped in all channels.", hint
            )
        expect(False, "With `spatial`, channels have holes.")
    lost = gone.all(-1)
    samples = np.array_equal(lost[1:], lost[:-1])
    expect(not samples, "With `spatial`, all samples lose the same channels.")
    channels = np.array_equal(lost[:, 1:], lost[:, :-1])
    expect(not channels, "With `spatial`, samples lose all channels or none.")


@register(
    CHECKS,
    "Every random number comes from the generator that was handed over.",
    needs=("runs", "share"),
)
def check_generator(dropout, given):
    """The draws come from `rng`."""
    for spatial in (False, True):
        first, again, other = (
            after(dropout, spatial=spatial, seed=seed)[1] == 0 for seed in (1, 1, 2)
        )
        where = "With `spatial`, equal" if spatial else "Equal"
        repeats = np.array_equal(first, again)
        expect(repeats, f"{where} generators drop different numbers.")
        where = "With `spatial`, different" if spatial else "Different"
        changes = not np.array_equal(first, other)
        expect(changes, f"{where} generators drop the same numbers.")


# --- the proximal step ----------------------------------------------------------------


def check_proximal_step(step):
    """Name the mistake in a proximal step for an L1 penalty.

    Args:
        step: function `(w, gradient, rate, strength) -> w` of NumPy arrays of one
            shape: a gradient step on the loss, then the soft threshold of the penalty
            strength * sum |w|. The arguments stay unchanged.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_proximal_step(proximal(jump=True))
    ... except AssertionError as error:
    ...     print(str(error)[-53:])
    Weights cross zero: a weight that is reached stays 0.

    Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso" (1996),
    Section 2.2.
    """
    draws = np.random.default_rng(5)
    cases = [
        (np.array([0.5, -0.5, 0.03, -0.03, 0.0, 1.0]),
         np.array([0.2, 0.2, 0.0, 0.1, 0.4, -3.0]), 0.1, 0.7),
        (*draws.normal(size=(2, 4, 5)), 0.5, 0.3),
        (draws.normal(size=9) / 10, draws.normal(size=9) / 10, 2.0, 0.04),
        (draws.normal(size=(2, 3)), draws.normal(size=(2, 3)), 0.1, 0.0),
    ]  # fmt: skip
    check_function(step, proximal(), cases, mistakes=STEPS)


def proximal(
    *, order="gradient first", pull="rate", jump=False, hard=False, kind="l1", sign=-1
):
    """The step with one thing or another done differently."""

    def step(w, gradient, rate, strength):
        amount = {"rate": rate * strength, "alone": strength, "none": 0.0}[pull]
        amount = 2 * amount if kind == "doubled" else amount
        moved = w + sign * rate * gradient
        if order == "gradient only":
            return moved
        start = w if order in ("penalty first", "no gradient") else moved
        if kind == "l2":
            return moved / (1 + amount)
        if kind in ("truncated", "stopped"):
            pulled = moved - amount * np.sign(w)
            crossed = w * pulled < 0 if kind == "stopped" else w * pulled <= 0
            return np.where(crossed, 0.0, pulled)
        if jump:
            side = w if order == "subgradient" else start
            pulled = start - amount * np.sign(side)
        elif hard:
            pulled = start * (np.abs(start) > amount)
        elif kind == "positive":
            pulled = np.maximum(start - amount, 0)
        else:
            pulled = np.sign(start) * np.maximum(np.abs(start) - amount, 0)
        return pulled + sign * rate * gradient if order == "penalty first" else pulled

    return step


STEPS = {
    "Weights cross zero: a weight that is reached stays 0.": proximal(jump=True),
    "That is the subgradient step: the sign is that of the old weight, and weights "
    "cross zero.": proximal(jump=True, order="subgradient"),
    "The threshold is the rate times the strength.": proximal(pull="alone"),
    "The threshold comes after the gradient step.": proximal(order="penalty first"),
    "What is above the threshold is shrunk as well; yours is kept as it was.": proximal(
        hard=True
    ),
    "That is the step of an L2 penalty, which shrinks all weights by one factor.": (
        proximal(kind="l2")
    ),
    "Negative weights are lost: shrink the size and keep the sign.": proximal(
        kind="positive"
    ),
    "Zero stops the penalty, not the gradient: weights may change sign by the "
    "gradient.": proximal(kind="truncated"),
    "Zero stops the penalty, not the gradient, and a weight of zero is pulled "
    "too.": proximal(kind="stopped"),
    "The gradient is missing.": proximal(order="no gradient"),
    "The penalty is missing.": proximal(order="gradient only"),
    "The step goes up the gradient.": proximal(sign=1),
    "The threshold is twice as large as it should be.": proximal(kind="doubled"),
}

# --- mixup ----------------------------------------------------------------------------


def check_mixup(mixup):
    """Name the mistake in the blending of pictures and labels.

    Args:
        mixup: function `(images, labels, classes, share, order) -> (images, targets)`:
            images (n, height, width, channels), integers `labels` (n,), a number
            `share`, and `order`, a permutation of 0 to n - 1. Picture i keeps its share
            and gets the rest from picture order[i]; so does its target, (n, classes).
            The arguments stay unchanged.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_mixup(blended(targets="of the first"))
    ... except AssertionError as error:
    ...     print(str(error)[-51:])
    The targets are not blended: they are the old ones.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (arXiv
    1710.09412), Section 2.
    """
    cases = []
    for number, (shape, classes, share, order) in enumerate(
        (
            ((4, 2, 3, 3), 5, 0.7, (1, 2, 3, 0)),
            ((5, 3, 2, 1), 3, 0.1, (2, 0, 1, 4, 3)),
            ((3, 2, 2, 2), 4, 1.0, (1, 2, 0)),
            ((6, 2, 1, 1), 2, 0.6, (1, 2, 3, 4, 5, 0)),
        )
    ):
        rng = np.random.default_rng(number)
        labels = rng.permutation(np.arange(shape[0]) % classes)
        cases.append((rng.normal(size=shape), labels, classes, share, np.array(order)))
    check_function(in_two(mixup), blended(), cases, mistakes=MIXTURES)


def in_two(function):
    """The function, whose results are shown as they are if they are not two."""

    def call(*arguments):
        results = function(*arguments)
        two = isinstance(results, (tuple, list)) and len(results) == 2
        return list(results) if two else results

    return call


def blended(*, images="blended", targets="blended", turned=False, partner="order"):
    """Mixup with one thing or another done differently."""
    of_images, of_targets = images, targets

    def mixup(images, labels, classes, share, order):
        other = {
            "order": order,
            "inverse": np.argsort(order),
            "next": np.roll(np.arange(len(order)), -1),
            "reversed": np.arange(len(order))[::-1],
        }[partner]
        share = 1 - share if turned else share

        def blend(values, how):
            second = values[other]
            return {
                "blended": share * values + (1 - share) * second,
                "of the first": values,
                "of the larger": values if share >= 0.5 else second,
                "turned": (1 - share) * values + share * second,
                "halved": (values + second) / 2,
                "summed": values + second,
            }[how]

        if of_targets == "overwritten":
            targets, rows = np.zeros((len(labels), classes)), np.arange(len(labels))
            targets[rows, labels] = share
            targets[rows, labels[other]] = 1 - share
            return [blend(images, of_images), targets]
        targets = np.eye(classes)[labels]
        return [blend(images, of_images), blend(targets, of_targets)]

    return mixup


MIXTURES = {
    "The targets are not blended: they are the old ones.": blended(
        targets="of the first"
    ),
    "The targets are those of the picture with the larger share: blend them.": blended(
        targets="of the larger"
    ),
    "The pictures are not blended.": blended(images="of the first"),
    "The shares of the targets are exchanged.": blended(targets="turned"),
    "The shares are exchanged: `share` belongs to picture i itself.": blended(
        turned=True
    ),
    "The partner of picture i is order[i], not the picture that i is sent to.": blended(
        partner="inverse"
    ),
    "The order is not used: the partner is the next picture.": blended(partner="next"),
    "The order is not used: the partners are the pictures backwards.": blended(
        partner="reversed"
    ),
    "Both halves count the same: use the share.": blended(
        images="halved", targets="halved"
    ),
    "Where both pictures have one label, the shares add up: yours is overwritten.": (
        blended(targets="overwritten")
    ),
    "The targets add up to two: blend them as the pictures.": blended(targets="summed"),
}
