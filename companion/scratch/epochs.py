"""How many steps of training an epoch has."""

from companion.arguments import integer


def iterations_per_epoch(examples, batch, *, drop_remainder=False):
    """Count the batches that a training set makes, each example in one of them.

    An iteration, or step, is one batch: forward, backward, and one change of the
    weights. An epoch is every example once. Where the batch does not divide the number
    of examples, the last batch is smaller, or is left out.

    Args:
        examples: how many examples the training set has.
        batch: how many of them an iteration takes.
        drop_remainder: whether a smaller last batch is left out.

    Returns:
        The number of iterations of an epoch: examples / batch rounded up, or rounded
        down if the remainder is dropped.

    Raises:
        ValueError: if one of the numbers is not a positive integer, or
            `drop_remainder` leaves no batch at all.

    Example:

    >>> iterations_per_epoch(60_000, 64)
    938
    >>> iterations_per_epoch(60_000, 64, drop_remainder=True)
    937

    Goodfellow, Bengio and Courville 2016, "Deep Learning", section 8.1.3, on batches.
    """
    examples, batch = integer("examples", examples), integer("batch", batch)
    if not isinstance(drop_remainder, bool):
        raise ValueError(
            f"`drop_remainder` must be True or False. "
            f"Received: drop_remainder={drop_remainder!r}"
        )
    if drop_remainder and batch > examples:
        raise ValueError(
            "A batch must not be larger than the training set if the remainder is "
            f"dropped. Received: examples={examples}, batch={batch}"
        )
    return examples // batch if drop_remainder else -(-examples // batch)
