"""The recursion: receptive fields of a chain of layers, without a model."""

from companion.arguments import integers
from companion.receptive_field.fields import AxisFields, ReceptiveField

__all__ = ["compose"]

LEAST = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}
LAYER_RULE = (
    "A layer is (kernel >= 1, stride >= 1, padding >= 0, dilation >= 1), in whole "
    "numbers or pairs of them."
)


def compose(layers):
    """Receptive field of a chain of layers, by the recursion.

    Args:
        layers: list of (kernel, stride, padding, dilation), input first; padding is
            the left one. Each entry is a number, or a pair (height, width).

    Returns:
        A `ReceptiveField`.

    Raises:
        ValueError: if an entry is not a tuple of four whole numbers in range.

    Example: AlexNet up to its last pooling layer (TF-Slim, Distill table: 195, 32, 64).

    >>> compose([(11, 4, 0, 1), (3, 2, 0, 1), (5, 1, 2, 1), (3, 2, 0, 1), (3, 1, 1, 1),
    ...          (3, 1, 1, 1), (3, 1, 1, 1), (3, 2, 0, 1)])
    ReceptiveField(size=195, stride=32, offset=-64)

    Reference: Araujo, Norris and Sim (2019), section "Problem setup"; padding moves
    the field and never enlarges it.
    """
    chain = _checked(layers)
    axes = []
    for axis in range(2):
        size, stride, offset = 1, 1, 0
        for layer in chain:
            k, s, p, d = (number[axis] for number in layer)
            size = size + (k - 1) * d * stride
            offset = offset - p * stride
            stride = stride * s
        axes.append(AxisFields(((offset, offset + size - 1),), stride))
    return ReceptiveField(*axes)


def _checked(layers):
    """The layers as a list of four pairs each."""
    try:
        layers = list(layers)
    except TypeError:
        raise ValueError(
            "layers must be a list of (kernel, stride, padding, dilation). "
            f"Received: layers={layers!r}"
        ) from None
    return [_checked_layer(layer) for layer in layers]


def _checked_layer(layer):
    if not isinstance(layer, (tuple, list)) or len(layer) != 4:
        raise ValueError(f"{LAYER_RULE} Received: {layer!r}")
    try:
        return [
            integers(name, number, count=2, least=least)
            for (name, least), number in zip(LEAST.items(), layer, strict=True)
        ]
    except ValueError as error:
        raise ValueError(f"{LAYER_RULE} {error} in {layer!r}") from None
