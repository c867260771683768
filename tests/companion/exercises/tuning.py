"""Solutions of the chapter on learning rate, batch size and tuning."""

import math

import numpy as np

from companion.exercises import check_machine_noise, check_warm_up_cosine
from companion.optimizers import cosine_decay, noise_scale_of_batches


def as_in_the_chapter(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    falling = alpha / 2 * (1 + np.cos(np.pi * part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def one_by_one(step, alpha, steps, rising):
    found = []
    for t in step:
        if t < rising:
            found.append(alpha * t / rising)
        elif t >= steps:
            found.append(0.0)
        else:
            found.append(
                alpha * math.cos(math.pi / 2 * (t - rising) / (steps - rising)) ** 2
            )
    return found


def by_interpolation(step, alpha, steps, rising):
    part = np.interp(step, [rising, steps], [0, math.pi])
    rate = 0.5 * alpha * (np.cos(part) + 1)
    if rising:
        rate[step < rising] = alpha * step[step < rising] / rising
    return rate


def too_long(step, alpha, steps, rising):
    part = np.clip((step - rising) / steps, 0, 1)
    falling = alpha / 2 * (1 + np.cos(np.pi * part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def jumps(step, alpha, steps, rising):
    falling = alpha / 2 * (1 + np.cos(np.pi * np.minimum(step / steps, 1)))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def line(step, alpha, steps, rising):
    return np.interp(step, [0, rising, steps] if rising else [0, steps],
                     [0, alpha, 0] if rising else [alpha, 0])  # fmt: skip


def below_zero(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    up = alpha * step / max(rising, 1)
    return np.where(step < rising, up, alpha * np.cos(np.pi * part))


def twice(step, alpha, steps, rising):
    found = as_in_the_chapter(step, alpha, steps, rising)
    return np.where(step < rising, found, 2 * found)


def slow_rise(step, alpha, steps, rising):
    found = as_in_the_chapter(step, alpha, steps, rising)
    return np.where(step < rising, alpha * step / steps, found)


def no_rise(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    return alpha / 2 * (1 + np.cos(np.pi * part))


def to_one(step, alpha, steps, rising):
    found = as_in_the_chapter(step, alpha, steps, rising)
    return np.where(step < rising, step / max(rising, 1), found)


def from_one(step, alpha, steps, rising):
    found = as_in_the_chapter(step, alpha, steps, rising)
    return np.where(step < rising, alpha * (step + 1) / max(rising, 1), found)


def again(step, alpha, steps, rising):
    part = np.maximum((step - rising) / (steps - rising), 0)
    falling = alpha / 2 * (1 + np.cos(np.pi * part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def no_pi(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    falling = alpha / 2 * (1 + np.cos(part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def whole_circle(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - rising), 0, 1)
    falling = alpha / 2 * (1 + np.cos(2 * np.pi * part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def one_step_less(step, alpha, steps, rising):
    part = np.clip((step - rising) / (steps - 1 - rising), 0, 1)
    falling = alpha / 2 * (1 + np.cos(np.pi * part))
    return np.where(step < rising, alpha * step / max(rising, 1), falling)


def smooth_rise(step, alpha, steps, rising):
    found = as_in_the_chapter(step, alpha, steps, rising)
    part = step / max(rising, 1)
    return np.where(step < rising, alpha * np.sin(np.pi / 2 * part) ** 2, found)


def whole_numbers(step, alpha, steps, rising):
    rate = np.zeros_like(step)
    rate[:] = as_in_the_chapter(step, alpha, steps, rising)
    return rate


def of_variances(gradients, b):
    spread = gradients.var(axis=1, ddof=1).sum(-1)
    length = (gradients.mean(1) ** 2).sum(-1) - spread / gradients.shape[1]
    return b * spread.mean() / length.mean()


def of_the_package(gradients, b):
    own = (gradients**2).sum(-1)
    together = (gradients.mean(1) ** 2).sum(-1)
    return noise_scale_of_batches(own, together, b, gradients.shape[1])


def of_pairs(gradients, b):
    """The product of two machines' gradients is free of noise, their distance not."""
    machines = range(gradients.shape[1])
    pairs = [(i, j) for i in machines for j in machines if i < j]
    signal = np.mean([(gradients[:, i] * gradients[:, j]).sum(-1) for i, j in pairs])
    noise = np.mean(
        [((gradients[:, i] - gradients[:, j]) ** 2).sum(-1) for i, j in pairs]
    )
    return b * noise / 2 / signal


def in_batches(gradients, b):
    return of_variances(gradients, 1)


def noisy_signal(gradients, b):
    spread = gradients.var(axis=1, ddof=1).sum(-1)
    return b * spread.mean() / (gradients.mean(1) ** 2).sum(-1).mean()


def own_signal(gradients, b):
    spread = gradients.var(axis=1, ddof=1).sum(-1)
    return b * spread.mean() / (gradients**2).sum(-1).mean()


def divided_by_all(gradients, b):
    machines = gradients.shape[1]
    return of_variances(gradients, b) * (machines - 1) / machines


def uncorrected(gradients, b):
    spread = gradients.var(axis=1).sum(-1)
    return b * spread.mean() / (gradients.mean(1) ** 2).sum(-1).mean()


def ratios_first(gradients, b):
    return np.mean([of_variances(step[None], b) for step in gradients])


def upside_down(gradients, b):
    return 1 / of_variances(gradients, b)


def not_squared(gradients, b):
    own = np.sqrt((gradients**2).sum(-1))
    together = np.sqrt((gradients.mean(1) ** 2).sum(-1))
    return noise_scale_of_batches(own, together, b, gradients.shape[1])


def one_mean(gradients, b):
    return of_variances(gradients.mean(0, keepdims=True), b)


def of_all(gradients, b):
    return of_variances(gradients, b * gradients.shape[1])


EXERCISES = [
    {
        "label": "ex-tuning-schedule",
        "checker": check_warm_up_cosine,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "one step after the other, as a squared cosine": one_by_one,
            "by interpolation": by_interpolation,
            "the package's": cosine_decay,
        },
        "wrong": {
            "falls for too long": (too_long, "must end at steps"),
            "jumps after the rise": (jumps, "jumps where the rise ends"),
            "a line": (line, "along a line"),
            "below zero": (below_zero, "goes below zero"),
            "twice as high": (twice, "the half is missing"),
            "a slow rise": (slow_rise, "not all steps"),
            "no rise": (no_rise, "no warm-up"),
            "up to one": (to_one, "leads to 1"),
            "from one on": (from_one, "count from 0"),
            "up again": (again, "goes up again"),
            "without pi": (no_pi, "from 0 to pi"),
            "a whole circle": (whole_circle, "whole circle"),
            "zero a step early": (one_step_less, "not one step before"),
            "a smooth rise": (smooth_rise, "rises along a cosine"),
            "whole numbers": (whole_numbers, "cut to whole numbers"),
            "no return": (lambda *_: None, "Is a `return` missing?"),
            "one number": (lambda t, alpha, *_: alpha, "wrong shape"),
            "another signature": (lambda t: t, "[runs]"),
        },
    },
    {
        "label": "ex-tuning-noise",
        "checker": check_machine_noise,
        "right": {
            "from variances": of_variances,
            "the package's": of_the_package,
            "from pairs of machines": of_pairs,
        },
        "wrong": {
            "in batches": (in_batches, "counts in batches"),
            "a noisy signal": (noisy_signal, "still holds noise"),
            "a machine's own signal": (own_signal, "own gradient, noise included"),
            "divided by M": (divided_by_all, "divided by M - 1"),
            "uncorrected": (uncorrected, "Neither estimate"),
            "ratios first": (ratios_first, "then divide"),
            "upside down": (upside_down, "not the reverse"),
            "not squared": (not_squared, "enter squared"),
            "one mean for all steps": (one_mean, "a mean of its own"),
            "of all examples": (of_all, "not of all of them"),
            "no return": (lambda gradients, b: None, "Is a `return` missing?"),
            "a row of numbers": (
                lambda gradients, b: gradients[:, 0, 0],
                "wrong shape",
            ),
            "another signature": (lambda gradients: 1.0, "[runs]"),
        },
    },
]
