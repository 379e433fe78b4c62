"""The row filters of PNG, undone."""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit


@jit
def unfilter(rows, step, above, out):
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
        elif kind == 4 and step == 3:
            _paeth_rgb(line, up, row)
        elif kind == 4:
            for x in range(min(step, size)):
                row[x] = line[x + 1] + up[x]
            for x in range(step, size):
                a, b, c = np.int32(row[x - step]), np.int32(up[x]), np.int32(up[x - step])
                row[x] = line[x + 1] + _nearest(a, b, c)
        else:
            return False
    return True


@inlined
def _paeth_rgb(line, up, row):
    """Filter 4 of whole pixels of three bytes: what is to the left stays in registers, twice as fast as the general
    loop, which reads back what it has just written."""
    a0, a1, a2, c0, c1, c2 = np.int32(0), np.int32(0), np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    for x in range(0, row.size, 3):
        b0, b1, b2 = np.int32(up[x]), np.int32(up[x + 1]), np.int32(up[x + 2])
        a0 = np.int32((line[x + 1] + _nearest(a0, b0, c0)) & 255)
        a1 = np.int32((line[x + 2] + _nearest(a1, b1, c1)) & 255)
        a2 = np.int32((line[x + 3] + _nearest(a2, b2, c2)) & 255)
        row[x], row[x + 1], row[x + 2] = a0, a1, a2
        c0, c1, c2 = b0, b1, b2


@inlined
def _nearest(a, b, c):
    """Of the bytes to the left, above, and above to the left the one nearest to a + b - c."""
    across, down = b - c, a - c
    pa, pb, pc = abs(across), abs(down), abs(across + down)
    # Sums in place of conditions: a branch here is taken at random, and costs as much again.
    other = c + across * (pb <= pc)
    return other + (a - other) * (pa <= min(pb, pc))
