"""Solutions of the chapter on the backward pass of a convolution."""

import numpy as np

from companion.exercises import check_input_gradient, check_kernel_gradient
from companion.scratch import conv2d_forward, conv_matrix, im2col


def windows(grad, k, s):
    for i, j in np.ndindex(grad.shape[1:3]):
        yield i, j, slice(i * s, i * s + k), slice(j * s, j * s + k)


# ---------------------------------------------------------------------- input, right


def laid_down(grad, kernel, shape, s):
    back = np.zeros(shape)
    for i, j, rows, columns in windows(grad, len(kernel), s):
        for m, n in np.ndindex(kernel.shape[:2]):
            cell = back[:, rows.start + m, columns.start + n]
            cell += grad[:, i, j] @ kernel[m, n].T
    return back


def collected(grad, kernel, shape, s):
    """Zeros inserted, zeros around, the rotated kernel at stride 1."""
    n, rows, columns, f = grad.shape
    k = len(kernel)
    wide = np.zeros((n, shape[1] + k - 1, shape[2] + k - 1, f))
    ends = k - 1 + (rows - 1) * s + 1, k - 1 + (columns - 1) * s + 1
    wide[:, k - 1 : ends[0] : s, k - 1 : ends[1] : s] = grad
    return conv2d_forward(wide, kernel[::-1, ::-1].transpose(0, 1, 3, 2))


def by_matrix(grad, kernel, shape, s):
    matrix = conv_matrix(kernel, shape[1:3], stride=s)
    return (grad.reshape(len(grad), -1) @ matrix).reshape(shape)


def cell_by_cell(grad, kernel, shape, s):
    back, k = np.zeros(shape), len(kernel)
    for row, column, m, n in np.ndindex(*shape[1:3], k, k):
        i, over = divmod(row - m, s)
        j, more = divmod(column - n, s)
        inside = 0 <= i < grad.shape[1] and 0 <= j < grad.shape[2]
        if inside and not over and not more:
            back[:, row, column] += grad[:, i, j] @ kernel[m, n].T
    return back.tolist()


# ---------------------------------------------------------------------- input, wrong


def rotated_twice(grad, kernel, shape, s):
    return laid_down(grad, kernel[::-1, ::-1], shape, s)


def collected_unrotated(grad, kernel, shape, s):
    return collected(grad, kernel[::-1], shape, s)


def rows_reversed(grad, kernel, shape, s):
    return laid_down(grad, kernel[::-1], shape, s)


def taps_transposed(grad, kernel, shape, s):
    return laid_down(grad, kernel.transpose(1, 0, 2, 3), shape, s)


def channels_exchanged(grad, kernel, shape, s):
    same = kernel.shape[2] == kernel.shape[3]
    return laid_down(grad, kernel.transpose(0, 1, 3, 2) if same else kernel, shape, s)


def channels_exchanged_everywhere(grad, kernel, shape, s):
    back = np.zeros(shape)
    for i, j, rows, columns in windows(grad, len(kernel), s):
        back[:, rows, columns] += np.einsum("nc,abcf->nabf", grad[:, i, j], kernel)
    return back


def overwritten(grad, kernel, shape, s):
    back = np.zeros(shape)
    for i, j, rows, columns in windows(grad, len(kernel), s):
        back[:, rows, columns] = np.einsum("nf,abcf->nabc", grad[:, i, j], kernel)
    return back


def no_stride(grad, kernel, shape, s):
    back = np.zeros(shape)
    for i, j, rows, columns in windows(grad, len(kernel), 1):
        back[:, rows, columns] += np.einsum("nf,abcf->nabc", grad[:, i, j], kernel)
    return back


def no_zeros(grad, kernel, shape, s):
    """The full convolution, without zeros between, padded at the end to the shape."""
    k = len(kernel)
    full = conv2d_forward(grad, kernel[::-1, ::-1].transpose(0, 1, 3, 2), padding=k - 1)
    short = [max(n - m, 0) for n, m in zip(shape[1:3], full.shape[1:3], strict=True)]
    full = np.pad(full, ((0, 0), (0, short[0]), (0, short[1]), (0, 0)))
    return full[:, : shape[1], : shape[2]]


