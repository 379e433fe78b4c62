"""The kinds of values a transform's fields take: what is accepted, in which domain and unit, and how it is normalised.

A field is declared as `Annotated[<type>, <one of these>]`; `parse` turns what the user wrote into the one stored form,
or raises a `RangeError` that says what, got and wanted. One number `a` given for a range means (-a, a) for angles and
shifts, (1 - a, 1 + a) for factors.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, Literal, Protocol, TypeAlias, final

import msgspec
import numpy as np

from augfuse.errors import RangeError, RecipeError, did_you_mean
from augfuse.text import shown

# The longest side of an output that a transform may name. What a whole output may be is for the plan to say.
LONGEST_SIDE = 1_000_000

# Of a curve: as many as uint16 images have levels.
MOST_POINTS = 65_536

Range: TypeAlias = tuple[float, float] | float
Size: TypeAlias = tuple[int, int] | int


class Spec(Protocol):
    """A kind of values: those below, and kinds of fields that hold transforms."""

    @property
    def doc(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def parse(self, where: str, value: Any, /) -> Any: ...


class Kind(msgspec.Struct, frozen=True):
    """What most kinds of values are told: what a field is, and its unit."""

    doc: str
    unit: str = ""


def ends(value: Range) -> tuple[float, float]:
    """(low, high) of a parsed range; a bare number is both."""
    return value if isinstance(value, tuple) else (value, value)


def sides(size: Size) -> tuple[int, int]:
    """(height, width) of a parsed size; a bare number is both."""
    return size if isinstance(size, tuple) else (size, size)


def listed(value: Any) -> Any:
    """An array as the tuple or the number that it stands for; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.ndim > 1:
        return value
    plain = value.tolist()
    return tuple(plain) if isinstance(plain, list) else plain


def _number(where: str, value: Any, wanted: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.{text_hint(value)}")
    return number


def text_hint(value: Any) -> str:
    """What to type where numbers were written as text, as in a recipe file."""
    if not isinstance(value, str) or len(value) > 100:
        return ""
    if value[:1] == "(" and value[-1:] == ")":
        return f" A list is written [{value[1:-1]}]."
    try:
        float(value)
    except ValueError:
        return ""
    return f" Leave the quotes out: {value.strip()}."


def whole(name: str, value: Any, minimum: int) -> int:
    """A whole number >= minimum, or RangeError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise RangeError(f"{name}: got {shown(value)}, wanted a whole number >= {minimum}.")
    return int(value)


def truth(name: str, value: Any) -> bool:
    """True or False, or RangeError: "no" and "false" would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise RangeError(f"{name}: got {shown(value)}, wanted True or False.")
    return bool(value)


def per_channel(where: str, values: tuple[float, ...] | float, channels: int) -> np.ndarray:
    """(channels,) of one number for all channels or one for each; RecipeError where the count is another."""
    found = np.atleast_1d(values)
    if len(found) not in (1, channels):
        wanted = "1 number" if channels == 1 else f"1 or {channels}"
        raise RecipeError(
            f"{where}: got {len(found)} numbers for images with {channels} channel(s), wanted {wanted}. "
            f"Use {where.rpartition('.')[2]}={found[0]:g}."
        )
    return np.broadcast_to(found, (channels,))


@final
class Interval(msgspec.Struct, frozen=True):
    """A range (low, high) from which one value per image is drawn, within the domain [minimum, maximum]."""

    doc: str
    unit: str
    minimum: float
    maximum: float
    single: Literal["symmetric", "factor", "exact"] = (
        "symmetric"  # what one number a means: (-a, a), (1-a, 1+a), (a, a)
    )
    hint: str = ""  # the next line to type when the domain is left
    optional: bool = False
    # The value that changes nothing, about which a recipe's strength scales; None where the kind of `single` says it,
    # and for an "exact" range without one (an aspect, a number of quarters), which then stays as it is.
    neutral: float | None = None
    integer: bool = False  # whole numbers only

    @property
    def number(self) -> Number:
        """What one number is that is given, and not drawn from a range."""
        return Number(self.doc, self.unit, self.minimum, self.maximum, self.integer, self.hint)

    def scaled(self, value: tuple[float, float], strength: float) -> tuple[float, float]:
        """A parsed range scaled about its neutral value, within the domain."""
        neutral = self.neutral
        if neutral is None:
            neutral = {"symmetric": 0.0, "factor": 1.0, "exact": None}[self.single]
        if neutral is None:
            return value
        low, high = (neutral + strength * (end - neutral) for end in value)
        return (min(max(low, self.minimum), self.maximum), min(max(high, self.minimum), self.maximum))

    @property
    def scales(self) -> bool:
        """Whether a strength acts on this range."""
        return self.single != "exact" or self.neutral is not None

    def parse(self, where: str, value: Any) -> tuple[float, float] | None:
        domain = f"{self.minimum:g}..{self.maximum:g}"
        wanted = f"low <= high within {domain} {self.unit}".rstrip()
        if value is None and self.optional:
            return None
        value = listed(value)
        if isinstance(value, (tuple, list)):
            if len(value) != 2:
                raise RangeError(f"{where}: got {shown(value)}, wanted one number or (low, high).")
            low, high = (_number(where, v, "two finite numbers (low, high)") for v in value)
        else:
            a = _number(where, value, "one finite number or (low, high)")
            if a < 0 and self.single != "exact":
                raise RangeError(f"{where}: got {shown(value)}, wanted a number >= 0, or (low, high) for a range.")
            low, high = {"symmetric": (-a, a), "factor": (1 - a, 1 + a), "exact": (a, a)}[self.single]
        if low > high:
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}. Upside down: use ({high:g}, {low:g}).")
        if low < self.minimum or high > self.maximum:
            hint = self._as_factors(value) or self.hint
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.{' ' + hint if hint else ''}")
        if self.integer and (low != int(low) or high != int(high)):
            hint = f" {self.hint}" if self.hint else ""
            raise RangeError(f"{where}: got {shown((low, high))}, wanted whole numbers.{hint}")
        return (low, high)

    def _as_factors(self, value: Any) -> str:
        """What to type where changes were given as for a shift, or one factor as it is."""
        if self.single != "factor":
            return ""
        if isinstance(value, (tuple, list)):
            low, high = (1 + float(end) for end in value)
            changes = self.minimum <= low and high <= self.maximum and float(value[0]) < 0
            return f"Factors are multiples, and 1 changes nothing: use ({low:g}, {high:g})." if changes else ""
        spread = f"One number a means (1 - a, 1 + a). A fixed factor is ({float(value):g}, {float(value):g})."
        return spread if self.minimum <= value <= self.maximum else ""


