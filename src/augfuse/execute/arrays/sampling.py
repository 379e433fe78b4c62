"""Where output pixels come from, and what is read there."""

from __future__ import annotations

from augfuse.algebra.geometry import EDGE
from augfuse.execute.arrays.axes import inside, neighbours
from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.bends import bent
from augfuse.execute.arrays.contraction import averaged, axis, contracted
from augfuse.execute.arrays.planes import Planes, columns, per_image, rows, taken, taken_with_next
from augfuse.execute.arrays.static import StaticPass, StaticSampling


def sampled(
    step: StaticPass, sampling: StaticSampling, planes: Planes, own: dict[str, Tensor], ops: Ops
) -> tuple[Planes, Tensor | None]:
    """The planes of the output, and where the source was reached, which is asked for constant borders only.

    A place is computed once. XLA would compute it twice, for the gather and for the weights, and round it differently:
    where one result is just below a whole number and the other is not, a pixel would be read that is not the one
    weighted.
    """
    u, v = _places(step, sampling, own, planes.values[0], ops)
    if sampling.grid == "free":
        u, v = ops.once((u, v))
    width: Tensor | int = planes.width
    height: Tensor | int = planes.height
    if sampling.averages and sampling.grid == "free":
        planes = averaged(ops, planes, own["grid"], sampling.rounds)
        height, width = (per_image(ops, own["grid"][:, k]) for k in range(2))
    column, row = (ops.floor(place + EDGE) for place in (u, v))
    reached = None
    if step.fills:
        reached = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    size = step.height, step.width
    if sampling.averages and sampling.grid == "aligned":
        return Planes(_scaled(step, sampling, planes, own, ops), *size), reached
    if sampling.taps == 1:
        place = inside(ops, row, height, sampling.border), inside(ops, column, width, sampling.border)
        (values,) = taken(ops, planes, [place])
        return Planes(values, *size), reached
    down = neighbours(ops, v - 0.5, height, sampling.border, sampling.taps)
    across = neighbours(ops, u - 0.5, width, sampling.border, sampling.taps)
    if sampling.taps == 2 and planes.bits:  # the second column is the next one, or counts for nothing
        pairs = taken_with_next(ops, planes, [(y, across[0][0]) for y, _ in down])
        found = [values for pair in pairs for values in pair]
    else:
        found = taken(ops, planes, [(y, x) for y, _ in down for x, _ in across])
    weights = [one * other for _, one in down for _, other in across]
    values: list[Tensor] = []
    for c in range(len(planes.values)):
        total = found[0][c] * weights[0]
        for got, weight in zip(found[1:], weights[1:], strict=True):
            total = total + got[c] * weight
        values.append(total)
    return Planes(values, *size), reached


def _places(
    step: StaticPass, sampling: StaticSampling, own: dict[str, Tensor], like: Tensor, ops: Ops
) -> tuple[Tensor, Tensor]:
    """x and y of the source for each pixel of the output, in shapes that broadcast."""
    x = columns(ops, step.width, 0.5 - step.width / 2, like)
    y = rows(ops, step.height, 0.5 - step.height / 2, like)
    if sampling.bends:
        x, y = bent(ops, sampling.bends, own, x, y)
    m = [per_image(ops, own["matrix"][:, k]) for k in range(6)]
    if sampling.grid in ("whole", "aligned"):
        return m[0] * x + m[2], m[4] * y + m[5]
    return m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]


def _scaled(
    step: StaticPass, sampling: StaticSampling, planes: Planes, own: dict[str, Tensor], ops: Ops
) -> list[Tensor]:
    """What is scaled along its axes, with averages along those that shrink much."""
    m, border, above, taps, like = own["matrix"], sampling.border, sampling.above, sampling.taps, planes.values[0]
    (down, across) = (
        axis(ops, per_image(ops, m[:, a]), per_image(ops, m[:, b]), count, side, border, above, taps, like)
        for a, b, count, side in ((4, 5, step.height, planes.height), (0, 2, step.width, planes.width))
    )
    return contracted(ops, down, planes.floats(ops), across)
