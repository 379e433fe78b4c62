"""Polygons: rings of points, cut at the edge of the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.targets.coordinates import Places, Stage

_IN_FRONT = 1e-6  # of the largest divisor of a ring: the least one that is mapped


@final
class Rings(msgspec.Struct, frozen=True, eq=False):
    """Rings one behind the other: points (p, 2), how many each ring has, and the image (r,) that each lies in."""

    points: np.ndarray
    counts: np.ndarray
    image: np.ndarray


def rings_in(item: Any) -> list[np.ndarray]:
    """The rings of a polygon, which is one ring or a list of them."""
    return item if isinstance(item, list) else [item]


def each_ring(item: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A polygon with `change` made to each of its rings."""
    return [change(ring) for ring in item] if isinstance(item, list) else change(item)


def rings_of(entries: Sequence[list[Any]]) -> Rings:
    """The polygons of each image, each a ring or a list of rings."""
    every = [(i, ring) for i, own in enumerate(entries) for item in own for ring in rings_in(item)]
    flat = np.concatenate([ring for _, ring in every]) if every else np.empty((0, 2))
    counts = np.array([len(ring) for _, ring in every], np.int64)
    return Rings(flat, counts, np.array([i for i, _ in every], np.int64))


def moved(rings: Rings, way: tuple[Stage, ...], clip: bool) -> Rings:
    """Rings moved along the way, and cut behind each pass that moves. A ring that leaves the image and comes back stays
    one, which runs along the edge: it covers what is seen of it and nothing else. Of one that is outside no point is
    left."""
    for stage in way:
        for leg in stage.legs:
            rings = rings if leg.divisors is None else _seen(rings, leg.divisors)
            places = Places(rings.points[:, 0], rings.points[:, 1], np.repeat(rings.image, rings.counts))
            found = leg.move(places)
            rings = Rings(np.stack([found.x, found.y], axis=1), rings.counts, rings.image)
        if clip and stage.legs:
            rings = _cut(rings, stage.size)
    return rings


def pieces(rings: Rings) -> list[np.ndarray]:
    """The points of each ring."""
    return np.split(rings.points, np.cumsum(rings.counts)[:-1]) if len(rings.counts) else []


def areas(rings: Rings) -> np.ndarray:
    """(r,) pixels within each ring."""
    return np.array([_area(points) for points in pieces(rings)])


def ends(rings: Rings) -> np.ndarray:
    """(r, 4) left, top, right, bottom; NaN where there are no points."""
    return np.array([[*p.min(0), *p.max(0)] if len(p) else [np.nan] * 4 for p in pieces(rings)]).reshape(-1, 4)


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _cut(rings: Rings, canvas: Canvas) -> Rings:
    most = np.stack([canvas.width[rings.image], canvas.height[rings.image]], axis=1).astype(np.float64)
    outside = (rings.points < 0).any(axis=1) | (rings.points > np.repeat(most, rings.counts, axis=0)).any(axis=1)
    starts = np.cumsum(rings.counts) - rings.counts
    crossing = np.add.reduceat(np.append(outside, False), starts) * (rings.counts > 0) if len(starts) else starts
    if not outside.any():
        return rings
    found = [
        cut(points, limits) if crosses else points
        for points, limits, crosses in zip(pieces(rings), most, crossing, strict=True)
    ]
    return Rings(np.concatenate(found), np.array([len(points) for points in found], np.int64), rings.image)


def _seen(rings: Rings, divisors: np.ndarray) -> Rings:
    """Rings without what lies behind the horizon of a perspective; see `Leg`."""
    found = [in_front(points, divisors[i]) for points, i in zip(pieces(rings), rings.image.tolist(), strict=True)]
    if all(one is before for one, before in zip(found, pieces(rings), strict=True)):
        return rings
    return Rings(np.concatenate(found), np.array([len(points) for points in found], np.int64), rings.image)


def filled(rings: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """(h, w) bool: the pixels whose centres lie within one of these rings."""
    found = np.zeros((height, width), bool)
    for ring in rings:
        toggles = np.zeros((height, width + 1), np.int64)
        for (x, y), (u, v) in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
            low, high = min(y, v), max(y, v)
            rows = np.arange(max(math.ceil(low - 0.5), 0), min(math.ceil(high - 0.5), height))
            if len(rows):
                crossed = x + (rows + 0.5 - y) / (v - y) * (u - x)
                toggles[rows, np.clip(np.ceil(crossed - 0.5), 0, width).astype(np.int64)] += 1
        found |= (np.cumsum(toggles, axis=1)[:, :-1] & 1).astype(bool)
    return found


def cut(points: np.ndarray, most: np.ndarray) -> np.ndarray:
    """One ring within 0..most, by Sutherland and Hodgman: along each of the four edges in turn."""
    for axis in (0, 1):
        for limit, sign in ((0.0, 1.0), (float(most[axis]), -1.0)):
            points = _half(points, (points[:, axis] - limit) * sign, axis, limit)
    return points if len(points) and _area(points) > 0 else points[:0]


def in_front(points: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """The part of one ring (p, 2) that a perspective with these divisors (3,) shows, a little in front of its horizon:
    (q, 2), the same object where all of it is."""
    depth = points @ divisors[:2] + divisors[2]
    return _half(points, depth - _IN_FRONT * np.abs(depth).max(initial=0.0))


def _half(points: np.ndarray, depth: np.ndarray, axis: int = -1, limit: float = 0.0) -> np.ndarray:
    """One ring where its depth (p,), which is linear in between, is at least 0. axis, limit: a coordinate that is known
    at depth 0."""
    within = depth >= 0
    if within.all():
        return points
    before = np.roll(within, 1)
    previous, from_depth = np.roll(points, 1, axis=0), np.roll(depth, 1)
    part = np.divide(from_depth, from_depth - depth, out=np.zeros(len(depth)), where=within != before)
    crossings = previous + (points - previous) * part[:, None]
    if axis >= 0:
        crossings[:, axis] = limit
    both = np.stack([crossings, points], axis=1)
    return both[np.stack([within != before, within], axis=1)]
