"""The row filters of PNG, undone."""

from __future__ import annotations

import numpy as np

from augfuse.jit import jit


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
        elif kind == 4:
            for x in range(min(step, size)):
                row[x] = line[x + 1] + up[x]
            for x in range(step, size):
                a, b, c = np.int32(row[x - step]), np.int32(up[x]), np.int32(up[x - step])
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - c - c)
                row[x] = line[x + 1] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)
        else:
            return False
    return True
