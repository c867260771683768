"""The fields of the units of a layer: what they see of the image."""

import dataclasses
import math
from fractions import Fraction
from numbers import Integral
from typing import NamedTuple

__all__ = ["AxisFields", "ReceptiveField", "Region"]


def _whole(name, value):
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a whole number. Received: {name}={value!r}")
    return int(value)


def _hull(intervals):
    """The smallest interval that holds all; None stands for the empty interval."""
    intervals = [interval for interval in intervals if interval is not None]
    if not intervals:
        return None
    return min(first for first, _ in intervals), max(last for _, last in intervals)


@dataclasses.dataclass(frozen=True)
class AxisFields:
    """The fields of all units of a layer along one axis of the image.

    The fields of a plain network are one interval that moves by the stride. After an
    upsampling, neighbouring units differ, and the pattern repeats after a few units:
    the field of unit u is ``intervals[u % len(intervals)]``, moved by
    ``step * (u // len(intervals))``.

    Args:
        intervals: tuple of (first pixel, last pixel), or None for a unit that sees
            nothing.
        step: pixels between two rounds of `intervals`; 0 after a global operation.
        units: number of units, or None if the image size is unknown.
        pixels: image size along this axis, or None if unknown.
        fixed: False if the offset depends on the unknown image size.
    """

    intervals: tuple
    step: int
    units: int | None = None
    pixels: int | None = None
    fixed: bool = True

    @property
    def size(self):
        """Pixels in the largest field."""
        return max(b - a + 1 for a, b in filter(None, self.intervals))

    @property
    def stride(self):
        """Mean distance in pixels between the fields of neighbouring units."""
        stride = Fraction(self.step, len(self.intervals))
        return int(stride) if stride.denominator == 1 else float(stride)

    @property
    def offset(self):
        """First pixel of the field of unit 0, or None if unknown."""
        return self.of(0)[0] if self.fixed and self.of(0) else None

    @property
    def centre(self):
        """Centre of the field of unit 0, averaged over the repeating pattern."""
        stride = Fraction(self.step, len(self.intervals))
        centres = [
            Fraction(sum(interval), 2) - unit * stride
            for unit, interval in enumerate(self.intervals)
            if interval is not None
        ]
        return sum(centres) / len(centres)

    def of(self, unit):
        """(first pixel, last pixel) of the field of one unit; None if it is empty."""
        turn, phase = divmod(unit, len(self.intervals))
        interval = self.intervals[phase]
        shift = turn * self.step
        return interval and (interval[0] + shift, interval[1] + shift)

    def through(self, window):
        """The fields of the units that see these units through a `Window`."""
        turns = len(self.intervals) // math.gcd(len(self.intervals), window.step)
        intervals = tuple(
            _hull(self.of(tap + turn * window.step) for tap in self._ends(taps))
            for turn in range(turns)
            for taps in window.taps
        )
        step = self.step * (turns * window.step // len(self.intervals))
        return self._inside(intervals, step, window.units)

    def _ends(self, taps):
        """Enough taps of a long range to find the first and the last pixel it sees.

        Fields move forward by `step`, so the first pixel lies in the first round of
        the pattern and the last pixel in the last.
        """
        round_ = len(self.intervals)
        if isinstance(taps, range) and len(taps) > 2 * round_:
            return [*taps[:round_], *taps[-round_:]]
        return taps

    def _inside(self, intervals, step, units):
        """Fields that do not move are the part of the image that is seen."""
        if step == 0:
            first, last = _hull(intervals)
            intervals = ((max(first, 0), min(last, self.pixels - 1)),)
        return AxisFields(intervals, step, units, self.pixels)

    def union(self, others, units=None):
        """The fields of an element-wise merge with other maps of the same size.

        A branch with one unit, or one that sees everything, is spread over the map.
        Branches of different strides drift apart: their union is formed unit by unit.

        Args:
            others: `AxisFields` of the other branches.
            units: units of the merged map, if more than any of the branches has.
        """
        axes = [self, *others]
        units = max(units or 1, *(axis.units for axis in axes))
        spread = [axis for axis in axes if axis.step == 0 or axis.units < units]
        if spread:
            return self._with_spread(axes, spread, units)
        strides = {Fraction(axis.step, len(axis.intervals)) for axis in axes}
        period = math.lcm(*(len(axis.intervals) for axis in axes))
        if len(strides) > 1:
            period = units
        intervals = tuple(
            _hull(axis.of(unit) for axis in axes) for unit in range(period)
        )
        return self._inside(intervals, round(max(strides) * period), units)

    def _with_spread(self, axes, spread, units):
        """The union if some branches are the same for all units.

        It is one field for all if the others see nothing more.
        """
        same = self._inside([axis.seen for axis in spread], 0, units)
        whole = self._inside([axis.seen for axis in axes], 0, units)
        if same == whole:
            return whole
        moving = [axis for axis in axes if axis not in spread]
        stride = max(Fraction(axis.step, len(axis.intervals)) for axis in moving)
        intervals = tuple(
            _hull([same.of(0), *(axis.of(unit) for axis in moving)])
            for unit in range(units)
        )
        return self._inside(intervals, round(stride * units), units)

    @property
    def seen(self):
        """(first pixel, last pixel) of what all units see together."""
        return _hull(self.of(unit) for unit in self._ends(range(self.units)))


class Region(NamedTuple):
    """A rectangle of pixels, bottom and right excluded; it may leave the image.

    Example:

    >>> Region(-1, -1, 2, 2).clip(8, 8)
    Region(top=0, left=0, bottom=2, right=2)
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self):
        """(row slice, column slice) to cut the region out of an image array.

        Raises:
            ValueError: if the region begins outside the image, or has no end: clip it
                first.
        """
        top, left, bottom, right = map(_whole, self._fields, self)
        if top < 0 or left < 0:
            raise ValueError(
                "A region that begins in the padding cannot be cut out: clip it to the "
                f"image first. Received: {self}"
            )
        return slice(top, bottom), slice(left, right)

    def clip(self, height, width):
        """The part of the region that lies inside an image of this size.

        Raises:
            ValueError: if a side of the image, or an edge of the region, is no whole
                number.
        """
        height, width = _whole("height", height), _whole("width", width)
        for name, edge in zip(self._fields, self, strict=True):
            if edge != math.inf:
                _whole(name, edge)
        top, bottom = (min(max(v, 0), height) for v in (self.top, self.bottom))
        left, right = (min(max(v, 0), width) for v in (self.left, self.right))
        return Region(top, left, bottom, right)


Box = Region  # its former name


@dataclasses.dataclass(frozen=True, repr=False, init=False)
class ReceptiveField:
    """The receptive fields of the units of one layer.

    `size`, `stride`, `offset` and `units` are given per axis of the image: as a pair
    (height, width) for images, as three numbers for volumes. The first three are
    single numbers where all axes agree, and for sequences, which have one axis.

    Args:
        axes: one `AxisFields` for each axis of the image: `rows` and `columns` of an
            image, (slices, rows, columns) of a volume, the steps of a sequence.
        aligned: False if branches with different centres were merged on the way.
        notes: one sentence per such merge, and per branch that was left out.

    Example:

    >>> from companion.receptive_field import compose
    >>> field = compose([(3, 2, 1, 1), (3, 1, 1, 1)])
    >>> field
    ReceptiveField(size=7, stride=2, offset=-3)
    >>> field.center(0, 1), field.region(0, 1)
    ((0.0, 2.0), Region(top=-3, left=-1, bottom=4, right=6))
    """

    axes: tuple
    aligned: bool
    notes: tuple

    def __init__(self, *axes, aligned=True, notes=()):
        if not axes or not all(isinstance(axis, AxisFields) for axis in axes):
            raise ValueError(f"`axes` must be AxisFields. Received: axes={axes!r}")
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "aligned", aligned)
        object.__setattr__(self, "notes", tuple(notes))

    @property
    def rows(self):
        """`AxisFields` along the height of an image."""
        return self._axis(-2)

    @property
    def columns(self):
        """`AxisFields` along the width of an image."""
        return self._axis(-1)

    def _axis(self, number):
        if len(self.axes) < 2:
            raise ValueError(
                "A sequence has no rows and columns: ask for `axes[0]`. "
                f"Received: a field of {len(self.axes)} axis"
            )
        return self.axes[number]

    def _together(self, name):
        values = tuple(getattr(axis, name) for axis in self.axes)
        return values[0] if len(set(values)) == 1 else values

    @property
    def size(self):
        """Side of the field in pixels: the largest one where units differ."""
        return self._together("size")

    @property
    def stride(self):
        """Distance in pixels between the fields of neighbours; 0: all the same."""
        return self._together("stride")

    @property
    def offset(self):
        """First pixel of the field of unit 0; None if it depends on the image size."""
        return self._together("offset")

    @property
    def units(self):
        """Units of the layer, (height, width) for images; None where unknown."""
        return tuple(axis.units for axis in self.axes)

    @property
    def is_global(self):
        """Whether all units share one field, as after global pooling."""
        return all(axis.step == 0 for axis in self.axes)

    def region(self, *unit):
        """The field of one unit, possibly reaching into the padding.

        Args:
            unit: the unit's place along each axis, such as its row and its column.

        Returns:
            A `Region`; its `clip` cuts off what lies outside the image. For sequences
            and volumes a tuple of pairs (first, last + 1), one for each axis.

        Raises:
            ValueError: if there is no such unit, if it sees no pixel, or if the
                offset depends on an unknown image size.
        """
        intervals = self._intervals(unit)
        if len(intervals) != 2:
            return tuple((first, last + 1) for first, last in intervals)
        (top, bottom), (left, right) = intervals
        return Region(top, left, bottom + 1, right + 1)

    def center(self, *unit):
        """The centre (y, x) of the field of one unit, in pixels from pixel (0, 0)."""
        return tuple((first + last) / 2 for first, last in self._intervals(unit))

    def _intervals(self, unit):
        if len(unit) != len(self.axes):
            raise ValueError(
                f"A unit has one number for each of {len(self.axes)} axes. "
                f"Received: {unit}"
            )
        unit = tuple(_whole("unit", number) for number in unit)
        for axis, number in zip(self.axes, unit, strict=True):
            self._check(axis, number, unit)
        return [axis.of(number) for axis, number in zip(self.axes, unit, strict=True)]

    def _check(self, axis, number, unit):
        if number < 0 or (axis.units is not None and number >= axis.units):
            raise ValueError(f"The layer has {self.units} units. Received: {unit}")
        if not axis.fixed:
            raise ValueError(
                "The offset depends on the image size: pass it to receptive_field. "
                "Received: input_size=None"
            )
        if axis.of(number) is None:
            raise ValueError(f"This unit sees no pixel at all. Received: {unit}")

    def __repr__(self):
        aligned = "" if self.aligned else ", aligned=False"
        return (
            f"ReceptiveField(size={self.size}, stride={self.stride}, "
            f"offset={self.offset}{aligned})"
        )
