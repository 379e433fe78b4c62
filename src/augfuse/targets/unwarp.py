"""Pictures carried from the augmented image to the frame of the original one: what a prediction says of its pixels.

Executors read a picture along a way from the pixels that are written to those that are read. Here the former are those
of the original, so the way is the one of the pixels: through the matrices as they are. A field of displacements has an
inverse where it does not fold, which is looked for pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import msgspec
import numpy as np

from augfuse.algebra.geometry import EDGE, Canvas, product
from augfuse.errors import RecipeError
from augfuse.execute.batch_images import Images
from augfuse.execute.load import executor
from augfuse.execute.reference import lattice, sample
from augfuse.plan.bends import Bend, Way
from augfuse.plan.fuse import grid_of
from augfuse.plan.lower import sampling
from augfuse.plan.lowered import Lowered, Output, Pass
from augfuse.plan.ops import Segment
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Interpolation
from augfuse.targets.coordinates import Places, stages
from augfuse.targets.masks import of_one_size


@final
class Pixels(msgspec.Struct, frozen=True, eq=False):
    """Where the pixels of an original (h, w) are in the augmented image: x and y (h, w), and whether they are in it, in
    the sense of an executor."""

    x: np.ndarray
    y: np.ndarray
    seen: np.ndarray


def moves(plan: Plan) -> list[Segment]:
    """The passes that move pixels."""
    return [step for step in plan.steps if isinstance(step, Segment) and step.geometry is not None]


def pixels(plan: Plan, i: int) -> Pixels:
    """The pixels of original i."""
    height, width = int(plan.source.height[i]), int(plan.source.width[i])
    y, x = (axis.reshape(-1) + 0.5 for axis in np.mgrid[:height, :width])
    places = Places(x, y, np.full(len(x), i))
    seen = np.ones(len(x), bool)
    for stage in stages(plan):
        if stage.legs:
            places = stage.move(places)
            column, row = np.floor(places.x + EDGE), np.floor(places.y + EDGE)
            seen &= (column >= 0) & (column < stage.size.width[i]) & (row >= 0) & (row < stage.size.height[i])
    return Pixels(*(values.reshape(height, width) for values in (places.x, places.y, seen)))


def check_folds(plan: Plan) -> None:
    """RecipeError for a field that shows places twice."""
    for step in moves(plan):
        for field, canvas in ((bent.field, bent.size) for bent in step.fields):
            for i in range(len(plan)):
                height, width = int(canvas.height[i]), int(canvas.width[i])
                if field.points[i].any() and _folds(lattice(field, i, height, width), height, width):
                    raise RecipeError(
                        f"{', '.join(dict.fromkeys(step.geometry_names))}: the field of sample {plan.indices[i]} folds "
                        "and shows some places twice, so that no picture can be carried back through it. Displace by "
                        "less, or carry back points and boxes only."
                    )


def sampled(picture: np.ndarray, at: Pixels, nearest: bool) -> np.ndarray:
    """A picture (h, w, c) of an augmented image, read at these places."""
    found, _ = sample(picture, at.x, at.y, "nearest", nearest)
    if picture.dtype.kind == "u" and not nearest:
        found = np.rint(found)
    return found.astype(picture.dtype)


def pictures(plan: Plan, given: Sequence[np.ndarray], interpolation: Interpolation, threads: int) -> list[np.ndarray]:
    """Pictures (h, w, c) of the augmented images, uint8, uint16 or float32, in the frames of the originals, through a
    plan without fields. Pixels that were not seen take the nearest that was."""
    found: list[tuple[int, np.ndarray]] = []
    alike = [(*picture.shape, picture.dtype) for picture in given]
    for rows in of_one_size(plan.source):
        several = [rows] if len({alike[row] for row in rows}) == 1 else [rows[[k]] for k in range(len(rows))]
        for some in several:  # of one size before and behind, and as many channels
            first = int(some[0])
            lowered = _lowered(plan, some, given[first], interpolation)
            shape = int(plan.source.height[first]), int(plan.source.width[first]), lowered.channels
            target = np.empty((len(some), *shape), given[first].dtype)
            own = [np.ascontiguousarray(given[row]) for row in some.tolist()]
            executor()(lowered, Images(items=own), target, False, threads)
            found += zip(some.tolist(), target, strict=True)
    found.sort(key=lambda pair: pair[0])
    return [picture for _, picture in found]


def _lowered(plan: Plan, rows: np.ndarray, like: np.ndarray, interpolation: Interpolation) -> Lowered:
    n, channels = len(rows), like.shape[2]
    source, out = (Canvas(canvas.height[rows], canvas.width[rows]) for canvas in (plan.source, plan.size))
    most = {"u": float(2 ** (8 * like.itemsize) - 1), "f": float(np.finfo(np.float32).max)}[like.dtype.kind]
    low = 0.0 if like.dtype.kind == "u" else -most
    output = Output(low, most, np.ones((n, channels)), np.zeros((n, channels)), like.dtype, None, low == 0)
    read, steps = None, moves(plan)
    if steps:
        way = _way(steps, rows, source, out)
        read = sampling(way, out, "nearest", interpolation, grid_of([step.grid for step in steps]))
    return Lowered(channels, low, most, (Pass(source, read),), source, output)


def _way(steps: Sequence[Segment], rows: np.ndarray, source: Canvas, out: Canvas) -> Way:
    """The matrices of all passes as one, as executors take it."""
    projective = any(step.projective for step in steps)
    maps = _scaled(product([step.geometry[rows] for step in steps if step.geometry is not None], projective), source)
    bends = (Bend(maps, True, None, out),) if projective else ()
    maps = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (len(rows), 1)) if projective else np.ascontiguousarray(maps[:, :6])
    spans = np.stack([np.hypot(maps[:, 0], maps[:, 1]), np.hypot(maps[:, 3], maps[:, 4])])
    return Way(maps, spans, float(spans.max()), bends)


def _scaled(matrices: np.ndarray, canvas: Canvas) -> np.ndarray:
    """(n, 9): the same maps with a largest divisor of 1 at the corners of their canvas."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * np.stack([canvas.width, canvas.height], axis=1)[:, None]
    divisors = matrices[:, None, 2, 0] * corners[:, :, 0] + matrices[:, None, 2, 1] * corners[:, :, 1]
    divisors = divisors + matrices[:, None, 2, 2]
    largest = np.take_along_axis(divisors, np.abs(divisors).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray((matrices / largest[:, :, None]).reshape(-1, 9))


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
