"""Images averaged down to a grid before they are sampled: only the part of the grid that the output is read from."""

from __future__ import annotations

import numpy as np

from augfuse.execute.cpu.passes.aligned import Taps, add_rows, area, blend_any, blend_fours, new_taps
from augfuse.execute.cpu.passes.tile_passes import NEAREST
from augfuse.execute.cpu.window import Window, window_of
from augfuse.jit import inlined, jit

F = np.float32


@inlined
def _new_cells(first: int, stop: int, length: int, count: int) -> tuple[Taps, int, int]:
    """The taps of cells first..stop of `count` that divide an axis of `length`, and the positions that they reach."""
    scale = length / count
    taps = new_taps(stop - first, min(int(scale) + 4, length + 2))
    whole = np.zeros(0)  # for borders that fold
    for i in range(first, stop):
        area(taps, i - first, scale * i, min(scale * (i + 1.0), length * 1.0), length, NEAREST, whole)
    end = stop - first - 1
    return taps, taps.places[0, 0], taps.places[end, taps.counts[end] - 1] + 1


@jit
def reduce(
    src: np.ndarray, source: tuple[int, int, int], grid: tuple[int, int], m: np.ndarray, out_height: int,
    out_width: int, mode: int, reach: int, all_of_it: bool, out: np.ndarray,
) -> None:  # fmt: skip
    """The image `src`, flat, of `source` (height, width, channels), averaged down to `grid` (height, width) cells, each
    in its place of `out`, flat. Of these only what an output of out_height x out_width reads through `m`, which maps to
    the grid; see `window`. Whole numbers are rounded. Cells that are not needed are left as they are.
    """
    height, width, channels = source
    rows, columns = grid
    part = window_of(m, 0, 0, out_height, out_width, rows, columns, mode, reach)
    if all_of_it:
        part = Window(0, columns, 0, rows)
    across, low, high = _new_cells(part.from_x, part.to_x, width, columns)
    down, _, _ = _new_cells(part.from_y, part.to_y, height, rows)
    count, most = len(across.counts), across.weights.shape[1]
    at, fours, taps = np.empty(count, np.int64), np.zeros(4 * count, np.float32), across.counts.max()
    for x in range(count):
        at[x] = (across.places[x, 0] - low) * channels
        for k in range(min(across.counts[x], 4)):
            fours[4 * x + k] = across.weights[x, k]
    floats = np.zeros((high - low + most) * channels + 4, np.float32)  # taps without a weight are read behind its end
    line = np.zeros(count * channels + 4, np.float32)
    weights = across.weights.reshape(-1)
    for y in range(part.from_y, part.to_y):
        size = (high - low) * channels
        add_rows(src, 0, width * channels, low * channels, size, down, y - part.from_y, floats)
        if channels == 3 or channels == 4:
            blend_fours(floats, at, weights, most, fours, taps, channels, line, 0)
        else:
            blend_any(floats, low, channels, across, line, 0)
        to = (y * columns + part.from_x) * channels
        o = out[to : to + count * channels]
        if out.itemsize < 4:  # whole numbers; known when this is compiled
            for p in range(count * channels):
                o[p] = np.rint(line[p])
        else:
            for p in range(count * channels):
                o[p] = line[p]
