"""The row filters of PNG, undone."""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit
from augfuse.simd.png_filter import load_pixel, paeth, store_pixel


@jit
def unfilter(rows: np.ndarray, step: int, above: np.ndarray, out: np.ndarray) -> bool:
    """`unfiltered`, for Python."""
    return unfiltered(rows, step, above, out)


@inlined
def unfiltered(rows: np.ndarray, step: int, above: np.ndarray, out: np.ndarray) -> bool:
    """Whether all rows have a filter that exists.

    rows: (n, 1 + bytes) uint8, each with its filter in front. step: bytes of a pixel, at least 1. above: (bytes,) the
    row before the first one. out: (n, bytes).
    """
    count, size = out.shape
    for y in range(count):
        kind = rows[y, 0]
        line, row = rows[y], out[y]
        up = above if y == 0 else out[y - 1]
        if kind == 0:
            for x in range(size):
                row[x] = line[x + 1]
        elif kind == 1:
            for x in range(min(step, size)):
                row[x] = line[x + 1]
            for x in range(step, size):
                row[x] = line[x + 1] + row[x - step]
        elif kind == 2:
            for x in range(size):
                row[x] = line[x + 1] + up[x]
        elif kind == 3:
            for x in range(min(step, size)):
                row[x] = line[x + 1] + (up[x] >> 1)
            for x in range(step, size):
                row[x] = line[x + 1] + ((np.int32(row[x - step]) + np.int32(up[x])) >> 1)
        elif kind == 4:
            done = _paeth(line, up, row, step) if step == 3 or step == 4 else 0
            for x in range(done, min(step, size)):
                row[x] = line[x + 1] + up[x]
            for x in range(max(step, done), size):
                a, b, c = np.int32(row[x - step]), np.int32(up[x]), np.int32(up[x - step])
                row[x] = line[x + 1] + _nearest(a, b, c)
        else:
            return False
    return True


@inlined
def _paeth(line: np.ndarray, up: np.ndarray, row: np.ndarray, step: int) -> int:
    """Filter 4 of whole pixels of three or four bytes, but for the last one, behind which there may be no memory. What
    is to the left stays in registers. How many bytes are done."""
    left = corner = np.uint64(0)
    for x in range(0, row.size - step, step):
        above = load_pixel(up, x)
        left = paeth(load_pixel(line, x + 1), left, above, corner)
        store_pixel(row, x, left)
        corner = above
    return max(row.size - step, 0)


@inlined
def _nearest(a: np.int32, b: np.int32, c: np.int32) -> np.int32:
    """Of the bytes to the left, above, and above to the left the one nearest to a + b - c."""
    across, down = b - c, a - c
    pa, pb, pc = abs(across), abs(down), abs(across + down)
    # Sums in place of conditions: a branch here is taken at random, and costs as much again.
    other = c + across * (pb <= pc)
    return other + (a - other) * (pa <= min(pb, pc))
