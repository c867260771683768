"""Which input units the units of a layer look at, along one axis."""

import dataclasses
import math
from fractions import Fraction

from companion.arguments import integer, integers

__all__ = ["Window"]

LONG = 4096  # a longer row of taps is kept as a range, which takes no memory


@dataclasses.dataclass(frozen=True)
class Window:
    """Which input units the output units of a layer look at, along one axis.

    Output unit u looks at the input units ``taps[u % len(taps)]``, all moved by
    ``step * (u // len(taps))``. A convolution has one tuple of taps and moves it by
    its stride; a transposed convolution of stride s has s tuples and moves them by 1.

    Args:
        taps: tuple of tuples (or ranges) of input unit numbers; numbers outside the
            input are padding.
        step: input units between two rounds of `taps`.
        units: number of output units.

    Raises:
        ValueError: if an argument is not as above.

    Example:

    >>> Window.sliding(224, kernel=7, stride=2, padding=3)
    Window(taps=((-3, -2, -1, 0, 1, 2, 3),), step=2, units=112)
    """

    taps: tuple
    step: int
    units: int

    def __post_init__(self):
        rounds = isinstance(self.taps, tuple) and len(self.taps) > 0
        if not rounds or not all(map(_are_unit_numbers, self.taps)):
            raise ValueError(
                "`taps` must be a tuple of tuples of input unit numbers, such as "
                f"((-1, 0, 1),). Received: taps={self.taps!r}"
            )
        integer("step", self.step, least=0)
        integer("units", self.units)

    @classmethod
    def sliding(cls, size, kernel, stride=1, padding="valid", dilation=1):
        """Window of a convolution or a pooling over an input of `size` units.

        Args:
            size: number of input units.
            kernel: kernel size k.
            stride: stride s.
            padding: ``"valid"``, ``"same"``, ``"causal"`` (all padding before), the
                padding on both sides, or a pair (before, after); negative padding
                crops.
            dilation: dilation d.

        Raises:
            ValueError: if an argument is not as above, or if the window does not fit
                into the padded input.
        """
        size, kernel, stride, dilation = _positive(
            size=size, kernel=kernel, stride=stride, dilation=dilation
        )
        reach = (kernel - 1) * dilation + 1
        before, after = _padding(padding, size, reach, stride)
        units = (size + before + after - reach) // stride + 1
        if units < 1:
            raise ValueError(
                "A window must fit into the padded input. "
                f"Received: window={reach}, size={size}, padding={padding!r}"
            )
        return cls((_run(-before, reach - before, dilation),), stride, units)

    @classmethod
    def transposed(
        cls, size, kernel, stride=1, padding="valid", output_padding=None, dilation=1
    ):
        """Window of a transposed convolution.

        Output unit u gets a product from input unit i and kernel element t where
        u = i * stride + t * dilation - (left crop). With a kernel smaller than the
        stride, some output units get nothing.

        Args:
            size: number of input units.
            kernel: kernel size k.
            stride: stride s.
            padding: ``"valid"`` or ``"same"``.
            output_padding: as in `keras.layers.Conv2DTranspose`.
            dilation: dilation d.

        Raises:
            ValueError: if an argument is not as above.
        """
        size, kernel, stride, dilation = _positive(
            size=size, kernel=kernel, stride=stride, dilation=dilation
        )
        if padding not in ("valid", "same"):
            raise ValueError(
                f"`padding` must be 'valid' or 'same'. Received: padding={padding!r}"
            )
        reach = (kernel - 1) * dilation + 1
        if padding == "same":
            extra = stride - reach % 2 if output_padding is None else output_padding
            units = (size - 1) * stride + reach % 2 + extra
            crop = max((size - 1) * stride + reach - units, 0) // 2
        else:
            extra = max(stride - reach, 0) if output_padding is None else output_padding
            units = (size - 1) * stride + reach + extra
            crop = 0
        taps = [
            tuple(
                (unit + crop - t) // stride
                for t in reversed(range(0, reach, dilation))
                if (unit + crop - t) % stride == 0
            )
            for unit in range(stride)
        ]
        return cls(tuple(taps), 1, units)

    @classmethod
    def resampled(cls, size, units, interpolation="nearest"):
        """Window of an image resize from `size` to `units` without antialiasing.

        Args:
            size: number of input units.
            units: number of output units.
            interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``,
                ``"lanczos3"`` or ``"lanczos5"``.

        Raises:
            ValueError: if an argument is not as above.
        """
        size, units = _positive(size=size, units=units)
        widths = {"bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}
        if interpolation != "nearest" and interpolation not in widths:
            raise ValueError(
                f"interpolation must be 'nearest' or one of {sorted(widths)}. "
                f"Received: interpolation={interpolation!r}"
            )
        common = math.gcd(size, units)
        taps = []
        for unit in range(units // common):
            centre = Fraction(2 * unit + 1, 2) * Fraction(size, units) - Fraction(1, 2)
            if interpolation == "nearest":
                taps.append((math.floor(centre + Fraction(1, 2)),))
            elif centre.denominator == 1:
                taps.append((int(centre),))
            else:
                left = math.floor(centre) - widths[interpolation] // 2 + 1
                taps.append(tuple(range(left, left + widths[interpolation])))
        return cls(tuple(taps), size // common, units)

    @classmethod
    def adaptive(cls, size, units):
        """Window of a pooling that cuts `size` units into `units` equal parts.

        Where the parts have no whole edges they overlap: part u begins at the floor of
        u size / units and ends at the ceiling of (u + 1) size / units.
        """
        size, units = _positive(size=size, units=units)
        if units == 1:
            return cls.everything(size)
        common = math.gcd(size, units)
        edges = [(u * size // units, -(-(u + 1) * size // units)) for u in range(units)]
        taps = tuple(_run(*edge) for edge in edges[: units // common])
        return cls(taps, size // common, units)

    @classmethod
    def everything(cls, size, units=1):
        """Window of a global operation: every output unit sees all input units."""
        size, units = _positive(size=size, units=units)
        return cls((_run(0, size),), 0, units)

    @classmethod
    def past(cls, size, units=None):
        """Window of an operation that sees the input up to its own place.

        A recurrent layer that returns sequences has this window: step t has read the
        steps 0 to t.

        Example:

        >>> Window.past(3)
        Window(taps=(range(0, 1), range(0, 2), range(0, 3)), step=3, units=3)
        """
        size, units = _positive(size=size, units=size if units is None else units)
        taps = tuple(range(min(unit + 1, size)) for unit in range(units))
        return cls(taps, units, units)


def _are_unit_numbers(taps):
    if isinstance(taps, range):
        return True
    return isinstance(taps, tuple) and all(type(tap) is int for tap in taps)


def _positive(**numbers):
    return [integer(name, value) for name, value in numbers.items()]


def _run(first, stop, step=1):
    """The numbers of `range(first, stop, step)`."""
    numbers = range(first, stop, step)
    return numbers if len(numbers) > LONG else tuple(numbers)


def _padding(padding, size, reach, stride):
    """(before, after): the padding on both sides; negative where it crops."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    if padding == "same":
        units = -(-size // stride)
        total = max((units - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    if isinstance(padding, str):
        raise ValueError(
            "`padding` must be 'valid', 'same', 'causal', a number or a pair. "
            f"Received: padding={padding!r}"
        )
    return integers("padding", padding, count=2, least=-size)
