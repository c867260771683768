"""What arguments must be: the rules that every room of the package shares.

A check returns the value that the caller goes on with: a NumPy integer becomes a plain
`int`, so that it can be stored in a config. `True` is no number here.
"""

import math
from numbers import Integral, Real

__all__ = ["channels_last", "integer", "integers", "number", "real_numbers"]


def integer(name, value, least=1):
    """Return a whole number of at least `least` as an `int`.

    Args:
        name: what the caller calls the argument.
        value: what was received. NumPy integers count as whole numbers, booleans and
            whole floats do not.
        least: the smallest allowed value.

    Raises:
        ValueError: names the rule and the value received.

    Example:

    >>> integer("groups", 4)
    4
    >>> integer("groups", 0)
    Traceback (most recent call last):
        ...
    ValueError: `groups` must be a positive integer. Received: groups=0
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        rule = {0: "a non-negative integer", 1: "a positive integer"}.get(
            least, f"an integer of at least {least}"
        )
        raise ValueError(f"`{name}` must be {rule}. Received: {name}={value!r}")
    return int(value)


def integers(name, value, count, least=1):
    """Return `count` whole numbers as a tuple; one number stands for all of them.

    Raises:
        ValueError: if `value` is neither one whole number nor `count` of them.

    Example:

    >>> integers("kernel_size", 3, count=2), integers("kernel_size", (1, 7), count=2)
    ((3, 3), (1, 7))
    """
    values = value if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count:
        raise ValueError(
            f"`{name}` must be one integer or {count} of them. "
            f"Received: {name}={value!r}"
        )
    return tuple(integer(name, each, least) for each in values)


def number(
    name, value, least=-math.inf, above=-math.inf, most=math.inf, below=math.inf
):
    """Return a finite real number within bounds; `above` and `below` are exclusive.

    NumPy's numbers and fractions become plain ones.

    Raises:
        ValueError: names the rule and the value received.

    Example:

    >>> number("rate", 0.5, least=0, below=1)
    0.5
    >>> number("rate", 1.0, least=0, below=1)
    Traceback (most recent call last):
        ...
    ValueError: `rate` must be a number, at least 0 and below 1. Received: rate=1.0
    """
    plain = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        plain = int(value) if isinstance(value, Integral) else float(value)
    if not (-math.inf < plain < math.inf and least <= plain <= most) or not (
        above < plain < below
    ):
        bounds = {"at least": least, "above": above, "at most": most, "below": below}
        rule = " and ".join(
            f"{word} {bound}" for word, bound in bounds.items() if math.isfinite(bound)
        )
        rule = f"a number, {rule}" if rule else "a finite number"
        rule = {"a number, above 0": "a positive number"}.get(rule, rule)
        raise ValueError(f"`{name}` must be {rule}. Received: {name}={value!r}")
    return plain


def real_numbers(name, values):
    """Return real numbers of any shape as an array; integers stay integers.

    Text, complex numbers, truth values, `None` and ragged rows are no numbers.

    Raises:
        ValueError: names the rule and what was received.

    Example:

    >>> real_numbers("path", [[1, 2], [3, 4]]).shape
    (2, 2)
    >>> real_numbers("gradient", [1, None])
    Traceback (most recent call last):
        ...
    ValueError: `gradient` must be an array of real numbers. Received: \
gradient=[1, None]
    """
    import numpy as np

    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(
            isinstance(each, Real) and not isinstance(each, bool) for each in array.flat
        ):
            array = array.astype(np.float64)  # fractions, large integers
        elif array.dtype.name == "bfloat16":
            array = array.astype(np.float32)
    except (TypeError, ValueError, OverflowError):
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise ValueError(
            f"`{name}` must be an array of real numbers. Received: {name}={values!r}"
        )
    return array


def channels_last():
    """Refuse Keras' global `channels_first`: the package reads (..., channels) only.

    Raises:
        ValueError: if `keras.config.image_data_format()` is ``"channels_first"``.
    """
    import keras

    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "The package reads images as (height, width, channels): call "
            "`keras.config.set_image_data_format('channels_last')` first. "
            f"Received: image_data_format={keras.config.image_data_format()!r}"
        )
