"""Key points: where they go, and their angle, scale and visibility."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.targets.coordinates import Places, Stage, inside

_NEAR = 0.5  # pixels: how far apart two places are by which a turn and a scale are measured


@final
class Points(msgspec.Struct, frozen=True, eq=False):
    """k key points: values (k, d) float64 with x and y first, the images (k,) that they lie in, and the columns of
    angle, scale and visibility, -1 for one that is absent."""

    values: np.ndarray
    image: np.ndarray
    angle: int = -1
    scale: int = -1
    visibility: int = -1


def columns(form: str) -> dict[str, int]:
    """The columns of a format such as "xyav"."""
    return {name: form.find(name[0]) for name in ("angle", "scale", "visibility")}


def moved(points: Points, way: tuple[Stage, ...], source: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """(values (k, d), seen (k,) bool): points moved along the way, and which of them are within the image and not
    erased. Points that were given with visibility 0 are unknown: they stay as they are."""
    values = points.values.copy()
    known = np.ones(len(values), bool) if points.visibility < 0 else values[:, points.visibility] != 0
    place = Places(values[:, 0], values[:, 1], points.image)
    within, covered = inside(place, source), np.zeros(len(values), bool)
    near = [Places(place.x + _NEAR, place.y, place.image), Places(place.x, place.y + _NEAR, place.image)]
    turns = points.angle >= 0 or points.scale >= 0
    for stage in way:
        if stage.legs:
            place = stage.move(place)
            near = [stage.move(other) for other in near] if turns else near
            within &= inside(place, stage.size)
        if stage.covered is not None:
            left, top, width, height = stage.covered[points.image].T
            covered |= (place.x >= left) & (place.x < left + width) & (place.y >= top) & (place.y < top + height)
    if turns:
        _turn(points, values, place, near)
    values[:, 0], values[:, 1] = place.x, place.y
    if points.visibility >= 0:
        seen = values[:, points.visibility]
        seen = np.where(within, np.where(covered, np.minimum(seen, 1), seen), 0)
        values[:, points.visibility] = seen
    values[~known] = points.values[~known]
    return values, within & ~covered & known


def swapped(values: np.ndarray, pairs: Sequence[tuple[int, int]], axis: int) -> np.ndarray:
    """The parts of each pair along an axis in each other's place."""
    order = np.arange(values.shape[axis])
    for one, other in pairs:
        if len(order):
            order[[one, other]] = order[[other, one]]
    return np.take(values, order, axis=axis)


def _turn(points: Points, values: np.ndarray, place: Places, near: list[Places]) -> None:
    """The angles and scales of points whose neighbours to the right and below went there."""
    (a, c), (b, d) = (((one.x - place.x) / _NEAR, (one.y - place.y) / _NEAR) for one in near)
    if points.angle >= 0:
        angle = np.deg2rad(values[:, points.angle])
        right, down = np.cos(angle), -np.sin(angle)
        values[:, points.angle] = np.rad2deg(np.arctan2(-(c * right + d * down), a * right + b * down))
    if points.scale >= 0:
        values[:, points.scale] *= np.sqrt(np.abs(a * d - b * c))
