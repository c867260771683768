"""Solutions of the chapter on batch normalization."""

import numpy as np

from companion.exercises import check_batch_norm
from companion.exercises.batch_normalization import variant
from companion.scratch import batch_norm_forward


def with_the_package(x, gamma, beta, mean, variance, training, momentum, epsilon):
    if not training:
        y, *_ = batch_norm_forward(
            x, gamma, beta, epsilon, mean=mean, variance=variance
        )
        return y, mean, variance
    y, *new = batch_norm_forward(x, gamma, beta, epsilon)
    mean, variance = (
        momentum * old + (1 - momentum) * each
        for old, each in zip((mean, variance), new, strict=True)
    )
    return y, mean, variance


def channel_by_channel(x, gamma, beta, mean, variance, training, momentum, epsilon):
    y, mean, variance = x.copy(), mean.copy(), variance.copy()
    for c in range(x.shape[-1]):
        values = x[..., c]
        mu, square = mean[c], variance[c]
        if training:
            mu = values.sum() / values.size
            square = ((values - mu) ** 2).sum() / values.size
            mean[c] += (1 - momentum) * (mu - mean[c])
            variance[c] += (1 - momentum) * (square - variance[c])
        y[..., c] = gamma[c] * (values - mu) * (square + epsilon) ** -0.5 + beta[c]
    return [y, mean, variance]


def as_rows(x, gamma, beta, mean, variance, training, momentum, epsilon):
    rows = x.reshape(-1, x.shape[-1])
    moved = mean, variance
    if training:
        first, second = rows.mean(0), (rows**2).mean(0)
        seen = first, second - first**2
        moved = [momentum * a + (1 - momentum) * b for a, b in zip(moved, seen)]  # noqa: B905
        mean, variance = seen
    a = gamma / np.sqrt(variance + epsilon)
    return (rows * a + (beta - mean * a)).reshape(x.shape), *moved


def in_place(x, gamma, beta, mean, variance, training, momentum, epsilon):
    y, new, other = with_the_package(
        x, gamma, beta, mean, variance, training, momentum, epsilon
    )
    mean[:], variance[:] = new, other
    return y, mean, variance


def only_y(*arguments):
    return with_the_package(*arguments)[0]


def nothing(*arguments):
    with_the_package(*arguments)


def four(*arguments):
    y, mean, variance = with_the_package(*arguments)
    return y, mean, variance, mean


def channels_first(*arguments):
    y, mean, variance = with_the_package(*arguments)
    return y.transpose(0, 3, 1, 2), mean, variance


def seven_arguments(x, gamma, beta, mean, variance, training, momentum):
    return x, mean, variance


EXERCISES = [
    {
        "label": "ex-bn-code",
        "checker": check_batch_norm,
        "right": {
            "with the package's function": with_the_package,
            "channel by channel": channel_by_channel,
            "as rows, by the mean of squares": as_rows,
            "variant": variant(),
        },
        "wrong": {
            "each position": (variant(axes=(0,)), "over height and width too"),
            "each image": (variant(axes=(1, 2)), "over the batch too"),
            "all channels": (variant(axes=(0, 1, 2, 3)), "All channels share"),
            "unbiased": (variant(used="unbiased"), "by the unbiased variance"),
            "both unbiased": (
                variant(used="unbiased", stored="unbiased"),
                "Both variances are unbiased",
            ),
            "as in PyTorch": (variant(stored="unbiased"), "as in PyTorch"),
            "a deviation": (variant(stored="root"), "taken for a variance"),
            "no root": (variant(root=False), "by the variance and not by its root"),
            "no epsilon": (variant(epsilon="none"), "Epsilon is missing"),
            "epsilon outside": (variant(epsilon="outside"), "under the root"),
            "a fixed epsilon": (variant(epsilon="fixed"), "Epsilon is given"),
            "no gamma": (variant(gamma=False), "Gamma is missing"),
            "no beta": (variant(beta=False), "Beta is missing"),
            "PyTorch's momentum": (variant(momentum="of the new"), "of the old"),
            "no memory": (variant(momentum="ignored"), "averages are replaced"),
            "the batch at inference": (
                variant(statistics="of the batch"),
                "At inference the batch's own",
            ),
            "averages in training": (
                variant(statistics="of the past"),
                "In training the moving averages are used",
            ),
            "reversed": (variant(statistics="reversed"), "have changed places"),
            "moves at inference": (variant(moves="always"), "At inference the aver"),
            "never moves": (variant(moves="never"), "averages do not move"),
            "in place": (in_place, "The arguments of case 1 were changed"),
            "only y": (only_y, "results of the wrong shape"),
            "nothing": (nothing, "Is a `return` missing"),
            "channels first": (channels_first, "of the wrong shape, [(3, 5, 2, 4)"),
            "seven arguments": (seven_arguments, "takes 7 positional arguments"),
        },
    }
]