def leftovers_first(grad, kernel, shape, s):
    k = len(kernel)
    over = [(n - k) % s for n in shape[1:3]]
    inner = shape[0], shape[1] - over[0], shape[2] - over[1], shape[3]
    back = laid_down(grad, kernel, inner, s)
    return np.pad(back, ((0, 0), (over[0], 0), (over[1], 0), (0, 0)))


def leftovers_missing(grad, kernel, shape, s):
    k = len(kernel)
    inner = [(n - 1) * s + k for n in grad.shape[1:3]]
    return laid_down(grad, kernel, (shape[0], *inner, shape[3]), s)


def mean_of_windows(grad, kernel, shape, s):
    count = laid_down(
        np.ones_like(grad[..., :1]), np.ones_like(kernel[..., :1]), shape, s
    )
    return laid_down(grad, kernel, shape, s) / np.where(count > 0, count, 1)


def mean_of_examples(grad, kernel, shape, s):
    return laid_down(grad, kernel, shape, s) / len(grad)


def sum_of_examples(grad, kernel, shape, s):
    back = laid_down(grad, kernel, shape, s)
    return np.repeat(back.sum(axis=0, keepdims=True), len(grad), axis=0)


def plain_convolution(grad, kernel, shape, s):
    return conv2d_forward(grad, kernel.transpose(0, 1, 3, 2))


def wrong_sign(grad, kernel, shape, s):
    return -laid_down(grad, kernel, shape, s)


def changes_its_argument(grad, kernel, shape, s):
    grad *= 2
    return laid_down(grad, kernel, shape, s) / 2


# --------------------------------------------------------------------- kernel, right


def product_by_product(grad, x, k, s):
    back = np.zeros((k, k, x.shape[3], grad.shape[3]))
    for i, j, rows, columns in windows(grad, k, s):
        back += np.einsum("nabc,nf->abcf", x[:, rows, columns], grad[:, i, j])
    return back


def tap_by_tap(grad, x, k, s):
    _, rows, columns, _ = grad.shape
    back = [
        [
            np.tensordot(
                x[:, m : m + s * rows : s, n : n + s * columns : s][:, :rows, :columns],
                grad,
                axes=((0, 1, 2), (0, 1, 2)),
            )
            for n in range(k)
        ]
        for m in range(k)
    ]
    return np.array(back)


def by_rows(grad, x, k, s):
    rows = im2col(x, k, stride=s).reshape(-1, k * k * x.shape[3])
    back = rows.T @ grad.reshape(-1, grad.shape[3])
    return back.reshape(k, k, x.shape[3], grad.shape[3])


def as_convolution(grad, x, k, s):
    found = conv2d_forward(
        x.transpose(3, 1, 2, 0), grad.transpose(1, 2, 0, 3), dilation=s
    )
    return found.transpose(1, 2, 0, 3)[:k, :k]


# --------------------------------------------------------------------- kernel, wrong


def stride_forgotten(grad, x, k, s):
    back = np.zeros((k, k, x.shape[3], grad.shape[3]))
    for i, j in np.ndindex(grad.shape[1:3]):
        back += np.einsum("nabc,nf->abcf", x[:, i : i + k, j : j + k], grad[:, i, j])
    return back


def kernel_rotated(grad, x, k, s):
    return by_rows(grad, x, k, s)[::-1, ::-1]


def kernel_transposed(grad, x, k, s):
    return by_rows(grad, x, k, s).transpose(1, 0, 2, 3)


def kernel_channels(grad, x, k, s):
    return by_rows(grad, x, k, s).transpose(0, 1, 3, 2)


def mean_over_examples(grad, x, k, s):
    return by_rows(grad, x, k, s) / len(x)


def mean_over_places(grad, x, k, s):
    return by_rows(grad, x, k, s) / (grad.shape[1] * grad.shape[2])


def mean_over_all(grad, x, k, s):
    return by_rows(grad, x, k, s) / np.prod(grad.shape[:3])