@final
class Number(msgspec.Struct, frozen=True):
    """One fixed number within [minimum, maximum]; an int field also refuses fractions."""

    doc: str
    unit: str
    minimum: float
    maximum: float
    integer: bool = False
    hint: str = ""  # the next line to type when the domain is left

    def parse(self, where: str, value: Any) -> float | int:
        kind = "a whole number" if self.integer else "a number"
        wanted = f"{kind} within {self.minimum:.7g}..{self.maximum:.7g} {self.unit}".rstrip()
        number = _number(where, value, wanted)
        if not self.minimum <= number <= self.maximum or (self.integer and number != int(number)):
            hint = f" {self.hint}" if self.hint else ""
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.{hint}")
        return int(number) if self.integer else number


@final
class Numbers(Kind, frozen=True):
    """One number for every channel, or one number per channel; stored as a tuple."""

    minimum: float = -math.inf
    maximum: float = math.inf
    positive: bool = False

    def parse(self, where: str, value: Any) -> tuple[float, ...]:
        wanted = f"one number, or one per channel{', each > 0' if self.positive else ''} ({self.unit})"
        value = listed(value)
        values = value if isinstance(value, (tuple, list)) else (value,)
        numbers_ = tuple(_number(where, v, wanted) for v in values)
        low = min(numbers_, default=math.nan)
        if not numbers_ or low < self.minimum or max(numbers_) > self.maximum or (self.positive and low <= 0):
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.")
        return numbers_


@final
class Lengths(Kind, frozen=True):
    """A size (height, width) in pixels; one number s means (s, s)."""

    unit: str = "pixels (height, width)"
    optional: bool = False

    def parse(self, where: str, value: Any) -> tuple[int, int] | None:
        if value is None and self.optional:
            return None
        value = listed(value)
        values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
        good = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= 1 for v in values)
        if len(values) != 2 or not good:
            raise RangeError(f"{where}: got {shown(value)}, wanted one whole number >= 1 or (height, width).")
        if max(values) > LONGEST_SIDE:
            raise RangeError(f"{where}: got {shown(value)}, wanted sides of at most {LONGEST_SIDE:,} pixels.")
        return (int(values[0]), int(values[1]))


