"""Perspectives and displacement fields: the way of places from the output to where the last map begins."""

from __future__ import annotations

import numpy as np

from augfuse.algebra.geometry import FAR, FIELD_STEP, LEAST_DIVISOR
from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.planes import per_image
from augfuse.execute.arrays.static import StaticBend


def bent(
    ops: Ops, bends: tuple[StaticBend, ...], own: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Where the bends put places: x and y from the middle of the output, to places from the corner."""
    for j, bend in enumerate(bends):
        m = [per_image(ops, own[f"bend{j}"][:, k]) for k in range(9)]
        u, v = m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]
        if bend.projective:
            divisor = ops.maximum(m[6] * x + m[7] * y + m[8], LEAST_DIVISOR)
            u, v = u / divisor, v / divisor
        x, y = _near(ops, u + bend.width / 2, bend.width), _near(ops, v + bend.height / 2, bend.height)
        if bend.rows:
            right, down = _displacement(ops, bend, own[f"points{j}"], x, y)
            x, y = x + right, y + down
    return x, y


def _near(ops: Ops, place: Tensor, side: int) -> Tensor:
    return ops.minimum(ops.maximum(place, -FAR), side + FAR)


def _displacement(ops: Ops, bend: StaticBend, points: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """What a field adds to places, of which those outside of the canvas are displaced like its edge."""
    nodes = [points[..., k] for k in range(2)]
    height, width = bend.rows - 1, bend.columns - 1
    if bend.smooth:
        height, width = -(-bend.height // FIELD_STEP), -(-bend.width // FIELD_STEP)
        down = ops.tensor(_spline(bend.rows - 3, height), points)
        across = ops.tensor(_spline(bend.columns - 3, width).T.copy(), points)
        nodes = [ops.matmul(ops.matmul(down, node), across) for node in nodes]
    flat = [ops.reshape(node, (-1,)) for node in nodes]
    numbers = ops.reshape(ops.arange(ops.length(points), points), (-1, 1, 1)) * ((height + 1) * (width + 1))
    x, y = ops.once((x, y))  # as places of pixels, see `sampling.sampled`
    (left, tx), (top, ty) = _cell(ops, x, bend.width, width), _cell(ops, y, bend.height, height)
    at = numbers + ops.cast(top, "int32") * (width + 1) + ops.cast(left, "int32")
    found: list[Tensor] = []
    for line in flat:
        upper, lower = ops.take(line, at), ops.take(line, at + (width + 1))
        upper = upper + (ops.take(line, at + 1) - upper) * tx
        lower = lower + (ops.take(line, at + (width + 2)) - lower) * tx
        found.append(upper + (lower - upper) * ty)
    return found[0], found[1]


def _spline(cells: int, steps: int) -> np.ndarray:
    """(steps + 1, cells + 3) float32: how much of each control point of a uniform cubic B-spline is in each of the
    places that divide an axis."""
    place = np.arange(steps + 1) * (cells / steps)
    away = np.abs(place[:, None] - np.arange(-1, cells + 2))
    near, far = 2 / 3 - away**2 + away**3 / 2, np.maximum(2 - away, 0) ** 3 / 6
    return np.where(away < 1, near, far).astype(np.float32)


def _cell(ops: Ops, place: Tensor, side: int, cells: int) -> tuple[Tensor, Tensor]:
    """The cell of a lattice that a place lies in, and how far behind its beginning."""
    place = ops.minimum(ops.maximum(place * (cells / side), 0.0), float(cells))
    first = ops.minimum(ops.floor(place), float(cells - 1))
    return first, place - first
