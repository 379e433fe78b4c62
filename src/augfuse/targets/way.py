"""The way of places through a plan: from the source to the output, pass by pass.

A plan holds the maps of executors, from output to source. Places go the other way: through the matrices as they are,
and through a field of displacements by looking for the place that shows them, of which there is one where it does not
fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, final

import numpy as np

from augfuse.execute.reference import bilinear, spline
from augfuse.geometry import Canvas, Field
from augfuse.plan.ops import Segment, Step
from augfuse.plan.plan import Plan

_CLOSE = 1e-3  # pixels: how near the place that is found is to the one that is looked for
_TRIES = 30


@final
class Places(NamedTuple):
    """k places: x and y in pixels, (k,) float64 each, and the images (k,) int64 that they lie in."""

    x: np.ndarray
    y: np.ndarray
    image: np.ndarray


Move = Callable[[Places], Places]


@final
class Stage(NamedTuple):
    """One pass of a plan. move: None where no pixel moves. size: of the canvas behind it. covered: (n, 4) left, top,
    width and height of what is hidden there, no area where nothing is. curved: whether lines may become curves."""

    move: Move | None
    size: Canvas
    covered: np.ndarray | None = None
    curved: bool = False


def stages(plan: Plan) -> tuple[Stage, ...]:
    """The passes of a plan that move or hide anything, in order."""
    found, canvas = [], plan.source
    for step in plan.steps:
        if isinstance(step, Segment):
            if step.geometry is not None:
                found.append(Stage(_mover(step, canvas), step.size, None, bool(step.fields)))
        elif step.covered is not None:
            parts = np.where(step.active[:, None], step.covered, 0)
            found.append(Stage(None, step.size, parts))
        canvas = step.size
    return tuple(found)


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


def _mover(step: Segment, source: Canvas) -> Move:
    def move(places: Places) -> Places:
        for bent in step.fields:
            places = places if bent.before is None else _mapped(bent.before, places)
            places = _displaced(bent.field, bent.size, places)
        assert step.geometry is not None
        return _mapped(step.geometry, places)

    return move


def _mapped(matrices: np.ndarray, places: Places) -> Places:
    x, y, image = places
    m = [[matrices[:, r, c][image] for c in range(3)] for r in range(3)]
    # Sums and products one by one: the same numbers for any number of places.
    right, down = (m[r][0] * x + m[r][1] * y + m[r][2] for r in range(2))
    divisor = m[2][0] * x + m[2][1] * y + m[2][2]
    return Places(right / divisor, down / divisor, image)


def _displaced(field: Field, canvas: Canvas, places: Places) -> Places:
    """Where the field shows these places: q with q + field(q) = p."""
    x, y = places.x.copy(), places.y.copy()
    for i in np.unique(places.image):
        own = places.image == i
        height, width = int(canvas.height[i]), int(canvas.width[i])
        points = spline(field.points[i], height, width) if field.smooth else field.points[i]
        if points.any():
            x[own], y[own] = _found(points, height, width, places.x[own], places.y[own])
    return Places(x, y, places.image)


def _found(points: np.ndarray, height: int, width: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def off(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right, down = bilinear(points, u / width, v / height)
        return u + right - x, v + down - y

    right, down = bilinear(points, x / width, y / height)
    u, v = x - right, y - down
    for _ in range(_TRIES):
        a, b = off(u, v)
        error = np.maximum(np.abs(a), np.abs(b))
        if not (error > _CLOSE).any():
            break
        (ax, bx), (ay, by) = off(u + 0.5, v), off(u, v + 0.5)
        xx, xy, yx, yy = (2 * (ax - a), 2 * (ay - a), 2 * (bx - b), 2 * (by - b))
        determinant = xx * yy - xy * yx
        good = determinant > 0.05  # Newton's step; where the field is steep, a small step against the error
        safe = np.where(good, determinant, 1.0)
        step_u = np.where(good, (yy * a - xy * b) / safe, 0.5 * a)
        step_v = np.where(good, (xx * b - yx * a) / safe, 0.5 * b)
        far = np.maximum(1.0, np.maximum(np.abs(step_u), np.abs(step_v)) / (2 * error + 1.0))
        u, v = u - step_u / far, v - step_v / far
    return u, v
