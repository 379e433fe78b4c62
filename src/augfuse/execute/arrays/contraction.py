"""What needs many pixels at once, as products with matrices along both axes: averages, scaling with averages, blurs.

Their shapes are static whatever was drawn, and products of matrices are what accelerators do best.
"""

from __future__ import annotations

from augfuse.execute.arrays.axes import neighbours
from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.planes import Planes, columns, per_image, rows
from augfuse.plan.lowered import Border


def contracted(ops: Ops, down: Tensor, values: list[Tensor], across: Tensor) -> list[Tensor]:
    """down @ value @ across.T for each channel; (n, height, h) and (n, width, w)."""
    other = ops.transpose(across, (0, 2, 1))
    return [ops.matmul(ops.matmul(down, value), other) for value in values]


def averaged(ops: Ops, planes: Planes, grid: Tensor, rounds: bool) -> Planes:
    """The images averaged down to `grid` (n, 2) cells, which lie in the upper left of planes as large as before."""
    like = planes.values[0]
    down, across = (
        _cells(ops, per_image(ops, grid[:, k]), side, like) for k, side in enumerate((planes.height, planes.width))
    )
    values = contracted(ops, down, planes.floats(ops), across)
    return Planes([ops.round(value) for value in values] if rounds else values, planes.height, planes.width)


def _cells(ops: Ops, count: Tensor, side: int, like: Tensor) -> Tensor:
    """(n, side, side): how much of each pixel is in each of `count` cells; what stands behind them is not read."""
    length = side / count
    start, pixel = rows(ops, side, 0.0, like) * length, columns(ops, side, 0.0, like)
    covered = ops.minimum(start + length, pixel + 1) - ops.maximum(pixel, start)
    return ops.maximum(covered, 0.0) / length


def axis(
    ops: Ops, scale: Tensor, shift: Tensor, count: int, side: int, border: Border, above: float, taps: int, like: Tensor
) -> Tensor:
    """(n, count, side): how much of each pixel is in each output pixel, whose centres lie at scale * x + shift, x from
    the middle of the output; an axis that shrinks by more than `above` is averaged."""
    centre = scale * rows(ops, count, 0.5 - count / 2, like) + shift
    pixel = columns(ops, side, 0.0, like)
    span = ops.abs(scale)
    half = span * 0.5
    area = (_until(ops, centre + half, pixel, side, border) - _until(ops, centre - half, pixel, side, border)) / span
    if above == 0:
        return area
    blended = None
    for place, part in neighbours(ops, centre - 0.5, side, border, taps):
        found = ops.where(place == pixel, part, 0.0)
        blended = found if blended is None else blended + found
    return ops.where(span > above, area, blended)


def _until(ops: Ops, end: Tensor, pixel: Tensor, side: int, border: Border) -> Tensor:
    """How much of the axis from 0 to `end` a pixel covers, where it goes on beyond both ends as the border says."""
    if border in ("wrap", "reflect"):
        period = side if border == "wrap" else 2 * side
        whole = ops.floor(end / period)
        rest = end - period * whole
        covered = whole + _covered(ops, rest - pixel)
        return covered if border == "wrap" else covered + whole + _covered(ops, rest - (period - 1 - pixel))
    covered = _covered(ops, end - pixel)
    covered = covered + ops.where(pixel == 0, ops.minimum(end, 0.0), 0.0)
    return covered + ops.where(pixel == side - 1, ops.maximum(end - side, 0.0), 0.0)


def _covered(ops: Ops, length: Tensor) -> Tensor:
    return ops.minimum(ops.maximum(length, 0.0), 1.0)


def blurring(ops: Ops, sigma: Tensor, radius: Tensor, most: int, side: int, like: Tensor) -> Tensor:
    """(n, side, side): a Gaussian cut at `radius`, at most `most`, with borders that mirror; both (n, 1, 1)."""
    i, j = rows(ops, side, 0.0, like), columns(ops, side, 0.0, like)
    total = None
    for turn in range(-(most // (2 * side)) - 1, most // (2 * side) + 2):
        for distance, least in ((i - j, 1 - side), (i + j + 1, 1)):
            nearest = least + 2 * side * turn, least + 2 * side * turn + 2 * side - 2
            if nearest[0] > most or nearest[1] < -most:
                continue
            away = distance + 2.0 * side * turn
            part = ops.exp(-0.5 * (away / sigma) * (away / sigma))
            part = ops.where(ops.abs(away) <= radius, part, 0.0)
            total = part if total is None else total + part
    return total / ops.sum(total, (2,))
