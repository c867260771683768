"""A convolution as one matrix that multiplies the flattened map."""

from math import prod

import numpy as np

from companion.arguments import integers, real_numbers
from companion.scratch.patches import as_kernel, im2col


def conv_matrix(kernel, input_size, *, stride=1, padding="valid", dilation=1):
    """Write a convolution as the matrix C with y.ravel() = C @ x.ravel().

    A convolution is linear, so there is such a matrix: that of a fully connected layer
    between the same two maps. It has a row for each number of y and a column for each
    number of x. A row holds the weights of one filter at the columns that its window
    covers, and zeros elsewhere (local connectivity); the next row holds the same
    weights, moved (weight sharing).

    We number the cells from 1 and let `im2col` say which number each window reads at
    each tap; 0 is padding. The matrix is dense and grows with the square of the map:
    it is for looking at and for proofs, not for use.

    Args:
        kernel: weights, (*kernel_size, C_in, C_out), with one to three sizes.
        input_size: the sides of x: an integer for all, or one for each size.
        stride, padding, dilation: as in `im2col`.

    Returns:
        C, (prod(out_sides) * C_out, prod(input_size) * C_in), in the dtype of `kernel`,
        for maps without a batch, (*sides, channels), flattened in reading order.

    Raises:
        ValueError: if the kernel is no floating-point array of rank 3 to 5, does not
            fit into the padded input, or another argument is none of the above.

    Example: a kernel of two taps on four cells; then with stride 2.

    >>> kernel = np.array([2.0, 5.0]).reshape(2, 1, 1)
    >>> conv_matrix(kernel, 4)
    array([[2., 5., 0., 0.],
           [0., 2., 5., 0.],
           [0., 0., 2., 5.]])
    >>> conv_matrix(kernel, 4, stride=2)
    array([[2., 5., 0., 0.],
           [0., 0., 2., 5.]])

    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning",
    section 4.1.
    """
    kernel = real_numbers("kernel", kernel)
    kernel = as_kernel(kernel, min(max(kernel.ndim - 2, 1), 3))
    *kernel_size, c_in, c_out = kernel.shape
    sides = integers("input_size", input_size, len(kernel_size))
    cells = np.arange(1, prod(sides) + 1).reshape(1, *sides, 1)
    read = im2col(
        cells, tuple(kernel_size), stride=stride, padding=padding, dilation=dilation
    )
    read = read.reshape(-1, prod(kernel_size))  # windows x taps
    matrix = np.zeros((len(read), c_out, prod(sides), c_in), kernel.dtype)
    weights = kernel.reshape(-1, c_in, c_out)
    for window, tap in np.argwhere(read > 0):
        matrix[window, :, read[window, tap] - 1] = weights[tap].T
    return matrix.reshape(len(read) * c_out, -1)
