"""Which part of a source the pixels of an output are read from: the plan alone says so, before any pixel is touched."""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.execute.cpu.kernel_arguments import Warping
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, NEAREST, REFLECT, WRAP, WRAP_CENTRES
from augfuse.jit import inlined


@final
class Window(NamedTuple):
    """Columns from_x..to_x and rows from_y..to_y of a source."""

    from_x: int
    to_x: int
    from_y: int
    to_y: int


@inlined
def _span(low: float, high: float, length: int, mode: int, reach: int) -> tuple[int, int]:
    """The positions start..stop of an axis of `length` that are read for places low..high along it."""
    # `locate` computes in float32. Between two neighbours nearest also reads the one that has no weight.
    slack = 1.0 + (abs(low) + abs(high)) * 2.0**-20 + reach
    first, last = np.floor(low - 0.5 - slack), np.floor(high - 0.5 + slack) + 1.0
    end = length - 1.0
    if mode == WRAP_CENTRES or (mode == WRAP and (first < 0.0 or last > end)):
        return 0, length
    start, stop = min(max(first, 0.0), max(end - 1.0, 0.0)), min(max(last, 1.0), end)
    if mode == REFLECT:
        if first < 0.0:
            start, stop = 0.0, max(stop, min(-1.0 - first, end))
        if last > end:
            start, stop = min(start, max(2.0 * length - 1.0 - last, 0.0)), end
    return int(start), int(stop) + 1


@inlined
def window_of(
    m: np.ndarray, x0: int, y0: int, rows: int, columns: int, height: int, width: int, mode: int, reach: int
) -> Window:
    """The part of a source of height x width that these rows and columns of an output, from pixel (x0, y0) on, read
    through `m` (6,), and that its borders mirror.

    reach: how many pixels further away than their two neighbours the places of an axis are read from.
    """
    right, lower = columns - 1.0, rows - 1.0
    u, v = m[0] * (x0 + 0.5) + m[1] * (y0 + 0.5) + m[2], m[3] * (x0 + 0.5) + m[4] * (y0 + 0.5) + m[5]
    from_x, to_x = _span(
        u + min(m[0] * right, 0.0) + min(m[1] * lower, 0.0),
        u + max(m[0] * right, 0.0) + max(m[1] * lower, 0.0),
        width, mode, reach,
    )  # fmt: skip
    from_y, to_y = _span(
        v + min(m[3] * right, 0.0) + min(m[4] * lower, 0.0),
        v + max(m[3] * right, 0.0) + max(m[4] * lower, 0.0),
        height, mode, reach,
    )  # fmt: skip
    return Window(from_x, to_x, from_y, to_y)


@inlined
def within(warp: Warping, i: int, x0: int, y0: int, right: int, down: int, W: int, H: int) -> bool:
    """Whether the taps of the pixels (x0, y0) to (x0 + right, y0 + down) of image i surely lie in the source, W x H, so
    that no border plays a part. False for what this is not asked of: the nearest pixel, and borders that wrap."""
    m = warp.matrices[i]
    if warp.nearest or not (warp.mode == NEAREST or warp.mode == CONSTANT or warp.mode == REFLECT):
        return False
    u, v = m[0] * (x0 + 0.5) + m[1] * (y0 + 0.5) + m[2] - 0.5, m[3] * (x0 + 0.5) + m[4] * (y0 + 0.5) + m[5] - 0.5
    left, top = u + min(m[0] * right, 0.0) + min(m[1] * down, 0.0), v + min(m[3] * right, 0.0) + min(m[4] * down, 0.0)
    u, v = u + max(m[0] * right, 0.0) + max(m[1] * down, 0.0), v + max(m[3] * right, 0.0) + max(m[4] * down, 0.0)
    slack = EDGE + (W + H) * 2.0**-20  # the float32 places are off by less
    return left >= slack and u <= W - 1 - slack and top >= slack and v <= H - 1 - slack
