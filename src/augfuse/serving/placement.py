"""Where the transforms of an evaluation put an image whose size is not known: as formulas that each framework can hold.

Sides are float64 scalars of a framework, which hold whole numbers; `xp` is its module of array functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from augfuse.algebra.ranges import sides
from augfuse.transforms import CenterCrop, LetterBox, LongestMaxSize, Pad, PadIfNeeded, Resize, SmallestMaxSize


class Axis(NamedTuple):
    """Along one axis: a place x goes to x * scale + shift on a side of this length."""

    scale: Any
    shift: Any
    side: Any

    def then(self, scale: Any, shift: Any, side: Any) -> Axis:
        return Axis(self.scale * scale, self.shift * scale + shift, side)


Rule = Callable[[Any, Any, Axis, Axis], tuple[Axis, Axis]]


def _scaled(axis: Axis, side: Any) -> Axis:
    return axis.then(side / axis.side, 0.0, side)


def _by_factor(xp: Any, factor: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    """Both sides times a factor, rounded to whole pixels."""
    height, width = (xp.maximum(xp.round(axis.side * factor), 1.0) for axis in (y, x))
    return _scaled(y, height), _scaled(x, width)


def _resize(resize: Resize, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    height, width = map(float, sides(resize.size))
    if resize.mode == "stretch":
        return _scaled(y, height), _scaled(x, width)
    pick = xp.maximum if resize.mode == "cover" else xp.minimum
    return _by_factor(xp, pick(height / y.side, width / x.side), y, x)


def _edge(step: LongestMaxSize | SmallestMaxSize, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    pick = xp.maximum if isinstance(step, LongestMaxSize) else xp.minimum
    return _by_factor(xp, step.size / pick(y.side, x.side), y, x)


def _middle(xp: Any, axis: Axis, side: Any) -> Axis:
    """In the middle of `side`, which is at least as long, an odd rest right and below."""
    return axis.then(1.0, xp.floor((side - axis.side) / 2), side)


def _crop(crop: CenterCrop, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    return tuple(  # type: ignore[return-value]
        axis.then(1.0, -xp.floor((axis.side - side) / 2), float(side))
        for axis, side in zip((y, x), sides(crop.size), strict=True)
    )


def _letter_box(box: LetterBox, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    height, width = map(float, sides(box.size))
    y, x = _by_factor(xp, xp.minimum(height / y.side, width / x.side), y, x)
    return _middle(xp, y, height), _middle(xp, x, width)


def _pad(pad: Pad, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    left, top, right, bottom = map(float, pad.padding)  # type: ignore[arg-type]  # as Margins stored it
    return y.then(1.0, top, y.side + (top + bottom)), x.then(1.0, left, x.side + (left + right))


def _pad_if_needed(pad: PadIfNeeded, xp: Any, y: Axis, x: Axis) -> tuple[Axis, Axis]:
    found = []
    for axis, least, unit in zip((y, x), sides(pad.size), sides(pad.divisor), strict=True):
        side = -xp.floor(-xp.maximum(axis.side, float(least)) / unit) * float(unit)
        found.append(axis.then(1.0, 0.0, side) if pad.position == "top_left" else _middle(xp, axis, side))
    return found[0], found[1]


RULES: dict[type, Rule] = {
    CenterCrop: _crop,
    LetterBox: _letter_box,
    LongestMaxSize: _edge,
    Pad: _pad,
    PadIfNeeded: _pad_if_needed,
    Resize: _resize,
    SmallestMaxSize: _edge,
}


def followed(transforms: tuple[Any, ...], xp: Any, height: Any, width: Any) -> tuple[Axis, Axis]:
    """What these transforms, each of a class in RULES, make of an image of this size: down, and to the right."""
    y, x = Axis(1.0, 0.0, height), Axis(1.0, 0.0, width)
    for transform in transforms:
        y, x = RULES[type(transform)](transform, xp, y, x)
    return y, x
