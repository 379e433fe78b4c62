"""The way of places through a plan: from the source to the output, pass by pass.

A plan holds the maps of executors, from output to source. Places go the other way: through the matrices as they are,
and through a field of displacements by looking for the place that shows them, of which there is one where it does not
fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import FAR, LEAST_DIVISOR, Canvas, Field, invert_homographies
from augfuse.execute.reference import bilinear, displaced, lattice
from augfuse.plan.ops import Segment, Step
from augfuse.plan.plan import Plan

_CLOSE = 1e-4  # pixels: how near the place that is found is to the one that is looked for
_TRIES = 40


@final
class Places(NamedTuple):
    """k places: x and y in pixels, (k,) float64 each, and the images (k,) int64 that they lie in."""

    x: np.ndarray
    y: np.ndarray
    image: np.ndarray


Move = Callable[[Places], Places]


@final
class Leg(NamedTuple):
    """A part of a pass. divisors: (n, 3), the factors of a place (x, y, 1) whose sum of products is the divisor of a
    perspective; None: there is no perspective. Only what has a divisor above 0 can be seen."""

    move: Move
    divisors: np.ndarray | None = None


@final
class Stage(NamedTuple):
    """One pass of a plan. legs: none where no pixel moves. size: of the canvas behind it. covered: (n, 4) left, top,
    width and height of what is hidden there, no area where nothing is. curved: whether lines may become curves."""

    legs: tuple[Leg, ...]
    size: Canvas
    covered: np.ndarray | None = None
    curved: bool = False

    def move(self, places: Places) -> Places:
        """Places through the whole pass."""
        for leg in self.legs:
            places = leg.move(places)
        return places


def stages(plan: Plan) -> tuple[Stage, ...]:
    """The passes of a plan that move or hide anything, in order."""
    found: list[Stage] = []
    for step in plan.steps:
        if isinstance(step, Segment):
            if step.geometry is not None:
                found.append(Stage(_legs(step), step.size, None, bool(step.fields)))
        elif step.covered is not None:
            parts = np.where(step.active[:, None], step.covered, 0)
            found.append(Stage((), step.size, parts))
    return tuple(found)


def back(plan: Plan) -> tuple[Stage, ...]:
    """The passes of a plan that move anything, from the last to the first, each from its output to its source."""
    found, canvas = [], plan.source
    for step in plan.steps:
        if isinstance(step, Segment) and step.geometry is not None:
            found.append(Stage((Leg(_returner(step, canvas)),), canvas, None, bool(step.fields)))
        canvas = step.size
    return tuple(reversed(found))


def mirrored(steps: Sequence[Step], n: int) -> np.ndarray:
    """(n,) bool: whether an image comes out as in a mirror. Fields that do not fold never do that."""
    found = np.zeros(n, bool)
    for step in steps:
        if isinstance(step, Segment) and step.geometry is not None:
            for m in (*(bent.before for bent in step.fields if bent.before is not None), step.geometry):
                found ^= np.linalg.det(m) < 0
    return found


def inside(places: Places, canvas: Canvas) -> np.ndarray:
    """(k,) bool: whether places lie on their canvas."""
    width, height = canvas.width[places.image], canvas.height[places.image]
    return (places.x >= 0) & (places.x <= width) & (places.y >= 0) & (places.y <= height)


def _legs(step: Segment) -> tuple[Leg, ...]:
    assert step.geometry is not None
    found: list[Leg] = []
    for bent in step.fields:
        found += [] if bent.before is None else [_leg(bent.before, step.projective)]
        found.append(Leg(partial(shown_at, bent.field, bent.size)))
    return (*found, _leg(step.geometry, step.projective))


def _leg(matrices: np.ndarray, projective: bool) -> Leg:
    return Leg(partial(mapped, matrices), matrices[:, 2] if projective else None)


def _returner(step: Segment, source: Canvas) -> Move:
    assert step.geometry is not None
    canvases = [source, *(bent.size for bent in step.fields), step.size]
    matrices = [*(bent.before for bent in step.fields), step.geometry]
    maps = [
        None if matrix is None else invert_homographies(matrix, canvases[k], canvases[k + 1]).maps
        for k, matrix in enumerate(matrices)
    ]

    def move(places: Places) -> Places:
        for k, own in reversed(list(enumerate(maps))):
            places = places if own is None else _unmapped(own, places, canvases[k])
            places = places if k == 0 else _displaced(step.fields[k - 1].field, canvases[k], places)
        return places

    return move


def _unmapped(maps: np.ndarray, places: Places, source: Canvas) -> Places:
    """Places through maps from output to source, see `geometry.Homographies`; those beyond the horizon lie far away."""
    x, y, image = places
    m = [maps[:, k][image] for k in range(9)]
    right, down, divisor = (m[r] * x + m[r + 1] * y + m[r + 2] for r in (0, 3, 6))
    near = divisor >= LEAST_DIVISOR
    divisor = np.where(near, divisor, LEAST_DIVISOR)
    right, down = right / divisor, down / divisor
    if not near.all():
        right = np.where(near, right, np.clip(right, -FAR, source.width[image] + FAR))
        down = np.where(near, down, np.clip(down, -FAR, source.height[image] + FAR))
    return Places(right, down, image)


def _displaced(field: Field, canvas: Canvas, places: Places) -> Places:
    """What the field shows at these places."""
    return _each_image(partial(displaced, field), canvas, places)


def mapped(matrices: np.ndarray, places: Places) -> Places:
    """Places through matrices (n, 3, 3); those behind the horizon lie far outside."""
    x, y, image = places
    m = [[matrices[:, r, c][image] for c in range(3)] for r in range(3)]
    # Sums and products one by one: the same numbers for any number of places.
    right, down = (m[r][0] * x + m[r][1] * y + m[r][2] for r in range(2))
    divisor = m[2][0] * x + m[2][1] * y + m[2][2]
    seen = divisor > 0
    if seen.all():
        return Places(right / divisor, down / divisor, image)
    divisor = np.where(seen, divisor, 1.0)
    return Places(np.where(seen, right / divisor, -FAR), np.where(seen, down / divisor, -FAR), image)


def shown_at(field: Field, canvas: Canvas, places: Places) -> Places:
    """Where the field shows these places: q with q + field(q) = p."""

    def moved(i: int, height: int, width: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _found(lattice(field, i, height, width), height, width, x, y) if field.points[i].any() else (x, y)

    return _each_image(moved, canvas, places)


def _each_image(move: Callable[..., tuple[np.ndarray, np.ndarray]], canvas: Canvas, places: Places) -> Places:
    """Places moved image by image: by its number, height and width, and x and y of its places."""
    x, y = places.x.copy(), places.y.copy()
    for i in np.unique(places.image):
        own = places.image == i
        x[own], y[own] = move(i, int(canvas.height[i]), int(canvas.width[i]), x[own], y[own])
    return Places(x, y, places.image)


def _found(points: np.ndarray, height: int, width: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def off(u: np.ndarray, v: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        right, down = bilinear(points, u / width, v / height)
        a, b = u + right - x[left], v + down - y[left]
        return a, b, np.maximum(np.abs(a), np.abs(b))

    every = np.arange(len(x))
    right, down = bilinear(points, x / width, y / height)
    now = np.stack([x - right, y - down])
    now = np.stack([*now, *off(now[0], now[1], every)])  # u, v, how far off along x and y, and at most
    # Where a step leads further away, the next one is half as long, and its slopes are taken nearer by, on the other
    # side: the field has kinks.
    part, reach = np.ones(len(x)), np.full(len(x), 0.5)
    for _ in range(_TRIES):
        left = np.flatnonzero(now[4] > _CLOSE)
        if not len(left):
            break
        u, v, a, b, error = now[:, left]
        h, k = reach[left], part[left]
        (ax, bx, _), (ay, by, _) = off(u + h, v, left), off(u, v + h, left)
        xx, xy, yx, yy = ((ax - a) / h, (ay - a) / h, (bx - b) / h, (by - b) / h)
        determinant = xx * yy - xy * yx
        good = determinant > 1e-4  # Newton's step; where the field is steep, a small step against the error
        safe = np.where(good, determinant, 1.0)
        step_u = np.where(good, (yy * a - xy * b) / safe, 0.5 * a)
        step_v = np.where(good, (xx * b - yx * a) / safe, 0.5 * b)
        far = np.maximum(1.0, np.maximum(np.abs(step_u), np.abs(step_v)) / (2 * error + 1.0)) / k
        u, v = u - step_u / far, v - step_v / far
        a, b, new = off(u, v, left)
        nearer = new < error
        now[:, left[nearer]] = np.stack([u, v, a, b, new])[:, nearer]
        part[left] = np.where(nearer, np.minimum(2 * k, 1.0), k / 2)
        reach[left] = np.where(nearer, np.minimum(2 * np.abs(h), 0.5), -h / 2)
    return now[0], now[1]
