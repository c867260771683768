"""Checkers of the chapter on learning rate, batch size and tuning."""

import numpy as np

from companion.conformance import check_function

__all__ = ["check_machine_noise", "check_warm_up_cosine"]


def check_warm_up_cosine(schedule):
    """Name the mistake in a schedule: up along a line, then down along half a cosine.

    Args:
        schedule: function `(step, alpha, steps, rising) -> rate`; `step` is an array of
            whole numbers from 0 on. The rate is zero at step 0 if `rising` is positive,
            `alpha` at step `rising`, and zero from step `steps` on.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_warm_up_cosine(rates(falls_over="all"))
    ... except AssertionError as error:
    ...     print(str(error)[-61:])
    The fall takes steps - rising steps, so it must end at steps.

    Source: Loshchilov and Hutter, "SGDR" (arXiv 1608.03983), equation 5; Goyal et al.
    (arXiv 1706.02677), Section 2.2.
    """
    cases = [
        (np.arange(20), 0.4, 15, 5),
        (np.arange(12), 3.0, 10, 0),
        (np.array([0, 7, 30, 64, 99, 100, 140]), 0.05, 100, 20),
    ]
    check_function(schedule, rates(), cases, mistakes=SCHEDULE_MISTAKES)


def rates(
    *,
    falls_over="the rest",
    begins=0,
    shape="cosine",
    half=True,
    rises_over="rising",
    rises=True,
    top="alpha",
    ends=True,
    circle=np.pi,
    rise="line",
    whole=False,
):
    """The schedule with one thing or another done differently."""

    def schedule(step, alpha, steps, rising):
        length = {
            "the rest": steps - rising,
            "all": steps,
            "one less": steps - rising - 1,
        }.get(falls_over)
        if falls_over == "nothing before":
            part = step / steps
        else:
            part = (step - rising) / length
        part = np.clip(part, 0, 1) if ends else np.maximum(part, 0)
        if shape == "line":
            falling = alpha * (1 - part)
        elif shape == "bare":
            falling = alpha * np.cos(circle * part)
        else:
            falling = alpha * (1 + np.cos(circle * part)) / (2 if half else 1)
        over = {"rising": max(rising, 1), "all": steps}[rises_over]
        goal = {"alpha": alpha, "one": 1.0}[top]
        up = goal * (step + begins) / over
        if rise == "cosine":
            up = goal / 2 * (1 - np.cos(np.pi * step / over))
        rate = np.where((step < rising) & rises, up, falling)
        return rate.astype(int) if whole else rate

    return schedule


SCHEDULE_MISTAKES = {
    "The fall takes steps - rising steps, so it must end at steps.": rates(
        falls_over="all"
    ),
    "The cosine counts from step 0: the rate jumps where the rise ends.": rates(
        falls_over="nothing before"
    ),
    "It falls along a line, not along a cosine.": rates(shape="line"),
    "Zero comes at step `steps`, not one step before.": rates(falls_over="one less"),
    "It rises along a cosine, not along a line.": rates(rise="cosine"),
    "The rates were cut to whole numbers: zeros_like(step) has step's type.": rates(
        whole=True
    ),
    "The cosine goes below zero: add 1, then halve.": rates(shape="bare"),
    "The largest rate is twice alpha: the half is missing.": rates(half=False),
    "The rise takes `rising` steps, not all steps.": rates(rises_over="all"),
    "There is no warm-up.": rates(rises=False),
    "The rise leads to 1 and not to alpha.": rates(top="one"),
    "Step 0 of a rise has the rate zero: count from 0, not from 1.": rates(begins=1),
    "After the last step the rate goes up again.": rates(ends=False),
    "The cosine runs from 0 to 1 and not from 0 to pi.": rates(circle=1.0),
    "The cosine runs through a whole circle, not half of one.": rates(circle=2 * np.pi),
}


def check_machine_noise(function):
    """Name the mistake in a noise scale estimated from the gradients of machines.

    Args:
        function: function `(gradients, b) -> noise scale` in examples; `gradients` is
            (steps, machines, weights), the mean gradient of the `b` examples that each
            machine had in each step. Estimates of tr(Sigma) and |G|**2 are unbiased,
            averaged over the steps, and then divided.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_machine_noise(estimate(per="batch"))
    ... except AssertionError as error:
    ...     print(str(error)[-60:])
    This counts in batches of b: the noise scale is in examples.

    Source: McCandlish et al., "An empirical model of large-batch training" (arXiv
    1812.06162), appendix A.1.
    """
    rng = np.random.default_rng(2)
    cases = []
    for shape, b in (((7, 4, 5), 8), ((3, 2, 11), 1), ((5, 3, 4), 32)):
        mean = rng.normal(size=(shape[0], 1, shape[2]))
        cases.append((mean + 0.6 * rng.normal(size=shape), b))
    check_function(function, estimate(), cases, mistakes=NOISE_MISTAKES)


def estimate(
    *,
    per="example",
    signal="unbiased",
    noise="unbiased",
    order="ratio of means",
    upside_down=False,
    roots=False,
    steps_first=False,
    of="machines",
):
    """The estimate with one thing or another done differently."""

    def function(gradients, b):
        if steps_first:
            gradients = gradients.mean(0, keepdims=True)
        machines = gradients.shape[1]
        own = (gradients**2).sum(-1)  # (steps, machines)
        together = (gradients.mean(1) ** 2).sum(-1)  # (steps,)
        if roots:
            own, together = np.sqrt(own), np.sqrt(together)
        own = own.mean(1)
        spread = own - together
        if noise == "unbiased":
            spread = spread * machines / (machines - 1)
        size = {"machines": b, "all": b * machines}[of] if per == "example" else 1
        trace = size * spread
        length = together
        if signal == "unbiased":
            length = (machines * together - own) / (machines - 1)
        elif signal == "own":
            length = own
        if upside_down:
            trace, length = length, trace
        if order == "mean of ratios":
            return np.mean(trace / length)
        return trace.mean() / length.mean()

    return function


NOISE_MISTAKES = {
    "This counts in batches of b: the noise scale is in examples.": estimate(
        per="batch"
    ),
    "The mean gradient still holds noise: its squared length is too large.": estimate(
        signal="biased"
    ),
    "The signal is the length of a machine's own gradient, noise included.": estimate(
        signal="own"
    ),
    "The spread of M gradients about their mean is divided by M - 1.": estimate(
        noise="biased"
    ),
    "Neither estimate is corrected for the number of machines.": estimate(
        noise="biased", signal="biased"
    ),
    "Average both estimates over the steps first, then divide.": estimate(
        order="mean of ratios"
    ),
    "Noise is divided by signal, not the reverse.": estimate(upside_down=True),
    "Lengths enter squared.": estimate(roots=True),
    "The gradients of all steps are averaged: each step has a mean of its own.": (
        estimate(steps_first=True)
    ),
    "A machine's gradient is the mean of b examples, not of all of them.": estimate(
        of="all"
    ),
}