def last_place_only(grad, x, k, s):
    for i, j, rows, columns in windows(grad, k, s):
        back = np.einsum("nabc,nf->abcf", x[:, rows, columns], grad[:, i, j])
    return back


def first_example(grad, x, k, s):
    return by_rows(grad[:1], x[:1], k, s)


def last_example(grad, x, k, s):
    for one, seen in zip(grad, x, strict=True):
        back = by_rows(one[None], seen[None], k, s)
    return back


def windows_from_the_end(grad, x, k, s):
    _, rows, columns, _ = grad.shape
    first = x.shape[1] - ((rows - 1) * s + k), x.shape[2] - ((columns - 1) * s + k)
    return by_rows(grad, x[:, first[0] :, first[1] :], k, s)


def not_cut(grad, x, k, s):
    found = conv2d_forward(
        x.transpose(3, 1, 2, 0), grad.transpose(1, 2, 0, 3), dilation=s
    )
    return found.transpose(1, 2, 0, 3)


def examples_kept(grad, x, k, s):
    return np.stack(
        [by_rows(a[None], b[None], k, s) for a, b in zip(grad, x, strict=True)]
    )


EXERCISES = [
    {
        "label": "ex-backward-input",
        "checker": check_input_gradient,
        "right": {
            "the kernel laid down": laid_down,
            "collected by the rotated kernel, as in the chapter": collected,
            "the matrix": by_matrix,
            "cell by cell": cell_by_cell,
        },
        "wrong": {
            "laid down rotated": (rotated_twice, "lies rotated over its window"),
            "collected, rows turned only": (collected_unrotated, "Only the rows of"),
            "columns turned": (
                lambda g, w, shape, s: laid_down(g, w[:, ::-1], shape, s),
                "Only the columns of the kernel",
            ),
            "taps transposed": (taps_transposed, "rotated is not transposed"),
            "channels exchanged": (channels_exchanged, "The channels are exchanged"),
            "channels that do not fit": (
                channels_exchanged_everywhere,
                "ValueError: operands",
            ),
            "overwritten": (overwritten, "overlap overwrite each other"),
            "stride forgotten": (no_stride, "stand one cell apart"),
            "zeros forgotten": (no_zeros, "s - 1 zeros belong"),
            "cells over at the start": (leftovers_first, "not at the start"),
            "cells over missing": (leftovers_missing, "are missing: they get zeros"),
            "mean of windows": (mean_of_windows, "over the windows of a cell"),
            "mean of examples": (mean_of_examples, "each has its own gradient"),
            "sum of examples": (sum_of_examples, "get the sum of their gradients"),
            "a convolution": (plain_convolution, "as many cells as the input has"),
            "wrong sign": (wrong_sign, "The sign is the wrong one"),
            "changes its argument": (changes_its_argument, "were changed"),
        },
    },
    {
        "label": "ex-backward-kernel",
        "checker": check_kernel_gradient,
        "right": {
            "window by window": product_by_product,
            "tap by tap, as in the chapter": tap_by_tap,
            "one product of matrices": by_rows,
            "a convolution with taps apart": as_convolution,
        },
        "wrong": {
            "stride forgotten": (stride_forgotten, "one cell apart, not a stride"),
            "rotated": (kernel_rotated, "for the kernel nothing is"),
            "transposed": (kernel_transposed, "Rows and columns are exchanged"),
            "channels exchanged": (kernel_channels, "input's come before the output's"),
            "mean over examples": (mean_over_examples, "over the examples was taken"),
            "mean over places": (mean_over_places, "over the places was taken"),
            "mean over all": (mean_over_all, "over places and examples was taken"),
            "last place": (last_place_only, "Only the last place counts"),
            "first example": (first_example, "Only the first example counts"),
            "last example": (last_example, "Only the last example counts"),
            "from the end": (windows_from_the_end, "The windows begin at the first"),
            "not cut": (not_cut, "more numbers than taps"),
            "examples kept apart": (examples_kept, "results of the wrong shape"),
        },
    },
]
