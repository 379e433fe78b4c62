"""The compiled loop for nearest pixels of whole numbers that nothing happens to, such as the class numbers of masks.

No value is computed: places first, which vectorises, and then the pixels that cover them.
"""

from __future__ import annotations

import numpy as np

from augfuse.execute.cpu.kernels import CONSTANT, REFLECT, WRAP
from augfuse.geometry import EDGE
from augfuse.jit import inlined, jit

F = np.float32


@inlined
def _places(m, mode, y, height, width, columns, off):
    """Which pixel each of the `columns` of row y takes, counted from the first; -1: none."""
    # float64 once per row, float32 per pixel, as the loop that blends does.
    a, c = F(m[0]), F(m[0] * 0.5 + m[1] * (y + 0.5) + m[2] + EDGE)
    d, f = F(m[3]), F(m[3] * 0.5 + m[4] * (y + 0.5) + m[5] + EDGE)
    wide, high = F(width), F(height)
    last_x, last_y = F(width - 1), F(height - 1)
    stride = np.int32(width)
    if mode == CONSTANT:
        for x in range(columns):
            u, v = a * F(x) + c, d * F(x) + f
            inside = (u >= F(0)) & (u < wide) & (v >= F(0)) & (v < high)
            sx, sy = np.int32(min(max(u, F(0)), last_x)), np.int32(min(max(v, F(0)), last_y))
            off[x] = np.int32(sy * stride + sx) if inside else np.int32(-1)
        return
    for x in range(columns):
        u, v = a * F(x) + c, d * F(x) + f
        if mode == REFLECT:
            u -= F(2) * wide * np.floor(u / (F(2) * wide))
            v -= F(2) * high * np.floor(v / (F(2) * high))
            u, v = min(u, F(2) * wide - u), min(v, F(2) * high - v)
        elif mode == WRAP:
            u -= wide * np.floor(u / wide)
            v -= high * np.floor(v / high)
        sx, sy = np.int32(min(max(u, F(0)), last_x)), np.int32(min(max(v, F(0)), last_y))
        off[x] = np.int32(sy * stride + sx)


@jit
def run(src, starts, source, warp, color, target, out_start, out_height, out_width):
    """Images of one size; see `tiles.run`. Fills are whole numbers, or become such."""
    height, width, channels = source
    out = target.out
    off = np.empty(out_width, np.int32)
    for i in range(starts.shape[0]):
        base, first = starts[i], out_start + i * out_height * out_width * channels
        for y in range(out_height):
            _places(warp.matrices[i], warp.mode, y, height, width, out_width, off)
            if channels == 1:
                fill = np.rint(color.fills[i, 0])
                line = out[first + y * out_width : first + (y + 1) * out_width]
                for x in range(out_width):
                    line[x] = src[base + off[x]] if off[x] >= 0 else fill
                continue
            for c in range(channels):
                fill = np.rint(color.fills[i, c])
                to = first + (c * out_height + y) * out_width if target.planar else first + y * out_width * channels + c
                apart = 1 if target.planar else channels
                for x in range(out_width):
                    out[to + x * apart] = src[base + off[x] * channels + c] if off[x] >= 0 else fill
