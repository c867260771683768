"""The roofline: how fast a layer can be at most, from its count and two measured rates.

A layer computes and moves numbers. If both go on at the same time, it takes at least as
long as the slower of the two.
"""

from __future__ import annotations

import math

from companion.arguments import integer
from companion.complexity.counts import count_operations, memory_access_cost

__all__ = ["arithmetic_intensity", "attainable_rate", "bytes_moved", "least_seconds"]

BYTES = 4  # of a number in single precision


def bytes_moved(model, input_shape=None, *, batch_size=1) -> int:
    """Bytes that all layers read and write, each map and each weight once.

    The maps of every image are moved, the weights once for the whole batch.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.
        batch_size: images at once.

    Raises:
        ValueError, TypeError: as ``count_macs``; ValueError if `batch_size` is no
            positive integer.

    Example: 100 numbers in, 10 out, 1000 weights.

    >>> import keras
    >>> image = keras.Input((100,))
    >>> model = keras.Model(image, keras.layers.Dense(10, use_bias=False)(image))
    >>> bytes_moved(model), bytes_moved(model, batch_size=32)
    (4440, 18080)
    """
    batch_size = integer("batch_size", batch_size)
    everything = memory_access_cost(model, input_shape, of="all")
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    return BYTES * (batch_size * (everything - weights) + weights)


def arithmetic_intensity(model, input_shape=None, *, batch_size=1) -> float:
    """Floating-point operations for each byte that is read or written.

    Args, Raises: as for ``bytes_moved``.

    Example: 2000 operations on 4440 bytes, or 64,000 on 18,080.

    >>> import keras
    >>> image = keras.Input((100,))
    >>> model = keras.Model(image, keras.layers.Dense(10, use_bias=False)(image))
    >>> round(arithmetic_intensity(model), 2)
    0.45
    >>> round(arithmetic_intensity(model, batch_size=32), 2)
    3.54
    """
    moved = bytes_moved(model, input_shape, batch_size=batch_size)
    return batch_size * count_operations(model, input_shape) / moved


def attainable_rate(intensity, peak, bandwidth):
    """The roofline: operations per second that a machine can reach at most.

    Args:
        intensity: operations per byte; a number or an array.
        peak: operations per second of the arithmetic alone.
        bandwidth: bytes per second of the memory alone.

    Raises:
        ValueError: if a rate is not positive.

    Example: below 5 operations per byte this machine waits for its memory.

    >>> float(attainable_rate(1.0, peak=100e9, bandwidth=20e9)) / 1e9
    20.0
    >>> float(attainable_rate(50.0, peak=100e9, bandwidth=20e9)) / 1e9
    100.0

    Reference: Williams, Waterman, Patterson, *Roofline*, CACM 52(4), 2009.
    """
    import numpy as np

    for name, rate in ("peak", peak), ("bandwidth", bandwidth):
        if not rate > 0:
            raise ValueError(
                f"`{name}` must be a positive rate. Received: {name}={rate!r}"
            )
    return np.minimum(peak, np.asarray(intensity) * bandwidth)[()]


def least_seconds(operations, moved, peak, bandwidth):
    """Seconds that the roofline allows: the longer of computing and moving.

    Args:
        operations: floating-point operations; a number or an array.
        moved: bytes read and written; a number or an array.
        peak, bandwidth: as for ``attainable_rate``.

    Raises:
        ValueError: if a rate is not positive.

    Example: computing takes 0.01 s, moving 0.05 s.

    >>> float(least_seconds(1e9, 1e9, peak=100e9, bandwidth=20e9))
    0.05
    """
    import numpy as np

    attainable_rate(0.0, peak, bandwidth)  # refuses what is no rate
    computing = np.asarray(operations) / peak
    return np.maximum(computing, np.asarray(moved) / bandwidth)[()]
