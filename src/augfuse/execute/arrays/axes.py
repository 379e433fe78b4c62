"""Places along one axis: how borders fold them, which pixels they are made of, and how much of each.

A side is a number, or (n, 1, 1) numbers where images were averaged down to different sizes.
"""

from __future__ import annotations

from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.plan.lowered import Border


def inside(ops: Ops, whole: Tensor, side: Tensor | int, border: Border) -> Tensor:
    """Which pixel stands at a whole position (float32) outside 0..side-1; "constant" is cut elsewhere."""
    if border == "wrap":
        return _rest(ops, whole, side)
    if border == "reflect":
        rest = _rest(ops, whole, side * 2)
        return ops.minimum(rest, side * 2 - 1 - rest)
    return ops.minimum(ops.maximum(whole, 0.0), side - 1)


def _rest(ops: Ops, whole: Tensor, period: Tensor | int) -> Tensor:
    """Of a division of whole numbers, exactly: a quotient may be rounded to the other side of one. Of numbers that are
    too large for float32 it is one within the period: nothing is read out of bounds."""
    rest = whole - period * ops.floor(whole / period)
    rest = ops.where(rest < 0, rest + period, rest)
    rest = ops.where(rest >= period, rest - period, rest)
    return ops.minimum(ops.maximum(rest, 0.0), period - 1)


def neighbours(ops: Ops, place: Tensor, side: Tensor | int, border: Border, taps: int) -> list[tuple[Tensor, Tensor]]:
    """The pixels around a place, and the part of each. Pixel centres are whole numbers; places may lie outside."""
    if taps == 4:
        first = ops.floor(place)
        parts = _cubic(place - first)
        return [(inside(ops, first + (k - 1), side, border), part) for k, part in enumerate(parts)]
    if border != "wrap":  # then only the pixels on the edge are found twice, and their order plays no part
        place = ops.minimum(ops.maximum(_mirrored(ops, place, side, border), 0.0), side - 1)
        first = ops.floor(place)
        part = place - first
        return [(first, 1 - part), (ops.minimum(first + 1, side - 1), part)]
    first = ops.floor(place)
    part = place - first
    first = _rest(ops, first, side)
    second = first + 1
    return [(first, 1 - part), (ops.where(second >= side, second - side, second), part)]


def _mirrored(ops: Ops, place: Tensor, side: Tensor | int, border: Border) -> Tensor:
    if border != "reflect":
        return place
    place = place + 0.5
    period = side * 2.0
    place = place - period * ops.floor(place / period)
    return ops.minimum(place, period - place) - 0.5


def _cubic(t: Tensor) -> list[Tensor]:
    """How much of each of four pixels is in a place `t` behind the second one: Keys' kernel with a = -0.75."""
    s = 1 - t
    far = [-0.75 * t * s * s, -0.75 * s * t * t]
    near = [((1.25 * v - 2.25) * v) * v + 1 for v in (t, s)]
    return [far[0], near[0], near[1], far[1]]
