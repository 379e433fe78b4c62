"""Pictures carried from the augmented image to the frame of the original one: what a prediction says of its pixels.

Executors read a picture along a way from the pixels that are written to those that are read. Here the former are those
of the original, so the way is the one of the pixels: through the matrices as they are, and through each field of
displacements by its inverse, which exists where it does not fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np

from augfuse.errors import RecipeError
from augfuse.execute.images import Images
from augfuse.execute.load import executor
from augfuse.execute.reference import bilinear
from augfuse.geometry import EDGE, Canvas, Field, affine, product
from augfuse.plan.bends import Bend, Way
from augfuse.plan.fuse import grid_of
from augfuse.plan.lower import Interpolation, Lowered, Output, Pass, sampling
from augfuse.plan.ops import Grid, Segment
from augfuse.plan.plan import Plan
from augfuse.targets.masks import of_one_size
from augfuse.targets.way import Places, lattice, mapped, shown_at

_APART = 2  # pixels: between the places at which the inverse of a field is looked for


@final
class Leg(NamedTuple):
    """A part of the way: a matrix, then the inverse of a field where there is one. size: of the canvas that it leads
    to, and that what leaves it is gone from."""

    matrix: np.ndarray  # (n, 3, 3)
    field: Field | None
    size: Canvas
    projective: bool
    grid: Grid


def legs(plan: Plan) -> tuple[Leg, ...]:
    """The way of the pixels through a plan. RecipeError for a field that folds."""
    found: list[Leg] = []
    for step in plan.steps:
        if not isinstance(step, Segment) or step.geometry is None:
            continue
        for bent in step.fields:
            matrix = affine(len(plan)) if bent.before is None else bent.before
            inverse = _inverse(bent.field, bent.size, step, plan)
            found.append(Leg(matrix, inverse, bent.size, step.projective, "free"))
        found.append(Leg(step.geometry, None, step.size, step.projective, step.grid))
    return tuple(found)


def seen(way: Sequence[Leg], source: Canvas, i: int) -> np.ndarray:
    """(h, w) bool: which pixels of original i are in the augmented image, in the sense of its executor."""
    height, width = int(source.height[i]), int(source.width[i])
    y, x = (axis.reshape(-1) + 0.5 for axis in np.mgrid[:height, :width])
    places = Places(x, y, np.full(len(x), i))
    found = np.ones(len(x), bool)
    for leg in way:
        places = mapped(leg.matrix, places)
        high, wide = int(leg.size.height[i]), int(leg.size.width[i])
        column, row = np.floor(places.x + EDGE), np.floor(places.y + EDGE)
        found &= (column >= 0) & (column < wide) & (row >= 0) & (row < high)
        if leg.field is not None:
            right, down = bilinear(leg.field.points[i], places.x / wide, places.y / high)
            places = Places(places.x + right, places.y + down, places.image)
    return found.reshape(height, width)


def pictures(
    way: Sequence[Leg], plan: Plan, given: Sequence[np.ndarray], interpolation: Interpolation, threads: int
) -> list[np.ndarray]:
    """Pictures (h, w, c) of the augmented images, uint8, uint16 or float32, in the frames of the originals. Pixels that
    were not seen take the nearest that was."""
    found: list[tuple[int, np.ndarray]] = []
    source = plan.source
    alike = [(*picture.shape, picture.dtype) for picture in given]
    for rows in of_one_size(source):
        several = [rows] if len({alike[row] for row in rows}) == 1 else [rows[[k]] for k in range(len(rows))]
        for some in several:  # of one size before and behind, and as many channels
            lowered = _lowered(way, plan, some, given[int(some[0])], interpolation)
            shape = int(source.height[some[0]]), int(source.width[some[0]]), lowered.channels
            target = np.empty((len(some), *shape), given[int(some[0])].dtype)
            own = [np.ascontiguousarray(given[row]) for row in some.tolist()]
            executor()(lowered, Images(items=own), target, False, threads)
            found += zip(some.tolist(), target, strict=True)
    found.sort(key=lambda pair: pair[0])
    return [picture for _, picture in found]


def _lowered(
    way: Sequence[Leg], plan: Plan, rows: np.ndarray, like: np.ndarray, interpolation: Interpolation
) -> Lowered:
    n, channels = len(rows), like.shape[2]
    source = _rows(plan.source, rows)
    most = {"u": float(2 ** (8 * like.itemsize) - 1), "f": float(np.finfo(np.float32).max)}[like.dtype.kind]
    low = 0.0 if like.dtype.kind == "u" else -most
    output = Output(low, most, np.ones((n, channels)), np.zeros((n, channels)), like.dtype, None, low == 0)
    read = None
    if way:
        grid = grid_of([leg.grid for leg in way])
        read = sampling(_way(way, rows, source), _rows(plan.size, rows), "nearest", interpolation, grid)
    return Lowered(channels, low, most, (Pass(source, read),), source, output)


def _way(way: Sequence[Leg], rows: np.ndarray, source: Canvas) -> Way:
    """The legs as executors take them: as few bends as there are fields."""
    projective = any(leg.projective for leg in way)
    bends: list[Bend] = []
    chain: list[np.ndarray] = []
    canvas = source
    for leg in way:
        chain.append(leg.matrix[rows])
        if leg.field is not None:
            maps = _scaled(product(chain, projective), canvas)
            canvas = _rows(leg.size, rows)
            bends.append(Bend(maps, projective, Field(leg.field.points[rows], False), canvas))
            chain = []
    last = _scaled(product(chain, projective), canvas)
    if projective:
        bends.append(Bend(last, True, None, _rows(way[-1].size, rows)))
        last = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (len(rows), 1))
    maps = np.ascontiguousarray(last[:, :6])
    spans = np.stack([np.hypot(maps[:, 0], maps[:, 1]), np.hypot(maps[:, 3], maps[:, 4])])
    return Way(maps, spans, float(spans.max()), tuple(bends))


def _scaled(matrices: np.ndarray, canvas: Canvas) -> np.ndarray:
    """(n, 9): the same maps with a largest divisor of 1 at the corners of their canvas."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * np.stack([canvas.width, canvas.height], axis=1)[:, None]
    divisors = matrices[:, None, 2, 0] * corners[:, :, 0] + matrices[:, None, 2, 1] * corners[:, :, 1]
    divisors = divisors + matrices[:, None, 2, 2]
    largest = np.take_along_axis(divisors, np.abs(divisors).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray((matrices / largest[:, :, None]).reshape(-1, 9))


def _rows(canvas: Canvas, rows: np.ndarray) -> Canvas:
    return Canvas(canvas.height[rows], canvas.width[rows])


def _inverse(field: Field, canvas: Canvas, step: Segment, plan: Plan) -> Field:
    """What undoes a field: where each place is shown, as a displacement from it."""
    n = len(plan)
    rows, columns = (-(-int(side.max()) // _APART) for side in canvas)
    points = np.zeros((n, rows + 1, columns + 1, 2))
    y, x = (axis.reshape(-1) for axis in np.mgrid[: rows + 1, : columns + 1])
    for i in range(n):
        height, width = int(canvas.height[i]), int(canvas.width[i])
        if not field.points[i].any():
            continue
        if _folds(lattice(field, i, height, width), height, width):
            raise RecipeError(
                f"{', '.join(step.geometry_names)}: the field of sample {plan.indices[i]} folds: it shows some places "
                "twice, so that no picture can be carried back through it. Displace by less, or carry back points and "
                "boxes only."
            )
        places = Places(x * (width / columns), y * (height / rows), np.full(len(x), i))
        found = shown_at(field, canvas, places)
        points[i] = np.stack([found.x - places.x, found.y - places.y], axis=1).reshape(rows + 1, columns + 1, 2)
    return Field(points, False)


def _folds(points: np.ndarray, height: int, width: int) -> bool:
    """Whether two places of a lattice of displacements come from one: a corner of a cell that is turned over, or a side
    of the canvas that runs backwards."""
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    x = points[:, :, 0] + np.arange(columns + 1) * (width / columns)
    y = points[:, :, 1] + np.arange(rows + 1)[:, None] * (height / rows)
    along, down = (np.diff(x, axis=1), np.diff(y, axis=1)), (np.diff(x, axis=0), np.diff(y, axis=0))
    least = np.inf
    for above in (slice(None, -1), slice(1, None)):
        for left in (slice(None, -1), slice(1, None)):
            cross = along[0][above] * down[1][:, left] - along[1][above] * down[0][:, left]
            least = min(least, float(cross.min()))
    sides = min(float(along[0][[0, -1]].min()), float(down[1][:, [0, -1]].min()))
    return not (least > 0 and sides > 0)
