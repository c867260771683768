"""Whether a network keeps within what it may cost."""

import math

from companion.arguments import integer
from companion.conformance.models import macs_of
from companion.conformance.report import ConformanceError


def check_budget(model, params=None, macs=None):
    """Check that a network costs no more than allowed.

    All weights count, whether they learn or not: to freeze a layer saves nothing.

    Args:
        model: A built `keras.Model`, or a layer if only `params` is given.
        params: The largest number of weights.
        macs: The largest number of multiply-adds for one input.

    Raises:
        ConformanceError: If it costs more; `check` is "params" or "macs".
        NotJudged: If multiply-adds cannot be counted.
        ValueError: If no budget is given, or one is no positive integer.

    Example:

    >>> import keras
    >>> image = keras.Input((8,))
    >>> model = keras.Model(image, keras.layers.Dense(10)(image))
    >>> model.trainable = False
    >>> check_budget(model, params=90, macs=80)
    >>> try:
    ...     check_budget(model, params=80)
    ... except AssertionError as error:
    ...     print(error)
    [params] It has 90 weights, 10 more than allowed. Which layer has most of them?
    """
    if params is None and macs is None:
        raise ValueError("Give `params`, `macs` or both. Received: params=None")
    if params is not None:
        found = sum(math.prod(weight.shape) for weight in model.weights)
        _within("params", "weights", found, params)
    if macs is not None:
        _within("macs", "multiply-adds", macs_of(model), macs)


def _within(check, what, found, most):
    excess = found - integer(check, most)
    if excess > 0:
        raise ConformanceError(
            check,
            f"It has {found:,} {what}, {excess:,} more than allowed.",
            "Which layer has most of them?",
        )
