"""Checkers of the chapter on the backward pass of a convolution."""

import numpy as np

from companion.conformance import check_function
from companion.scratch import conv2d_backward, conv2d_forward, conv2d_transpose

__all__ = ["check_input_gradient", "check_kernel_gradient"]


def check_input_gradient(function):
    """Name the mistake in the gradient of a convolution's input.

    Args:
        function: takes `(grad, kernel, shape, s)`: the gradient of the output `(n, h',
            w', f)`, the kernel `(k, k, c, f)`, the shape `(n, h, w, c)` of the input
            and the stride; there was no padding. Returns the gradient of the input.

    Raises:
        ConformanceError: names the mistake.

    Example: one window after the other, and the later one overwrites the earlier one.

    >>> def overwriting(grad, kernel, shape, s):
    ...     back, k = np.zeros(shape), len(kernel)
    ...     for i, j in np.ndindex(grad.shape[1:3]):
    ...         back[:, i * s : i * s + k, j * s : j * s + k] = np.einsum(
    ...             "nf,abcf->nabc", grad[:, i, j], kernel)
    ...     return back
    >>> try:
    ...     check_input_gradient(overwriting)
    ... except AssertionError as error:
    ...     print(str(error)[-66:])
    Windows that overlap overwrite each other: their gradients add up.

    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code
    recognition"; Dumoulin and Visin 2016 (arXiv 1603.07285), Section 4.6.
    """
    draw = np.random.default_rng(41).standard_normal
    cases = []
    for k, c, f, s, shape in CASES:
        windows = [(n - k) // s + 1 for n in shape[1:3]]
        grad, kernel = draw((shape[0], *windows, f)), draw((k, k, c, f))
        cases.append((grad, kernel, shape, s))
    check_function(function, of_input, cases, mistakes=INPUT_MISTAKES)


def check_kernel_gradient(function):
    """Name the mistake in the gradient of a convolution's kernel.

    Args:
        function: takes `(grad, x, k, s)`: the gradient of the output `(n, h', w', f)`,
            the input `(n, h, w, c)`, the size of the kernel and the stride; there was
            no padding. Returns the gradient of the kernel, `(k, k, c, f)`.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> def mean(grad, x, k, s):
    ...     kernel = np.zeros((k, k, x.shape[3], grad.shape[3]))
    ...     return conv2d_backward(grad, x, kernel, stride=s)[1] / len(x)
    >>> try:
    ...     check_kernel_gradient(mean)
    ... except AssertionError as error:
    ...     print(str(error)[-61:])
    The mean over the examples was taken: their gradients add up.

    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code
    recognition"; Dumoulin and Visin 2016 (arXiv 1603.07285), Section 4.1.
    """
    draw = np.random.default_rng(43).standard_normal
    cases = []
    for k, _, f, s, shape in CASES:
        windows = [(n - k) // s + 1 for n in shape[1:3]]
        cases.append((draw((shape[0], *windows, f)), draw(shape), k, s))
    check_function(function, of_kernel, cases, mistakes=KERNEL_MISTAKES)


CASES = (  # k, c, f, s, shape of the input: some strides leave cells over
    (3, 3, 3, 2, (2, 8, 9, 3)),
    (3, 2, 3, 1, (3, 5, 6, 2)),
    (2, 3, 2, 3, (2, 9, 7, 3)),
    (4, 2, 2, 2, (2, 10, 12, 2)),
)


def of_input(grad, kernel, shape, s):
    return conv2d_backward(grad, np.zeros(shape), kernel, stride=s)[0]


def scattered(grad, kernel, shape, s, put, step=None):
    """Lay the kernel over each window, by `put(old, new)`."""
    back, k, step = np.zeros(shape), len(kernel), step or s
    for i, j in np.ndindex(grad.shape[1:3]):
        window = (
            slice(None),
            slice(i * step, i * step + k),
            slice(j * step, j * step + k),
        )
        new = np.einsum("nf,abcf->nabc", grad[:, i, j], kernel)
        back[window] = put(back[window], new)
    return back


def at_the_end(grad, kernel, shape, s):
    """The cells that the stride leaves over stand first."""
    back = np.zeros(shape)
    inner = conv2d_transpose(grad, kernel, stride=s, output_padding=0)
    back[:, shape[1] - inner.shape[1] :, shape[2] - inner.shape[2] :] = inner
    return back


def exchanged(grad, kernel, shape, s):
    """The kernel's two axes of channels exchanged where they are equally long."""
    equal = kernel.shape[2] == kernel.shape[3]
    return of_input(grad, kernel.swapaxes(2, 3) if equal else kernel, shape, s)


def shared_out(grad, kernel, shape, s):
    """The mean over the windows in which a cell lies."""
    count = of_input(
        np.ones_like(grad[..., :1]), np.ones_like(kernel[..., :1]), shape, s
    )
    return of_input(grad, kernel, shape, s) / np.maximum(count, 1)


INPUT_MISTAKES = {
    "The sign is the wrong one.": (
        lambda grad, kernel, shape, s: -of_input(grad, kernel, shape, s)
    ),
    "The kernel lies rotated over its window. It is rotated only where a convolution "
    "collects, which turns it once more.": lambda grad, kernel, shape, s: of_input(
        grad, kernel[::-1, ::-1], shape, s
    ),
    "Only the rows of the kernel are the wrong way round.": (
        lambda grad, kernel, shape, s: of_input(grad, kernel[::-1], shape, s)
    ),
    "Only the columns of the kernel are the wrong way round.": (
        lambda grad, kernel, shape, s: of_input(grad, kernel[:, ::-1], shape, s)
    ),
    "Rows and columns of the kernel are exchanged: rotated is not transposed.": (
        lambda grad, kernel, shape, s: of_input(grad, kernel.swapaxes(0, 1), shape, s)
    ),
    "The channels are exchanged: the output's are summed over, the input's stay.": (
        exchanged
    ),
    "Windows that overlap overwrite each other: their gradients add up.": (
        lambda grad, kernel, shape, s: scattered(
            grad, kernel, shape, s, lambda old, new: new
        )
    ),
    "The windows stand one cell apart, not a stride; in a convolution that collects, "
    "s - 1 zeros belong between neighbouring gradients.": (
        lambda grad, kernel, shape, s: scattered(
            grad, kernel, shape, s, lambda old, new: old + new, step=1
        )
    ),
    "The cells that the stride leaves over stand at the end, not at the start.": (
        at_the_end
    ),
    "The mean over the windows of a cell was taken: their gradients add up.": (
        shared_out
    ),
    "The mean over the examples was taken: each has its own gradient.": (
        lambda grad, kernel, shape, s: of_input(grad, kernel, shape, s) / shape[0]
    ),
    "All examples get the sum of their gradients: each has its own.": (
        lambda grad, kernel, shape, s: np.broadcast_to(
            of_input(grad, kernel, shape, s).sum(axis=0), shape
        )
    ),
    "That is the output of a convolution of the gradient: there must be as many cells "
    "as the input has.": lambda grad, kernel, shape, s: conv2d_forward(
        grad, kernel.swapaxes(2, 3)
    ),
    "The cells that the stride leaves over are missing: they get zeros.": (
        lambda grad, kernel, shape, s: conv2d_transpose(
            grad, kernel, stride=s, output_padding=0
        )
    ),
}


def of_kernel(grad, x, k, s):
    kernel = np.zeros((k, k, x.shape[3], grad.shape[3]))
    return conv2d_backward(grad, x, kernel, stride=s)[1]


def one_apart(grad, x, k, s):
    """The windows of the input one cell apart."""
    rows, columns = grad.shape[1:3]
    seen = x[:, : rows + k - 1, : columns + k - 1]
    return of_kernel(grad, seen, k, 1)


def last_place(grad, x, k, s):
    only = np.zeros_like(grad)
    only[:, -1, -1] = grad[:, -1, -1]
    return of_kernel(only, x, k, s)


def from_the_end(grad, x, k, s):
    """The windows begin with the cells that the stride leaves over."""
    over = [(n - k) % s for n in x.shape[1:3]]
    return of_kernel(grad, x[:, over[0] :, over[1] :], k, s)


def with_leftovers(grad, x, k, s):
    """x convolved with the gradient, all of the result."""
    found = conv2d_forward(
        x.transpose(3, 1, 2, 0), grad.transpose(1, 2, 0, 3), dilation=s
    )
    return found.transpose(1, 2, 0, 3)


KERNEL_MISTAKES = {
    "The windows of the input stand one cell apart, not a stride.": one_apart,
    "The result is rotated: for the kernel nothing is.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s)[::-1, ::-1]
    ),
    "Rows and columns are exchanged.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s).swapaxes(0, 1)
    ),
    "The channels are exchanged: the input's come before the output's.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s).swapaxes(2, 3)
    ),
    "The mean over the examples was taken: their gradients add up.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s) / len(x)
    ),
    "The mean over the places was taken: their gradients add up.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s) / grad[0, ..., 0].size
    ),
    "The mean over places and examples was taken: their gradients add up.": (
        lambda grad, x, k, s: of_kernel(grad, x, k, s) / grad[..., 0].size
    ),
    "Only the last place counts: the gradients of all places add up.": last_place,
    "Only the first example counts: the gradients of all add up.": (
        lambda grad, x, k, s: of_kernel(grad[:1], x[:1], k, s)
    ),
    "Only the last example counts: the gradients of all add up.": (
        lambda grad, x, k, s: of_kernel(grad[-1:], x[-1:], k, s)
    ),
    "The windows begin at the first cell: what the stride leaves over is at the end.": (
        from_the_end
    ),
    "There are more numbers than taps: cells that are left over make further ones.": (
        with_leftovers
    ),
}
