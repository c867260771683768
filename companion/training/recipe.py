"""How a network is trained: the numbers, and the optimizer that they make."""

from dataclasses import dataclass

from companion.arguments import integer, number

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One way to train, the same for every network.

    Args:
        epochs: rounds through the pictures.
        batch: pictures in a step, over all devices together.
        rate: the largest learning rate, reached after the first `warmup` epochs.
        warmup: epochs during which the rate rises from zero along a line.
        momentum: Nesterov's momentum.
        decay: share of a kernel that a step with rate 1 takes away. It stands for the
            weight decay ``(1 - momentum) * decay`` of a loss; biases and batch
            normalizations do not decay.
        augment: whether pictures are shifted by up to four pixels and mirrored.

    Raises:
        ValueError: names the rule and the value received.

    Example:

    >>> Recipe(epochs=182).rate
    0.1

    The pieces: momentum, Sutskever et al. (ICML 2013); shifts, mirrors and decay, He et
    al. (arXiv 1512.03385, Section 4.2); cosine, Loshchilov and Hutter (arXiv
    1608.03983); warm-up, Goyal et al. (arXiv 1706.02677).
    """

    epochs: int = 10
    batch: int = 128
    rate: float = 0.1
    warmup: float = 1.0
    momentum: float = 0.9
    decay: float = 0.001
    augment: bool = True

    def __post_init__(self):
        integer("epochs", self.epochs)
        integer("batch", self.batch)
        number("rate", self.rate, above=0)
        number("warmup", self.warmup, least=0, below=self.epochs)
        number("momentum", self.momentum, least=0, below=1)
        number("decay", self.decay, least=0)

    def steps(self, images):
        """Steps of a training on so many pictures."""
        return self.epochs * self.steps_per_epoch(images)

    def steps_per_epoch(self, images):
        """Whole batches in the pictures; those left over wait for the next epoch.

        Raises:
            ValueError: if there are fewer pictures than a batch holds.
        """
        if images < self.batch:
            raise ValueError(
                "There must be pictures for a whole batch. "
                f"Received: images={images}, batch={self.batch}"
            )
        return images // self.batch

    def optimizer(self, images):
        """The optimizer for so many pictures, with its schedule and decay."""
        import keras

        rising = round(self.warmup * self.steps_per_epoch(images))
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if rising else self.rate,
            self.steps(images) - rising,
            warmup_target=self.rate if rising else None,
            warmup_steps=rising,
        )
        optimizer = keras.optimizers.SGD(
            schedule,
            momentum=float(self.momentum),
            nesterov=self.momentum > 0,
            weight_decay=self.decay or None,
        )
        if self.decay:
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
