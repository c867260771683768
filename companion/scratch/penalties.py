"""The proximal step of the L1 penalty: Tibshirani (1996), Daubechies et al. (2004)."""

import numpy as np

from companion.arguments import number, real_numbers


def soft_threshold(values, amount):
    """Move each value towards zero by `amount`, and stop there.

    It is the answer to a small problem: of all v, the one that makes
    (v - value)^2 / 2 + amount * |v| smallest. After a gradient step of size alpha on a
    loss with the penalty lambda * |w|, the amount is alpha * lambda.

    Args:
        values: real numbers of any shape.
        amount: a number >= 0.

    Returns:
        An array of the shape of `values`; whatever was at most `amount` in size is
        exactly zero. Integers become floating-point numbers.

    Raises:
        ValueError: if the values are no real numbers or the amount is negative.

    Example:

    >>> soft_threshold([3.0, 0.5, -0.5, -3.0], 1.0)
    array([ 2.,  0.,  0., -2.])

    Tibshirani 1996, "Regression shrinkage and selection via the lasso", equation 3;
    Daubechies, Defrise, De Mol 2004, "An iterative thresholding algorithm for linear
    inverse problems with a sparsity constraint".
    """
    values = real_numbers("values", values)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(float)
    amount = values.dtype.type(number("amount", amount, least=0))
    small = np.abs(values) <= amount
    return np.where(small, values.dtype.type(0), values - np.sign(values) * amount)