@final
class Margins(Kind, frozen=True):
    """Pixels added at (left, top, right, bottom); (x, y) means (x, y, x, y), one number means all four."""

    unit: str = "pixels (left, top, right, bottom)"

    def parse(self, where: str, value: Any) -> tuple[int, int, int, int]:
        value = listed(value)
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        good = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= 0 for v in values)
        if len(values) not in (1, 2, 4) or not good:
            raise RangeError(
                f"{where}: got {shown(value)}, wanted one, two or four whole numbers >= 0: (left, top, right, bottom)."
            )
        if max(values) > LONGEST_SIDE:
            raise RangeError(f"{where}: got {shown(value)}, wanted margins of at most {LONGEST_SIDE:,} pixels.")
        left, top, right, bottom = (int(v) for v in values * (4 // len(values)))
        return (left, top, right, bottom)


@final
class Points(Kind, frozen=True):
    """Points (x, y) of a curve over 0..1 with values in 0..1: the first at x = 0, the last at x = 1, rising in x."""

    def parse(self, where: str, value: Any) -> tuple[tuple[float, float], ...]:
        wanted = "at least two points (x, y) within 0..1, such as ((0, 0), (0.5, 0.6), (1, 1))"
        value = value.tolist() if isinstance(value, np.ndarray) else value
        if not isinstance(value, (tuple, list)) or len(value) < 2 or len(value) > MOST_POINTS:
            many = f", {MOST_POINTS:,} at most" if isinstance(value, (tuple, list)) and len(value) > 2 else ""
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}{many}.")
        points: list[tuple[float, float]] = []
        for place, point in enumerate(map(listed, value)):
            if not isinstance(point, (tuple, list)) or len(point) != 2:
                raise RangeError(
                    f"{where}[{place}]: got {shown(point)}, wanted two numbers (x, y). {wanted.capitalize()}."
                )
            x, y = (_number(f"{where}[{place}]", v, "two numbers (x, y) within 0..1") for v in point)
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise RangeError(f"{where}[{place}]: got {shown(point)}, wanted two numbers (x, y) within 0..1.")
            if points and x <= points[-1][0]:
                raise RangeError(
                    f"{where}[{place}]: got x = {x:g} behind x = {points[-1][0]:g}, wanted points that rise in x. "
                    f"Sort them, and give each x once."
                )
            points.append((x, y))
        if points[0][0] != 0 or points[-1][0] != 1:
            raise RangeError(
                f"{where}: got a curve from x = {points[0][0]:g} to x = {points[-1][0]:g}, wanted one from 0 to 1. "
                f"Add (0, {points[0][1]:g}) or (1, {points[-1][1]:g})."
            )
        return tuple(points)


@final
class Corners(Kind, frozen=True):
    """Four points (x, y) of which no three lie on one line, so that a perspective maps any four others to them."""

    unit: str = "pixels"

    def parse(self, where: str, value: Any) -> tuple[tuple[float, float], ...]:
        wanted = "four points (x, y), such as ((0, 0), (224, 0), (224, 224), (0, 224))"
        value = value.tolist() if isinstance(value, np.ndarray) else value
        points = [listed(point) for point in value] if isinstance(value, (tuple, list)) else []
        if len(points) != 4 or not all(isinstance(point, (tuple, list)) and len(point) == 2 for point in points):
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.")
        parsed = tuple((_number(where, x, wanted), _number(where, y, wanted)) for x, y in points)
        for left_out in range(4):
            (ax, ay), (bx, by), (cx, cy) = (point for k, point in enumerate(parsed) if k != left_out)
            one, other = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
            if abs(one - other) <= 1e-9 * (abs(one) + abs(other)) or not math.isfinite(one - other):
                raise RangeError(f"{where}: got {shown(value)}, of which three lie on one line. Move one of them.")
        return parsed


@final
class Choice(msgspec.Struct, frozen=True):
    """One of a few words. elsewhere: (word, option) what others call them."""

    doc: str
    options: tuple[str, ...]
    unit: str = ""
    elsewhere: tuple[tuple[str, str], ...] = ()

    def parse(self, where: str, value: Any) -> str:
        if not isinstance(value, str) or value not in self.options:
            known = f"wanted one of {', '.join(map(shown, self.options))}."
            meant = dict(self.elsewhere).get(value) if isinstance(value, str) else None
            hint = "" if meant is None else f" Did you mean {shown(meant)}?"
            if isinstance(value, str) and not hint:
                hint = did_you_mean(value, self.options)
            raise RangeError(f"{where}: got {shown(value)}, {known}{hint}")
        return value


@final
class Flag(Kind, frozen=True):
    """True or False. Nothing else: the word "no" would count as true."""

    def parse(self, where: str, value: Any) -> bool:
        return truth(where, value)


@final
class Anything(Kind, frozen=True):
    """A value that its transform checks itself."""

    def parse(self, where: str, value: Any) -> Any:
        return value
